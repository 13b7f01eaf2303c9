"""The pages about access: address rules, access reviews, security settings, single sign-on."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Somebody, Window
from tests.e2e.test_permission_matrix import StageEstate
from tests.functions.estate import PASSWORD

Console = tuple[Window, Somebody]

# What a page calls, called from within it: by the console's own module, in the session of its person.
_CALL = """async ([name, ...asked]) => {
  const own = document.querySelector("script[type=module]").src.replace("main.js", "api.js");
  return (await import(own))[name](...asked);
}"""
NETWORK = "203.0.113.64/30"  # nobody comes from there (RFC 5737)
MARKUP = "<b>Office</b> & <script>alert(1)</script>"


@pytest.fixture
def somebody(estate: StageEstate) -> NewPerson:
    """Make people of a tenant of its own: rules and settings of one test are nobody else's, and a review is short."""
    tenant = estate.new_tenant()

    def made(role: str = "owner", *, totp: bool = True) -> Somebody:
        person = estate.new_person(tenant, role, totp=totp)
        return Somebody(person.tenant, person.staff_id, person.email, PASSWORD, person.totp_secret)

    return made


def call(window: Window, name: str, *asked: Any) -> Any:
    """Do what the test needs and is not about: `call(window, "get", "/api/staff")`."""
    return window.page.evaluate(_CALL, [name, *asked])


def press(window: Window, name: str) -> None:
    window.page.get_by_role("button", name=name, exact=True).click()


def row(window: Window, text: str) -> Locator:
    return window.main().get_by_role("row").filter(has_text=text)


def said(window: Window, text: str) -> None:
    expect(window.page.locator(".announcement")).to_contain_text(text)


def test_an_address_rule_is_tried_out_before_it_is_made_and_stays_once_it_is_confirmed(console: Console) -> None:
    window, owner = console
    cidr, main = NETWORK, window.main()
    window.open("ip-rules/new", "Add a rule")
    field = main.get_by_label("Network")
    field.fill(cidr.replace("/30", "/20"))
    press(window, "See whom it refuses")
    expect(main.locator(".field .fault")).to_contain_text("bits behind its prefix")
    expect(field).to_have_value(cidr.replace("/30", "/20"))
    field.fill(cidr)
    main.get_by_label("Note").fill(MARKUP)
    press(window, "See whom it refuses")
    expect(main).to_contain_text("would be let in")
    expect(main).to_contain_text("0 would have been refused")
    press(window, "Make the rule")
    window.prove(owner)
    waiting = main.get_by_role("region", name=f"To be confirmed: deny {cidr}")
    expect(waiting).to_contain_text("undone by itself")
    expect(waiting.get_by_role("timer")).to_contain_text("min")
    expect(row(window, cidr)).to_contain_text(MARKUP)
    assert window.barriers() == []
    waiting.get_by_role("button", name="Confirm").click()
    expect(row(window, cidr)).to_contain_text("in force")
    row(window, cidr).get_by_role("link", name=f"Remove: deny {cidr}").click()
    expect(main).to_contain_text("0 would have been refused")
    press(window, "Remove the rule")
    expect(waiting).to_contain_text("comes back by itself")
    waiting.get_by_role("button", name="Confirm").click()
    expect(row(window, cidr)).to_have_count(0)


def test_what_was_found_out_about_one_rule_is_not_shown_of_another_that_was_typed_meanwhile(window: Window) -> None:
    main, late = window.main(), list[Route]()
    window.open("ip-rules/new", "Add a rule")
    window.page.route("**/api/ip-rules/simulate", lambda route: late.append(route))  # noqa: PLW0108 - Playwright marks it
    main.get_by_label("Network").fill(NETWORK)
    press(window, "See whom it refuses")
    expect(main.get_by_role("button", name="Please wait")).to_be_visible()
    main.get_by_label("Network").fill("192.0.2.0/24")
    late[0].continue_()
    expect(main.get_by_role("button", name="See whom it refuses")).to_be_enabled()
    expect(main.get_by_role("button", name="Make the rule")).to_have_count(0)


def test_who_would_lock_himself_out_is_told_his_address_and_must_say_that_he_wants_it(console: Console) -> None:
    window, owner = console
    main = window.main()
    window.open("ip-rules/new", "Add a rule")
    main.get_by_label("Network").fill(NETWORK)
    main.get_by_label("What becomes of it").select_option("allow")
    press(window, "See whom it refuses")
    address = call(window, "get", "/api/ip-rules")["your_address"]
    expect(main.get_by_text("You would lock yourself out.")).to_be_visible()
    expect(main.get_by_text(f"your own address ({address})")).to_be_visible()
    expect(row(window, owner.staff_id)).to_contain_text("(you)")
    press(window, "Make the rule")
    wants = main.get_by_label("I know that I will be locked out")
    assert wants.evaluate("(box) => box.validity.valueMissing")
    assert window.barriers() == []
    main.get_by_label("Network").press("End")
    main.get_by_label("Network").type("0")
    expect(wants).to_have_count(0)  # another rule: what was found out about the first says nothing of it
    assert all(rule["action"] == "deny" for rule in call(window, "get", "/api/ip-rules")["rules"])


def test_settings_are_saved_after_a_summary_and_never_over_somebody_elses_change(console: Console) -> None:
    window, owner = console
    main, path = window.main(), "/api/settings/security"
    window.open("settings", "Security settings")
    before = call(window, "get", path)
    weight, retries = before["risk_weights"]["DORMANT"]["value"], before["settings"]["max_replays"]["value"]
    points = main.get_by_label("Points of Long away")
    points.fill("101")
    press(window, "Review and save")
    expect(points).to_have_accessible_description(re.compile("Give 0 to 100 points"))
    points.fill(f"{weight + 1}")
    main.get_by_label("Retries of one token", exact=True).fill(f"{retries + 1}")
    press(window, "Review and save")
    summary = window.page.get_by_role("dialog", name="You change")
    expect(summary).to_contain_text(f"{weight} points → {weight + 1} points")
    expect(summary).to_contain_text(f"{retries} → {retries + 1}")
    press(window, "Save")
    window.prove(owner)
    said(window, "saved")
    points.fill(f"{weight + 2}")
    call(window, "patch", path, {"max_replays": retries})
    press(window, "Review and save")
    press(window, "Save")
    expect(main.get_by_text("Somebody else changed the settings meanwhile")).to_be_visible()
    expect(main.get_by_role("alert")).to_contain_text(f"{retries + 1} → {retries}")
    expect(points).to_have_value(f"{weight + 2}")
    assert window.barriers() == []
    press(window, "Review and save")
    press(window, "Save")
    expect(main.get_by_text("not saved")).to_have_count(0)
    after = call(window, "get", path)
    assert after["risk_weights"]["DORMANT"] == {"value": weight + 2, "source": "tenant"}
    assert after["settings"]["max_replays"]["value"] == retries
    call(window, "patch", path, {"risk_weights": {"DORMANT": weight}})


def test_settings_whose_answer_was_lost_are_told_as_saved_and_not_as_somebody_elses(console: Console) -> None:
    window, owner = console
    main, path = window.main(), "/api/settings/security"
    window.open("settings", "Security settings")
    retries = call(window, "get", path)["settings"]["max_replays"]["value"]

    def lost(route: Route) -> None:
        answer = route.fetch()
        if route.request.method == "PATCH" and answer.ok:
            route.abort()
        else:
            route.fulfill(response=answer)

    window.page.route(f"**{path}", lost)
    main.get_by_label("Retries of one token", exact=True).fill(f"{retries + 1}")
    press(window, "Review and save")
    press(window, "Save")
    window.prove(owner)
    expect(window.page.get_by_role("alert").filter(has_text="look whether it was done")).to_be_visible()
    window.faults.clear()  # the answer that was lost
    press(window, "Save")
    said(window, "saved")
    expect(main.get_by_text("Somebody else changed")).to_have_count(0)
    expect(main.get_by_text("not saved")).to_have_count(0)


def begun_review(window: Window, owner: Somebody, other: Somebody) -> None:
    """Begin a review of the administrators, of which two owners are the reviewers."""
    main = window.main()
    window.open("access-reviews/new", "Begin a review")
    press(window, "Begin the review")
    expect(main.get_by_role("alert").first).to_contain_text("Nobody is chosen")
    for reviewer in (owner, other):
        main.get_by_role("checkbox", name=reviewer.email).check()
    press(window, "Begin the review")
    window.prove(owner)
    expect(main.get_by_role("heading", level=1, name="Access review of")).to_be_visible()
    window.settled()


def test_a_review_shows_beforehand_what_a_reviewer_may_not_and_asks_again_where_a_role_has_changed(
    console: Console, somebody: NewPerson, tmp_path: Path
) -> None:
    window, owner = console
    other, lowered = somebody("owner"), somebody("owner")
    begun_review(window, owner, other)
    expect(row(window, owner.staff_id)).to_contain_text("nobody reviews himself")
    call(window, "patch", f"/api/staff/{lowered.staff_id}/role", {"role": "admin"})
    row(window, lowered.staff_id).get_by_role("button").click()
    dialog = window.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill(MARKUP)
    press(window, "Keep the access")
    expect(dialog).to_contain_text("The snapshot shows owner, and the person is admin now.")
    assert window.barriers() == []
    dialog.get_by_role("radio", name="Revoke").check()
    press(window, "Revoke the access now")
    said(window, "the access is changed")
    expect(row(window, lowered.staff_id)).to_contain_text("admin → member")
    expect(row(window, lowered.staff_id)).to_contain_text(MARKUP)
    expect(row(window, lowered.staff_id)).to_contain_text("carried out")
    with window.page.expect_download() as started:
        window.main().get_by_role("button", name="Save as CSV").click()
    started.value.save_as(tmp_path / "review.csv")
    with (tmp_path / "review.csv").open(encoding="utf-8", newline="") as file:
        lines = {line["staff_id"]: line for line in csv.DictReader(file)}
    assert (lines[lowered.staff_id]["decision"], lines[lowered.staff_id]["role_after"]) == ("revoke", "member")
    assert lines[owner.staff_id]["decision"] == ""


def test_a_review_is_attested_once_everybody_is_decided_and_then_stays(
    console: Console, opened: Opened, somebody: NewPerson
) -> None:
    window, owner = console
    other = somebody("owner")
    begun_review(window, owner, other)
    review = window.page.url.rpartition("/")[2]
    path = f"/api/compliance/access-reviews/{review}"
    own = {"decision": "keep", "reason": "Needs it"}
    for person in call(window, "get", path)["snapshot"]["people"]:
        if person["staff_id"] != owner.staff_id:
            call(window, "post", f"{path}/items/{person['staff_id']}/decision", own)
    colleague = opened()
    colleague.sign_in(other)
    colleague.open(f"access-reviews/{review}")
    expect(colleague.main()).to_contain_text("1 of")
    row(colleague, owner.staff_id).get_by_role("button").click()
    colleague.page.get_by_label("Reason").fill("Needs it")
    press(colleague, "Keep the access")
    press(colleague, "Attest the review")
    press(colleague, "Attest")
    colleague.prove(other)
    expect(colleague.main()).to_contain_text("Nothing in it changes any more.")
    expect(colleague.main().get_by_label("SHA-256 of the decisions", exact=True)).not_to_have_value("")
    expect(colleague.main().get_by_role("button", name="Decide")).to_have_count(0)
    assert colleague.barriers() == []


def new_connection(window: Window, owner: Somebody, name: str) -> None:
    """Add a connection, and stay on its page."""
    main = window.main()
    window.open("sso-connections/new", "Add a connection")
    main.get_by_label("Name").fill(name)
    main.get_by_label("Issuer").fill("https://id.example.org")
    main.get_by_label("Client id").fill("muniment")
    press(window, "Add the connection")
    window.prove(owner)
    expect(main.get_by_role("heading", level=1, name=name)).to_be_visible()


def test_a_connection_is_made_with_what_the_provider_must_know_and_a_domain_counts_once_it_is_proven(
    console: Console,
) -> None:
    window, owner = console
    main = window.main()
    new_connection(window, owner, MARKUP[:60])
    connection = window.page.url.rpartition("/")[2]
    expect(main.get_by_label("Redirect URI", exact=True)).to_have_value(
        re.compile(rf"/callback\?connection={connection}$")
    )
    link = main.get_by_label("Link to sign in", exact=True)
    expect(link).to_have_value(re.compile(rf"/\?tenant={owner.tenant}&sso={connection}$"))
    main.get_by_label("Name", exact=True).fill("Renamed")
    main.get_by_label("Longest time since").fill("1441")
    press(window, "Save")
    expect(main.get_by_label("Longest time since")).to_have_accessible_description(re.compile("Give 0 to 1440 minutes"))
    main.get_by_label("Longest time since").fill("60")
    main.get_by_label("RS256").uncheck()
    press(window, "Save")
    expect(main.get_by_role("alert").filter(has_text="/algorithms")).to_be_visible()
    expect(main.get_by_label("Name", exact=True)).to_have_value("Renamed")
    main.get_by_label("Another domain").fill("example.org")
    press(window, "Add the domain")
    expect(main.get_by_label("Name of the TXT record of example.org", exact=True)).to_have_value(
        "_muniment.example.org"
    )
    expect(main.get_by_label("Name", exact=True)).to_have_value("Renamed")
    main.get_by_role("button", name="Verify now: example.org").click()
    expect(main).to_contain_text("does not carry its token")
    main.get_by_label("RS256").check()
    main.get_by_label("It signs people in").check()
    press(window, "Save")
    expect(main.get_by_role("heading", level=1, name="Renamed")).to_be_visible()
    assert window.barriers() == []
    press(window, "Remove the connection")
    press(window, "Remove it")
    expect(main.get_by_role("heading", level=1, name="Single sign-on")).to_be_visible()


def test_a_domain_that_somebody_else_names_at_the_same_moment_is_not_lost(console: Console) -> None:
    window, owner = console
    main, others = window.main(), list[int]()
    new_connection(window, owner, "Shared")

    def overtaken(route: Route) -> None:
        if route.request.method == "PATCH" and not others:
            others.append(route.fetch(post_data=json.dumps({"domains": ["others.example"]})).status)
        route.continue_()

    window.page.route(re.compile(r"/api/sso-connections/[^/]+$"), overtaken)
    main.get_by_label("Another domain").fill("example.org")
    press(window, "Add the domain")
    for domain in ("example.org", "others.example"):
        expect(main.get_by_role("region", name=domain, exact=True)).to_be_visible()
    assert others == [200]
    main.get_by_role("button", name="Drop example.org").click()
    press(window, "Drop the domain")
    said(window, "dropped")
    expect(main.get_by_role("region", name="example.org", exact=True)).to_have_count(0)
    expect(main.get_by_role("region", name="others.example", exact=True)).to_be_visible()


def test_a_signature_that_somebody_else_has_ceased_to_trust_is_not_trusted_again(console: Console) -> None:
    window, owner = console
    main, others = window.main(), list[int]()
    new_connection(window, owner, "Trusted")
    main.get_by_label("ES256").check()
    press(window, "Save")
    said(window, "saved")

    def overtaken(route: Route) -> None:
        if route.request.method == "PATCH" and not others:
            theirs = {"algorithms": ["ES256"], "name": "Theirs"}
            others.append(route.fetch(post_data=json.dumps(theirs)).status)
        route.continue_()

    window.page.route(re.compile(r"/api/sso-connections/[^/]+$"), overtaken)
    main.get_by_label("Longest time since").fill("60")
    main.get_by_label("EdDSA").check()
    press(window, "Save")
    expect(main.get_by_role("alert").filter(has_text="Somebody else changed the connection")).to_be_visible()
    assert others == [200]
    expect(main.get_by_label("Name", exact=True)).to_have_value("Theirs")
    assert [main.get_by_label(each).is_checked() for each in ("RS256", "ES256", "EdDSA")] == [False, True, True]
    with window.page.expect_response(lambda answer: answer.request.method == "PATCH"):
        press(window, "Save")
    now = call(window, "get", f"/api/sso-connections/{window.page.url.rpartition('/')[2]}")
    assert [now[each] for each in ("name", "algorithms", "max_age_seconds")] == ["Theirs", ["ES256", "EdDSA"], 3600]


def test_a_new_name_is_sent_alone_in_whatever_order_the_signatures_stand(console: Console) -> None:
    window, owner = console
    main = window.main()
    new_connection(window, owner, "Ordered")
    path = f"/api/sso-connections/{window.page.url.rpartition('/')[2]}"
    call(window, "patch", path, {"algorithms": ["ES256", "RS256"]})
    window.page.reload()
    expect(main.get_by_label("ES256")).to_be_checked()
    main.get_by_label("Name", exact=True).fill("Renamed")
    with window.page.expect_response(lambda answer: answer.request.method == "PATCH") as answer:
        press(window, "Save")
    assert answer.value.request.post_data_json == {"name": "Renamed"}
    assert call(window, "get", path)["algorithms"] == ["ES256", "RS256"]


def test_an_auditor_sees_all_of_it_and_is_offered_no_change(opened: Opened, somebody: NewPerson) -> None:
    window = opened()
    window.sign_in(somebody("auditor"))
    for place, title in (
        ("ip-rules", "IP rules"),
        ("access-reviews", "Access reviews"),
        ("settings", "Security settings"),
    ):
        window.open(place, title)
        expect(window.main().locator("input:not([readonly]), select, a.button.main, button.main")).to_have_count(0)

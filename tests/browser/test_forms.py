"""What was typed, and what is refused: nothing typed is lost, and what cannot be is said before it costs anything."""

import json
import re

from playwright.sync_api import Route, expect

from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Somebody, Window, answers

Console = tuple[Window, Somebody]
SETTINGS = "/api/settings/security"
RETRIES = "Retries of one token"


def test_unsaved_settings_wait_for_whoever_comes_back_and_the_browser_asks_before_they_are_lost(
    console: Console,
) -> None:
    window, _ = console
    retries = window.main().get_by_label(RETRIES, exact=True)
    leaves = "() => window.dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    window.open("settings", "Security settings")
    assert window.page.evaluate(leaves)
    before = retries.input_value()
    retries.fill(f"{int(before) + 1}")
    expect(window.main().get_by_text("One change, not saved.")).to_be_visible()
    window.page.wait_for_function(f"() => !({leaves})()")  # it asks once what was typed has been drawn
    window.open("account", "Your account")
    window.open("settings", "Security settings")
    expect(window.main().get_by_text("You have changes here that are not saved")).to_be_visible()
    expect(retries).to_have_value(f"{int(before) + 1}")
    window.main().get_by_role("button", name="Discard").click()
    expect(retries).to_have_value(before)
    window.open("account", "Your account")
    window.open("settings", "Security settings")
    expect(retries).to_have_value(before)


def test_settings_that_somebody_else_has_changed_are_told_where_the_reader_is(console: Console) -> None:
    window, _ = console
    window.open("settings", "Security settings")
    refused = {"code": "settings_changed", "title": "Changed", "detail": "They have changed.", "status": 409}

    def overtaken(route: Route) -> None:
        if route.request.method == "PATCH":
            route.fulfill(status=409, body=json.dumps(refused), content_type="application/json")
        else:
            route.fallback()

    window.page.route(f"**{SETTINGS}", overtaken)
    points = window.main().get_by_label("Points of Long away")
    points.fill(f"{int(points.input_value()) + 1}")
    window.main().get_by_role("button", name="Review and save").click()
    window.page.get_by_role("dialog").get_by_role("button", name="Save").click()
    notice = window.main().get_by_role("alert").filter(has_text="Somebody else changed the settings")
    expect(notice).to_be_focused()
    expect(notice).to_be_in_viewport()


IMPOSSIBLE = {
    ("2026-03-02", "2026-03-01"): "The last day is before the first.",
    ("2999-01-01", "2999-02-01"): "The range begins in the future.",
    ("1990-01-01", "2026-01-01"): "One bundle holds at most ten years.",
}


def test_a_range_that_cannot_be_asked_for_costs_no_proof(opened: Opened, somebody: NewPerson) -> None:
    window = opened()
    window.sign_in(somebody("auditor"))
    window.open("exports", "Bundles")
    window.page.get_by_role("button", name="Request a bundle").click()
    request = window.page.get_by_role("dialog", name="Request a bundle")
    for (first, last), said in IMPOSSIBLE.items():
        request.get_by_label("First day").fill(first)
        request.get_by_label("Last day").fill(last)
        request.get_by_role("button", name="Request the bundle").click()
        expect(request.get_by_text(said)).to_be_visible()
        expect(window.page.get_by_role("dialog", name="Prove that it is you")).to_have_count(0)


def test_what_is_no_code_is_not_sent(console: Console) -> None:
    window, owner = console
    sent = list[str]()
    window.page.on("request", lambda request: sent.append(request.url))
    window.open("exports", "Bundles")
    window.page.get_by_role("button", name="Request a bundle").click()
    window.page.get_by_role("button", name="Request the bundle").click()
    proof = window.page.get_by_role("dialog", name="Prove that it is you")
    code = proof.get_by_label("Code of your authenticator app")
    code.fill("abc")
    proof.get_by_role("button", name="Confirm").click()
    assert code.evaluate("(field) => field.validity.patternMismatch")
    assert not [url for url in sent if url.endswith("/step-up/verify")]
    right = owner.code()
    for written in (f" {right[:3]} {right[3:]} ", right):
        code.fill(written)
        assert code.evaluate("(field) => field.validity.valid")
    proof.get_by_role("button", name="Cancel").click()


def test_a_fault_that_stands_at_a_field_is_called_so(window: Window) -> None:
    window.open("ip-rules/new", "Add a rule")
    network = window.main().get_by_label("Network")
    network.fill("nonsense")
    window.main().get_by_role("button", name="See whom it refuses").click()
    expect(window.main().get_by_role("alert").filter(has_text="Check the marked fields.")).to_be_visible()
    expect(network).to_have_attribute("aria-invalid", "true")
    expect(window.main().get_by_text("was not understood")).to_have_count(0)


NO_PAGE = "There is no such page"
NOTHING_OF_IT = {
    "staff/..": "There is no such person",
    "exports/..%2Fme": "There is no such export",
    "access-reviews/..": "There is no such review",
    "sso-connections/..": "There is no such connection",
    "incidents/nope": NO_PAGE,
    "risk/nope": NO_PAGE,
    "settings/nope": NO_PAGE,
    "overview/nope": NO_PAGE,
    "staff/u_1/nope": NO_PAGE,
    "ip-rules/nope": "There is no such rule",
    "ip-rules/new/nope": "There is no such rule",
    "access-reviews/new/nope": NO_PAGE,
}


def test_what_is_no_id_is_asked_of_nobody(window: Window) -> None:
    asked = list[str]()
    window.settled()
    window.page.on("request", lambda request: asked.append(request.url))
    for place, title in NOTHING_OF_IT.items():
        window.open(place, title)
    allowed = r"/api/(staff\?limit=500|ip-rules|compliance/access-reviews)$|/console/"
    assert [url for url in asked if not re.search(allowed, url)] == []


def test_what_is_not_there_is_said_and_nobody_is_asked_to_try_again(window: Window) -> None:
    for place in ("exports/exp_nope", "access-reviews/nope", "sso-connections/nope"):
        window.open(place)
        told = window.main().get_by_role("alert").filter(has_text="There is nothing at this address")
        expect(told).to_be_visible()
        expect(told.get_by_role("button")).to_have_count(0)


def test_a_range_that_ends_before_it_begins_is_said_at_its_field_and_asked_of_nobody(window: Window) -> None:
    window.open("calendar?from=2026-12-01&to=2026-11-01", "Evidence calendar")
    first, last = window.main().get_by_label("From"), window.main().get_by_label("To", exact=True)
    assert first.input_value() < last.input_value()
    asked = list[str]()
    window.page.on("request", lambda request: asked.append(request.url))
    first.fill("2026-08-01")
    last.fill("2026-07-01")
    window.main().get_by_role("button", name="Show", exact=True).click()
    assert last.evaluate("(field) => field.validationMessage") == "The last day is before the first."
    assert asked == []
    last.fill("2026-08-31")
    window.main().get_by_role("button", name="Show", exact=True).click()
    window.settled()
    assert any("from=2026-08-01&to=2026-08-31" in url for url in asked)


def test_who_goes_back_over_a_question_for_a_proof_has_left_what_it_was_for(console: Console) -> None:
    window, _ = console  # with a history of its own
    window.open("overview", "Overview")
    window.open("activity", "Activity log")
    asked = list[str]()
    window.page.on("request", lambda request: asked.append(request.url))
    window.main().get_by_role("button", name="Show events").click()
    question = window.page.get_by_role("dialog", name="Prove that it is you")
    expect(question).to_be_visible()
    window.page.go_back()
    expect(question).to_have_count(0)
    expect(window.page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
    assert len([url for url in asked if "/api/compliance/cc6/" in url]) == 1


NOT_OFFERED = {
    "ip-rules/new": "Add a rule",
    "access-reviews/new": "Begin a review",
    "sso-connections/new": "Add a connection",
}


def test_an_address_of_what_a_role_may_not_do_says_so_and_does_not_show_something_else(
    opened: Opened, somebody: NewPerson
) -> None:
    window = opened()
    window.sign_in(somebody("auditor"))
    for place, title in NOT_OFFERED.items():
        window.open(place, title)
        expect(window.main()).to_contain_text("Your role does not hold the permission for it.")
    window.open("policies/nope", "Policies")
    expect(window.main().get_by_role("alert")).to_have_text("There is no such document. Choose one of those above.")
    window.main().get_by_role("link", name="Access Control Policy").click()
    expect(window.main().get_by_role("heading", level=2, name="Access Control Policy")).to_be_visible()


def test_a_reading_that_fails_does_not_end_the_following_of_an_export(opened: Opened, somebody: NewPerson) -> None:
    window, readings = opened(), list[int]()
    export = {
        "export_id": "e1", "kind": "bundle", "status": "running", "requested_by": "u_1",
        "requested": {"from": "2026-01-01", "to": "2026-03-31", "tz": "UTC", "format": "csv"},
        "progress": {"step": "resolve", "done": 0, "total": 0}, "created_at": "2026-11-01T00:00:00Z",
    }  # fmt: skip
    failed = {"status": "failed", "error": "internal"}

    def answered(route: Route) -> None:
        readings.append(1)
        if len(readings) == 2:
            route.fulfill(
                status=429, json={"code": "rate_limited", "title": "Slower", "detail": "Too many.", "status": 429}
            )
        else:
            route.fulfill(json=export if len(readings) == 1 else {**export, **failed})

    window.page.route("**/api/compliance/exports/e1", answered)
    window.sign_in(somebody("auditor"))
    window.open("exports/e1")
    expect(window.main().get_by_text("The page goes on asking by itself")).to_be_visible()
    expect(window.main().get_by_role("alert").filter(has_text="It failed")).to_be_visible()
    expect(window.main().get_by_text("The page goes on asking by itself")).to_have_count(0)


def test_a_sign_in_whose_person_cannot_be_read_is_tried_again_and_not_signed_in_again(
    opened: Opened, somebody: NewPerson
) -> None:
    window, owner = opened(), somebody("member", totp=False)
    denied = {"code": "rate_limited", "title": "Slower", "detail": "Too many.", "status": 429}
    answers(window, "/api/auth/me", 429, denied)
    window.enter()
    window.page.get_by_label("Organization").fill(owner.tenant)
    window.page.get_by_label("E-mail", exact=True).fill(owner.email)
    window.page.get_by_label("Password", exact=True).fill(owner.password)
    window.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(window.page.get_by_role("heading", level=1, name="Muniment cannot be opened")).to_be_visible()
    window.page.unroute_all()
    window.page.get_by_role("button", name="Try again").click()
    expect(window.page.get_by_role("button", name="Sign out")).to_be_visible()

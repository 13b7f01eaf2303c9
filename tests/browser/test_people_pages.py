"""The people of the tenant in the console: who is there, what may be done to whom, and what stays as it was."""

import re

from playwright.sync_api import Locator, expect

from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Somebody, Window

REASON = "Left on Friday; see the <b>letter</b>"


def act(window: Window, name: str) -> Locator:
    """Press the button of an act, and give its dialog."""
    window.main().get_by_role("button", name=f"{name}\u00a0…").click()
    return window.page.get_by_role("dialog")


def confirmed(window: Window, dialog: Locator, button: str, proof: Somebody | None = None) -> None:
    dialog.get_by_role("button", name=button, exact=True).click()
    if proof is not None:
        window.prove(proof)
    expect(dialog).to_have_count(0)
    window.settled()


def status(window: Window, text: str) -> None:
    expect(window.main().locator(".badge", has_text=text).first).to_be_visible()


def test_people_are_found_by_what_is_typed_and_by_what_they_are(
    console: tuple[Window, Somebody], somebody: NewPerson
) -> None:
    window, owner = console
    member = somebody("member", totp=False)
    # A small first page: whoever is looked for is on a later one, which is read without anybody's asking.
    window.page.route(
        re.compile(r"/api/staff\?limit=200$"),
        lambda route: route.continue_(url=route.request.url.replace("limit=200", "limit=4")),
    )
    window.open("staff", "Staff")
    expect(window.main().get_by_text("4 people", exact=True)).to_be_visible()
    rows = window.main().locator("tbody tr")
    window.main().get_by_role("searchbox", name="Name, e-mail or id").fill(member.staff_id)
    expect(rows).to_have_count(1, timeout=15_000)
    expect(rows).to_contain_text("password only")
    window.main().get_by_label("Role").select_option("owner")
    expect(rows).to_have_count(0)
    expect(window.main().get_by_text("Nobody")).to_be_visible()
    window.main().get_by_role("searchbox").fill(owner.email)
    expect(rows).to_have_count(1, timeout=15_000)
    rows.get_by_role("link").click()
    expect(window.main().get_by_text("This is you.")).to_be_visible()
    assert window.main().get_by_role("button").count() == 0


def test_who_is_deactivated_is_out_at_once_and_comes_back_without_the_old_session(
    console: tuple[Window, Somebody], opened: Opened, somebody: NewPerson
) -> None:
    window, owner = console
    member, theirs = somebody("member"), opened()
    theirs.sign_in(member)
    window.open(f"staff/{member.staff_id}")
    assert window.main().locator("tbody tr").count() == 1
    dialog = act(window, "Deactivate")
    assert window.barriers() == []
    expect(dialog.get_by_label("Reason")).to_be_focused()
    window.page.keyboard.press("Escape")
    expect(window.main().get_by_role("button", name="Deactivate")).to_be_focused()
    dialog = act(window, "Deactivate")
    dialog.get_by_label("Reason").fill(REASON)
    confirmed(window, dialog, "Deactivate", owner)
    status(window, "deactivated")
    expect(window.page.locator("h1")).to_be_focused()
    theirs.page.evaluate("location.hash = '#/sessions'")
    expect(theirs.page.get_by_role("dialog", name="Sign in again")).to_be_visible()
    dialog = act(window, "Reactivate")
    dialog.get_by_label("Reason").fill(REASON)
    confirmed(window, dialog, "Reactivate")
    status(window, "active")
    expect(window.main().get_by_text("Not signed in anywhere.")).to_be_visible()


def test_a_changed_role_is_told_before_and_shown_after(console: tuple[Window, Somebody], somebody: NewPerson) -> None:
    window, owner = console
    member = somebody("member", totp=False)
    window.open(f"staff/{member.staff_id}")
    dialog = act(window, "Change the role")
    dialog.get_by_label("New role").select_option("auditor")
    expect(dialog.get_by_text("The new role counts at once")).to_be_visible()
    dialog.get_by_label("New role").select_option("admin")
    expect(dialog.get_by_text("All sessions end at once")).to_be_visible()
    expect(dialog.get_by_text("served nothing but the enrolment")).to_be_visible()
    confirmed(window, dialog, "Change the role", owner)
    status(window, "must enrol a factor")
    dialog = act(window, "Reset the factors")
    dialog.get_by_label("Reason").fill(REASON)
    confirmed(window, dialog, "Reset the factors")
    dialog = act(window, "Sign out everywhere")
    dialog.get_by_label("Reason").fill(REASON)
    confirmed(window, dialog, "Sign out everywhere")


def test_nobody_is_erased_under_a_hold_nor_by_a_slip_and_who_is_erased_has_no_name(
    console: tuple[Window, Somebody], somebody: NewPerson
) -> None:
    window, owner = console
    member = somebody("member")
    window.open("legal-holds", "Legal holds")
    window.main().get_by_role("button", name="Place a hold").click()
    dialog = window.page.get_by_role("dialog")
    dialog.get_by_role("searchbox").fill(member.staff_id)
    dialog.get_by_role("radio").check()
    dialog.get_by_label("Reason").fill(REASON)
    dialog.get_by_label("Case").fill("AZ 12/34")
    assert window.barriers() == []
    confirmed(window, dialog, "Place the hold", owner)
    window.open(f"staff/{member.staff_id}")
    dialog = act(window, "Deactivate")
    dialog.get_by_label("Reason").fill(REASON)
    confirmed(window, dialog, "Deactivate")
    erase = window.main().get_by_role("button", name="Erase")
    expect(erase).to_be_disabled()
    expect(window.main().get_by_text("A legal hold keeps this person")).to_be_visible()

    window.open("legal-holds", "Legal holds")
    row = window.main().locator("tbody tr", has_text="AZ 12/34").first
    expect(row).to_contain_text(REASON)
    row.get_by_role("button", name="Release").click()
    dialog = window.page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("The case is closed")
    confirmed(window, dialog, "Release")

    window.open(f"staff/{member.staff_id}")
    dialog = act(window, "Erase")
    expect(dialog).to_contain_text("of before still tell who it was")
    dialog.get_by_label("Reason").fill("Asked for it")
    dialog.get_by_label("To confirm").fill("somebody@else.example")
    dialog.get_by_role("button", name="Erase for good").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing was erased")
    expect(dialog.get_by_label("To confirm")).to_be_focused()
    expect(dialog.get_by_label("Reason")).to_have_value("Asked for it")
    dialog.get_by_label("To confirm").fill(member.email)
    confirmed(window, dialog, "Erase for good")
    expect(window.page.get_by_role("heading", level=1, name="Erased person")).to_be_focused()
    assert member.email not in window.main().inner_text()
    window.open("staff", "Staff")
    window.main().get_by_role("searchbox").fill(member.staff_id)
    expect(window.main().locator("tbody tr")).to_contain_text("Erased person")


def test_nobody_is_offered_what_goes_beyond_his_role(opened: Opened, somebody: NewPerson) -> None:
    owner, other, auditor = somebody("owner"), somebody("admin"), somebody("auditor")
    window = opened()
    window.sign_in(somebody("admin"))
    window.open(f"staff/{owner.staff_id}")
    expect(window.main().get_by_text("An owner can be changed by owners alone.")).to_be_visible()
    window.open(f"staff/{other.staff_id}")
    assert window.main().get_by_role("link", name="Act as this person").count() == 0, "an equal"
    options = act(window, "Change the role").get_by_label("New role").locator("option")
    expect(options).to_have_text([re.compile("^admin"), re.compile("^member"), re.compile("^auditor")])
    window.page.keyboard.press("Escape")
    window.open("legal-holds", "Legal holds")
    assert window.main().get_by_role("button", name="Place a hold").count() == 0
    readers = opened()
    readers.sign_in(auditor)
    readers.open("legal-holds", "Legal holds")
    assert readers.main().get_by_role("button", name="hold").count() == 0


def test_an_invite_is_sent_and_revoked_and_a_refused_one_loses_nothing(console: tuple[Window, Somebody]) -> None:
    window, owner = console
    window.open("invites", "Invites")
    window.main().get_by_role("button", name="Invite somebody").click()
    dialog = window.page.get_by_role("dialog")
    dialog.get_by_label("E-mail address").fill(owner.email)
    dialog.get_by_label("Name").fill("<img src=x> Rosa")
    dialog.get_by_role("button", name="Send the invite").click()
    expect(dialog.get_by_role("alert")).to_contain_text("belongs to somebody")
    expect(dialog.get_by_label("Name")).to_have_value("<img src=x> Rosa")
    address = f"rosa.{owner.staff_id.lower()}@acme.example"
    dialog.get_by_label("E-mail address").fill(address)
    confirmed(window, dialog, "Send the invite")
    row = window.main().locator("tbody tr", has_text=address)
    expect(row).to_contain_text("<img src=x> Rosa")
    expect(row).to_contain_text("open")
    row.get_by_role("button", name="Revoke").click()
    confirmed(window, window.page.get_by_role("dialog"), "Revoke")
    expect(row).to_contain_text("revoked")
    row.get_by_role("button", name="Invite again").click()
    expect(window.page.get_by_role("dialog").get_by_label("E-mail address")).to_have_value(address)

"""What goes wrong stays where it went wrong, and the focus is where one left it."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import NewPerson
from tests.browser.window import Somebody, Window

SESSIONS = "**/api/auth/sessions*"
OFF_CENTRE = """(dialog) => {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  return [left - (clientWidth - right), top - (clientHeight - bottom)].map(Math.abs).map(Math.round);
}"""


def test_an_answer_without_its_members_breaks_one_page_and_not_the_console(window: Window) -> None:
    window.page.route(SESSIONS, lambda route: route.fulfill(json={}))
    window.open("sessions", "Your sessions")
    expect(window.main().get_by_text("The answer could not be read").or_(broken(window))).to_be_visible()
    assert window.barriers() == []
    window.open("account", "Your account")
    expect(window.main().get_by_label("New password")).to_be_visible()
    window.page.unroute(SESSIONS)
    window.open("sessions", "Your sessions")
    expect(window.page.get_by_text("● this one")).to_be_visible()
    window.faults.clear()  # what the page said of its fault


def test_a_page_that_cannot_be_drawn_is_loaded_again_in_its_place(window: Window) -> None:
    window.page.route("**/api/ip-rules", lambda route: route.fulfill(json={"rules": [{}]}))
    window.open("ip-rules", "IP rules")
    expect(broken(window)).to_be_visible()
    expect(window.page.get_by_role("navigation", name="Pages")).to_be_visible()
    window.page.unroute("**/api/ip-rules")
    window.main().get_by_role("button", name="Load the page again").click()
    expect(window.main().get_by_role("heading", name="Rules", exact=True)).to_be_visible()
    assert len(window.faults) == 1
    window.faults.clear()


def broken(window: Window) -> Locator:
    return window.main().get_by_text("The page cannot be shown")


def test_an_answer_that_is_no_json_is_said_to_be_none(window: Window) -> None:
    window.page.route(
        SESSIONS, lambda route: route.fulfill(content_type="text/html", body="<p>Welcome to the hotel</p>")
    )
    window.open("sessions", "Your sessions")
    expect(window.main().get_by_text("The answer could not be read").first).to_be_visible()
    expect(window.main().get_by_text("Unexpected token")).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 360])
def test_a_dialog_opened_in_a_card_stands_in_the_middle_of_the_window(window: Window, width: int) -> None:
    window.page.set_viewport_size({"width": width, "height": 740})
    window.open("account", "Your account")
    window.main().get_by_role("button", name="Remove it").click()
    dialog = window.page.get_by_role("dialog", name="Remove the authenticator?")
    expect(dialog).to_be_visible()
    assert dialog.evaluate(OFF_CENTRE) == [0, 0]


def test_whoever_declines_a_proof_goes_on_where_he_asked(window: Window, somebody: NewPerson) -> None:
    window.open(f"staff/{somebody('member').staff_id}")
    window.main().get_by_role("link", name="Act as this person").click()
    dialog = window.page.get_by_role("dialog", name="Act in another person's name")
    dialog.get_by_label("Reason").fill("The list of invoices looks empty")
    button = dialog.get_by_role("button", name="Act as this person")
    button.click()
    proof = window.page.get_by_role("dialog", name="Prove that it is you")
    expect(proof).to_be_visible()
    window.page.keyboard.press("Escape")
    expect(proof).to_have_count(0)
    expect(button).to_be_focused()


def test_a_page_begins_at_its_top(window: Window) -> None:
    window.page.set_viewport_size({"width": 1440, "height": 500})
    window.open("settings", "Security settings")
    window.page.evaluate("() => scrollTo(0, 200)")
    window.open("staff", "Staff")
    assert window.page.evaluate("() => scrollY") == 0


LINES = """() => [...document.querySelectorAll("td button, td time span, td .badge, .whole")].filter((each) => {
  const range = document.createRange();
  range.selectNodeContents(each);
  const middles = [...range.getClientRects()].map((box) => Math.round((box.top + box.bottom) / 2));
  return Math.max(...middles) - Math.min(...middles) > 8;
}).map((each) => each.textContent)"""


def test_what_is_read_as_one_breaks_nowhere_beside_a_long_note(console: tuple[Window, Somebody]) -> None:
    window, owner = console
    rule = {
        "cidr": "2001:db8:abcd:1234::/64",
        "action": "allow",
        "status": "active",
        "note": "Ask before removing it: " + "a partner's office, whose network changes, " * 8 + "x" * 90,
        "created_by": owner.staff_id,
        "created_at": "2026-11-20T10:20:30Z",
    }
    answer = {
        "rules": [{**rule, "rule_id": "one"}],
        "suspended_at": None,
        "your_address": "127.0.0.1",
        "max_rules": 500,
    }
    window.page.route("**/api/ip-rules", lambda route: route.fulfill(json=answer))
    window.open("ip-rules", "IP rules")
    expect(window.main().get_by_text(rule["cidr"])).to_be_visible()
    assert window.page.evaluate(LINES) == []
    assert window.main().get_by_role("region").evaluate("(region) => region.scrollWidth - region.clientWidth") == 0
    window.page.set_viewport_size({"width": 360, "height": 740})
    assert not window.too_wide()


def test_the_menu_of_a_narrow_window_closes_with_escape_and_has_the_focus_again(window: Window) -> None:
    window.page.set_viewport_size({"width": 360, "height": 740})
    menu = window.page.get_by_role("button", name="Menu")
    menu.click()
    window.page.get_by_role("link", name="Your sessions").focus()
    window.page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(menu).to_have_attribute("aria-expanded", "false")


def test_a_table_is_a_stop_of_the_keyboard_where_it_must_be_moved_sideways_alone(window: Window) -> None:
    window.open("sessions", "Your sessions")
    region = window.main().get_by_role("region", name="Open sessions")
    expect(region).not_to_have_attribute("tabindex", "0")
    window.page.set_viewport_size({"width": 860, "height": 740})
    expect(region).to_have_attribute("tabindex", "0")

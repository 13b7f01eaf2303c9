"""What is printed: in black on white, without what works on a screen alone, and as wide as the paper."""

import json
import re

from playwright.sync_api import Locator, Route, ViewportSize, expect

from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Window

PAPER: ViewportSize = {"width": 760, "height": 1075}  # A4 within its margins, in pixels of CSS
ONLY_ON_A_SCREEN = "nav, header.top, main button:not(.cell, .link), main .button, main input, main select"


def printed(window: Window) -> None:
    window.page.emulate_media(media="print", color_scheme="dark")
    window.page.set_viewport_size(PAPER)


def colour(place: Locator, name: str) -> list[int]:
    text: str = place.evaluate("(element, name) => getComputedStyle(element)[name]", name)
    return [int(each) for each in re.findall(r"\d+", text)[:3]]


def with_a_missed_one(route: Route) -> None:
    """Answer as the stage does, but for the first obligation, which was missed."""
    calendar = route.fetch().json()
    calendar["items"][0]["status"] = "missed"
    route.fulfill(body=json.dumps(calendar), content_type="application/json")


def test_the_calendar_is_printed_as_a_grid_on_white_even_of_a_dark_window(opened: Opened, somebody: NewPerson) -> None:
    window = opened(color_scheme="dark")
    window.page.route(re.compile("/api/compliance/calendar"), with_a_missed_one)
    window.sign_in(somebody("auditor"))
    window.open("calendar", "Evidence calendar")
    printed(window)
    grid = window.page.get_by_role("grid", name="Evidence by obligation and week")
    expect(grid).to_be_visible()
    assert window.page.locator(ONLY_ON_A_SCREEN).locator("visible=true").count() == 0
    assert not window.too_wide()
    assert grid.evaluate("(table) => table.getBoundingClientRect().right <= innerWidth")
    assert min(colour(window.page.locator("html"), "backgroundColor")) == 255
    assert max(colour(window.page.locator("h1"), "color")) < 64
    missed = grid.locator(".cell.missed")
    expect(missed.locator(".mark")).to_have_text("✕")
    # Its mark is white on dark: a browser that leaves out the ground would print nothing at all.
    assert missed.evaluate("(cell) => getComputedStyle(cell).printColorAdjust") == "exact"


def test_tables_are_printed_as_tables_and_not_as_a_card_for_each_row(opened: Opened, somebody: NewPerson) -> None:
    window = opened()
    window.sign_in(somebody("auditor"))
    for place, title in (("overview", "Overview"), ("questions", "Auditor's questions"), ("log", "Log and keys")):
        window.open(place, title)
        printed(window)
        assert window.page.locator(ONLY_ON_A_SCREEN).locator("visible=true").count() == 0
        assert not window.too_wide()
        for table in window.main().locator("table").all():
            assert table.evaluate("(table) => getComputedStyle(table.tHead).display") == "table-header-group"
        for value in window.main().locator(".copyable:not(details *)").all():
            expect(value.locator("code")).to_have_text(value.locator("input").input_value())
            expect(value.locator("code")).to_be_visible()
        window.page.emulate_media(media="screen")


def test_a_picture_is_drawn_anew_for_paper_so_that_its_text_stays_as_large(opened: Opened, somebody: NewPerson) -> None:
    window, who = opened(), somebody("auditor")
    window.sign_in(who)
    window.open("activity", "Activity log")
    window.main().get_by_role("button", name="Show events").click()
    window.prove(who)
    picture = window.page.get_by_role("group", name="Events over time")
    expect(picture).to_be_visible()
    wide = picture.evaluate("(picture) => picture.parentElement.clientWidth")
    assert wide > PAPER["width"]
    expect(picture).to_have_attribute("width", str(wide))
    window.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    expect(picture).to_have_attribute("width", str(PAPER["width"]))
    window.page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    expect(picture).to_have_attribute("width", str(wide))

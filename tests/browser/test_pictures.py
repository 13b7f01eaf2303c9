"""The pictures of the README: taken here, looked at by somebody, and then kept in docs/ (`make pictures`).

A run of the tests leaves them in `.muniment/pictures`, of the few days that its stage has; `make pictures` takes them
of the whole quarter that `make up` serves.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opened
from tests.browser.window import Somebody, Window
from tests.running_stage import ROOT

FOLDER: Final = Path(os.environ.get("MUNIMENT_PICTURES", ROOT / ".muniment" / "pictures"))
SIZE: Final = {"width": 1280, "height": 800}


def overview(window: Window, _owner: Somebody) -> None:
    window.open("overview", "Overview")


def calendar(window: Window, _owner: Somebody) -> None:
    window.open("calendar", "Evidence calendar")
    window.page.get_by_role("group", name="Quarters").get_by_role("button").nth(-2).click()  # the last whole one
    window.settled()


def impersonation(window: Window, owner: Somebody) -> None:
    page = window.page
    window.open("impersonation", "Impersonation")
    page.get_by_role("button", name="Act as somebody").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="Mina Roux").check()
    dialog.get_by_label("Reason").fill("Ticket 4711: the report is empty for her")
    dialog.get_by_role("button", name="Act as this person").click()
    window.prove(owner)
    expect(page.get_by_role("region", name="Impersonation", exact=True)).to_be_visible()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    window.settled()


PICTURES: Final[dict[str, Callable[[Window, Somebody], None]]] = {
    "console-overview.png": overview,
    "console-calendar.png": calendar,
    "console-impersonation.png": impersonation,
}


def test_the_readme_shows_the_pictures_that_are_taken_here_and_no_others() -> None:
    shown = re.findall(r"docs/(console-[a-z-]+\.png)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(PICTURES)
    assert {path.name for path in (ROOT / "docs").glob("console-*.png")} == set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_of_a_page_without_a_fault(name: str, opened: Opened, demo_owner: Somebody) -> None:
    window = opened(viewport=SIZE)
    window.sign_in(demo_owner)
    PICTURES[name](window, demo_owner)
    FOLDER.mkdir(parents=True, exist_ok=True)
    window.page.screenshot(path=FOLDER / name, animations="disabled")
    assert window.barriers() == []

"""The walk of a first visit: the quarter, an impersonation, a bundle. Once with a mouse, once by the keyboard alone."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Download, Locator, expect

from infra.local.demo_evidence import pins
from tests.browser.conftest import NewPerson, Opened
from tests.browser.keyboard import Keyboard
from tests.browser.window import Somebody, Window
from tests.running_stage import ROOT, Stage

VERIFIER = ROOT / "shared" / "evidence" / "verify_bundle.py"


@pytest.fixture
def window(opened: Opened) -> Window:
    return opened(accept_downloads=True)


def banner(window: Window) -> Locator:
    return window.page.get_by_role("region", name="Impersonation", exact=True)


def acting_as(window: Window, name: str) -> None:
    expect(banner(window)).to_contain_text(f"You act as {name}")
    led_to(window, f"You act as {name}")


def led_to(window: Window, title: str) -> None:
    """Wait until a page has taken the focus: with it went a key that was meant for something on it."""
    expect(window.page.get_by_role("heading", level=1, name=title, exact=True)).to_be_focused()


def assert_whole(download: Download, folder: Path, stage: Stage) -> None:
    """See that the verifier, which knows nothing of the service, accepts what the browser saved."""
    archive = folder / download.suggested_filename
    download.save_as(archive)
    command = [sys.executable, str(VERIFIER), "--key-fingerprint", pins(stage.deployment), str(archive)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_first_visit_needs_no_manual(window: Window, demo_owner: Somebody, stage: Stage, tmp_path: Path) -> None:
    page, owner = window.page, demo_owner
    window.sign_in(owner, "")
    page.get_by_role("link", name="Evidence calendar").click()
    expect(page.get_by_role("heading", level=1, name="Evidence calendar")).to_be_visible()
    page.get_by_role("link", name="Impersonation", exact=True).click()
    page.get_by_role("button", name="Act as somebody").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="Mina Roux").check()
    dialog.get_by_label("Reason").fill("Ticket 4711: the report is empty for her")
    dialog.get_by_role("button", name="Act as this person").click()
    window.prove(owner)
    acting_as(window, "Mina Roux")
    for place in page.locator("nav a").all():
        place.click()
        expect(banner(window)).to_be_in_viewport()
    banner(window).get_by_role("button", name="End impersonation").click()
    expect(banner(window)).to_have_count(0)
    page.get_by_role("link", name="Bundles", exact=True).click()
    page.get_by_role("button", name="Request a bundle").click()
    page.get_by_role("button", name="Request the bundle").click()
    window.prove(owner)
    download = page.get_by_role("button", name="Download")
    expect(download).to_be_visible(timeout=90_000)
    with page.expect_download(timeout=90_000) as saved:  # the next code may have to be waited for
        download.click()
        window.prove(owner)
    assert_whole(saved.value, tmp_path, stage)


def test_the_same_walk_by_the_keyboard_alone(window: Window, somebody: NewPerson, stage: Stage, tmp_path: Path) -> None:
    page, keys, owner = window.page, Keyboard(window.page), somebody("owner")  # whose codes are all unspent
    window.enter()
    keys.fill("Organization", owner.tenant)
    keys.fill("E-mail", owner.email)
    keys.fill("Password", owner.password)
    page.keyboard.press("Enter")
    led_to(window, "Overview")
    for place in ("Evidence calendar", "Impersonation"):
        keys.press(place)
        led_to(window, place)
    keys.press("Act as somebody")
    expect(page.get_by_role("dialog", name="Act in another person's name")).to_be_visible()
    window.settled()
    keys.fill("Search by name", "mina")
    keys.tick("Mina Roux")
    keys.fill("Reason", "Ticket 4711: the report is empty for her")
    keys.press("Act as this person")
    prove(window, keys, owner)
    acting_as(window, "Mina Roux")
    keys.press("End impersonation")
    expect(banner(window)).to_have_count(0)
    led_to(window, "Impersonation")
    keys.press("Bundles")
    led_to(window, "Bundles")
    keys.press("Request a bundle")
    expect(page.get_by_role("dialog", name="Request a bundle")).to_be_visible()
    keys.press("Request the bundle")
    prove(window, keys, owner)
    expect(page.get_by_role("button", name="Download")).to_be_visible(timeout=90_000)
    with page.expect_download(timeout=90_000) as saved:  # the next code may have to be waited for
        keys.press("Download")
        prove(window, keys, owner)
    assert_whole(saved.value, tmp_path, stage)


def prove(window: Window, keys: Keyboard, owner: Somebody) -> None:
    question = window.page.get_by_role("dialog", name="Prove that it is you")
    expect(question).to_be_visible()
    keys.fill("Code of your authenticator app", owner.code())
    window.page.keyboard.press("Enter")
    expect(question).to_have_count(0)

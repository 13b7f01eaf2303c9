"""The pages of the evidence: the calendar by keyboard, a bundle up to its verification, links for auditors, the log."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from playwright.sync_api import Route, expect

from infra.local.simulated_moment import DAY_SECONDS
from infra.local.simulated_quarter import Quarter
from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Somebody, Window
from tests.running_stage import Stage

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec")  # as en-GB has them
ANSWERED_MS = 20_000
RENDERED_MS = 90_000  # the state machine waits for its turn among nine others
VERIFIER = "shared/evidence/verify_bundle.py"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_asked: Any) -> None:
        return None


def status_of(url: str) -> tuple[int, str]:
    """GET as a stranger would; gives the status, and where a redirect leads."""
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        answer: IO[bytes] = opener.open(url)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers.get("Location", "")
    with answer:
        return 200, ""


def verified(arguments: list[str]) -> dict[str, Any]:
    """Verify as an auditor would, with nothing but the program; gives its report."""
    command = [sys.executable, VERIFIER, *arguments, "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    assert run.returncode == 0, run.stdout + run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    return report


def pinned(window: Window, label: str) -> list[str]:
    """Give the arguments of the command that the page shows, as they pin keys."""
    command = window.main().get_by_label(label, exact=True).input_value()
    return re.findall(r"--key-fingerprint|(?:ledger|evidence):[0-9a-f]{64}", command)


def test_a_page_of_one_list_that_comes_late_is_not_shown_in_another(opened: Opened, somebody: NewPerson) -> None:
    window = opened()
    window.sign_in(somebody("auditor"))
    export = {
        "export_id": "x_1",
        "status": "completed",
        "requested_by": "u_1",
        "created_at": "2026-10-01T00:00:00.000Z",
    }
    asked = {"from": "2026-07-01", "to": "2026-09-30", "tz": "UTC", "format": "csv"}
    bundle = {**export, "kind": "bundle", "name": "the-bundle", "requested": asked}
    sample = {**export, "kind": "sample", "name": "the-sample", "rows": 1, "requested": {"file": "a.csv"}}
    late: list[Route] = []

    def answered(route: Route) -> None:
        if "cursor=behind" in route.request.url:
            late.append(route)
        elif "kind=sample" in route.request.url:
            route.fulfill(json={"exports": [sample], "next_cursor": None})
        else:
            route.fulfill(json={"exports": [bundle], "next_cursor": "behind"})

    window.page.route(re.compile(r"/api/compliance/exports\?"), answered)
    window.open("exports", "Bundles")
    window.page.get_by_role("button", name="Show more").click()
    window.page.get_by_role("button", name="Samples").click()
    expect(window.page.get_by_role("link", name="the-sample")).to_be_visible()
    for route in late:
        route.fulfill(json={"exports": [{**bundle, "export_id": "x_2"}], "next_cursor": None})
    window.page.wait_for_timeout(300)  # what must not happen has had its time
    expect(window.page.get_by_role("link", name="the-sample")).to_be_visible()
    expect(window.page.get_by_role("link", name="the-bundle")).to_have_count(0)


def made_bundle(window: Window, owner: Somebody) -> None:
    """Request a bundle of the last quarter, as the dialog offers it, and wait until it is there."""
    window.open("exports", "Bundles")
    window.page.get_by_role("button", name="Request a bundle").click()
    window.page.get_by_role("button", name="Request the bundle").click()
    window.prove(owner)
    expect(window.page.get_by_role("button", name=re.compile("^Download "))).to_be_visible(timeout=RENDERED_MS)
    window.settled()


def downloaded(window: Window, owner: Somebody, folder: Path) -> Path:
    """Fetch the bundle of the page; the proof of its request was spent, so another one is asked for."""
    before = window.page.url
    with window.page.expect_download() as download:
        window.page.get_by_role("button", name=re.compile("^Download ")).click()
        window.prove(owner)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    assert window.page.url == before
    return path


def shared_with(window: Window, auditor: str) -> str:
    """Make a link; gives its address, which is shown this once."""
    window.page.get_by_role("button", name="Make a link").click()
    window.page.get_by_label("For whom").fill(auditor)
    window.page.get_by_role("button", name="Make the link").click()
    shown = window.page.get_by_role("dialog", name="The link, this once")
    address = shown.get_by_label("Share link", exact=True).input_value()
    shown.get_by_role("button", name="I have copied it").click()
    return window.base + "/api/share/" + address.rpartition("/")[2]


def test_bundle_is_fetched_verified_and_shared_until_its_link_is_revoked(
    console: tuple[Window, Somebody], tmp_path: Path
) -> None:
    window, owner = console
    made_bundle(window, owner)
    bundle = downloaded(window, owner, tmp_path)
    name = window.page.get_by_role("heading", level=1).inner_text()
    assert bundle.name == f"{name}.zip"
    report = verified([str(bundle), *pinned(window, "With the program alone")])
    assert (report["result"], report["keys_not_pinned"]) == ("PASSED", [])

    auditor = "<b>Jane</b> & Sons"
    link = shared_with(window, auditor)
    row = window.main().get_by_role("row").filter(has_text=auditor)
    expect(row).to_contain_text("open", timeout=ANSWERED_MS)
    assert link.rpartition("/")[2] not in window.page.content()
    assert status_of(link)[0] == 302
    row.get_by_role("button", name=f"Revoke the link for {auditor}").click()
    window.page.get_by_role("dialog", name="Revoke the link?").get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked", timeout=ANSWERED_MS)
    expect(row).to_contain_text("1 time")
    assert status_of(link)[0] == 404
    assert (window.barriers(), window.too_wide()) == ([], False)


def written(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def span(first: date, last: date) -> str:
    return written(first) if first == last else f"{written(first)} \N{EN DASH} {written(last)}"


class Weeks:
    """The weeks of the demonstration's quarter, as the calendar writes them; days of other quarters are left out."""

    def __init__(self) -> None:
        quarter = Quarter.before(time.time())
        self.first, self.last = (
            datetime.fromtimestamp(at, UTC).date() for at in (quarter.start, quarter.end - DAY_SECONDS)
        )
        self.sunday = self.first + timedelta(6 - self.first.weekday())

    @property
    def place(self) -> str:
        return f"calendar?from={self.first}&to={self.last}"

    @property
    def opening(self) -> str:
        return span(self.first, self.sunday)

    @property
    def second(self) -> str:
        return span(self.sunday + timedelta(1), self.sunday + timedelta(7))

    @property
    def closing(self) -> str:
        return span(self.last - timedelta(self.last.weekday()), self.last)


def expect_focus(window: Window, beginning: str) -> None:
    """Wait until what has the focus begins with a text, as it is read out."""
    read = "() => document.activeElement.textContent.replace(/\\s+/g, ' ').trim()"
    found = ""
    for _ in range(100):
        found = window.page.evaluate(read)
        if found.startswith(beginning):
            return
        window.page.wait_for_timeout(100)
    raise AssertionError(f"the focus is on {found[:200]!r}, not on {beginning!r}")


def test_calendar_is_moved_in_and_opened_by_keyboard(opened: Opened, somebody: NewPerson) -> None:
    window, weeks = opened(), Weeks()
    window.sign_in(somebody("auditor"))
    window.open(weeks.place, "Evidence calendar")
    grid, keyboard = window.page.get_by_role("grid"), window.page.keyboard
    assert grid.locator("button[tabindex='0']").count() == 1
    grid.locator("button[tabindex='0']").focus()
    expect_focus(window, f"Sign-ins are recorded, {weeks.opening}:")
    for key in ("ArrowRight", "ArrowDown"):
        keyboard.press(key)
    expect_focus(window, f"Token rotation and reuse are recorded, {weeks.second}:")
    for key in ("ArrowUp", "End"):
        keyboard.press(key)
    expect_focus(window, f"Sign-ins are recorded, {weeks.closing}:")
    for key in ("ArrowRight", "Home", "ArrowRight"):  # the first of them leads nowhere
        keyboard.press(key)
    expect_focus(window, f"Sign-ins are recorded, {weeks.second}:")
    for key in ("PageDown", "PageUp", "Control+End", "Control+Home", "ArrowRight"):
        keyboard.press(key)
    expect_focus(window, f"Sign-ins are recorded, {weeks.second}:")
    keyboard.press("Enter")
    dialog = window.page.get_by_role("dialog", name="Sign-ins are recorded")
    dialog.get_by_role("button", name=re.compile(f"^{written(weeks.sunday + timedelta(2))}")).press("Enter")
    expect(dialog).to_contain_text("Due")
    dialog.get_by_role("button", name=f"All days of {weeks.second}").press("Enter")
    expect_focus(window, written(weeks.sunday + timedelta(2)))
    assert window.barriers() == []
    keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect_focus(window, f"Sign-ins are recorded, {weeks.second}:")


def details_of(window: Window, obligation: str) -> Any:
    """Open the cell of an obligation of the running quarter that has one."""
    window.open("calendar", "Evidence calendar")
    window.page.get_by_role("row", name=re.compile(f"^{obligation}")).get_by_role("button").click()
    return window.page.get_by_role("dialog", name=obligation)


def test_owner_waives_what_an_auditor_only_looks_at(
    console: tuple[Window, Somebody], opened: Opened, somebody: NewPerson
) -> None:
    obligation, reason = "The cleanup ran on every day", "It ran on <paper> this quarter"
    window, owner = console
    details_of(window, obligation).get_by_role("button", name="Waive").click()
    window.page.get_by_label("Reason").fill(reason)
    window.page.get_by_role("button", name="Waive", exact=True).click()
    window.prove(owner)
    expect(window.page.get_by_role("dialog")).to_have_count(0, timeout=ANSWERED_MS)
    seen = details_of(window, obligation)
    expect(seen).to_contain_text("waived")
    expect(seen).to_contain_text(reason)
    other = opened()
    other.sign_in(somebody("auditor"))
    looked = details_of(other, obligation)
    expect(looked).to_contain_text(reason)
    expect(looked.get_by_role("button")).to_have_count(1)  # the one that closes it


def test_calendar_is_a_list_where_there_is_no_room_for_a_grid(opened: Opened, somebody: NewPerson) -> None:
    window, weeks = opened(viewport={"width": 360, "height": 740}), Weeks()
    window.sign_in(somebody("auditor"))
    window.open(weeks.place, "Evidence calendar")
    expect(window.page.get_by_role("grid")).to_have_count(0)
    window.page.get_by_text("Changes of access").click()
    window.page.get_by_role("button", name=re.compile(f"^{weeks.second}")).click()
    expect(window.page.get_by_role("dialog", name="Changes of access")).to_be_visible()
    assert (window.barriers(), window.too_wide()) == ([], False)


def test_an_event_is_proven_by_a_file_that_the_verifier_accepts(
    console: tuple[Window, Somebody], stage: Stage, tmp_path: Path
) -> None:
    window, owner = console
    event = next(event for event in stage.events() if event["action"] == "AUTH_LOGIN_SUCCESS")
    window.open(f"log?event={event['id']}", "Log and keys")
    window.page.get_by_role("button", name="Prove it").click()
    window.prove(owner)
    expect(window.main()).to_contain_text("The signed log holds this event", timeout=ANSWERED_MS)
    with window.page.expect_download() as download:
        window.page.get_by_role("button", name=f"Save {event['id']}.proof.json").click()
    proof = tmp_path / download.value.suggested_filename
    download.value.save_as(proof)
    arguments = pinned(window, "Verify it offline")
    in_use = window.main().get_by_label("Fingerprint of the key in use", exact=True).input_value()
    assert arguments == ["--key-fingerprint", f"ledger:{in_use}"]
    assert verified(["--proof", str(proof), *arguments])["event"]["id"] == event["id"]
    assert window.barriers() == []

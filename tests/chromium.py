"""Debian's Chromium, as every test starts it: without anything that it would do by itself."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from tests.installed import missing

# The shell is the same engine without a browser's own windows and services: it takes a third of the time of the whole.
_PROGRAMS: Final = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Start a browser, with `more` arguments; the test is skipped, in continuous integration failed, without one."""
    program = next((each for each in _PROGRAMS if Path(each).exists()), None)
    if program is None:
        missing("Chromium", "apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_ARGUMENTS, *more])
        with contextlib.closing(browser):
            yield browser

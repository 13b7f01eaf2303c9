"""The console in Debian's Chromium, against a stage of its own, where IAM is enforced.

Whoever works on a page need not wait for that stage: `MUNIMENT_STAGE=.muniment` takes the one that `make up` has made,
and `MUNIMENT_FRONT=http://127.0.0.1:9000` the console of another front before it.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.window import Somebody, Window, window_of
from tests.chromium import chromium
from tests.e2e.test_permission_matrix import StageEstate
from tests.functions.estate import PASSWORD
from tests.running_stage import Stage, running_stage, stage_in

expect.set_options(timeout=20_000)  # a stage shares two processors with the other tests
WIDE = {"width": 1440, "height": 900}


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if home := os.environ.get("MUNIMENT_STAGE"):
        yield stage_in(Path(home))
        return
    with running_stage(tmp_path_factory.mktemp("stage")) as running:
        yield running


@pytest.fixture(scope="package")
def estate(stage: Stage) -> Iterator[StageEstate]:
    with contextlib.closing(StageEstate(stage)) as estate:
        yield estate


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=15_000)  # a function that has not been called yet takes its time
    with chromium() as browser:
        yield browser


class KeptFiles:
    """The console's files as the stage served them, for the windows that come later."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[dict[str, str], bytes]] = {}

    def answer(self, route: Route) -> None:
        address = route.request.url
        if address not in self._kept:
            served = route.fetch()
            if served.status != HTTPStatus.OK:
                route.fulfill(response=served)
                return
            self._kept[address] = (served.headers, served.body())
        headers, body = self._kept[address]
        lost = {"content-encoding", "content-length"}  # the body is there as it is after decompression
        route.fulfill(headers={name: text for name, text in headers.items() if name not in lost}, body=body)


@pytest.fixture(scope="package")
def kept_files() -> KeptFiles:
    return KeptFiles()


NewPerson = Callable[..., Somebody]


@pytest.fixture
def somebody(stage: Stage, estate: StageEstate) -> NewPerson:
    """Make people of the demonstration's tenant, whom no other test knows: `somebody("admin")`."""

    def made(role: str = "owner", *, totp: bool = True) -> Somebody:
        person = estate.new_person(stage.demo["tenant"], role, totp=totp)
        return Somebody(person.tenant, person.staff_id, person.email, PASSWORD, person.totp_secret)

    return made


Opened = Callable[..., Window]


@pytest.fixture
def opened(stage: Stage, browser: Browser, kept_files: KeptFiles) -> Iterator[Opened]:
    """Open windows, each a browser of its own; with `beside` a second tab of that window's browser.

    `opened(color_scheme="dark", viewport=...)`: whatever a context of Playwright takes. Files of the console never
    change at their address and are fetched once for all windows; `fresh` fetches them anew, as a first visit does. At
    the end each window is asked whether anything went wrong: errors, and what the page's policy refused.
    """
    base = os.environ.get("MUNIMENT_FRONT", stage.demo["base_url"])
    with contextlib.ExitStack() as stack:

        def window(beside: Window | None = None, *, fresh: bool = False, **options: Any) -> Window:
            if beside is None:
                context = browser.new_context(**{"viewport": WIDE, **options})
                stack.callback(context.close)
                context.set_default_timeout(20_000)
                if not fresh:
                    context.route(f"{base}/console/*/*/*", kept_files.answer)
            else:
                context = beside.page.context
            return stack.enter_context(window_of(context, base))

        yield window


@pytest.fixture
def console(opened: Opened, somebody: NewPerson) -> tuple[Window, Somebody]:
    """Give a window in which a new owner is signed in, and that owner."""
    window, owner = opened(), somebody("owner")
    window.sign_in(owner)
    return window, owner

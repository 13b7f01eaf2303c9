"""The console in Debian's Chromium, against a stage of its own, where IAM is enforced.

Whoever works on a page need not wait for that stage: `MUNIMENT_STAGE=.muniment` takes the one that `make up` has made,
and `MUNIMENT_FRONT=http://127.0.0.1:9000` the console of another front before it.
"""

import contextlib
import fcntl
import functools
import ipaddress
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from tests.browser.window import NOTHING, Somebody, Window, window_of
from tests.chromium import chromium
from tests.e2e.test_permission_matrix import StageEstate
from tests.functions.estate import PASSWORD
from tests.running_stage import Stage, of_the_run, shared_stage, stage_in

expect.set_options(timeout=20_000)  # a stage shares two processors with the other tests
WIDE: ViewportSize = {"width": 1440, "height": 900}


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Give one stage for all processes that run tests of this folder."""
    if home := os.environ.get("MUNIMENT_STAGE"):
        yield stage_in(Path(home))
        return
    with shared_stage(of_the_run(tmp_path_factory) / "stage-of-the-console") as shared:
        yield shared


@pytest.fixture(scope="package")
def estate(stage: Stage) -> Iterator[StageEstate]:
    with contextlib.closing(StageEstate(stage)) as estate:
        yield estate


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=15_000)  # a function that has not been called yet takes its time
    with chromium() as browser:
        yield browser


NewPerson = Callable[..., Somebody]


@pytest.fixture
def somebody(stage: Stage, estate: StageEstate) -> NewPerson:
    """Make people of the demonstration's tenant, whom no other test knows: `somebody("admin")`."""
    return functools.partial(new_somebody, stage, estate)


def new_somebody(stage: Stage, estate: StageEstate, role: str = "owner", *, totp: bool = True) -> Somebody:
    person = estate.new_person(stage.demo["tenant"], role, totp=totp)
    return Somebody(person.tenant, person.staff_id, person.email, PASSWORD, person.totp_secret)


def address(stage: Stage) -> str:
    """Say where the console is."""
    return os.environ.get("MUNIMENT_FRONT") or str(stage.demo["base_url"])


def place(stage: Stage, country: str | None) -> dict[str, str]:
    """Give what the distribution would say of requests from an address that nobody has used (RFC 2544)."""
    number = secrets.randbelow(1 << 17)
    told = {
        "x-origin-verify": stage.demo["origin_verify"],
        "cloudfront-viewer-address": f"{ipaddress.ip_address('198.18.0.0') + number}:443",
    }
    return told | ({"cloudfront-viewer-country": country} if country else {})


@pytest.fixture
def demo_owner(stage: Stage) -> Iterator[Somebody]:
    """Lend the demonstration's owner to one test at a time: his codes count once, whichever process uses them."""
    demo = stage.demo["users"]["owner"]
    with (stage.folder / "owner.spent").open("a+") as spent:
        fcntl.flock(spent, fcntl.LOCK_EX)
        spent.seek(0)
        owner = Somebody(
            stage.demo["tenant"],
            demo["staff_id"],
            demo["email"],
            demo["password"],
            demo["totp_secret"],
            int(spent.read() or 0),
        )
        yield owner
        spent.truncate(0)
        spent.write(str(owner.spent))


Opened = Callable[..., Window]


@pytest.fixture
def opened(stage: Stage, browser: Browser) -> Iterator[Opened]:
    """Open windows, each a browser of its own at an address of its own; with `beside` a second tab of one.

    `opened(color_scheme="dark", viewport=...)`: whatever a context of Playwright takes, and `country="LU"`. At the end
    each window is asked whether anything went wrong: errors, and what the page's policy refused.
    """
    base = address(stage)
    with contextlib.ExitStack() as stack:

        def window(beside: Window | None = None, country: str | None = None, **options: Any) -> Window:
            if beside is None:
                headers = place(stage, country)
                context = browser.new_context(**{"viewport": WIDE, "extra_http_headers": headers, **options})
                stack.callback(context.close)
                context.set_default_timeout(20_000)
            else:
                context = beside.page.context
            return stack.enter_context(window_of(context, base))

        yield window


@pytest.fixture(scope="package")
def kept_window(stage: Stage, estate: StageEstate, browser: Browser) -> Iterator[tuple[Window, Somebody]]:
    """Keep one window in each process, and an owner of its own."""
    context = browser.new_context(viewport=WIDE, extra_http_headers=place(stage, None))
    context.set_default_timeout(20_000)
    with contextlib.closing(context):
        yield Window(context.new_page(), address(stage)), new_somebody(stage, estate, "owner")


@pytest.fixture
def window(kept_window: tuple[Window, Somebody]) -> Iterator[Window]:
    """Lend the kept window, its page loaded anew, to a test that proves nothing and leaves the session as it is."""
    window, owner = kept_window
    window.page.set_viewport_size(WIDE)
    window.page.goto("about:blank")  # else an address that differs in its fragment loads nothing
    window.enter(f"/#/{NOTHING}")
    signed_in = window.page.get_by_role("button", name="Sign out", exact=True)
    expect(signed_in.or_(window.page.get_by_label("Password", exact=True))).to_be_visible()
    if not signed_in.is_visible():
        window.sign_in(owner)
    yield window
    window.page.unroute_all()
    wrong = window.wrong()
    window.faults.clear()
    assert wrong == []


@pytest.fixture
def console(opened: Opened, somebody: NewPerson) -> tuple[Window, Somebody]:
    """Give a window in which a new owner is signed in, and that owner."""
    window, owner = opened(), somebody("owner")
    window.sign_in(owner)
    return window, owner

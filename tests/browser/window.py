"""One browser window on the console, and what is watched in it: whatever goes wrong there fails the test.

Rules of this module
- A person's code counts once, so each person remembers the last time step that was used (RFC 6238 section 5.2).
- Everything that the console shows is looked for by role and name, as a screen reader would: what cannot be found so is
  a fault of the page.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

import pyotp
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

AXE: Final = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# What WCAG asks for, and axe's best practices; of what is as it should be axe need not collect the places.
_FOUND: Final = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map((each) =>
  `${each.impact} ${each.id}: ${each.help}: ${each.nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`)"""
_WATCH_POLICY: Final = """window.refusedByPolicy = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.refusedByPolicy.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""
# The browser itself notes each answer that is no success; which ones those may be, the tests say.
_REFUSED: Final = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
_EXPECTED: Final = frozenset({"400", "401", "403", "404", "409", "410", "422", "429"})


NOTHING: Final = "nothing"  # the address of no page: it asks nothing of the stage
_TYPING_SECONDS: Final = 8  # a code that ends before it is sent proves nothing


@dataclass(slots=True)
class Somebody:
    """A person of the tenant. `spent` is the last time step of the authenticator whose code was used."""

    tenant: str
    staff_id: str
    email: str
    password: str
    totp_secret: str | None
    spent: int = 0

    def code(self) -> str:
        """Give a code that was not used yet; the one of the step before still counts, so two need no waiting."""
        assert self.totp_secret is not None
        step = max(int(time.time() + _TYPING_SECONDS) // 30 - 1, self.spent + 1)
        time.sleep(max(0.0, step * 30 - time.time() + 0.2))
        self.spent = step
        return pyotp.TOTP(self.totp_secret).at(step * 30)


@dataclass
class Window:
    """A page of the browser at `base`, where nobody is signed in at first."""

    page: Page
    base: str
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.add_init_script(_WATCH_POLICY)
        self.page.on("console", self._noted)
        self.page.on("pageerror", lambda fault: self.faults.append(f"error: {fault}"))

    def _noted(self, message: ConsoleMessage) -> None:
        status = _REFUSED.match(message.text)
        expected = status is not None and status[1] in _EXPECTED
        if message.type in {"error", "warning"} and not expected:
            self.faults.append(f"{message.type}: {message.text}")

    def enter(self, path: str = "/") -> None:
        self.page.goto(self.base + path)
        self.page.wait_for_selector("h1")

    def sign_in(self, who: Somebody, place: str = NOTHING) -> None:
        """Sign in as a person would, at the address of no page, which asks nothing of the stage; "" is the usual start.

        Who has signed in from many places already, as the demonstration's owner, may be asked for a proof.
        """
        self.enter(f"/#/{place}" if place else "/")
        self.page.get_by_label("Organization").fill(who.tenant)
        self.page.get_by_label("E-mail", exact=True).fill(who.email)
        self.page.get_by_label("Password", exact=True).fill(who.password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        signed_in, question = self.page.get_by_role("button", name="Sign out", exact=True), self._question()
        expect(signed_in.or_(question)).to_be_visible()
        if question.is_visible():
            self.prove(who)
        expect(signed_in).to_be_visible()

    def open(self, place: str, title: str | None = None) -> None:
        """Go to a page of the console ("staff", "exports/abc") as a link would, and wait until it has read its data."""
        self.page.evaluate("(place) => { location.hash = `#/${place}`; }", place)
        if title is not None:
            expect(self.page.get_by_role("heading", level=1, name=title)).to_be_visible()
        self.settled()

    def settled(self) -> None:
        """Wait until nothing says that it is loading."""
        expect(self.page.locator(".loading")).to_have_count(0, timeout=60_000)  # every function may be cold

    def prove(self, who: Somebody) -> None:
        """Answer the question for a fresh proof with a code."""
        dialog = self._question()
        dialog.get_by_label("Code of your authenticator app").fill(who.code())
        dialog.get_by_role("button", name="Confirm").click()
        expect(dialog).to_have_count(0)

    def _question(self) -> Locator:
        return self.page.get_by_role("dialog", name="Prove that it is you")

    def main(self) -> Locator:
        return self.page.get_by_role("main")

    def barriers(self) -> list[str]:
        """List what axe-core finds on the page as it stands."""
        if not self.page.evaluate("() => Boolean(window.axe)"):
            self.page.evaluate(AXE)
        found: list[str] = self.page.evaluate(_FOUND)
        return found

    def too_wide(self) -> bool:
        """Tell whether the page must be moved sideways to be read."""
        wide: bool = self.page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth")
        return wide

    def wrong(self) -> list[str]:
        """List what went wrong in the window so far: errors, and what the page's policy refused."""
        refused: Any = [] if self.page.is_closed() else self.page.evaluate("() => window.refusedByPolicy || []")
        return [*self.faults, *refused]


@contextmanager
def window_of(context: BrowserContext, base: str) -> Iterator[Window]:
    """Open a window, and fail at its end if anything went wrong in it."""
    window = Window(context.new_page(), base)
    yield window
    assert window.wrong() == []


def answers(window: Window, path: str, status: int, document: object) -> None:
    """Let the API answer `document` where the window asks for `path`, with any query where it names none."""
    body = json.dumps(document)
    window.page.route(
        re.compile(re.escape(path) + (r"$" if "?" in path else r"(\?|$)")),
        lambda route: route.fulfill(status=status, body=body, content_type="application/json"),
    )

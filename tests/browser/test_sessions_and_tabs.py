"""One session over all tabs: renewed by one of them, ended for all, and nothing typed lost when it ends."""

import http.client
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from infra.local.demo_people import PASS_PHRASE
from tests.browser.conftest import NewPerson, Opened
from tests.browser.window import Somebody, Window

REFRESH = "**/api/auth/refresh"
LATER = """() => { const now = Date.now; Date.now = () => now() + 590_000; }"""  # a token's life, but for seconds


@pytest.fixture
def member(somebody: NewPerson) -> Somebody:
    return somebody("member")


@pytest.fixture
def window(opened: Opened, member: Somebody) -> Window:
    """Give a window in which the member is signed in."""
    window = opened()
    window.sign_in(member)
    return window


def refreshes(window: Window) -> list[Request]:
    """Collect what the tabs of this browser ask for from here on."""
    made: list[Request] = []

    def noted(request: Request) -> None:
        if urlsplit(request.url).path == "/api/auth/refresh":
            made.append(request)

    window.page.context.on("request", noted)
    return made


def signed_in(page: Page) -> Locator:
    return page.get_by_role("button", name="Sign out")


def ended_elsewhere(member: Somebody, opened: Opened) -> Window:
    """Let the person end all other sessions from another browser, which stays on the page of sessions."""
    other = opened()
    other.sign_in(member)
    other.open("sessions", "Your sessions")
    other.page.get_by_role("button", name="End all others").click()
    other.page.get_by_role("dialog").get_by_role("button", name="End all others").click()
    expect(other.page.get_by_text("All your other sessions have ended.")).to_be_visible()
    return other


def type_a_new_password(window: Window, member: Somebody) -> None:
    window.open("account", "Your account")
    window.page.get_by_label("Current password").fill(member.password)
    window.page.get_by_label("New password").fill(PASS_PHRASE)
    window.page.get_by_label("The same again").fill(PASS_PHRASE)


def test_a_new_tab_takes_the_token_of_the_one_beside_it(window: Window, opened: Opened) -> None:
    made = refreshes(window)
    beside = opened(beside=window)
    beside.enter()
    expect(signed_in(beside.page)).to_be_visible()
    assert made == []


def test_two_tabs_whose_token_ends_renew_it_once(window: Window, opened: Opened) -> None:
    beside = opened(beside=window)
    beside.enter()
    expect(signed_in(beside.page)).to_be_visible()
    made = refreshes(window)
    for tab in (window, beside):
        tab.page.evaluate(LATER)
    for tab in (window, beside):
        tab.page.evaluate("() => { location.hash = '#/sessions'; }")
    for tab in (window, beside):
        expect(tab.page.get_by_text("● this one")).to_be_visible()
    assert len(made) == 1


def test_signing_out_in_one_tab_clears_the_others_and_going_back_shows_nothing(
    window: Window, opened: Opened, member: Somebody
) -> None:
    beside = opened(beside=window)
    beside.enter()
    beside.open("account", "Your account")
    window.page.get_by_role("button", name="Sign out").click()
    for tab in (window, beside):
        expect(tab.page.get_by_text("You have signed out.")).to_be_visible()
    beside.page.go_back()
    beside.page.goto("about:blank")
    beside.page.go_back()
    expect(beside.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert member.email not in beside.page.content()


WHO_HAS_NOT_HEARD = """async (staff) => {  // a tab whose answer comes behind the sign-out of a third one
  navigator.locks.request("muniment-tab", { mode: "shared" }, () => new Promise(() => null));
  const channel = new BroadcastChannel("muniment-session");
  channel.onmessage = ({ data }) => {
    if (data.kind !== "ask") return;
    channel.postMessage({ kind: "out", why: "You have signed out." });
    const access = { token: "of-the-session-that-ended", until: Date.now() + 3_600_000, staff };
    channel.postMessage({ kind: "answer", id: data.id, access });
  };
}"""


def test_a_token_that_comes_behind_a_sign_out_is_not_taken(window: Window, opened: Opened, member: Somebody) -> None:
    beside = opened(beside=window)
    beside.page.goto(window.base + "/api/openapi.json")
    beside.page.evaluate(WHO_HAS_NOT_HEARD, member.staff_id)
    sent: list[str] = []
    window.page.on("request", lambda request: sent.append(request.headers.get("authorization", "")))
    window.page.evaluate(LATER)
    window.page.evaluate("() => { location.hash = '#/sessions'; }")
    expect(window.page.get_by_text("You have signed out.")).to_be_visible()
    window.page.wait_for_timeout(300)  # what must not happen has had its time
    assert "Bearer of-the-session-that-ended" not in sent
    expect(window.page.get_by_role("heading", name="Sign in")).to_be_visible()


TELLS_THE_TOKEN_OF_BEFORE = """() => {  // a third tab that has not heard of a sign-out
  const channel = new BroadcastChannel("muniment-session");
  let access = null;
  channel.onmessage = ({ data }) => {
    if (data.kind === "answer" && data.access) access = data.access;
    if (data.kind === "out") channel.postMessage({ kind: "token", access });
  };
  channel.postMessage({ kind: "ask", id: "of-the-third" });
}"""


def test_a_token_of_a_session_that_was_signed_out_of_brings_it_back_in_no_tab(window: Window, opened: Opened) -> None:
    second, third = opened(beside=window), opened(beside=window)
    second.enter()
    expect(signed_in(second.page)).to_be_visible()
    third.page.goto(window.base + "/api/openapi.json")
    third.page.evaluate(TELLS_THE_TOKEN_OF_BEFORE)
    window.page.wait_for_timeout(300)  # the third has its answer
    asked: list[str] = []
    window.page.context.on("request", lambda request: asked.append(urlsplit(request.url).path))
    window.page.get_by_role("button", name="Sign out").click()
    for tab in (window, second):
        expect(tab.page.get_by_text("You have signed out.")).to_be_visible()
    window.page.wait_for_timeout(500)  # what must not happen has had its time
    assert "/api/auth/me" not in asked
    assert window.page.evaluate("() => localStorage.getItem('muniment-signed-in')") is None


def test_a_session_that_ends_under_a_form_is_signed_into_again_and_the_form_is_sent(
    window: Window, opened: Opened, member: Somebody
) -> None:
    type_a_new_password(window, member)
    ended_elsewhere(member, opened)
    window.page.get_by_role("button", name="Change the password").click()
    dialog = window.page.get_by_role("dialog", name="Sign in again")
    dialog.get_by_label("Password", exact=True).wait_for()
    assert window.barriers() == []
    window.page.keyboard.press("Escape")
    window.page.keyboard.press("Escape")
    dialog.get_by_label("Password", exact=True).fill("none of his passwords")
    dialog.get_by_role("button", name="Sign in", exact=True).click()
    expect(dialog.get_by_text("It is not the password of this account")).to_be_visible()
    expect(dialog.get_by_text("Organization")).to_have_count(0)
    dialog.get_by_label("Password", exact=True).fill(member.password)
    dialog.get_by_role("button", name="Sign in", exact=True).click()
    expect(window.page.get_by_text("Your password is changed.")).to_be_visible()
    expect(dialog).to_have_count(0)


def test_a_session_opened_in_a_new_tab_is_taken_over_by_the_form_that_waits(
    window: Window, opened: Opened, member: Somebody
) -> None:
    type_a_new_password(window, member)
    ended_elsewhere(member, opened)
    window.page.get_by_role("button", name="Change the password").click()
    with window.page.context.expect_page() as found:
        window.page.get_by_role("link", name="Sign in another way, in a new tab").click()
    tab = found.value
    expect(tab.get_by_label("Organization")).to_have_value(member.tenant)
    tab.get_by_label("E-mail", exact=True).fill(member.email)
    tab.get_by_label("Password", exact=True).fill(member.password)
    tab.get_by_role("button", name="Sign in", exact=True).click()
    expect(window.page.get_by_text("Your password is changed.")).to_be_visible()


def test_a_tab_of_somebody_else_starts_anew_when_another_person_signs_in(
    window: Window, opened: Opened, somebody: NewPerson, member: Somebody
) -> None:
    window.open("account", "Your account")
    window.page.evaluate("() => { window.before = true; }")
    other = somebody("member")
    beside = opened(beside=window)
    beside.page.add_init_script("localStorage.removeItem('muniment-signed-in')")
    beside.sign_in(other)
    expect(window.page.get_by_text(other.email)).to_be_visible()
    assert window.page.evaluate("() => window.before") is None
    assert member.email not in window.page.content()


def test_a_service_that_is_away_ends_no_session(window: Window) -> None:
    window.page.context.route("**/api/**", lambda route: route.abort())
    window.enter()
    expect(window.page.get_by_role("heading", name="Muniment cannot be opened")).to_be_visible()
    assert window.barriers() == []
    window.faults.clear()  # the browser notes each request that got nowhere
    window.page.context.unroute("**/api/**")
    window.page.get_by_role("button", name="Try again").click()
    expect(signed_in(window.page)).to_be_visible()


def test_a_new_tab_of_a_session_that_ended_is_a_sign_in_whatever_the_tab_beside_it_still_believes(
    window: Window, opened: Opened, member: Somebody
) -> None:
    ended_elsewhere(member, opened)
    beside = opened(beside=window)
    beside.enter()
    expect(beside.page.get_by_text("Your session has ended.")).to_be_visible()


def test_a_session_whose_cookie_has_ended_is_signed_into_again(window: Window) -> None:
    window.page.context.clear_cookies()
    window.enter()
    expect(window.page.get_by_text("Your session has ended.")).to_be_visible()
    expect(window.page.get_by_role("heading", name="Sign in")).to_be_visible()


def refused_once(status: int, code: str) -> Callable[[Route], None]:
    document = f'{{"title": "Not now", "status": {status}, "code": "{code}"}}'
    return lambda route: route.fulfill(status=status, content_type="application/problem+json", body=document)


def answer_lost(route: Route) -> None:
    """Let the API answer, and the browser never hear of it."""
    request = route.request
    there = urlsplit(request.url)
    connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=30)
    connection.request("POST", there.path, request.post_data, request.all_headers())
    assert connection.getresponse().status == 200
    connection.close()
    route.abort()


MISHAPS: dict[str, Any] = {
    "another one is under way": refused_once(409, "refresh_in_progress"),
    "the service cannot decide": refused_once(503, "auth_unavailable"),
    "the answer is lost": answer_lost,
}


@pytest.mark.parametrize("mishap", MISHAPS)
def test_a_renewal_that_fails_for_now_is_made_again(window: Window, mishap: str) -> None:
    made = refreshes(window)
    window.page.route(REFRESH, MISHAPS[mishap], times=1)
    window.enter()
    expect(signed_in(window.page)).to_be_visible()
    assert len(made) == 2
    window.faults.clear()  # the mishap itself
    window.open("sessions", "Your sessions")
    expect(window.page.get_by_text("● this one")).to_be_visible()


def test_a_sign_out_that_the_service_never_heard_of_says_so(window: Window) -> None:
    window.page.route("**/api/auth/logout", lambda route: route.abort())
    window.page.get_by_role("button", name="Sign out").click()
    expect(window.page.get_by_text("the session may still be open there")).to_be_visible()
    window.faults.clear()


def test_a_button_that_waits_sends_once(window: Window) -> None:
    sent: list[Route] = []
    window.open("sessions", "Your sessions")
    window.page.route("**/api/auth/logout-all", lambda route: sent.append(route))  # noqa: PLW0108 - Playwright marks it
    window.page.get_by_role("button", name="End all, this one too").click()
    button = window.page.get_by_role("dialog").get_by_role("button", name="End all")
    button.dblclick()
    expect(window.page.get_by_role("button", name="Please wait")).to_be_disabled()
    assert len(sent) == 1
    sent[0].continue_()
    expect(window.page.get_by_text("All your sessions have ended.")).to_be_visible()


@pytest.mark.usefixtures("window")
def test_ended_sessions_are_shown_when_asked_for(opened: Opened, member: Somebody) -> None:
    other = ended_elsewhere(member, opened)
    expect(other.page.get_by_role("table", name="Ended sessions")).to_have_count(0)
    other.page.get_by_role("button", name="Show sessions that have ended").click()
    expect(
        other.page.get_by_role("table", name="Ended sessions").get_by_text("All sessions were ended")
    ).to_be_visible()
    assert other.barriers() == []

"""Cookie mode: the refresh token lives in a cookie that no script reads, and comes from our own pages only."""

from typing import Any

import pytest

from functions.login.handler import handler as login_handler
from functions.refresh.handler import handler as refresh_handler
from functions.sessions.handler import handler as sessions_handler
from functions.step_up.handler import handler as step_up_handler
from tests.functions.estate import PASSWORD, Estate, Person, Place, Response, call, event, login, me, refresh
from tests.functions.test_step_up import code_of

ORIGIN = "https://muniment.example"
OUR_PAGE = {"origin": ORIGIN, "sec-fetch-site": "same-origin", "x-muniment-csrf": "1"}


class Browser:
    """Keeps cookies as a browser does, and sends them the way API Gateway hands them over."""

    def __init__(self) -> None:
        self.jar: dict[str, str] = {}
        self.written: list[str] = []

    def post(
        self,
        handler: Any,
        route: str,
        body: object,
        headers: dict[str, str] | None = None,
        place: Place | None = None,
        bearer: str | None = None,
    ) -> Response:
        sent = event(route, body, headers=OUR_PAGE if headers is None else headers, place=place, bearer=bearer)
        sent["cookies"] = [f"{name}={value}" for name, value in self.jar.items()]
        response = call(handler, sent)
        for cookie in response.raw.get("cookies", ()):
            self.written.append(cookie)
            name, _, value = cookie.partition(";")[0].partition("=")
            self.jar[name] = value
        return response

    def login(self, person: Person, **more: Any) -> Response:
        body = {"tenant": person.tenant, "email": person.email, "password": PASSWORD, "mode": "cookie"}
        return self.post(login_handler, "POST /api/auth/login", body, **more)

    def refresh(self, **more: Any) -> Response:
        return self.post(refresh_handler, "POST /api/auth/refresh", {}, **more)


def test_refresh_token_is_in_the_cookie_and_nowhere_else(person: Person) -> None:
    browser = Browser()
    response = browser.login(person)
    assert response.status == 200
    assert "refresh_token" not in response.body
    assert browser.jar["__Host-rt"] not in response.text
    for cookie in browser.written:
        assert all(part in cookie for part in ("; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"))
        assert "Domain" not in cookie
    assert set(browser.jar) == {"__Host-rt", "__Host-did"}
    assert me(response.body["access_token"]).status == 200


def test_cookie_is_exchanged_and_the_device_stays(person: Person) -> None:
    browser = Browser()
    browser.login(person)
    first, device = browser.jar["__Host-rt"], browser.jar["__Host-did"]
    response = browser.refresh()
    assert response.status == 200
    assert "refresh_token" not in response.body
    assert browser.jar["__Host-rt"] != first
    assert browser.jar["__Host-did"] == device


def test_parallel_tab_gets_the_same_successor_and_no_cookie_is_taken_away(person: Person) -> None:
    browser = Browser()
    browser.login(person)
    tab = Browser()
    tab.jar = dict(browser.jar)
    browser.refresh()
    assert tab.refresh().headers["X-Refresh-Replayed"] == "1"
    assert tab.jar["__Host-rt"] == browser.jar["__Host-rt"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": ORIGIN, "sec-fetch-site": "same-origin"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin", "x-muniment-csrf": "1"},
        {"origin": f"{ORIGIN}.evil.example", "x-muniment-csrf": "1"},
        {"origin": "null", "x-muniment-csrf": "1"},
        {"x-muniment-csrf": "1"},
        {"origin": ORIGIN, "sec-fetch-site": "cross-site", "x-muniment-csrf": "1"},
        {"origin": ORIGIN, "sec-fetch-site": "same-site", "x-muniment-csrf": "1"},
        {"origin": ORIGIN, "sec-fetch-site": "none", "x-muniment-csrf": "1"},
    ],
)
def test_page_of_another_site_is_refused_and_nothing_is_consumed(
    estate: Estate, person: Person, headers: dict[str, str]
) -> None:
    browser = Browser()
    browser.login(person)
    before = estate.everything()
    response = browser.refresh(headers=headers)
    assert (response.status, response.code) == (403, "csrf_rejected")
    assert "cookies" not in response.raw
    assert estate.everything() == before
    assert Browser().login(person, headers=headers).code == "csrf_rejected"
    assert browser.refresh().status == 200


def test_token_of_one_mode_is_worth_nothing_in_the_other(estate: Estate, person: Person) -> None:
    browser = Browser()
    browser.login(person)
    native = login(person).body["refresh_token"]
    before = estate.everything()
    assert refresh(browser.jar["__Host-rt"], device=browser.jar["__Host-did"]).code == "invalid_grant"
    stolen = Browser()
    stolen.jar = {"__Host-rt": native, "__Host-did": "device-1"}
    assert stolen.refresh().code == "invalid_grant"
    assert estate.everything() == before
    assert browser.refresh().status == 200
    assert refresh(native).status == 200


def test_refusal_takes_no_cookie_away(person: Person) -> None:
    browser = Browser()
    browser.login(person)
    oldest = dict(browser.jar)
    browser.refresh()
    browser.refresh()
    thief = Browser()
    thief.jar = oldest
    response = thief.refresh()
    assert response.code == "invalid_grant"
    assert "cookies" not in response.raw


def test_body_wins_over_no_cookie_and_neither_is_a_clear_400(estate: Estate) -> None:
    assert estate
    response = Browser().refresh()
    assert (response.status, response.body["errors"][0]["pointer"]) == (400, "/refresh_token")


def test_device_that_a_browser_invents_is_not_believed(estate: Estate, person: Person) -> None:
    browser = Browser()
    browser.jar["__Host-did"] = "x"
    browser.login(person)
    assert browser.jar["__Host-did"] != "x"
    assert len(browser.jar["__Host-did"]) >= 22
    assert len(estate.session_rows(person)) == 1


def test_cookie_that_is_sent_twice_is_none(person: Person) -> None:
    browser = Browser()
    browser.login(person)
    sent = event("POST /api/auth/refresh", {}, headers=OUR_PAGE)
    token = browser.jar["__Host-rt"]
    sent["cookies"] = [f"__Host-rt={token}", "__Host-rt=another"]
    assert call(refresh_handler, sent).status == 400


def test_risky_sign_in_of_a_browser_is_answered_by_the_same_browser(estate: Estate, tenant: str) -> None:
    person = estate.new_person(tenant, totp=True)
    Browser().login(person)
    browser, abroad = Browser(), Place(country="FR", address="192.0.2.10")
    challenge = browser.login(person, place=abroad).body["challenge_id"]
    assert set(browser.jar) == {"__Host-did"}
    route = "POST /api/auth/step-up/verify"
    answer = {"challenge_id": challenge, "code": code_of(person, estate.clock())}
    assert browser.post(step_up_handler, route, answer, headers={}).code == "csrf_rejected"
    opened = browser.post(step_up_handler, route, answer, place=abroad)
    assert opened.status == 200
    assert "refresh_token" not in opened.body
    assert browser.refresh(place=abroad).status == 200


def test_logout_takes_the_refresh_cookie_back(person: Person) -> None:
    browser = Browser()
    access_token = browser.login(person).body["access_token"]
    assert browser.post(sessions_handler, "POST /api/auth/logout", None, bearer=access_token).status == 204
    assert browser.jar["__Host-rt"] == ""
    assert "Max-Age=0" in browser.written[-1]
    assert browser.refresh().status in {400, 401}

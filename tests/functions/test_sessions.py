"""GET /api/auth/me, POST /api/auth/logout, and the guard that both stand behind."""

from collections.abc import Callable

import pytest

from functions.login.handler import handler as login_handler
from functions.sessions.handler import _wiring, handler
from tests.functions.conftest import Calls
from tests.functions.estate import PASSWORD, Estate, MovableClock, Person, call, event, login, logout, me, refresh


def test_me_tells_staff_tenant_role_permissions_and_session(person: Person) -> None:
    tokens = login(person).body
    body = me(tokens["access_token"]).body
    assert set(body) == {"staff", "tenant", "role", "permissions", "session", "must_enrol", "impersonation"}
    assert body["staff"] == {"staff_id": person.staff_id, "name": "Ada Example", "email": person.email}
    assert body["tenant"] == {"tenant": person.tenant, "name": "Acme GmbH"}
    assert body["role"] == "admin"
    assert "SETTINGS_SECURITY_VIEW" in body["permissions"]
    assert body["session"]["session_id"] == tokens["session"]["session_id"]
    assert body["impersonation"] is None


def test_logout_ends_this_session_and_no_other(estate: Estate, person: Person) -> None:
    kept = login(person, device="phone").body
    left = login(person).body
    response = logout(left["access_token"])
    assert (response.status, response.text) == (204, "")
    assert me(left["access_token"]).status == 401
    assert me(kept["access_token"]).status == 200
    assert estate.actions(person.tenant)[-2:] == ["AUTH_LOGOUT", "SESSION_INVALIDATED"]
    assert estate.events(person.tenant)[-1]["reason"] == "logout"


def test_logout_whose_event_cannot_be_written_leaves_the_session_alive(
    estate: Estate, person: Person, audit_write_fails: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = login(person).body
    with monkeypatch.context():
        audit_write_fails()
        assert logout(tokens["access_token"]).status == 503
    assert estate.session_rows(person)[0]["status"] == "ACTIVE"


def test_check_is_one_consistent_read_of_three_rows(person: Person, calls: Calls) -> None:
    access_token = login(person).body["access_token"]
    me(access_token)
    calls.clear()
    me(access_token)
    assert calls.operations() == ["BatchGetItem", "GetItem"]
    asked = calls[0][1]["RequestItems"]
    assert sum(len(table["Keys"]) for table in asked.values()) == 3
    assert all(table["ConsistentRead"] for table in asked.values())


def test_last_seen_moves_at_most_once_a_minute(
    estate: Estate, person: Person, calls: Calls, clock: MovableClock
) -> None:
    access_token = login(person).body["access_token"]
    me(access_token)
    assert "UpdateItem" not in calls.operations()
    clock.offset = 61
    me(access_token)
    me(access_token)
    assert calls.operations().count("UpdateItem") == 1
    (session,) = estate.session_rows(person)
    assert session["last_seen_at"] >= session["created_at"] + 61


def test_first_use_of_a_generation_confirms_it_and_a_settled_seal_goes(
    estate: Estate, person: Person, clock: MovableClock
) -> None:
    rotated = refresh(login(person).body["refresh_token"]).body
    assert estate.session_rows(person)[0]["confirmed_generation"] == 1
    me(rotated["access_token"])
    (session,) = estate.session_rows(person)
    assert session["confirmed_generation"] == 2
    assert "sealed" in session, "inside the concurrency window a second tab may still ask for it"
    clock.offset = 62
    me(rotated["access_token"])
    assert "sealed" not in estate.session_rows(person)[0]


def test_access_token_of_an_idle_session_is_refused(person: Person, clock: MovableClock) -> None:
    access_token = login(person).body["access_token"]
    clock.offset = 606
    assert me(access_token).code == "invalid_token"


@pytest.mark.parametrize("header", [None, "Basic YTpi", "Bearer", "Bearer ", "Bearer not-a-token", "Bearer a.b.c"])
def test_request_without_our_token_is_401_and_writes_nothing(estate: Estate, header: str | None) -> None:
    before = estate.everything()
    headers = {"authorization": header} if header else {}
    response = call(handler, event("GET /api/auth/me", headers=headers))
    assert (response.status, response.code) == (401, "invalid_token")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert estate.everything() == before


def test_viewer_headers_without_the_secret_are_nothing(estate: Estate, person: Person) -> None:
    body = {"tenant": person.tenant, "email": person.email, "password": PASSWORD}
    document = event("POST /api/auth/login", body, headers={"x-origin-verify": "guessed"})
    assert call(login_handler, document).status == 200
    context = estate.events(person.tenant)[-1]["context"]
    assert (context["country"], context["ip_net"]) == (None, "127.0.0.0/24")


def test_where_the_edge_is_required_going_around_it_is_403(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    access_token = login(person).body["access_token"]
    _wiring.cache_clear()
    with monkeypatch.context() as patch:
        patch.setenv("EDGE_REQUIRED", "true")
        around = call(handler, event("GET /api/auth/me", bearer=access_token, headers={"x-origin-verify": "guessed"}))
        assert (around.status, around.code) == (403, "edge_required")
        assert me(access_token).status == 200
    _wiring.cache_clear()


def test_every_reply_carries_the_security_headers_and_its_request_id(person: Person) -> None:
    for document in (
        event("GET /api/auth/me", bearer=login(person).body["access_token"], request_id="abc"),
        event("GET /api/auth/me", request_id="abc"),
    ):
        headers = call(handler, document).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Request-Id"] == "abc"

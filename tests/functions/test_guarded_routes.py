"""Every route of sessions and settings stands behind the guard: the dead are refused alike, the unknown is 503."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from shared.edge.routes import ROUTES
from shared.store.attribute import Row
from shared.store.audit_logs import lane_key, read_head
from shared.store.condition import present
from shared.store.item import get, update
from shared.store.tenant_staff import gate_key
from shared.store.tenants import tenant_key
from shared.store.user_sessions import session_key
from shared.store.wire import ServiceError, Unavailable, Wire
from tests.functions.estate import Estate, Person, Response, call
from tests.functions.signed_in import CHANGE, END, LOGOUT_ALL, SERVED, SignedIn, request, sign_in

GUARDED = sorted(route.key for route in ROUTES if route.concern in {"sessions", "settings"})
BODIES: Mapping[str, object] = {CHANGE: {"max_replays": 3}, LOGOUT_ALL: {"keep_current": True}}


def ask(session: SignedIn, route: str) -> Response:
    """Call a route so that it would do its work, under one request id."""
    ends = session.session_id if route == END else None
    document = request(route, session.access_token, BODIES.get(route), ends=ends, request_id="the-same")
    return call(SERVED[route], document)


def footprint(session: SignedIn) -> list[Row | None]:
    """Read every row that a request of this session may touch, and how far its tenant's log goes."""
    estate, person = session.estate, session.person
    keys: dict[str, dict[str, str]] = {
        "user_sessions": session_key(person.tenant, person.staff_id, session.session_id),
        "tenant_staff": gate_key(person.tenant, person.staff_id),
        "tenants": tenant_key(person.tenant),
    }
    rows = [get(estate.dynamodb, estate.prefix + table, key) for table, key in keys.items()]
    head = read_head(estate.dynamodb, estate.prefix + "audit_logs", lane_key(person.tenant, 1, "0"))
    return [*rows, {"seq": head.seq}]


def _suspend(session: SignedIn) -> None:
    table, key = session.estate.prefix + "tenants", tenant_key(session.person.tenant)
    item = update(table, key, present("tenant"), set_={"status": "SUSPENDED"})
    session.estate.dynamodb.call("UpdateItem", dict(item.request))


def _gate(name: str, value: str | int) -> Callable[[SignedIn], None]:
    return lambda session: session.estate.change_gate(session.person, name, value)


def _past(limit: str) -> Callable[[SignedIn], None]:
    return lambda session: session.change_row(**{f"{limit}_expires_at": int(session.estate.clock())})


DEATHS: Mapping[str, Callable[[SignedIn], None]] = {
    "idle-expired": _past("idle"),
    "absolutely expired": _past("absolute"),
    "ended": lambda session: session.change_row(status="REVOKED", revoke_reason="logout"),
    "of an older version": _gate("session_version", 2),
    "of a deactivated person": _gate("status", "DEACTIVATED"),
    "of a suspended tenant": _suspend,
    "gone": lambda session: session.estate.delete(
        "user_sessions",
        {"owner": f"{session.person.tenant}#{session.person.staff_id}", "session_id": session.session_id},
    ),
    "of a person who is gone": lambda session: session.estate.delete(
        "tenant_staff", {"tenant": session.person.tenant, "item": f"{session.person.staff_id}#gate"}
    ),
}


@pytest.fixture
def session(estate: Estate, person: Person) -> SignedIn:
    session = sign_in(estate, person)
    session.prove("rbac_admin")
    return session


def test_every_route_of_both_concerns_is_asked_here() -> None:
    assert set(GUARDED) == set(SERVED)


@pytest.mark.parametrize("route", GUARDED)
def test_route_serves_a_session_that_lives(session: SignedIn, route: str) -> None:
    assert ask(session, route).status in {200, 204}


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("route", GUARDED)
def test_dead_session_is_refused_alike_whatever_killed_it(session: SignedIn, route: str, death: str) -> None:
    DEATHS[death](session)
    before = footprint(session)
    response = ask(session, route)
    assert response.status == 401
    assert response.body == {
        "type": "urn:muniment:problem:invalid_token",
        "title": "The access token is missing, expired or no longer valid",
        "status": 401,
        "detail": "Log in again, or refresh.",
        "code": "invalid_token",
        "request_id": "the-same",
    }
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert "cookies" not in response.raw, "a refusal takes no cookie away"
    assert footprint(session) == before


class Injected:
    """Breaks reads at the wire."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, broken: Callable[[Any, dict[str, Any]], dict[str, Any]]
    ) -> None:
        original = Wire.call

        def call(wire: Wire, operation: str, asked: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
            def answer() -> dict[str, Any]:
                return original(wire, operation, asked, deadline=deadline)

            return broken(answer, asked) if operation == "BatchGetItem" else answer()

        monkeypatch.setattr(Wire, "call", call)


def _unread(table: str) -> Callable[[Any, dict[str, Any]], dict[str, Any]]:
    """Hand the keys of one table back unprocessed, as DynamoDB does under load."""

    def broken(answer: Callable[[], dict[str, Any]], asked: dict[str, Any]) -> dict[str, Any]:
        keys = asked["RequestItems"].get(table)
        if keys is None:
            return answer()
        return {**answer(), "Responses": {**answer()["Responses"], table: []}, "UnprocessedKeys": {table: keys}}

    return broken


def _raising(fault: Exception) -> Callable[[Any, dict[str, Any]], dict[str, Any]]:
    def broken(_answer: object, _asked: object) -> dict[str, Any]:
        raise fault

    return broken


FAULTS: Mapping[str, Callable[[Estate], Callable[[Any, dict[str, Any]], dict[str, Any]]]] = {
    "session row": lambda estate: _unread(estate.prefix + "user_sessions"),
    "gate row": lambda estate: _unread(estate.prefix + "tenant_staff"),
    "tenant row": lambda estate: _unread(estate.prefix + "tenants"),
    "no answer": lambda _: _raising(Unavailable("injected: no answer")),
    "denied": lambda _: _raising(ServiceError("AccessDeniedException", "injected", {})),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("route", GUARDED)
def test_row_that_cannot_be_read_is_503_and_nothing_else(
    session: SignedIn, monkeypatch: pytest.MonkeyPatch, route: str, fault: str
) -> None:
    before = footprint(session)
    with monkeypatch.context() as patch:
        Injected(patch, FAULTS[fault](session.estate))
        response = ask(session, route)
    assert response.status == 503
    assert set(response.body) == {"type", "title", "status", "detail", "code", "request_id"}
    assert response.code == "auth_unavailable"
    assert response.headers["Retry-After"] == "1"
    assert "cookies" not in response.raw
    assert footprint(session) == before

"""Every route and every role: who holds the permission is let in, who does not is refused on the record.

The routes are those of the table, the roles those of the matrix, the calls those of tests/functions/route_calls.py;
requests go through the handler that the deployment names for the route's concern.
"""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from shared.domain.permission import PERMISSIONS, ROLES
from shared.domain.step_up import PURPOSES
from shared.edge.route import Route
from shared.edge.routes import ROUTES
from tests.functions.company import archive
from tests.functions.conftest import Calls
from tests.functions.estate import WRITTEN, Estate
from tests.functions.route_calls import (
    AUTHORITY,
    CALLS,
    GUARDED,
    OPEN,
    PROVEN,
    asked,
    code_of,
    entitled,
    sent,
)
from tests.functions.signed_in import SignedIn, sign_in

__all__ = ["archive"]
pytestmark = pytest.mark.usefixtures("archive")  # the archive: what routes of the evidence read

UNKNOWN = "superuser"


def key_of(value: Route | str) -> str:
    return value if isinstance(value, str) else value.key


class Companies:
    """One tenant for each concern, so that no log grows long; who changes nothing calls in it again and again."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self._tenants: dict[str, str] = {}
        self._staff: dict[tuple[str, str], SignedIn] = {}
        self._documents: dict[str, dict[str, Any]] = {}

    def of(self, route: Route) -> str:
        if route.concern not in self._tenants:
            self._tenants[route.concern] = self.estate.new_tenant()
        return self._tenants[route.concern]

    def staff(self, route: Route, role: str) -> SignedIn:
        """Give the one of a role who stays, with a fresh proof for every purpose."""
        if (route.concern, role) not in self._staff:
            self._staff[route.concern, role] = caller(self.estate, self.of(route), role)
        session = self._staff[route.concern, role]
        session.change_row(grants=granted(self.estate, list(PURPOSES)))
        return session

    def entitled(self, route: Route, role: str = "owner") -> SignedIn:
        """Give somebody for whom all but his role is right: a newcomer where the call may change or end him."""
        if route.method == "GET" and not CALLS[route.key].having:
            return self.staff(route, role)
        return entitled(caller(self.estate, self.of(route), role), route)

    def document(self, route: Route) -> dict[str, Any]:
        """Give a call that would do its work, without a token: for whoever is refused."""
        if route.key not in self._documents:
            named = caller(self.estate, self.of(route))  # who has nothing else that could be taken for what is named
            self._documents[route.key] = asked(route, named, None, request_id="the-same")
        return self._documents[route.key]


@pytest.fixture(scope="module")
def companies(estate: Estate) -> Companies:
    return Companies(estate)


def caller(estate: Estate, tenant: str, role: str = "owner") -> SignedIn:
    """Sign somebody in; a role that does not exist comes to be behind the product's back."""
    session = sign_in(estate, estate.new_person(tenant, role if role in ROLES else "member"))
    if role not in ROLES:
        estate.change_gate(session.person, "role", role)
    return session


def assert_only_seen(written: Iterable[tuple[str, dict[str, Any]]], session: SignedIn) -> None:
    """See that nothing was written but when the session was last used."""
    for operation, request in written:
        assert (operation, request["TableName"]) == ("UpdateItem", session.estate.prefix + "user_sessions")
        assert request["Key"]["session_id"] == {"S": session.session_id}


@pytest.mark.parametrize("route", ROUTES, ids=key_of)
def test_every_route_is_called_here(route: Route) -> None:
    assert route.key in CALLS, (
        f"Nobody has said how {route.key} is called: add a line to the table of {route.concern} in "
        "tests/functions/route_calls.py, with the status, body and path parameters with which it does its work."
    )
    named = {segment[1:-1] for segment in route.path.split("/") if segment.startswith("{")}
    assert set(CALLS[route.key].path) == named, f"The call of {route.key} must fill {sorted(named)}."


def test_no_call_is_of_a_route_that_is_gone() -> None:
    assert set(CALLS) <= {route.key for route in ROUTES}


def holds(route: Route, role: str) -> bool:
    return route.permission in PERMISSIONS.get(role, ())


EVERY = [(route, role) for route in GUARDED for role in (*ROLES, UNKNOWN)]


@pytest.mark.parametrize(("route", "role"), [one for one in EVERY if holds(*one)], ids=key_of)
def test_route_lets_in_who_holds_its_permission(companies: Companies, route: Route, role: str) -> None:
    session = companies.entitled(route, role)
    response = sent(route, asked(route, session, session.access_token))
    assert code_of(response) not in AUTHORITY, response.text
    assert response.status in CALLS[route.key].answers, response.text


@pytest.mark.parametrize(("route", "role"), [one for one in EVERY if not holds(*one)], ids=key_of)
def test_route_refuses_who_does_not_hold_its_permission_and_records_it(
    companies: Companies, calls: Calls, route: Route, role: str
) -> None:
    session, document = companies.staff(route, role), companies.document(route)
    calls.clear()
    WRITTEN.clear()
    response = sent(route, with_token(document, session.access_token))
    assert (response.status, response.code) == (403, "permission_denied")
    assert_only_recorded(calls, session)
    (line,) = appended(session)
    assert (line["action"], line["reason"], line["resource"]) == ("ACCESS_DENIED", "PERMISSION_MISSING", route.key)
    assert line["meta"] == {"permission": route.permission}
    assert (line["actor"]["id"], line["actor"]["session"]) == (session.person.staff_id, session.session_id)


def appended(session: SignedIn) -> list[dict[str, Any]]:
    """Give the events that were taken into the log since."""
    table = session.estate.prefix + "audit_logs"
    rows = [request["Item"] for _, name, request in session.estate.everything() if name == table]
    return [json.loads(row["line"]["S"]) for row in rows if "line" in row]


def assert_only_recorded(calls: Calls, session: SignedIn) -> None:
    """See that every attempt to write was of one row of the log, under the checks of the caller's session and gate."""
    written = calls.writes()
    commits = [request["TransactItems"] for operation, request in written if operation == "TransactWriteItems"]
    assert commits
    for items in commits:
        assert sorted(kind for item in items for kind in item) == ["ConditionCheck", "ConditionCheck", "Put"]
        (appended,) = [item["Put"] for item in items if "Put" in item]
        assert appended["TableName"] == session.estate.prefix + "audit_logs"
    assert_only_seen([one for one in written if one[0] != "TransactWriteItems"], session)


@pytest.mark.parametrize("route", GUARDED, ids=key_of)
def test_route_refuses_alike_who_brings_no_token_one_of_nobody_or_one_of_a_session_that_ended(
    companies: Companies, ended: SignedIn, calls: Calls, route: Route
) -> None:
    document = companies.document(route)
    calls.clear()
    tokens = (None, "garbage", f"{ended.access_token[:-8]}AAAAAAAA", ended.access_token)
    answers = [sent(route, with_token(document, token)) for token in tokens]
    assert {(answer.status, answer.code) for answer in answers} == {(401, "invalid_token")}
    assert len({answer.text for answer in answers}) == 1
    assert calls.writes() == []


@pytest.fixture(scope="module")
def ended(estate: Estate) -> SignedIn:
    """Sign an owner in with a proof for everything, and end the session."""
    session = caller(estate, estate.new_tenant())
    session.change_row(grants=granted(estate, list(PURPOSES)), status="REVOKED", revoke_reason="logout")
    return session


def with_token(document: dict[str, Any], token: str | None) -> dict[str, Any]:
    others = {name: value for name, value in document["headers"].items() if name != "authorization"}
    return {**document, "headers": others if token is None else {**others, "authorization": f"Bearer {token}"}}


@pytest.mark.parametrize("route", PROVEN, ids=key_of)
def test_route_takes_the_proof_that_it_declares_and_no_other(
    estate: Estate, companies: Companies, calls: Calls, route: Route
) -> None:
    session = companies.entitled(route)
    document = asked(route, session, session.access_token)
    assert route.step_up is not None
    others = [purpose for purpose in PURPOSES if purpose != route.step_up]
    stale = {"at": int(estate.clock()) - PURPOSES[route.step_up].max_age_seconds, "factor": "totp"}
    for grants in ({}, {route.step_up: {**stale, "challenge_id": "c"}}, granted(estate, others)):
        session.change_row(grants=grants)
        calls.clear()
        response = sent(route, document)
        assert (response.status, response.code) == (401, "insufficient_user_authentication"), grants
        assert response.body["purpose"] == route.step_up
        assert_only_seen(calls.writes(), session)
    session.change_row(grants=granted(estate, [route.step_up]))
    assert code_of(sent(route, document)) not in AUTHORITY


def granted(estate: Estate, purposes: list[str]) -> dict[str, Any]:
    at = int(estate.clock())
    return {purpose: {"at": at, "factor": "totp", "challenge_id": "c"} for purpose in purposes}


@pytest.mark.parametrize("route", OPEN, ids=key_of)
def test_open_route_asks_for_no_token(companies: Companies, route: Route) -> None:
    session = companies.entitled(route)
    response = sent(route, asked(route, session, None))
    assert code_of(response) not in AUTHORITY
    assert response.status in CALLS[route.key].answers, response.text

"""A deactivated person is nobody in the request after: no token of his, and none in his name, opens any route.

One person is deactivated while everything of his is open: a session with a proof for every purpose, a refresh token, a
step-up and a sign-in that wait for their answer, an impersonation by him and one of him.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from shared.domain.step_up import PURPOSES
from shared.edge.route import Route
from shared.edge.routes import ROUTES
from tests.functions.company import archive
from tests.functions.conftest import Calls
from tests.functions.estate import Estate, Person, Place, call, event, login, me, refresh, step_up
from tests.functions.impersonating import impersonate
from tests.functions.route_calls import GUARDED, asked, handler_of, sent
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.test_step_up import code_of

__all__ = ["archive"]
pytestmark = pytest.mark.usefixtures("archive")  # the archive: what routes of the evidence read

DEACTIVATE = "POST /api/staff/{staff_id}/deactivate"
HOLDERS = ("the person", "in another's name", "in the person's name")


@dataclass(frozen=True, slots=True)
class Left:
    """What a deactivated person left behind: access tokens by who holds them, requests by route and holder."""

    person: Person
    session: SignedIn
    tokens: Mapping[str, str]
    requests: Mapping[str, Mapping[str, dict[str, Any]]]
    step_up: str
    sign_in: str


@pytest.fixture(scope="module")
def left(estate: Estate) -> Left:
    tenant = estate.new_tenant()
    person = estate.new_person(tenant, "admin", totp=True)
    session, owner = administrator(estate, person), administrator(estate, estate.new_person(tenant, "owner"))
    assert login(person).status == 200
    abroad = login(person, device="another", place=Place(country="FR", address="192.0.2.10"))
    assert abroad.code == "insufficient_user_authentication"
    waiting = step_up("step-up/challenges", {"purpose": "data_export"}, session.access_token)
    tokens = {
        "the person": session.access_token,
        "in another's name": impersonate(session, estate.new_person(tenant, "member")).token,
        "in the person's name": impersonate(owner, person).token,
    }
    assert {holder: me(token).status for holder, token in tokens.items()} == dict.fromkeys(HOLDERS, 200)
    requests = {}
    for route in GUARDED:
        document = asked(route, sign_in(estate, estate.new_person(tenant, "owner")), None)
        requests[route.key] = {holder: with_token(document, token) for holder, token in tokens.items()}
    deactivate(owner, person)
    return Left(person, session, tokens, requests, str(waiting.body["challenge_id"]), str(abroad.body["challenge_id"]))


def administrator(estate: Estate, person: Person) -> SignedIn:
    """Sign somebody in with a fresh proof for every purpose."""
    session = sign_in(estate, person)
    grant = {"at": int(estate.clock()), "factor": "totp", "challenge_id": "c"}
    session.change_row(grants=dict.fromkeys(PURPOSES, grant))
    return session


def deactivate(by: SignedIn, person: Person) -> None:
    document = event(DEACTIVATE, {"reason": "left the company"}, bearer=by.access_token)
    document["pathParameters"] = {"staff_id": person.staff_id}
    response = call(handler_of("staff"), document)
    assert response.status == 200, response.text


def with_token(document: dict[str, Any], token: str) -> dict[str, Any]:
    return {**document, "headers": {**document["headers"], "authorization": f"Bearer {token}"}}


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.key)
def test_no_route_takes_a_token_of_the_person_or_in_his_name(left: Left, calls: Calls, route: Route) -> None:
    for holder in HOLDERS:
        response = sent(route, left.requests[route.key][holder])
        assert (response.status, response.code) == (401, "invalid_token"), holder
        assert "X-Impersonated-By" not in response.headers
    assert calls.writes() == []


def test_refresh_token_is_dead(left: Left) -> None:
    assert refresh(left.session.refresh_token).code == "invalid_grant"


def test_step_up_that_waits_takes_no_right_code(estate: Estate, left: Left) -> None:
    body = {"challenge_id": left.step_up, "code": code_of(left.person, estate.clock())}
    assert step_up("step-up/verify", body, left.session.access_token).code == "invalid_token"


def test_sign_in_that_waits_takes_no_right_code(estate: Estate, left: Left) -> None:
    body = {"challenge_id": left.sign_in, "code": code_of(left.person, estate.clock()), "device_id": "another"}
    (route,) = (one for one in ROUTES if one.key == "POST /api/auth/step-up/verify")
    response = sent(route, event(route.key, body, place=Place(country="FR", address="192.0.2.10")))
    assert (response.status, response.code) == (410, "challenge_expired")


def test_right_password_is_a_wrong_one(left: Left) -> None:
    assert login(left.person).code == "invalid_credentials"


def test_nothing_of_the_person_lives(estate: Estate, left: Left) -> None:
    rows = estate.session_rows(left.person)
    gate = next(
        row
        for row in estate.partition("tenant_staff", "tenant", left.person.tenant)
        if row["item"] == f"{left.person.staff_id}#gate"
    )
    assert gate["status"] == "DEACTIVATED"
    assert [row["session_id"] for row in rows if row["session_version"] == gate["session_version"]] == []

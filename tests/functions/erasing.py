"""Owners of the tests who erase people and hold them, and what is left of whoever was erased."""

from collections.abc import Mapping
from typing import Any

from functions.erasure.handler import handler as erasure_handler
from functions.erasure.handler import sweep
from functions.erasure.sweep import SETTLED_SECONDS
from functions.legal_holds.handler import handler as holds_handler
from tests.functions.estate import KEYS, Estate, MovableClock, Person, Response, call, event
from tests.functions.signed_in import SignedIn
from tests.functions.staff_calls import DEACTIVATE, administrator, ask

ERASE = "POST /api/staff/{staff_id}/erase"
HOLDS = "GET /api/legal-holds"
PLACE = "POST /api/legal-holds"
RELEASE = "DELETE /api/legal-holds/{hold_id}"
REASON = "asked for it in a letter"


def erase(session: SignedIn, staff_id: str, reason: str = REASON) -> Response:
    document = event(ERASE, {"reason": reason}, bearer=session.access_token)
    document["pathParameters"] = {"staff_id": staff_id}
    return call(erasure_handler, document)


def leave(session: SignedIn, person: Person) -> None:
    """Deactivate somebody."""
    response = ask(session, DEACTIVATE, person.staff_id)
    assert response.status == 200, response.text


def owner_and_member(estate: Estate) -> tuple[SignedIn, Person]:
    """Give somebody who may erase, and somebody to erase, alone in a tenant of their own."""
    owner = administrator(estate, estate.new_tenant())
    return owner, estate.new_person(owner.person.tenant, "member")


def owner_and_leaver(estate: Estate) -> tuple[SignedIn, Person]:
    """Give the same two, the member deactivated: so nothing but a hold is in the way of an erasure."""
    owner, person = owner_and_member(estate)
    leave(owner, person)
    return owner, person


def erased(session: SignedIn, person: Person) -> Response:
    """Deactivate somebody, and erase him."""
    leave(session, person)
    response = erase(session, person.staff_id)
    assert response.status == 200, response.text
    return response


def finish(clock: MovableClock) -> None:
    """Let the sweep run until nothing is left."""
    before = clock.offset
    clock.offset += SETTLED_SECONDS + 1
    sweep({}, None)
    clock.offset = before


def hold(session: SignedIn, staff_id: str | None = None, **more: Any) -> Response:
    scope: Mapping[str, Any] = {"scope": "tenant"} if staff_id is None else {"scope": "staff", "staff_id": staff_id}
    return place(session, {**scope, "reason": "a dispute about the bonus", **more})


def place(session: SignedIn, body: Mapping[str, Any]) -> Response:
    return call(holds_handler, event(PLACE, body, bearer=session.access_token))


def release(session: SignedIn, hold_id: str) -> Response:
    document = event(RELEASE, {"reason": "settled"}, bearer=session.access_token)
    document["pathParameters"] = {"hold_id": hold_id}
    return call(holds_handler, document)


def holds(session: SignedIn) -> list[dict[str, Any]]:
    response = call(holds_handler, event(HOLDS, bearer=session.access_token))
    assert response.status == 200, response.text
    found: list[dict[str, Any]] = response.body["holds"]
    return found


def holding(estate: Estate, marker: str) -> list[str]:
    """Name the tables that hold `marker` anywhere in a row, as a text or in bytes."""
    return [table for table in KEYS if any(marker.casefold() in repr(row).casefold() for row in estate.rows(table))]

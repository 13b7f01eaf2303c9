"""Administrators of the tests and what they do to people, through the handler of `staff`."""

from collections.abc import Mapping
from typing import Any

from functions.staff.handler import handler as staff_handler
from shared.store.attribute import Row
from shared.store.item import get
from shared.store.tenant_staff import gate_key, owners_key
from tests.functions.estate import Estate, Person, Response, call, event
from tests.functions.signed_in import SignedIn, sign_in

EVERYBODY = "GET /api/staff"
ONE = "GET /api/staff/{staff_id}"
ROLE = "PATCH /api/staff/{staff_id}/role"
DEACTIVATE = "POST /api/staff/{staff_id}/deactivate"
REACTIVATE = "POST /api/staff/{staff_id}/reactivate"
SIGN_OUT = "POST /api/staff/{staff_id}/logout"
RESET = "POST /api/staff/{staff_id}/factors/reset"
MEASURES = (ROLE, DEACTIVATE, REACTIVATE, SIGN_OUT, RESET)
REASON = "left the company on Friday"


def ask(
    session: SignedIn, route: str, staff_id: str | None = None, body: Mapping[str, Any] | None = None, query: str = ""
) -> Response:
    """Call a route of `staff`; a measure without a `body` takes a usual one."""
    usual: Mapping[str, Any] | None = {"role": "member"} if route == ROLE else {"reason": REASON}
    sent = usual if body is None and route in MEASURES else body
    document = event(route, sent, bearer=session.access_token, query=query)
    if staff_id is not None:
        document["pathParameters"] = {"staff_id": staff_id}
    return call(staff_handler, document)


def administrator(estate: Estate, tenant: str, role: str = "owner") -> SignedIn:
    """Sign somebody in who has proved himself for changes just now."""
    session = sign_in(estate, estate.new_person(tenant, role))
    session.prove("rbac_admin")
    return session


def gate(estate: Estate, person: Person) -> Row:
    row = get(estate.dynamodb, estate.prefix + "tenant_staff", gate_key(person.tenant, person.staff_id))
    assert row is not None
    return row


def owners(estate: Estate, tenant: str) -> tuple[int, int]:
    """Give how many ACTIVE owners are counted, and how many there are."""
    rows = estate.partition("tenant_staff", "tenant", tenant)
    counted = next((row["active"] for row in rows if row["item"] == owners_key(tenant)["item"]), 0)
    gates = [row for row in rows if row["item"].endswith("#gate")]
    return counted, sum((row["status"], row["role"]) == ("ACTIVE", "owner") for row in gates)


def effects(estate: Estate, tenant: str) -> list[tuple[str, dict[str, Any]]]:
    return [(row["kind"], row["payload"]) for row in estate.partition("outbox", "tenant", tenant)]

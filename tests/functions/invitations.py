"""Invites made over HTTP, their tokens taken out of the outbox, and accepted."""

import itertools
from typing import Any

from functions.invites.handler import handler
from shared.runtime.sealed_secret import outbox_context
from shared.store.attribute import Row
from tests.functions.estate import Estate, Person, Place, Response, call, event
from tests.functions.signed_in import SignedIn, sign_in

INVITE, LIST = "POST /api/staff/invites", "GET /api/staff/invites"
REVOKE, ACCEPT = "DELETE /api/staff/invites/{invite_id}", "POST /api/auth/invites/accept"
NEW_PASSWORD = "seven quiet herons at dusk"
_NUMBERS = itertools.count(1)


def somewhere() -> Place:
    """Come from an address of one's own: the budgets of addresses are not what is tested."""
    number = next(_NUMBERS)
    return Place(address=f"203.0.{number // 250 + 100}.{number % 250 + 1}")


def inviter(estate: Estate, tenant: str, role: str = "admin") -> SignedIn:
    """Sign in somebody who may invite, with a fresh proof."""
    session = sign_in(estate, estate.new_person(tenant, role))
    session.prove("rbac_admin")
    return session


def invite(session: SignedIn, email: str = "grace@acme.example", role: str = "member", **more: Any) -> Response:
    return call(handler, event(INVITE, {"email": email, "role": role, **more}, bearer=session.access_token))


def listed(session: SignedIn) -> list[dict[str, Any]]:
    answer = call(handler, event(LIST, bearer=session.access_token))
    assert answer.status == 200, answer.text
    invites: list[dict[str, Any]] = answer.body["invites"]
    return invites


def revoke(session: SignedIn, invite_id: str) -> Response:
    document = event(REVOKE, bearer=session.access_token, path=f"/api/staff/invites/{invite_id}")
    return call(handler, document | {"pathParameters": {"invite_id": invite_id}})


def accept(token: str, password: str = NEW_PASSWORD, place: Place | None = None, **more: Any) -> Response:
    body = {"token": token, "password": password, "device_id": "device-1", **more}
    return call(handler, event(ACCEPT, body, place=place or somewhere()))


def mails_of(estate: Estate, tenant: str, invite_id: str) -> list[Row]:
    rows = estate.partition("outbox", "tenant", tenant)
    return [row for row in rows if row["payload"].get("invite_id") == invite_id and row["kind"] == "invitation"]


def token_of(estate: Estate, tenant: str, invite_id: str) -> str:
    """Take the token out of its mail before it is sent."""
    (mail,) = mails_of(estate, tenant, invite_id)
    return estate.sealer.open(mail["payload"]["sealed"], outbox_context(tenant)).decode()


def invited(session: SignedIn, email: str = "grace@acme.example", role: str = "member", **more: Any) -> str:
    """Invite somebody; gives the token."""
    answer = invite(session, email, role, **more)
    assert answer.status == 201, answer.text
    return token_of(session.estate, session.person.tenant, answer.body["invite_id"])


def joined(response: Response, email: str) -> Person:
    """Give the person that an acceptance made."""
    assert response.status == 200, response.text
    session = response.body["session"]
    return Person(session["tenant"], session["staff_id"], email, session["role"])


def people_of(estate: Estate, tenant: str) -> list[str]:
    rows = estate.partition("tenant_staff", "tenant", tenant)
    return [row["item"] for row in rows if row["item"].endswith("#gate")]

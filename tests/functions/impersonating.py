"""Somebody who acts in another person's name, begun over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions.impersonation.handler import handler
from shared.store.attribute import Row
from shared.store.impersonations import open_by
from shared.store.item import get
from shared.store.user_sessions import session_key
from tests.functions.estate import Estate, Person, Response, call, event, me
from tests.functions.signed_in import SignedIn, sign_in

BEGIN = "POST /api/impersonation"
LIST = "GET /api/impersonation"
FINISH = "DELETE /api/impersonation"
REASON = "Ticket 4711: the list of invoices looks empty"


@dataclass(frozen=True, slots=True)
class Impersonating:
    """`actor` in the name of `target`; `token` is that of the impersonation."""

    actor: SignedIn
    target: Person
    impersonation_id: str
    token: str

    @property
    def estate(self) -> Estate:
        return self.actor.estate

    def me(self) -> Response:
        return me(self.token)

    def finish(self, token: str | None = None) -> Response:
        return call(handler, event(FINISH, bearer=token or self.token))

    def session(self) -> Row:
        row = get(self.estate.dynamodb, self.estate.prefix + "user_sessions", self.key)
        assert row is not None
        return row

    @property
    def key(self) -> dict[str, str]:
        return session_key(self.target.tenant, self.target.staff_id, self.impersonation_id)

    def open_row(self) -> Row | None:
        table = self.estate.prefix + "impersonations"
        return open_by(self.estate.dynamodb, table, self.target.tenant, self.actor.person.staff_id)


def proven(estate: Estate, person: Person) -> SignedIn:
    """Sign somebody in who has just proved himself for an impersonation."""
    session = sign_in(estate, person)
    session.prove("impersonate")
    return session


def begin(actor: SignedIn, target_id: str, **members: Any) -> Response:
    body: Mapping[str, Any] = {"target_id": target_id, "reason": REASON, **members}
    return call(handler, event(BEGIN, dict(body), bearer=actor.access_token))


def impersonate(actor: SignedIn, target: Person, **members: Any) -> Impersonating:
    answer = begin(actor, target.staff_id, **members)
    assert answer.status == 201, answer.text
    return Impersonating(
        actor, target, answer.body["impersonation"]["impersonation_id"], str(answer.body["access_token"])
    )


def listed(bearer: str, query: str = "") -> Response:
    return call(handler, event(LIST, bearer=bearer, query=query))

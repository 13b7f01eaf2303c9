"""Decides on one request of an API that is the adopter's own.

1. The bearer token. 2. What it says. 3. What is true now: session, person, tenant, and the real person where somebody
acts in another's name. 4. From where: the tenant's address rules. 5. A session that waits for a proof or for a first
factor is served nothing. 6. In another's name and read mode nothing is changed.

Rules of this module
- It says who asks, and never that he may: what a role may do in the adopter's API is for that API to say, by the
  context that it is handed.
- Asking is not using: nothing of the session moves, and no event is written. What the API does is its own to record.
- The address is the one that API Gateway saw, or the edge's word for it where the request proves to have come through
  the deployment's own distribution. No header that a caller writes is looked at.
- A method that is not known to change nothing changes something.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from shared.domain.impersonation import READ, permissions_left
from shared.domain.permission import permissions_of
from shared.edge.address_rules import AddressRules
from shared.edge.live_session import LiveSession, SessionTables, live_session
from shared.edge.request import bearer_of, lower_headers
from shared.edge.viewer import OriginSecrets, viewer_of
from shared.runtime.access_token import AccessToken, Invalid, TokenVerifier
from shared.store.tenants import ip_rules_in_force
from shared.store.wire import JsonService

_CHANGES_NOTHING: Final = frozenset({"GET", "HEAD", "OPTIONS"})  # safe methods, RFC 9110 section 9.2.1


class Allowed(NamedTuple):
    """`context` is what the API is told of the caller."""

    context: dict[str, Any]


class Denied(NamedTuple):
    """`reason` is for the operator's log; the caller learns none."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    dynamodb: JsonService
    tables: SessionTables
    verifier: TokenVerifier
    addresses: AddressRules
    secrets: OriginSecrets

    def decide(self, event: Mapping[str, Any], now: float) -> Allowed | Denied:
        """Decide on an event of format 2.0, in which only method and address are API Gateway's own word.

        Raises `Unavailable` and `ServiceError` where it cannot be known, and anything at all on an event of another
        form: whoever calls this denies then.
        """
        method = event["requestContext"]["http"]["method"]
        # 1. The bearer token.
        bearer = bearer_of(lower_headers(event))
        if bearer is None:
            return Denied("no_token")
        # 2. What it says.
        token = self.verifier.verify(bearer, now)
        if isinstance(token, Invalid):
            return Denied(f"token_{token.reason}")
        # 3. What is true now.
        live = live_session(self.dynamodb, self.tables, token, now)
        if live is None:
            return Denied("session_ended")
        # 4. From where.
        if self._kept_out(event, live, now):
            return Denied("address")
        # 5. Whoever waits.
        if live.waits:
            return Denied("waits")
        # 6. In another's name.
        impersonation = live.session.impersonation
        if impersonation is not None and impersonation.mode == READ and method not in _CHANGES_NOTHING:
            return Denied("impersonation_reads")
        return Allowed(_context(token, live))

    def _kept_out(self, event: Mapping[str, Any], live: LiveSession, now: float) -> bool:
        version = ip_rules_in_force(live.tenant)
        if not version:
            return False
        source_ip = event["requestContext"]["http"]["sourceIp"]
        viewer = viewer_of(lower_headers(event), source_ip, self.secrets, required=False)
        return self.addresses.refusal(live.tenant["tenant"], version, viewer.address, now) is not None


def _context(token: AccessToken, live: LiveSession) -> dict[str, Any]:
    """Say who asks; `actor`, `actor_role` and `mode` stand there in an impersonation only."""
    told = {
        "tenant": token.tenant,
        "staff_id": token.staff_id,
        "role": live.role,
        "permissions": list(permissions_of(live.role) if live.by is None else permissions_left(live.role)),
        "session_id": token.session_id,
        "acr": token.acr,
        "auth_time": token.auth_time,
    }
    impersonation = live.session.impersonation
    if live.by is not None and impersonation is not None:
        told |= {"actor": live.by.staff_id, "actor_role": live.by.role, "mode": impersonation.mode}
    return told

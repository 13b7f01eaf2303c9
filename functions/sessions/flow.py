"""GET /api/auth/me: whose session this is, what he may do, and who acts in his name, if anybody does.

1. Admit; 2. read the profile; 3. answer, with the name of the real person.
"""

from dataclasses import dataclass
from typing import Any

from shared.audit.moment import rfc3339
from shared.domain.impersonation import permissions_left
from shared.domain.permission import permissions_of
from shared.edge.guard import Guard, Principal
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.store.attribute import Row
from shared.store.item import get
from shared.store.tenant_staff import profile_key
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    dynamodb: JsonService
    tenant_staff_table: str
    guard: Guard

    def __call__(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        acting = principal.acting
        # 2. Read the profile.
        profile = self._profile(acting.tenant, acting.staff_id)
        # 3. Answer.
        return json_reply(
            200,
            {
                "staff": {
                    "staff_id": acting.staff_id,
                    "name": profile.get("name"),
                    "email": profile.get("email"),
                },
                "tenant": {"tenant": acting.tenant, "name": principal.tenant["name"]},
                "role": acting.role,
                "permissions": list((permissions_of if principal.by is None else permissions_left)(acting.role)),
                "session": _session(principal),
                "must_enrol": principal.must_enrol,
                "impersonation": self._impersonation(principal),
            },
        )

    def _profile(self, tenant: str, staff_id: str) -> Row:
        return get(self.dynamodb, self.tenant_staff_table, profile_key(tenant, staff_id)) or {}

    def _impersonation(self, principal: Principal) -> dict[str, Any] | None:
        session, by = principal.session, principal.by
        if by is None or session.impersonation is None:
            return None
        return {
            "impersonation_id": session.session_id,
            "actor": {
                "staff_id": by.staff_id,
                "name": self._profile(principal.acting.tenant, by.staff_id).get("name"),
            },
            "mode": session.impersonation.mode,
            "reason": session.impersonation.reason,
            "expires_at": rfc3339(session.absolute_expires_at),
        }


def _session(principal: Principal) -> dict[str, Any]:
    session = principal.session
    return {
        "session_id": session.session_id,
        "acr": session.acr,
        "amr": list(session.amr),
        "auth_time": rfc3339(session.auth_time),
        "created_at": rfc3339(session.created_at),
        "last_seen_at": rfc3339(session.last_seen_at),
        "idle_expires_at": rfc3339(session.idle_expires_at),
        "absolute_expires_at": rfc3339(session.absolute_expires_at),
    }

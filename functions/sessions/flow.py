"""GET /api/auth/me: whose session this is, and what he may do. 1. Admit; 2. read the profile; 3. answer."""

from dataclasses import dataclass
from typing import Any

from shared.audit.moment import rfc3339
from shared.domain.permission import permissions_of
from shared.edge.guard import Guard, Principal
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
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
        profile = get(self.dynamodb, self.tenant_staff_table, profile_key(acting.tenant, acting.staff_id)) or {}
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
                "permissions": list(permissions_of(acting.role)),
                "session": _session(principal),
                "must_enrol": principal.must_enrol,
                "impersonation": None,
            },
        )


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

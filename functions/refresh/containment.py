"""The reuse of a spent token ends its family by force.

Detection, containment and the order to notify are one commit under one incident id: whoever reads the log finds all of
them or none. The person is told by the delivery of that order, which is recorded under the same id.
"""

from dataclasses import dataclass
from typing import Final

from functions.refresh.presentation import SYSTEM, Presentation, presenter_event
from shared.audit.canonical import Json
from shared.audit.event import Draft, new_event_id
from shared.domain.refresh_token import Family, RevokeFamily
from shared.store.item import Item
from shared.store.outbox import security_alert
from shared.store.refresh_tokens import REUSE_DETECTED, reused
from shared.store.session_ends import Ending, reuse_revoked
from shared.store.tenant_staff import bumped_gate
from shared.store.user_sessions import session_key

_OF_THE_PERSON: Final = "user"  # the scope of `reuse_scope` that ends every session


@dataclass(frozen=True, slots=True)
class ContainmentTables:
    tenant_staff: str
    user_sessions: str
    refresh_tokens: str
    outbox: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Containment:
    """Writes the items and events of an incident; `kept_seconds` is how long its rows stay as evidence."""

    tables: ContainmentTables
    kept_seconds: int

    def reuse(
        self, presentation: Presentation, family: Family, decision: RevokeFamily, scope: str
    ) -> tuple[list[Item], list[Draft]]:
        """End the family of a spent token and, with scope "user", every session of its owner.

        Refuted under "refresh_token" where nobody ever issued the token: a guess ends nothing.
        """
        token, now = presentation.token, presentation.now
        incident = new_event_id(presentation.request.now)
        ending = Ending(REUSE_DETECTED, incident, now, self.kept_seconds)
        key = session_key(token.tenant, token.staff_id, token.session_id)
        presented_hash = presentation.presented.token_hash
        detail: dict[str, Json] = {"reason": decision.reason, "session_id": token.session_id}
        items = [
            reuse_revoked(self.tables.user_sessions, key, presented_hash, ending),
            reused(self.tables.refresh_tokens, presented_hash, token.session_id, now + self.kept_seconds),
            *self._scoped(presentation, family, scope, incident),
            security_alert(
                self.tables.outbox,
                token.tenant,
                token.staff_id,
                "refresh_token_reused",
                now,
                incident=incident,
                detected_at=now,
                detail=detail,
            ),
        ]
        meta: dict[str, Json] = {
            "presented_generation": token.generation,
            "current_generation": family.generation,
            "incident_id": incident,
        }
        return items, [
            presenter_event(
                presentation, "REFRESH_TOKEN_REUSED", "denied", decision.reason, correlation_id=incident, meta=meta
            ),
            presenter_event(
                presentation,
                "SUSPICIOUS_LOGIN_DETECTED",
                "denied",
                "REFRESH_TOKEN_REUSED",
                correlation_id=incident,
                meta={"incident_id": incident},
            ),
            self._invalidated(presentation, family, REUSE_DETECTED, scope, incident),
        ]

    def _scoped(self, presentation: Presentation, family: Family, scope: str, incident: str) -> list[Item]:
        if scope != _OF_THE_PERSON:
            return []
        token, why = presentation.token, {"reason": REUSE_DETECTED, "incident_id": incident}
        return [bumped_gate(self.tables.tenant_staff, token.tenant, token.staff_id, family.session_version, why)]

    def _invalidated(self, presentation: Presentation, family: Family, reason: str, scope: str, incident: str) -> Draft:
        versions: dict[str, Json] = {
            "before": {"session_version": family.session_version},
            "after": {"session_version": family.session_version + 1},
        }
        return presenter_event(
            presentation,
            "SESSION_INVALIDATED",
            "success",
            reason,
            actor=SYSTEM,
            correlation_id=incident,
            change=versions if scope == _OF_THE_PERSON else None,
            meta={"scope": scope, "incident_id": incident},
        )

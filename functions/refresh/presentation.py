"""A presented refresh token, and the events that its fate is recorded with.

A refresh token proves who was given it, not who presents it: where the two may differ, the actor is anonymous and the
owner is the target.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Outcome, Target, new_event_id
from shared.domain.refresh_token import Family, Presented, RefreshToken, RevokeFamily
from shared.edge.provenance import context_of
from shared.edge.request import Request
from shared.store.refresh_tokens import REUSE_DETECTED

NOBODY: Final = Actor("anonymous", None)
SYSTEM: Final = Actor("system", "muniment")


@dataclass(frozen=True, slots=True)
class Presentation:
    """One refresh as it was asked for. `text` is the secret itself; `token` what it says, believed by nobody yet."""

    request: Request
    text: str
    token: RefreshToken
    presented: Presented

    @property
    def now(self) -> int:
        return int(self.request.now)

    @property
    def resource(self) -> str:
        return f"user_sessions/{self.token.session_id}"


def owner_event(
    presentation: Presentation,
    action: str,
    role: str,
    *,
    event_id: str | None = None,
    personal: tuple[Mapping[str, Json], ...] = (),
    change: Mapping[str, Json] | None = None,
    meta: Mapping[str, Json] | None = None,
) -> Draft:
    """Write an event of the owner himself: the token was current, or its retry harmless."""
    token = presentation.token
    return Draft(
        event_id=event_id or new_event_id(presentation.request.now),
        action=action,
        outcome="success",
        actor=Actor("user", token.staff_id, role, token.session_id),
        resource=presentation.resource,
        context=context_of(presentation.request, presentation.presented.device_hash),
        targets=(Target("session", token.session_id),),
        change=change,
        personal=personal,
        meta=meta or {},
    )


def presenter_event(
    presentation: Presentation,
    action: str,
    outcome: Outcome,
    reason: str,
    *,
    event_id: str | None = None,
    actor: Actor = NOBODY,
    correlation_id: str | None = None,
    personal: tuple[Mapping[str, Json], ...] = (),
    change: Mapping[str, Json] | None = None,
    meta: Mapping[str, Json] | None = None,
) -> Draft:
    """Write an event about a token that somebody presented, who need not be its owner."""
    token = presentation.token
    return Draft(
        event_id=event_id or new_event_id(presentation.request.now),
        action=action,
        outcome=outcome,
        actor=actor,
        resource=presentation.resource,
        context=context_of(presentation.request, presentation.presented.device_hash, correlation_id),
        reason=reason,
        targets=(Target("user", token.staff_id), Target("session", token.session_id)),
        change=change,
        personal=personal,
        meta=meta or {},
    )


def reuse_incident(presentation: Presentation, family: Family, decision: RevokeFamily) -> list[Draft]:
    """Write detection and containment of one reuse under one correlation id."""
    incident = new_event_id(presentation.request.now)
    meta: dict[str, Json] = {
        "presented_generation": presentation.token.generation,
        "current_generation": family.generation,
    }
    versions: dict[str, Json] = {
        "before": {"session_version": family.session_version},
        "after": {"session_version": family.session_version + 1},
    }
    return [
        presenter_event(
            presentation, "REFRESH_TOKEN_REUSED", "denied", decision.reason, correlation_id=incident, meta=meta
        ),
        presenter_event(
            presentation,
            "SUSPICIOUS_LOGIN_DETECTED",
            "denied",
            "REFRESH_TOKEN_REUSED",
            correlation_id=incident,
        ),
        presenter_event(
            presentation,
            "SESSION_INVALIDATED",
            "success",
            REUSE_DETECTED,
            actor=SYSTEM,
            correlation_id=incident,
            change=versions,
            meta={"scope": "user"},
        ),
    ]

"""A presented refresh token, and the events that its fate is recorded with.

A refresh token proves who was given it, not who presents it: where the two may differ, the actor is anonymous and the
owner is the target.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Outcome, Target, new_event_id
from shared.domain.refresh_token import Presented, RefreshToken
from shared.domain.session import Binding
from shared.edge.provenance import context_of, told_device
from shared.edge.request import Request

NOBODY: Final = Actor("anonymous", None)
SYSTEM: Final = Actor("system", "muniment")


class Presentation(NamedTuple):
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
    reason: str | None = None,
    event_id: str | None = None,
    personal: tuple[Mapping[str, Json], ...] = (),
    change: Mapping[str, Json] | None = None,
    risk: Mapping[str, Json] | None = None,
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
        context=context_of(presentation.request, presentation.presented.binding.device_hash),
        reason=reason,
        targets=(Target("session", token.session_id),),
        change=change,
        risk=risk,
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
    risk: Mapping[str, Json] | None = None,
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
        context=context_of(presentation.request, presentation.presented.binding.device_hash, correlation_id),
        reason=reason,
        targets=(Target("user", token.staff_id), Target("session", token.session_id)),
        change=change,
        risk=risk,
        personal=personal,
        meta=meta or {},
    )


def move(before: Binding, after: Binding) -> dict[str, Json]:
    """Give the `change` of a session that goes on elsewhere; a device as events tell it, never whole."""
    return {"before": _told(before), "after": _told(after)}


def _told(binding: Binding) -> dict[str, Json]:
    return {
        "device": told_device(binding.device_hash),
        "country": binding.country,
        "network": binding.network,
        "agent": binding.agent,
    }

"""Acting as somebody else: who may, for how long, and what stays forbidden.

Rules of this module
- The actor is always the real person (RFC 8693 section 4.1); the impersonated one is on whose behalf he acts.
- Who may begin must still be allowed to at each request: both people's rows are read with it.
- Whoever is impersonated holds strictly less than the actor: never an owner, an equal or a superior.
- What is left of the other's permissions is listed, not what is taken away: a permission that is added later is denied.
- One person acts as one other at a time: who begins again leaves the first.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from shared.domain.permission import (
    IMPERSONATE,
    IMPERSONATE_WRITE,
    SETTINGS_SECURITY_VIEW,
    STAFF_VIEW,
    holds,
    outranks,
    permissions_of,
)
from shared.domain.session import ACTIVE

READ: Final = "read"
WRITE: Final = "write"
OFF: Final = "off"
MODES: Final = (READ, WRITE)
SETTING: Final = (WRITE, READ, OFF)  # what a tenant lets its administrators do, the default first
MAX_MINUTES: Final = 60
DEFAULT_MINUTES: Final = 30
NOTICES: Final = ("end", "start", "never")  # when the impersonated person is told

_LEFT: Final = frozenset({STAFF_VIEW, SETTINGS_SECURITY_VIEW})

# Why an impersonation ended.
ENDED: Final = "ended"
SUPERSEDED: Final = "superseded"
EXPIRED: Final = "expired"
SWITCHED_OFF: Final = "switched_off"
ACTOR_LOST_RIGHTS: Final = "actor_lost_rights"
ACTOR_SESSION_ENDED: Final = "actor_session_ended"
TARGET_CHANGED: Final = "target_changed"
TARGET_ENDED: Final = "target_ended"
CAUSES: Final = (
    *(ENDED, SUPERSEDED, EXPIRED, SWITCHED_OFF),
    *(ACTOR_LOST_RIGHTS, ACTOR_SESSION_ENDED, TARGET_CHANGED, TARGET_ENDED),
)


class Impersonator(NamedTuple):
    """The real person behind a token: the `act` claim (RFC 8693 section 4.1) names his id and session."""

    staff_id: str
    session_id: str


class Impersonation(NamedTuple):
    """What the session of an impersonation says of it; `actor_version` is the actor's when it began."""

    actor: Impersonator
    actor_version: int
    mode: str
    reason: str


def may_impersonate(actor_role: str, target_role: str, mode: str) -> bool:
    """Tell whether somebody of `actor_role` may act as somebody of `target_role`: when it begins, and ever after."""
    permission = IMPERSONATE_WRITE if mode == WRITE else IMPERSONATE
    return mode in MODES and holds(actor_role, permission) and outranks(actor_role, target_role)


def impersonation_of(act: Mapping[str, Any] | None) -> Impersonation | None:
    """Read what a session row says under `act`; None for a session whose owner acts himself."""
    if act is None:
        return None
    actor = Impersonator(act["staff_id"], act["session_id"])
    return Impersonation(actor, act["session_version"], act["mode"], act["reason"])


def allowed(setting: str, mode: str) -> bool:
    """Tell whether a tenant of that `impersonation` setting lets anybody act in `mode`."""
    return setting in {WRITE, mode} and mode in MODES


def permissions_left(role: str) -> tuple[str, ...]:
    """List what somebody may do who acts as a person of `role`, sorted: see, and nothing that is the person's own."""
    return tuple(permission for permission in permissions_of(role) if permission in _LEFT)


class Terms(NamedTuple):
    """On what an impersonation was begun; `expires_at` in Unix seconds."""

    mode: str
    actor_version: int
    target_role: str
    target_version: int
    expires_at: int


class Party(NamedTuple):
    """One of its two people as of now: the gate, and whether the session that it rests on lives."""

    status: str
    role: str
    session_version: int
    session_lives: bool


def cause_of_end(terms: Terms, actor: Party, target: Party, setting: str, now: float) -> str | None:
    """Say why the impersonation is over; None while it counts. `target.session_lives` is of its own session."""
    if now >= terms.expires_at:
        return EXPIRED
    if not allowed(setting, terms.mode):
        return SWITCHED_OFF
    if actor.status != ACTIVE or not may_impersonate(actor.role, terms.target_role, terms.mode):
        return ACTOR_LOST_RIGHTS
    if (target.status, target.session_version) != (ACTIVE, terms.target_version):
        return TARGET_CHANGED
    if not may_impersonate(actor.role, target.role, terms.mode):
        return TARGET_CHANGED
    if not target.session_lives:
        return TARGET_ENDED
    if actor.session_version != terms.actor_version or not actor.session_lives:
        return ACTOR_SESSION_ENDED
    return None

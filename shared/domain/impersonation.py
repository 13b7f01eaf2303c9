"""Acting as somebody else: who may, for how long, and what stays forbidden.

Rules of this module
- The actor is always the real person (RFC 8693 section 4.1); the impersonated one is on whose behalf he acts.
- Who may begin must still be allowed to at each request: both people's rows are read with it.
- Whoever is impersonated holds strictly less than the actor: never an owner, an equal or a superior.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from shared.domain.permission import IMPERSONATE, IMPERSONATE_WRITE, holds, outranks

READ: Final = "read"
WRITE: Final = "write"
MODES: Final = (READ, WRITE)
MAX_MINUTES: Final = 60
DEFAULT_MINUTES: Final = 30


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

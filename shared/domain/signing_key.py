"""When a key of the access tokens is made, signs, goes on verifying, and counts no more.

    next ----------> current ----------> previous ----------> retired
     |                |                   |
     +----------------+-------------------+---------------> revoked

Rules of this module
- Exactly one key is current from the first run on: what takes the place of a key takes its status in the same step.
- There is always a next key. It is published long before it signs, so whoever keeps a copy of the published keys knows
  it by then; and as its private half has never been opened, it can take over at once in an emergency.
- A previous key verifies until every token that it signed has expired, those of environments that learned of the change
  last included. Then it is no longer published; its public half stays as evidence.
- A revoked key verifies nothing from the moment on at which an environment reads that it is revoked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

NEXT: Final = "next"
CURRENT: Final = "current"
PREVIOUS: Final = "previous"
RETIRED: Final = "retired"
REVOKED: Final = "revoked"
PUBLISHED: Final = (NEXT, CURRENT, PREVIOUS)  # in the order in which they are listed

RING_FRESH_SECONDS: Final = 300  # how long an environment may go on with the keys that it has read
_MARGIN_SECONDS: Final = 60  # clocks of two environments, and the tolerance of a token's `exp`

Cause = Literal["first", "scheduled", "emergency"]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key's life so far, in Unix seconds. `cause` and `replaced` tell of its becoming current."""

    kid: str
    status: str
    created_at: int
    activated_at: int | None = None
    deactivated_at: int | None = None
    cause: str | None = None
    replaced: str | None = None


@dataclass(frozen=True, slots=True)
class RotationPolicy:
    """`publish_seconds`: least time between being published and signing on schedule."""

    rotation_seconds: int
    publish_seconds: int
    access_token_seconds: int

    @property
    def linger_seconds(self) -> int:
        """How long after its last day a previous key still verifies."""
        return RING_FRESH_SECONDS + self.access_token_seconds + _MARGIN_SECONDS


@dataclass(frozen=True, slots=True)
class MakeFirst:
    """Make a key that signs at once: nobody has published one before."""


@dataclass(frozen=True, slots=True)
class MakeNext:
    """Make a key that waits for its turn."""


@dataclass(frozen=True, slots=True)
class Promote:
    """Let `kid` sign in the place of `instead_of`, which goes on verifying."""

    kid: str
    instead_of: str


@dataclass(frozen=True, slots=True)
class Retire:
    kid: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Revoke the current key; `kid` signs from now on, None stands for a key that has yet to be made."""

    revoked: str
    kid: str | None


@dataclass(frozen=True, slots=True)
class Revoke:
    """Revoke a key that does not sign."""

    kid: str


Step = MakeFirst | MakeNext | Promote | Retire | Replace | Revoke


def plan(keys: Sequence[SigningKey], now: float, policy: RotationPolicy) -> tuple[Step, ...]:
    """Say what the schedule does to `keys`, in order; empty where all is as it should be.

    Each step stands by itself: a run that ended between two of them leaves sound keys, and the next plan has the rest.
    """
    current, following = _only(keys, CURRENT), _only(keys, NEXT)
    if current is None:
        return (MakeFirst(), MakeNext())
    steps: list[Step] = []
    due = now >= _since(current.activated_at, current) + policy.rotation_seconds
    if due and following is not None and now >= following.created_at + policy.publish_seconds:
        steps.append(Promote(following.kid, current.kid))
        following = None
    if following is None:
        steps.append(MakeNext())
    steps += [
        Retire(key.kid)
        for key in keys
        if key.status == PREVIOUS and now >= _since(key.deactivated_at, key) + policy.linger_seconds
    ]
    return tuple(steps)


def revocation(keys: Sequence[SigningKey], kid: str) -> Step | None:
    """Say how `kid` is revoked; None when it verifies nothing any more. KeyError for a key that is none of ours."""
    status = {key.kid: key.status for key in keys}[kid]
    if status == CURRENT:
        following = _only(keys, NEXT)
        return Replace(kid, following.kid if following else None)
    return Revoke(kid) if status in {NEXT, PREVIOUS} else None


def unannounced(keys: Sequence[SigningKey], announced: str | None) -> tuple[SigningKey, ...]:
    """Give the keys that became current after `announced`, in that order; the current one alone where nothing was."""
    named: Mapping[str, SigningKey] = {key.kid: key for key in keys}
    key = _only(keys, CURRENT)
    told: list[SigningKey] = []
    while key is not None and key.kid != announced:
        told.append(key)
        key = named.get(key.replaced) if key.replaced is not None and announced is not None else None
    return tuple(reversed(told))


def _only(keys: Sequence[SigningKey], status: str) -> SigningKey | None:
    found = [key for key in keys if key.status == status]
    if len(found) > 1:
        raise RuntimeError(f"{len(found)} signing keys are {status}")
    return found[0] if found else None


def _since(instant: int | None, key: SigningKey) -> int:
    return key.created_at if instant is None else instant

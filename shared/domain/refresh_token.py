"""The refresh token: its form, and what a presented one leads to.

The contract in one sentence: a refresh token yields at most one successor, ever; presenting it again inside the retry
policy returns that same successor, and presenting it in any other circumstance revokes the family.

Form: `rt1.<tenant>.<staff>.<session>.<generation>.<session_version>.<secret>`. The secret is base64url of 32 random
octets followed by the session's standing (role, acr, amr, instants, idle limit, mode), so that the usual rotation needs
no read. All of it is covered by the SHA-256 under which the token is stored: an altered token is an unknown one. No
part holds a dot.

A session row is the token family. Its `current_hash` is the one token that rotates; `parent_hash` is the one whose
successor that is; every other token that was issued is spent:

    ACTIVE --rotate--> ROTATED_UNCONFIRMED --successor seen in use--> ROTATED_CONFIRMED
                         | replay: same device, immediate parent,       | replay: within the concurrency
                         | within the lost-response window              | window only
                         v                                              v
                       the same successor                             the same successor
                         | anything else                                | anything else
                         +------------> reuse: the family is REVOKED <--+

`decide` evaluates the decision table of the design, top down; the numbers in its comments are that table's. Where the
risk counts and is not known yet it answers `Assess`: the caller reads what the assessment needs and asks again.
"""

import base64
import hashlib
import re
import struct
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from shared.domain.permission import ROLES
from shared.domain.session import (
    AAL1,
    AAL2,
    ACTIVE,
    NO_DEVICE,
    Binding,
    SessionId,
    StaffId,
    Standing,
    TenantId,
    expired,
)

SECRET_OCTETS: Final = 32  # 256 random bits: a plain hash at rest is right (ASVS 6.5.2)
MAX_CHARACTERS: Final = 512
MAX_GENERATION_DIGITS: Final = 9

_ID: Final = "[A-Za-z0-9_-]{1,64}"
_NUMBER: Final = "(?:0|[1-9][0-9]{0,9})"
_FORM: Final = re.compile(
    rf"rt1\.(?P<tenant>{_ID})\.(?P<staff>{_ID})\.(?P<session>{_ID})"
    rf"\.(?P<generation>{_NUMBER})\.(?P<version>{_NUMBER})\.(?P<secret>[A-Za-z0-9_-]{{68}})"
)

# Stored in tokens that clients hold: members may be appended to these tuples, never moved or removed.
_ROLE_CODES: Final = ROLES
_ACR_CODES: Final = (AAL1, AAL2)
_AMR_BITS: Final = ("pwd", "otp", "rc", "pop", "fed")
# First factors come first, as a session has them.
_AMR_READ: Final = tuple((_AMR_BITS.index(method), method) for method in ("pwd", "fed", "otp", "rc", "pop"))
_STANDING_FORMAT: Final = 1
# format, role, acr, amr, auth_time, created_at, absolute_expires_at, idle limit in minutes, mode
_STANDING: Final = struct.Struct(">BBBBIIIHB")
_MINUTE: Final = 60


class RefreshToken(NamedTuple):
    """A token's own words. Read from a client they are claims: only the hash in the store makes them facts."""

    tenant: TenantId
    staff_id: StaffId
    session_id: SessionId
    generation: int
    session_version: int
    standing: Standing


def token_hash(text: str) -> str:
    """Give the key under which a token is stored and looked up: hexadecimal SHA-256 of all of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def written(token: RefreshToken, secret: bytes) -> str:
    """Write `token` with 32 octets of fresh randomness; this is the only time that its text exists on our side."""
    if len(secret) != SECRET_OCTETS:
        raise RuntimeError(f"a refresh token takes {SECRET_OCTETS} random octets, got {len(secret)}")
    last = base64.urlsafe_b64encode(secret + _packed(token.standing)).rstrip(b"=").decode()
    head = f"rt1.{token.tenant}.{token.staff_id}.{token.session_id}.{token.generation}.{token.session_version}"
    text = f"{head}.{last}"
    if _FORM.fullmatch(text) is None:
        raise RuntimeError(
            f"an id of {token.tenant!r}, {token.staff_id!r}, {token.session_id!r} cannot stand in a token"
        )
    return text


def parse(text: str) -> RefreshToken | None:
    """Read hostile text; None for anything that this module never wrote. Raises nothing."""
    match = _FORM.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
    # The longest generation is one that could be written, and not followed: no session comes near it.
    if match is None or len(match["generation"]) > MAX_GENERATION_DIGITS:
        return None
    standing = _unpacked(match["secret"])
    if standing is None:
        return None
    return RefreshToken(
        TenantId(match["tenant"]),
        StaffId(match["staff"]),
        SessionId(match["session"]),
        int(match["generation"]),
        int(match["version"]),
        standing,
    )


def _packed(standing: Standing) -> bytes:
    amr = sum(1 << _AMR_BITS.index(method) for method in standing.amr)
    role, acr = _ROLE_CODES.index(standing.role), _ACR_CODES.index(standing.acr)
    instants = (standing.auth_time, standing.created_at, standing.absolute_expires_at)
    limits = (standing.idle_seconds // _MINUTE, int(standing.cookie))
    return _STANDING.pack(_STANDING_FORMAT, role, acr, amr, *instants, *limits)


def _unpacked(secret: str) -> Standing | None:
    octets = base64.urlsafe_b64decode(secret)  # 68 characters of the alphabet: always 51 octets
    version, role, acr, amr, auth_time, created_at, ends_at, idle, mode = _STANDING.unpack(octets[SECRET_OCTETS:])
    known = role < len(_ROLE_CODES) and acr < len(_ACR_CODES) and not amr >> len(_AMR_BITS) and mode in {0, 1}
    if version != _STANDING_FORMAT or not known:
        return None
    methods = tuple(method for bit, method in _AMR_READ if amr >> bit & 1)
    return Standing(
        _ROLE_CODES[role], _ACR_CODES[acr], methods, auth_time, created_at, ends_at, idle * _MINUTE, cookie=bool(mode)
    )


class RetryPolicy(NamedTuple):
    """What a client that lost an answer may do. 0 switches a window off; both off is strict single use.

    `concurrency_window_seconds` (W1): tabs that refresh at once. `lost_response_window_seconds` (W2): an answer that
    never arrived. `max_replays`: per rotation.
    """

    concurrency_window_seconds: int
    lost_response_window_seconds: int
    max_replays: int


Cause = Literal["concurrent", "lost_response"]


class Pending(NamedTuple):
    """The challenge that a session waits for; until it is verified nothing of the session is served."""

    challenge_id: str
    expires_at: int


class Family(NamedTuple):
    """The session row as the failed condition handed it back."""

    status: str
    session_version: int
    current_hash: str
    parent_hash: str | None
    generation: int
    confirmed_generation: int
    rotated_at: int
    replay_count: int
    sealed: bool
    binding: Binding
    standing: Standing
    idle_expires_at: int
    pending: Pending | None = None


class Gate(NamedTuple):
    """The staff gate row; the family is dead unless it is ACTIVE and of the same `session_version`."""

    status: str
    session_version: int


class Presented(NamedTuple):
    """A token at the door: its hash, and where it was brought from."""

    token_hash: str
    binding: Binding


@dataclass(frozen=True, slots=True)
class Rotate:
    """Current token: try again with the family's own facts. `moved_from` is where it was used before, if elsewhere."""

    moved_from: Binding | None


@dataclass(frozen=True, slots=True)
class Assess:
    """The place has changed: what follows depends on the risk."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """A second factor first; nothing is rotated. `pending` is the challenge that was put already, while it is open."""

    pending: Pending | None


@dataclass(frozen=True, slots=True)
class Block:
    """The risk ends the family and every session of its owner."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Spent, immediate parent, inside the policy: the same successor again."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class TryLater:
    """More parallel retries than are answered: harmless, nothing is consumed and nothing ends."""


@dataclass(frozen=True, slots=True)
class Expire:
    limit: str  # "idle" or "absolute"


@dataclass(frozen=True, slots=True)
class RevokeFamily:
    """Spent and outside the policy, or never issued: only the store can tell, inside the revoking transaction."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reject:
    """The uniform refusal; `reason` is for the record, never for the presenter."""

    reason: Literal["UNKNOWN_TOKEN", "SESSION_ENDED", "STAFF_INACTIVE", "SESSION_VERSION"]


Decision = Rotate | Assess | Challenge | Block | Replay | TryLater | Expire | RevokeFamily | Reject


def decide(
    presented: Presented, family: Family | None, gate: Gate, now: int, policy: RetryPolicy, risk: str | None = None
) -> Decision:
    """Say what `presented` leads to after the optimistic rotation failed; `now` in Unix seconds.

    `family` None means that the session named in the token does not exist; `risk` is the action of an assessment
    (ALLOW, STEP_UP_REQUIRED, BLOCK), None where there was none. Clocks of two environments differ, so an age below zero
    counts as none.
    """
    # 1. Nothing was ever issued for such a session.
    if family is None:
        return Reject("UNKNOWN_TOKEN")
    # 2. Dead family, dead staff, or a version that was left behind: no second alarm.
    if dead := _death(family, gate):
        return dead
    # 3. Idle or absolute limit.
    if limit := expired(now, family.idle_expires_at, family.standing.absolute_expires_at):
        return Expire(limit)
    # 5. to 7. Current token.
    if presented.token_hash == family.current_hash:
        return _current(presented, family, now, risk)
    # 8. to 10. Spent: a harmless retry, or reuse.
    return _spent(presented, family, now, policy, risk)


def refused_by_gate(gate: Gate, session_version: int) -> Reject | None:
    """Say why the staff gate does not let a session of `session_version` go on; None when it does."""
    if gate.status != ACTIVE:
        return Reject("STAFF_INACTIVE")
    return Reject("SESSION_VERSION") if gate.session_version != session_version else None


def _death(family: Family, gate: Gate) -> Reject | None:
    if family.status != ACTIVE:
        return Reject("SESSION_ENDED")
    return refused_by_gate(gate, family.session_version)


def _current(presented: Presented, family: Family, now: int, risk: str | None) -> Rotate | Assess | Challenge | Block:
    if family.pending is not None:
        return _waiting(family.pending, now, risk)
    if not presented.binding.elsewhere(family.binding):
        return Rotate(None)  # 5. by definition no risk
    if risk is None:
        return Assess()
    if risk == "ALLOW":
        return Rotate(family.binding)  # 5.
    return Block() if risk == "BLOCK" else Challenge(None)  # 7., 6.


def _waiting(pending: Pending, now: int, risk: str | None) -> Challenge | Assess:
    """Answer with the challenge until it is verified: one that ran out is followed by another, whoever asks.

    What is assessed for it is written down and decides nothing: a session that waits neither goes on nor ends by it.
    """
    if now < pending.expires_at:
        return Challenge(pending)
    return Assess() if risk is None else Challenge(None)


def _spent(
    presented: Presented, family: Family, now: int, policy: RetryPolicy, risk: str | None
) -> Replay | TryLater | RevokeFamily | Assess | Challenge:
    cause = _retry_of(presented, family, now, policy)
    if isinstance(cause, RevokeFamily | TryLater):
        return cause
    if family.pending is not None:
        return _waiting(family.pending, now, risk)
    at_home = cause == "concurrent" or not presented.binding.elsewhere(family.binding)
    return Replay(cause) if at_home else _late(cause, risk)


def _retry_of(presented: Presented, family: Family, now: int, policy: RetryPolicy) -> Cause | TryLater | RevokeFamily:
    if presented.token_hash != family.parent_hash:
        return RevokeFamily("OLD_GENERATION")  # even inside the concurrency window (django-oauth-toolkit#1617)
    if presented.binding.device_hash != family.binding.device_hash:
        return RevokeFamily("OTHER_DEVICE")
    cause = _retry(max(0, now - family.rotated_at), family, policy)
    if cause is None:
        return RevokeFamily("OUTSIDE_RETRY_POLICY")
    if family.replay_count >= policy.max_replays or not family.sealed:
        # A burst of one client's tabs is no theft; whoever comes back later with it is.
        return TryLater() if cause == "concurrent" else RevokeFamily("TOO_MANY_REPLAYS")
    return cause


def _late(cause: Cause, risk: str | None) -> Replay | RevokeFamily | Assess | Challenge:
    """Judge a retry that comes from another place."""
    if risk is None:
        return Assess()
    if risk == "ALLOW":
        return Replay(cause)
    return RevokeFamily("HIGH_RISK") if risk == "BLOCK" else Challenge(None)  # 10., 9.


def _retry(age: int, family: Family, policy: RetryPolicy) -> Cause | None:
    concurrency, lost = policy.concurrency_window_seconds, policy.lost_response_window_seconds
    if concurrency and age <= concurrency:
        return "concurrent"
    unconfirmed = family.confirmed_generation < family.generation
    named = family.binding.device_hash != NO_DEVICE  # "the same device" means nothing of clients that name none
    return "lost_response" if named and unconfirmed and lost and age <= lost else None

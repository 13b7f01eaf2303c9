"""One audit event and its canonical line.

The line is what counts: it is stored, hashed, sealed and handed to auditors byte for byte. Its format is final. Members
may be added; none may be renamed or removed, and `v` grows when the meaning of one changes. Personal data stands only
in `pii` (see `personal_data`), so erasing a person never changes a line.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from shared.audit.canonical import Json, canonical, well_formed
from shared.audit.merkle import leaf_hash

FORMAT_VERSION = 1
GENESIS = "0" * 64  # `prev` of the first event of a lane
MAX_LINE_BYTES = 300_000  # DynamoDB items end at 400 KB, keys and attribute names included
MAX_TEXT = 2_048  # characters of any one text from outside; a user agent needs no more

ActorType = Literal["user", "service", "system", "anonymous", "auditor"]
Outcome = Literal["success", "failure", "denied", "error"]

NOTHING: Mapping[str, Json] = MappingProxyType({})
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Actor(NamedTuple):
    """Who acted: the real human or machine, never the person who is impersonated.

    `auth` names the factors of the session ("password+totp"), `step_up` the challenge that was verified for this act.
    """

    type: ActorType
    id: str | None
    role: str | None = None
    session: str | None = None
    auth: str | None = None
    step_up: str | None = None


class Target(NamedTuple):
    type: str
    id: str


class Draft(NamedTuple):
    """An event before it has its place in a lane.

    `context` holds where from (`request_id`, `correlation_id`, `route`, `ip_net`, `country`, `device`), `change` only
    fields that the action allows, `personal` only entries made by `PersonalData`. Times are stamped at the commit.
    """

    event_id: str
    action: str
    outcome: Outcome
    actor: Actor
    resource: str
    context: Mapping[str, Json]
    reason: str | None = None
    on_behalf_of: str | None = None
    targets: tuple[Target, ...] = ()
    change: Mapping[str, Json] | None = None
    risk: Mapping[str, Json] | None = None
    personal: tuple[Mapping[str, Json], ...] = ()
    meta: Mapping[str, Json] = NOTHING


class Position(NamedTuple):
    """The place of one event: lane `lane` of `tenant`'s log, after the event whose leaf hash is `previous` (hex)."""

    log: str
    tenant: str
    epoch: int
    lane: str
    seq: int
    previous: str


class Line(NamedTuple):
    """The canonical bytes of one event and their leaf hash (hex, RFC 6962 section 2.1)."""

    text: str
    leaf: str


def system_context(route: str, correlation_id: str | None = None) -> dict[str, Json]:
    """Give the `context` of an event that no request caused; `route` says what did ("schedule", "stream")."""
    nowhere: dict[str, Json] = {"request_id": None, "ip_net": None, "country": None, "device": None}
    return {**nowhere, "route": route, "correlation_id": correlation_id}


def new_event_id(now: float) -> str:
    """Make a ULID: 48 bits of Unix milliseconds, 80 random bits, Crockford base 32."""
    number = (int(now * 1000) << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def compose(draft: Draft, position: Position, time: str) -> Line:
    """Write the line of `draft` at `position`; `time` is an RFC 3339 instant of the log.

    Raises `ValueError` for a draft that has no canonical form or is longer than `MAX_LINE_BYTES`.
    """
    line = canonical(_members(draft, position, time))
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"event {draft.action} of {len(line)} bytes exceeds {MAX_LINE_BYTES}")
    return Line(line.decode(), leaf_hash(line).hex())


def _members(draft: Draft, position: Position, time: str) -> dict[str, Json]:
    return {
        "v": FORMAT_VERSION,
        "id": draft.event_id,
        "log": position.log,
        "tenant": position.tenant,
        "epoch": position.epoch,
        "lane": position.lane,
        "seq": position.seq,
        "prev": position.previous,
        "time": time,
        "action": draft.action,
        "outcome": draft.outcome,
        "reason": draft.reason,
        "actor": _storable(draft.actor._asdict()),
        "on_behalf_of": draft.on_behalf_of,
        "targets": [{"type": target.type, "id": target.id} for target in draft.targets],
        "resource": _storable(draft.resource),
        "context": _storable(draft.context),
        "change": _storable(draft.change),
        "risk": _storable(draft.risk),
        "pii": list(draft.personal),
        "meta": _storable(draft.meta),
    }


def _storable(value: Json) -> Json:
    kind = type(value)
    if value is None or kind is int:
        return value
    if isinstance(value, str):
        return well_formed(value, MAX_TEXT)
    if isinstance(value, Mapping):
        return {key: _storable(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(member) for member in value]
    return value

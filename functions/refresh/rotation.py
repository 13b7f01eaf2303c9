"""One attempt at a rotation: the successor, its rows, and what the attempt takes for granted."""

import secrets
from dataclasses import dataclass, replace

from functions.refresh.presentation import Presentation
from functions.refresh.sealed_successor import seal
from shared.domain.refresh_token import SECRET_OCTETS, token_hash, written
from shared.domain.session import Standing, idle_expiry
from shared.runtime.access_token import Bearer
from shared.store.item import Item
from shared.store.refresh_tokens import Issued, issued
from shared.store.tenant_staff import GateRow, unchanged_gate
from shared.store.user_sessions import Rotation, rotated


@dataclass(frozen=True, slots=True)
class Tables:
    tenants: str
    tenant_staff: str
    subject_keys: str
    user_sessions: str
    refresh_tokens: str


@dataclass(frozen=True, slots=True)
class Belief:
    """What a rotation takes for granted until its conditions say otherwise.

    The first attempt believes the token and that nobody has moved, so it reads nothing; a refuted one is followed by
    what the rows said. `moved_from` is the country that was left.
    """

    standing: Standing
    country: str
    moved_from: str | None = None


@dataclass(frozen=True, slots=True)
class Successor:
    """`text` is the only copy of the new token outside of the seal."""

    text: str
    bearer: Bearer
    idle_expires_at: int


def first_belief(presentation: Presentation) -> Belief:
    return Belief(presentation.token.standing, presentation.presented.country)


def successor_of(presentation: Presentation, belief: Belief, idle_seconds: int) -> Successor:
    token, standing = presentation.token, belief.standing
    child = replace(token, generation=token.generation + 1, standing=standing)
    bearer = Bearer(token.tenant, token.staff_id, token.session_id, token.session_version, child.generation, standing)
    text = written(child, secrets.token_bytes(SECRET_OCTETS))
    return Successor(text, bearer, idle_expiry(presentation.now, idle_seconds, standing.absolute_expires_at))


def rotation_items(
    tables: Tables, presentation: Presentation, belief: Belief, successor: Successor
) -> tuple[Item, Item, Item]:
    """Give the whole decision as three items: the session moves on, the gate is unchanged, the successor is issued."""
    token = presentation.token
    rotation = Rotation(
        tenant=token.tenant,
        staff_id=token.staff_id,
        session_id=token.session_id,
        presented_hash=presentation.presented.token_hash,
        successor_hash=token_hash(successor.text),
        sealed=seal(presentation.text, token.session_id, successor.text),
        generation=successor.bearer.generation,
        device_hash=presentation.presented.device_hash,
        expected_country=belief.country,
        country=presentation.presented.country,
        network=presentation.request.viewer.network,
        standing=belief.standing,
        idle_expires_at=successor.idle_expires_at,
        now=presentation.now,
    )
    gate = GateRow("ACTIVE", belief.standing.role, token.session_version)
    return (
        rotated(tables.user_sessions, rotation),
        unchanged_gate(tables.tenant_staff, token.tenant, token.staff_id, gate),
        issued(tables.refresh_tokens, _child(presentation, successor)),
    )


def _child(presentation: Presentation, successor: Successor) -> Issued:
    bearer = successor.bearer
    return Issued(
        token_hash=token_hash(successor.text),
        tenant=bearer.tenant,
        staff_id=bearer.staff_id,
        session_id=bearer.session_id,
        generation=bearer.generation,
        parent_hash=presentation.presented.token_hash,
        issued_at=presentation.now,
        expires_at=successor.idle_expires_at,
    )

"""One attempt at a rotation: the successor, its rows, and what the attempt takes for granted.

The refresh rotates by it, and so does the answer to the challenge that a refresh was met with.
"""

import secrets
from typing import NamedTuple

from shared.domain.refresh_token import SECRET_OCTETS, RefreshToken, token_hash, written
from shared.domain.session import Binding, Standing, idle_expiry
from shared.runtime.access_token import Bearer
from shared.runtime.sealed_successor import seal
from shared.store.item import Item
from shared.store.refresh_tokens import Issued, issued
from shared.store.tenant_staff import GateRow, unchanged_gate
from shared.store.user_sessions import Rotation, rotated


class RotationTables(NamedTuple):
    tenant_staff: str
    user_sessions: str
    refresh_tokens: str


class Turn(NamedTuple):
    """A presented token (`text` and what it says) at `binding`, and what its rotation takes for granted.

    The conditions hold the session to `expected` and `expected_standing`; `standing` is what it is worth from then on.
    `answers` names the verified challenge that the session waited for.
    """

    text: str
    token: RefreshToken
    binding: Binding
    now: int
    expected: Binding
    expected_standing: Standing
    standing: Standing
    answers: str | None = None

    @property
    def presented_hash(self) -> str:
        return token_hash(self.text)


class Successor(NamedTuple):
    """`text` is the only copy of the new token outside of the seal."""

    text: str
    bearer: Bearer
    idle_expires_at: int


def successor_of(turn: Turn) -> Successor:
    token, standing = turn.token, turn.standing
    child = token._replace(generation=token.generation + 1, standing=standing)
    bearer = Bearer(token.tenant, token.staff_id, token.session_id, token.session_version, child.generation, standing)
    text = written(child, secrets.token_bytes(SECRET_OCTETS))
    return Successor(text, bearer, idle_expiry(turn.now, standing.idle_seconds, standing.absolute_expires_at))


def rotation_items(tables: RotationTables, turn: Turn, successor: Successor) -> tuple[Item, Item, Item]:
    """Give the whole decision as three items: the session moves on, the gate is unchanged, the successor is issued."""
    token = turn.token
    rotation = Rotation(
        tenant=token.tenant,
        staff_id=token.staff_id,
        session_id=token.session_id,
        presented_hash=turn.presented_hash,
        successor_hash=token_hash(successor.text),
        sealed=seal(turn.text, token.session_id, successor.text),
        generation=successor.bearer.generation,
        expected=turn.expected,
        expected_standing=turn.expected_standing,
        binding=turn.binding,
        standing=turn.standing,
        idle_expires_at=successor.idle_expires_at,
        now=turn.now,
        answers=turn.answers,
    )
    gate = GateRow("ACTIVE", turn.standing.role, token.session_version)
    return (
        rotated(tables.user_sessions, rotation),
        unchanged_gate(tables.tenant_staff, token.tenant, token.staff_id, gate),
        issued(
            tables.refresh_tokens,
            token_row(
                successor.bearer,
                successor.text,
                parent_hash=turn.presented_hash,
                issued_at=turn.now,
                expires_at=successor.idle_expires_at,
            ),
        ),
    )


def token_row(bearer: Bearer, text: str, *, parent_hash: str | None, issued_at: int, expires_at: int) -> Issued:
    """Give the row of a refresh token that is about to be handed out; its text is in it as a hash only."""
    return Issued(
        token_hash=token_hash(text),
        tenant=bearer.tenant,
        staff_id=bearer.staff_id,
        session_id=bearer.session_id,
        generation=bearer.generation,
        parent_hash=parent_hash,
        issued_at=issued_at,
        expires_at=expires_at,
        ends_at=bearer.standing.absolute_expires_at,
    )

"""What a refuted rotation showed, and what follows from it."""

from dataclasses import replace
from typing import NamedTuple

from functions.refresh.presentation import Presentation
from shared.domain.refresh_token import (
    Decision,
    Family,
    Gate,
    Reject,
    RetryPolicy,
    Rotate,
    decide,
    refused_by_gate,
)
from shared.domain.session import ACTIVE
from shared.runtime.rotation import Turn
from shared.store.attribute import Row
from shared.store.tenant_staff import GateRow, gate_of
from shared.store.transaction import Refuted
from shared.store.user_sessions import family_of


class Facts(NamedTuple):
    """What a refuted rotation showed. `family` and its `row` are None when the session itself would have rotated."""

    gate: GateRow
    family: Family | None
    row: Row | None
    decision: Decision


def first_turn(presentation: Presentation) -> Turn:
    """Believe the token, and that nobody has moved: nothing is read for it."""
    token, binding = presentation.token, presentation.presented.binding
    return Turn(
        text=presentation.text,
        token=token,
        binding=binding,
        now=presentation.now,
        expected=binding,
        expected_standing=token.standing,
        standing=token.standing,
    )


def judge(presentation: Presentation, turn: Turn, refuted: Refuted, policy: RetryPolicy) -> Facts:
    """Decide on the rows that refuted a rotation; a row that did not is what `turn` took it for."""
    version = presentation.token.session_version
    gate = GateRow(ACTIVE, turn.standing.role, version)
    if "gate" in refuted.failed:
        gate = gate_of(refuted.failed["gate"])
    seen = Gate(gate.status, gate.session_version)
    if "session" not in refuted.failed:
        # The session would have rotated: the gate is dead, or only the role is another one.
        moved_from = turn.expected if turn.expected.elsewhere(turn.binding) else None
        return Facts(gate, None, None, refused_by_gate(seen, version) or Rotate(moved_from))
    row = refuted.failed["session"]
    family = None if row is None else family_of(row, gate.role)
    if family is not None and version < family.session_version:
        return Facts(gate, family, row, Reject("SESSION_VERSION"))  # left behind by its own owner: dead, and no theft
    return Facts(gate, family, row, decide(presentation.presented, family, seen, presentation.now, policy))


def judged_again(presentation: Presentation, facts: Facts, policy: RetryPolicy, risk: str) -> Facts:
    """Decide once more, now that the risk is known."""
    seen = Gate(facts.gate.status, facts.gate.session_version)
    decision = decide(presentation.presented, facts.family, seen, presentation.now, policy, risk)
    return facts._replace(decision=decision)


def informed(turn: Turn, facts: Facts) -> Turn:
    """Believe what the rows said: the role of the gate, the standing and the place of the session."""
    family = facts.family
    if family is None:
        return turn._replace(standing=replace(turn.standing, role=facts.gate.role))
    waited_for = None if family.pending is None else family.pending.challenge_id
    return turn._replace(
        expected=family.binding,
        expected_standing=family.standing,
        standing=family.standing,
        answers=waited_for,
    )

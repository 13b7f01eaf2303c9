"""What a refuted rotation showed, and what follows from it."""

from dataclasses import dataclass, replace

from functions.refresh.presentation import Presentation
from functions.refresh.rotation import Belief
from shared.domain.refresh_token import Decision, Family, Gate, RetryPolicy, Rotate, decide, refused_by_gate
from shared.domain.session import ACTIVE
from shared.store.attribute import Row
from shared.store.tenant_staff import GateRow, gate_of
from shared.store.transaction import Refuted
from shared.store.user_sessions import family_of


@dataclass(frozen=True, slots=True)
class Facts:
    """What a refuted rotation showed. `family` and its `row` are None when the session itself would have rotated."""

    gate: GateRow
    family: Family | None
    row: Row | None
    decision: Decision


def judge(presentation: Presentation, belief: Belief, refuted: Refuted, policy: RetryPolicy) -> Facts:
    """Decide on the rows that refuted a rotation; a row that did not is what `belief` took it for."""
    version = presentation.token.session_version
    gate = GateRow(ACTIVE, belief.standing.role, version)
    if "gate" in refuted.failed:
        gate = gate_of(refuted.failed["gate"])
    seen = Gate(gate.status, gate.session_version)
    if "session" not in refuted.failed:
        # The session would have rotated: the gate is dead, or only the role is another one.
        return Facts(gate, None, None, refused_by_gate(seen, version) or Rotate(belief.moved_from))
    row = refuted.failed["session"]
    family = None if row is None else family_of(row, gate.role)
    return Facts(gate, family, row, decide(presentation.presented, family, seen, presentation.now, policy))


def informed(belief: Belief, facts: Facts, decision: Rotate) -> Belief:
    """Believe what the rows said: the role of the gate, the standing and the country of the session."""
    if facts.family is None:
        return replace(belief, standing=replace(belief.standing, role=facts.gate.role))
    return Belief(facts.family.standing, facts.family.country, decision.moved_from)

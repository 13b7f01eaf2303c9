"""What is asked for, and what speaks against it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from shared.domain.impersonation import DEFAULT_MINUTES, READ, WRITE, allowed, may_impersonate
from shared.domain.permission import IMPERSONATE_WRITE, holds
from shared.domain.security_policy import SecurityPolicy
from shared.domain.session import ACTIVE
from shared.edge.guard import Principal
from shared.edge.problem import invalid_request
from shared.store.tenant_staff import MISSING, GateRow

UNKNOWN: Final = "TARGET_UNKNOWN"


class Asked(NamedTuple):
    target_id: str
    reason: str
    ticket: str | None
    minutes: int
    mode: str


def asked_of(body: Mapping[str, Any], policy: SecurityPolicy) -> Asked:
    """Read a body that has the form of its route; raises `Refused` (400) with every value that makes no sense."""
    faults = list(_faults(body, policy.impersonation_minutes))
    if faults:
        raise invalid_request(faults)
    minutes = body["minutes"] or min(DEFAULT_MINUTES, policy.impersonation_minutes)
    return Asked(body["target_id"], body["reason"], body["ticket"], minutes, body["mode"] or READ)


def _faults(body: Mapping[str, Any], most: int) -> Iterator[tuple[str, str]]:
    for name in ("reason", "ticket"):
        if body[name] is not None and not body[name].strip():
            yield f"/{name}", "This says nothing."
    if body["minutes"] is not None and not 1 <= body["minutes"] <= most:
        yield "/minutes", f"This must be a whole number from 1 to {most}."


def objection(principal: Principal, asked: Asked, gate: GateRow, policy: SecurityPolicy) -> str | None:
    """Say what speaks against it, as the event tells it; None for what may be. `gate` is the other person's."""
    actor = principal.acting
    if gate.status == MISSING:
        return UNKNOWN
    if asked.target_id == actor.staff_id:
        return "SELF"
    if not allowed(policy.impersonation, asked.mode):
        return "SWITCHED_OFF"
    if asked.mode == WRITE and not holds(actor.role, IMPERSONATE_WRITE):
        return "MODE_NOT_HELD"
    if not may_impersonate(actor.role, gate.role, asked.mode):
        return "TARGET_ROLE"
    return None if gate.status == ACTIVE else "TARGET_INACTIVE"

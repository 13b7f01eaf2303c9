"""Whether somebody may be erased: decisions as values.

Rules of this module
- Nobody erases himself; the last ACTIVE owner least of all.
- Who is ACTIVE is deactivated first, by a measure of its own: its checks, its mail and its events are those of every
  leaving, and nobody is erased by one slip of the hand.
- Under a legal hold of the tenant or of the person nothing is erased. The commit asks that again.
"""

from dataclasses import dataclass

from functions.erasure.subject import Subject
from shared.domain.session import ACTIVE


@dataclass(frozen=True, slots=True)
class Denied:
    """Refused, and recorded under `reason` before it is told; `status` and `code` are those of the answer."""

    reason: str
    status: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something else comes first."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Erase:
    """It may be done."""


Verdict = Denied | Conflict | Erase


def decide(actor: str, subject: Subject) -> Verdict:
    """Say whether `actor`, who is an ACTIVE owner, may erase `subject`."""
    if subject.staff_id == actor:
        if subject.active_owners <= 1:
            return Denied("LAST_OWNER", 409, "last_owner", "Make somebody else an owner first.")
        return Denied("ONESELF", 403, "permission_denied", "Another owner can erase you, once you have left.")
    if subject.gate is not None and subject.gate.status == ACTIVE:
        return Conflict("still_active", "Deactivate the person first.")
    if subject.address_of not in {None, subject.staff_id}:
        return Conflict("already_used", "The address is a person's by now: it goes when that person is erased.")
    if subject.held:
        return Denied("LEGAL_HOLD", 409, "legal_hold", "Nobody of the hold's scope can be erased before its release.")
    return Erase()

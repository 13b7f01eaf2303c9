"""What an administrator may do to a person, and what it would change: decisions as values.

Rules of this module
- Nobody gives or takes what he does not hold: whoever acts on a person covers his role, and the role that he gives.
- Nobody acts on himself: there are routes for one's own sessions and factors, and another administrator for the rest.
- The last ACTIVE owner of a tenant stays one, whoever asks.
- Access that shrinks ends at once: a new `session_version` leaves every session behind. So does the rise to an
  administrator, whose sessions have limits of their own. Other access that grows does not touch them; who becomes an
  administrator without a second factor may do nothing but enrol one.
- Whoever comes back has the role and the factors that he had, and none of the sessions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.audit.canonical import Json
from shared.domain.permission import administers, covers
from shared.domain.session import ACTIVE
from shared.store.person import Person, counts_as_owner
from shared.store.tenant_staff import DEACTIVATED, GateRow
from shared.store.transaction import Acting

# Why sessions ended; the catalogue of actions knows them.
ROLE_CHANGED: Final = "role_changed"
USER_DEACTIVATED: Final = "user_deactivated"
FORCED_LOGOUT: Final = "forced_logout"
FACTORS_RESET: Final = "factors_reset"


@dataclass(frozen=True, slots=True)
class Denied:
    """Beyond the authority of whoever asks; recorded under `reason` before it is told."""

    reason: str
    meta: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LastOwner:
    """Nobody would be left who can make an owner; recorded as well."""


@dataclass(frozen=True, slots=True)
class Already:
    """There is nothing left to do, and the request was to do it."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """What is asked for is what there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change of a person, whose gate goes from `before` to `after`.

    `action` is its event, None where the end of the sessions is all; `ended` the reason of that, None where they live
    on. `template` is the mail, `bus` the event for the adopter's own rules. `relies_on_factors`: it was decided by what
    is enrolled; `strips`: all of that goes.
    """

    before: GateRow
    after: GateRow
    action: str | None
    template: str
    bus: str
    ended: str | None = None
    change: Mapping[str, Json] | None = None
    meta: Mapping[str, Json] = field(default_factory=dict)
    relies_on_factors: bool = False
    strips: bool = False
    voids_reset: bool = False

    @property
    def voids_invites(self) -> bool:
        """Whether what the person has offered so far may not be taken any more, even when he has his rights again."""
        return self.after.status != ACTIVE or not covers(self.after.role, self.before.role)

    @property
    def owners(self) -> int:
        """By how many the ACTIVE owners of the tenant become more."""
        return counts_as_owner(self.after) - counts_as_owner(self.before)


Verdict = Denied | LastOwner | Already | Unchanged | Step
Decide = Callable[[Acting, Person, Mapping[str, Any]], Verdict]


def change_role(acting: Acting, person: Person, asked: Mapping[str, Any]) -> Verdict:
    role, gate = asked["role"], person.gate
    objection = _objection(acting, person, gate._replace(role=role))
    if objection is not None:
        return objection
    if role == gate.role:
        return Unchanged()
    shrinks, must_enrol = not covers(role, gate.role), person.must_enrol_as(role)
    leaves = shrinks or (administers(role) and not administers(gate.role))
    ended = ROLE_CHANGED if leaves and person.active else None
    return Step(
        before=gate,
        after=gate._replace(role=role, session_version=gate.session_version + leaves, must_enrol=must_enrol),
        action="USER_ROLE_CHANGED",
        template="role_adjusted" if ended is None else "role_changed",
        bus="user_role_changed",
        ended=ended,
        change={"before": {"role": gate.role}, "after": {"role": role}},
        meta={"access": "shrinks" if shrinks else "grows", "must_enrol": must_enrol},
        relies_on_factors=administers(role),
    )


def deactivate(acting: Acting, person: Person, asked: Mapping[str, Any]) -> Verdict:
    del asked  # the reason decides nothing
    gate = person.gate
    after = gate._replace(status=DEACTIVATED, session_version=gate.session_version + 1)
    objection = _objection(acting, person, after)
    if objection is not None:
        return objection
    if not person.active:
        return Already("This person has been deactivated.")
    return Step(
        before=gate,
        after=after,
        action="USER_DEACTIVATED",
        template="deactivated",
        bus="user_deactivated",
        ended=USER_DEACTIVATED,
        change=_statuses(gate, after),
        meta={"role": gate.role},
        voids_reset=person.has_password,
    )


def reactivate(acting: Acting, person: Person, asked: Mapping[str, Any]) -> Verdict:
    del asked
    gate = person.gate
    must_enrol = person.must_enrol_as(gate.role)
    after = gate._replace(status=ACTIVE, must_enrol=must_enrol)
    objection = _objection(acting, person, after)
    if objection is not None:
        return objection
    if person.active:
        return Already("This person is active.")
    return Step(
        before=gate,
        after=after,
        action="USER_REACTIVATED",
        template="reactivated",
        bus="user_reactivated",
        change=_statuses(gate, after),
        meta={"role": gate.role, "must_enrol": must_enrol},
        relies_on_factors=administers(gate.role),
        voids_reset=person.has_password,  # one that was asked for while the deactivation was on its way
    )


def sign_out(acting: Acting, person: Person, asked: Mapping[str, Any]) -> Verdict:
    del asked
    gate = person.gate
    objection = _objection(acting, person, gate)
    if objection is not None:
        return objection
    if not person.active:
        return Already("The sessions of this person ended when the deactivation did it.")
    return Step(
        before=gate,
        after=gate._replace(session_version=gate.session_version + 1),
        action=None,
        template="signed_out",
        bus="sessions_ended",
        ended=FORCED_LOGOUT,
    )


def reset_factors(acting: Acting, person: Person, asked: Mapping[str, Any]) -> Verdict:
    del asked
    gate, factors = person.gate, person.factors
    objection = _objection(acting, person, gate)
    if objection is not None:
        return objection
    must_enrol = administers(gate.role)
    return Step(
        before=gate,
        after=gate._replace(session_version=gate.session_version + 1, must_enrol=must_enrol),
        action="MFA_RESET_BY_ADMIN",
        template="factors_reset",
        bus="factors_reset",
        ended=FACTORS_RESET if person.active else None,
        meta={
            "totp": factors.totp is not None,
            "passkeys": len(factors.passkeys.passkeys),
            "recovery_codes": factors.recovery.left,
            "must_enrol": must_enrol,
        },
        strips=True,
    )


def _objection(acting: Acting, person: Person, after: GateRow) -> Denied | LastOwner | None:
    """Say what stands against a measure that would leave the gate as `after`."""
    unmade = counts_as_owner(person.gate) and not counts_as_owner(after)
    if person.staff_id == acting.staff_id:
        return LastOwner() if unmade and person.active_owners <= 1 else Denied("ONESELF")
    beyond = [role for role in (person.gate.role, after.role) if not covers(acting.role, role)]
    if beyond:
        return Denied("ROLE_BEYOND_OWN", {"role": beyond[0]})
    return LastOwner() if unmade and person.active_owners <= 1 else None


def _statuses(before: GateRow, after: GateRow) -> Mapping[str, Json]:
    return {"before": {"status": before.status}, "after": {"status": after.status}}

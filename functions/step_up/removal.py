"""DELETE /api/auth/factors/totp: the authenticator goes, and with the last second factor the recovery codes.

1. Admit, with a fresh proof; 2. read what ends with it; 3. refuse what is not there, and an administrator's last
factor; 4. commit the removal, which ends all other sessions; 5. answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from functions.step_up.change import Change
from functions.step_up.factors import Desk
from functions.step_up.record import factor_event
from shared.domain.security_policy import ADMINISTRATORS
from shared.domain.step_up import TOTP
from shared.edge.bodies import EMPTY
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.problem import Refused
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.store.item import Item
from shared.store.second_factors import Factors, changed_passkeys, removed_totp, replaced_recovery_codes
from shared.store.transaction import Contended

ACCOUNT_SECURITY: Final = "account_security"
_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    desk: Desk
    change: Change
    guard: Guard

    def __call__(self, request: Request) -> Reply:
        for _ in range(_ATTEMPTS):
            # 1. Admit, anew after each lost race.
            principal = self.guard.admit(request)
            read_body(request, EMPTY)
            acting = principal.acting
            # 2. The other sessions, 3. what is there, and whether it may go.
            others = self.change.others(request, principal)
            factors = self.desk.factors(acting.tenant, acting.staff_id)
            if factors.totp is None:
                raise Refused(404, "not_found", "No authenticator is enrolled.")
            table = self.desk.tables.tenant_staff
            items = [
                removed_totp(table, acting.tenant, acting.staff_id, factors.totp),
                *left_without(self.desk, principal, factors, len(factors.passkeys.passkeys)),
                *_kept_passkeys(table, principal, factors),
                self.desk.mail(acting.tenant, acting.staff_id, "factor_removed", request.now, factor=TOTP),
            ]
            proof = principal.grant(ACCOUNT_SECURITY).challenge_id
            seal = self.desk.seal(request, principal.tenant, acting.staff_id, factors.salt)
            removed = factor_event(request, principal, "MFA_REMOVED", {"factor": TOTP}, seal, proof)
            # 4. Commit, 5. answer.
            outcome = self.change.commit(request, principal, others, items, [removed])
            if isinstance(outcome, Reply):
                return outcome
        raise Contended("the factors kept changing")


def left_without(desk: Desk, principal: Principal, factors: Factors, left: int) -> Sequence[Item]:
    """Give what goes along when `left` second factors remain; raises `Refused` (409) for an administrator's last one.

    That no other request removes the rest meanwhile, the commit ensures: every removal raises the history's version.
    """
    acting = principal.acting
    if left:
        return ()
    if acting.role in ADMINISTRATORS:
        raise Refused(409, "last_factor", "Enrol another authenticator or a passkey first.")
    if not factors.recovery.codes:
        return ()
    table = desk.tables.tenant_staff
    return (replaced_recovery_codes(table, acting.tenant, acting.staff_id, factors.recovery, ()),)


def _kept_passkeys(table: str, principal: Principal, factors: Factors) -> Sequence[Item]:
    """Hold the passkeys to what was read, where they are what is left: a removal of those writes this row too."""
    acting, kept = principal.acting, factors.passkeys
    if not kept.passkeys:
        return ()
    return (changed_passkeys(table, acting.tenant, acting.staff_id, kept, kept.passkeys),)

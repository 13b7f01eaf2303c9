"""POST /api/auth/factors/recovery-codes: new codes take the place of the old ones, used or not, and are shown once.

1. Admit, with a fresh proof; 2. read what ends with them; 3. read the factors: codes only stand in for one; 4. commit
the new hashes, which ends all other sessions; 5. show the codes.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

from functions.step_up.change import Change
from functions.step_up.factors import Desk, open_factor
from functions.step_up.record import factor_event
from functions.step_up.recovery_code import new_recovery_codes
from functions.step_up.removal import ACCOUNT_SECURITY
from shared.domain.step_up import RECOVERY_CODE
from shared.edge.bodies import EMPTY
from shared.edge.fields import read_body
from shared.edge.guard import Guard
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.store.second_factors import replaced_recovery_codes
from shared.store.transaction import Contended

_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    desk: Desk
    change: Change
    guard: Guard

    def __call__(self, request: Request) -> Reply:
        codes = cache(new_recovery_codes)  # hashed once, however often the commit must be tried
        for _ in range(_ATTEMPTS):
            # 1. Admit, anew after each lost race.
            principal = self.guard.admit(request)
            read_body(request, EMPTY)
            acting = principal.acting
            # 2. The other sessions, 3. and the factors that the codes stand in for.
            others = self.change.others(request, principal)
            factors = self.desk.factors(acting.tenant, acting.staff_id)
            open_factor(factors, request.now)
            # 4. Commit, 5. show.
            table = self.desk.tables.tenant_staff
            items = [
                replaced_recovery_codes(table, acting.tenant, acting.staff_id, factors.recovery, codes().hashes),
                self.desk.mail(acting.tenant, acting.staff_id, "factor_added", request.now, factor=RECOVERY_CODE),
            ]
            proof = principal.grant(ACCOUNT_SECURITY).challenge_id
            seal = self.desk.seal(request, principal.tenant, acting.staff_id, factors.salt)
            replaced = factor_event(
                request, principal, "RECOVERY_CODES_REPLACED", {"codes": len(codes().printed)}, seal, proof
            )
            members = {"recovery_codes": codes().printed}
            outcome = self.change.commit(request, principal, others, items, [replaced], members)
            if isinstance(outcome, Reply):
                return outcome
        raise Contended("the factors kept changing")

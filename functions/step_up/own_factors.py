"""GET /api/auth/factors: by what the asker can prove himself, so that he can see to it.

1. Admit; 2. read in one consistent call what he has; 3. answer what is there, and nothing of what it is made of.
"""

from dataclasses import dataclass

from shared.edge.guard import Guard
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.store.item import batch_get
from shared.store.second_factors import factor_keys, factors_of
from shared.store.tenant_staff import factor_key, named
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFactors:
    dynamodb: JsonService
    tenant_staff_table: str
    guard: Guard

    def __call__(self, request: Request) -> Reply:
        # 1. Admit.
        acting = self.guard.admit(request).acting
        # 2. Password and second factors.
        owner, table = (acting.tenant, acting.staff_id), self.tenant_staff_table
        password = factor_key(*owner, "password")
        rows = named(batch_get(self.dynamodb, {table: [password, *factor_keys(*owner)]})[table])
        factors = factors_of(rows, acting.staff_id, None)
        # 3. Answer.
        return json_reply(
            200,
            {
                "password": password["item"] in rows,
                "totp": factors.totp is not None,
                "totp_disabled": factors.failures.disabled,
                "passkeys": len(factors.passkeys.passkeys),
                "recovery_codes_left": factors.recovery.left,
            },
        )

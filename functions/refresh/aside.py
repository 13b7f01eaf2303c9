"""The parts of the refresh that its usual path never needs: each is loaded and made when it is first asked for.

Most execution environments live and die without a risk, a challenge or an incident. What those depend on is a third of
a cold start.
"""

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.refresh.assessment import Assessor
    from functions.refresh.challenge import ChallengeDesk
    from functions.refresh.containment import Containment
    from functions.refresh.settings import Settings
    from shared.edge.blocking import Blocking
    from shared.runtime.sealed_secret import SecretSealer
    from shared.runtime.tenant_policy import TenantPolicies
    from shared.store.transaction import Ledger
    from shared.store.wire import JsonService


class Aside:
    def __init__(
        self,
        settings: "Settings",
        dynamodb: "JsonService",
        sealer: "SecretSealer",
        ledger: "Ledger",
        policies: "TenantPolicies",
    ) -> None:
        self._settings = settings
        self._dynamodb = dynamodb
        self._sealer = sealer
        self._ledger = ledger
        self._policies = policies

    @cached_property
    def assessor(self) -> "Assessor":
        from functions.refresh.assessment import AssessmentTables, Assessor  # noqa: PLC0415 - see above
        from shared.runtime.data_key import DataKeys  # noqa: PLC0415 - see above

        given = self._settings
        tables = AssessmentTables(given.tenants_table, given.tenant_staff_table, given.subject_keys_table)
        data_keys = DataKeys(self._sealer)
        return Assessor(dynamodb=self._dynamodb, tables=tables, policies=self._policies, data_keys=data_keys)

    @cached_property
    def challenges(self) -> "ChallengeDesk":
        from functions.refresh.challenge import ChallengeDesk  # noqa: PLC0415 - see above
        from shared.domain.passkey import relying_party  # noqa: PLC0415 - see above

        return ChallengeDesk(
            tenant_staff_table=self._settings.tenant_staff_table,
            user_sessions_table=self._settings.user_sessions_table,
            challenges_table=self._settings.step_up_challenges_table,
            ledger=self._ledger,
            assessor=self.assessor,
            party=relying_party(self._settings.issuer, self._settings.allowed_origins),
        )

    @cached_property
    def containment(self) -> "Containment":
        from functions.refresh.containment import Containment, ContainmentTables  # noqa: PLC0415 - see above

        given = self._settings
        tables = ContainmentTables(
            given.tenant_staff_table, given.user_sessions_table, given.refresh_tokens_table, given.outbox_table
        )
        return Containment(tables=tables, kept_seconds=given.security_retention_seconds)

    @cached_property
    def blocking(self) -> "Blocking":
        from shared.edge.blocking import Blocking, BlockingTables  # noqa: PLC0415 - see above

        given = self._settings
        tables = BlockingTables(given.tenant_staff_table, given.user_sessions_table, given.outbox_table)
        return Blocking(tables=tables, kept_seconds=given.security_retention_seconds)

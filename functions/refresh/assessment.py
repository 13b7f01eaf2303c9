"""The risk of a refresh from elsewhere: read what it depends on, and score it.

Off the usual path: only a refresh whose place has changed, or whose challenge ran out, comes here, so the modules of
the risk are loaded here and not at a cold start.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.refresh.presentation import Presentation
from shared.audit.canonical import Json
from shared.domain.refresh_token import Family
from shared.edge.provenance import sealed_unless_erased
from shared.runtime.data_key import DataKeys
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.attribute import Row
from shared.store.item import batch_get
from shared.store.second_factors import Factors, factor_keys, factors_of
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import named
from shared.store.tenants import geography_observed, tenant_key
from shared.store.wire import JsonService, Unavailable

if TYPE_CHECKING:
    from shared.domain.risk import Assessment


@dataclass(frozen=True, slots=True)
class AssessmentTables:
    tenants: str
    tenant_staff: str
    subject_keys: str


@dataclass(frozen=True, slots=True)
class Assessed:
    """A decision of the risk and what it was read with. `salt` None: the owner was erased."""

    assessment: "Assessment"
    factors: Factors
    tenant: Row
    salt: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessor:
    dynamodb: JsonService
    tables: AssessmentTables
    policies: TenantPolicies
    data_keys: DataKeys

    def __call__(self, presentation: Presentation, family: Family, row: Row) -> Assessed:
        """Read and score in one consistent call; raises `Unavailable`, also for a tenant that is gone."""
        from shared.domain.familiarity import InSession, facts_of, signals_in_session  # noqa: PLC0415 - see above
        from shared.domain.risk import assess  # noqa: PLC0415 - see above
        from shared.store.histories import history_key, history_of  # noqa: PLC0415 - see above

        tenant, staff_id = presentation.token.tenant, presentation.token.staff_id
        history_row = history_key(tenant, staff_id)
        found = batch_get(
            self.dynamodb,
            {
                self.tables.tenants: [tenant_key(tenant)],
                self.tables.tenant_staff: [history_row, *factor_keys(tenant, staff_id)],
                self.tables.subject_keys: [subject_key(tenant, staff_id)],
            },
        )
        if not found[self.tables.tenants]:
            raise Unavailable("a session of a tenant that does not exist")
        rows, salts = named(found[self.tables.tenant_staff]), found[self.tables.subject_keys]
        tenant_row, salt = found[self.tables.tenants][0], salts[0]["salt"] if salts else None
        device_hash = presentation.presented.binding.device_hash
        signals = signals_in_session(
            InSession(
                binding=family.binding,
                seen_at=row["last_seen_at"],
                replays=row["replays"],
                generation=family.generation,
                latitude=family.binding.latitude,
                longitude=family.binding.longitude,
            ),
            history_of(rows.get(history_row["item"])),
            facts_of(presentation.request.viewer, device_hash=device_hash, at=presentation.now),
        )
        observed = geography_observed(tenant_row, presentation.now)
        assessment = assess(signals, self.policies.from_row(tenant_row), geography_observed=observed)
        return Assessed(assessment, factors_of(rows, staff_id, salt), tenant_row, salt)

    def sealed(self, presentation: Presentation, assessed: Assessed, event_id: str) -> tuple[Mapping[str, Json], ...]:
        """Seal the presenter's address; nothing where the owner was erased."""
        tenant = assessed.tenant
        personal = self.data_keys.personal_data(tenant["tenant"], tenant["data_key_sealed"])
        staff_id = presentation.token.staff_id
        return sealed_unless_erased(personal, assessed.salt, staff_id, event_id, presentation.request)

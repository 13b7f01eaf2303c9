"""The security settings of tenants as an execution environment holds them.

Rules of this module
- What was read counts for `FRESH_SECONDS`: settings are no permission, so the hot paths need not read them each time.
  A flow that has read the tenant's row gives that instead (`from_row`).
- An older row never takes the place of a newer one: the version decides, not the order of the answers.
- At most `MAX_TENANTS` are held; when they are too many all are forgotten, which costs reads and nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Final

from shared.domain.security_policy import FRESH_SECONDS, SecurityPolicy, policy_of
from shared.store.attribute import Row
from shared.store.item import batch_get
from shared.store.tenants import tenant_key
from shared.store.wire import JsonService

MAX_TENANTS: Final = 1_000


class TenantPolicies:
    """`deployment` holds the settings that the deployment makes for tenants without their own, by name."""

    def __init__(
        self, dynamodb: JsonService, tenants_table: str, deployment: Mapping[str, int], clock: Callable[[], float]
    ) -> None:
        self._dynamodb = dynamodb
        self._table = tenants_table
        self._deployment = deployment
        self._clock = clock
        self._held: dict[str, tuple[float, SecurityPolicy]] = {}

    def of(self, tenant: str) -> SecurityPolicy | None:
        """Give the settings in force; None for a tenant that does not exist. Raises `Unavailable`."""
        asked_at = self._clock()
        held = self._held.get(tenant)
        # A clock that was set back makes nothing fresh for longer.
        if held is not None and 0 <= asked_at - held[0] < FRESH_SECONDS:
            return held[1]
        rows = batch_get(self._dynamodb, {self._table: [tenant_key(tenant)]})[self._table]
        return self._hold(rows[0], asked_at) if rows else None

    def from_row(self, row: Row) -> SecurityPolicy:
        """Give the settings of a tenant's row that was read for this request."""
        return self._hold(row, self._clock())

    def _hold(self, row: Row, read_at: float) -> SecurityPolicy:
        tenant, policy = row["tenant"], policy_of(row["policy"], row["policy_version"], self._deployment)
        held = self._held.get(tenant)
        if held is None and len(self._held) >= MAX_TENANTS:
            self._held.clear()
        if held is None or held[1].version <= policy.version:
            self._held[tenant] = (read_at, policy)
        return policy

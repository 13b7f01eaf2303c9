"""The security settings of tenants as an execution environment holds them.

Rules of this module
- What was read counts for `FRESH_SECONDS`: settings are no permission, so the hot paths need not read them each time.
  A flow that has read the tenant's row gives that instead (`from_row`).
- An older row never takes the place of a newer one: the versions decide, not the order of the answers.
- With the settings goes the version of the address rules, for the one flow that checks them without a row (`held`).
- At most `MAX_TENANTS` are held; when they are too many all are forgotten, which costs reads and nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from shared.domain.security_policy import FRESH_SECONDS, SecurityPolicy, policy_of
from shared.store.attribute import Row
from shared.store.item import batch_get
from shared.store.tenants import ip_rules_in_force, ip_rules_version, tenant_key
from shared.store.wire import JsonService

MAX_TENANTS: Final = 1_000


class Held(NamedTuple):
    """What is held of one tenant. `address_rules` is the version of those in force, 0 where there are none."""

    read_at: float
    policy: SecurityPolicy
    rules_version: int
    address_rules: int

    @property
    def age(self) -> tuple[int, int]:
        """Both versions only ever grow, and in one row: of two reads the newer one has neither smaller."""
        return self.policy.version, self.rules_version


class TenantPolicies:
    """`deployment` holds the settings that the deployment makes for tenants without their own, by name."""

    def __init__(
        self, dynamodb: JsonService, tenants_table: str, deployment: Mapping[str, int], clock: Callable[[], float]
    ) -> None:
        self._dynamodb = dynamodb
        self._table = tenants_table
        self._deployment = deployment
        self._clock = clock
        self._held: dict[str, Held] = {}

    def of(self, tenant: str) -> SecurityPolicy | None:
        """Give the settings in force; None for a tenant that does not exist. Raises `Unavailable`."""
        held = self.held(tenant)
        return None if held is None else held.policy

    def held(self, tenant: str) -> Held | None:
        """Give what is held of a tenant, read anew where it is too old; None for one that does not exist."""
        asked_at = self._clock()
        held = self._held.get(tenant)
        # A clock that was set back makes nothing fresh for longer.
        if held is not None and 0 <= asked_at - held.read_at < FRESH_SECONDS:
            return held
        return self.read(tenant)

    def read(self, tenant: str) -> Held | None:
        """Read a tenant whatever is held of it; None for one that does not exist. Raises `Unavailable`."""
        asked_at = self._clock()
        rows = batch_get(self._dynamodb, {self._table: [tenant_key(tenant)]})[self._table]
        return self._hold(rows[0], asked_at) if rows else None

    def from_row(self, row: Row) -> SecurityPolicy:
        """Give the settings of a tenant's row that was read for this request."""
        return self._hold(row, self._clock()).policy

    def _hold(self, row: Row, read_at: float) -> Held:
        tenant, policy = row["tenant"], policy_of(row["policy"], row["policy_version"], self._deployment)
        read = Held(read_at, policy, ip_rules_version(row), ip_rules_in_force(row))
        held = self._held.get(tenant)
        if held is None and len(self._held) >= MAX_TENANTS:
            self._held.clear()
        if held is None or held.age <= read.age:
            self._held[tenant] = read
        return read

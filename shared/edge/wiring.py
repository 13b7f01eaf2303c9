"""How a function puts its door, guard and ledger together from its settings. Called once an execution environment.

`HttpSettings` are the settings of all of these parts; a function's own `Settings` extend them.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from shared.edge.door import Door
from shared.runtime.log import Log
from shared.runtime.origin_secret import StoredOriginSecrets
from shared.runtime.signing_keys import KeyRing
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.transaction import Ledger, LedgerSettings
from shared.store.wire import JsonService, Wire

if TYPE_CHECKING:
    from shared.edge.guard import Guard


class DoorSettings(Protocol):
    @property
    def origin_secret_arn(self) -> str: ...
    @property
    def edge_required(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class HttpSettings(LedgerSettings):
    """What a function with signed-in callers reads from its environment; its own settings extend these."""

    tenants_table: str
    signing_keys_table: str
    issuer: str
    audience: str
    origin_secret_arn: str
    edge_required: bool


@dataclass(frozen=True, slots=True)
class PolicySettings(HttpSettings):
    """What a function that goes by a tenant's settings reads besides: the deployment's own, in seconds."""

    refresh_idle_seconds: int
    refresh_absolute_seconds: int
    concurrency_window_seconds: int
    lost_response_window_seconds: int
    max_replays: int

    def deployment(self) -> Mapping[str, int]:
        """Give the settings that this deployment makes, by name; the others have the defaults of the policy."""
        return {name: getattr(self, name) for name in PolicySettings.__annotations__}


CLOCK: Final = time.time


def log_of(concern: str) -> Log:
    return Log(CLOCK, concern=concern)


def door_of(settings: DoorSettings, log: Log) -> Door:
    secrets = StoredOriginSecrets(service("secretsmanager"), settings.origin_secret_arn, CLOCK)
    return Door(secrets, log, CLOCK, edge_required=settings.edge_required)


def service(name: str) -> JsonService:
    """Open the wire to a service of this account: "dynamodb", "kms" or "secretsmanager"."""
    return Wire.from_environment(name, os.environ)


def ledger_of(settings: LedgerSettings, dynamodb: JsonService) -> Ledger:
    return Ledger(dynamodb, settings, CLOCK)


def keys_of(settings: HttpSettings, dynamodb: JsonService) -> KeyRing:
    return KeyRing(dynamodb, settings.signing_keys_table, CLOCK)


def policies_of(settings: PolicySettings, dynamodb: JsonService) -> TenantPolicies:
    return TenantPolicies(dynamodb, settings.tenants_table, settings.deployment(), CLOCK)


def guard_of(settings: HttpSettings, dynamodb: JsonService, ledger: Ledger, keys: KeyRing, log: Log) -> "Guard":
    """Build the guard. Its modules are loaded here: login and refresh have no guard and do not pay for one."""
    from shared.edge.guard import Guard, GuardTables  # noqa: PLC0415 - see above
    from shared.runtime.access_token import TokenVerifier  # noqa: PLC0415 - see above

    tables = GuardTables(settings.tenants_table, settings.tenant_staff_table, settings.user_sessions_table)
    verifier = TokenVerifier(keys, settings.issuer, settings.audience)
    return Guard(dynamodb, tables, verifier, ledger, log)

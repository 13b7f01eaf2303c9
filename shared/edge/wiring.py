"""How a function puts its door and ledger together from its settings. Called once an execution environment.

`HttpSettings` are the settings of all of these parts; a function's own `Settings` extend them.
"""

import functools
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from shared.edge.address_rules import AddressRules
from shared.edge.door import Door
from shared.runtime.log import Log
from shared.runtime.origin_secret import StoredOriginSecrets
from shared.runtime.signing_keys import KeyRing
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.transaction import Ledger, LedgerSettings
from shared.store.wire import JsonService, Wire

if TYPE_CHECKING:
    from shared.edge.address_denial import Denials


class DoorSettings(Protocol):
    @property
    def origin_secret_arn(self) -> str: ...
    @property
    def edge_required(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class HttpSettings(LedgerSettings):
    """What a function with signed-in callers reads from its environment; its own settings extend these.

    `data_key_id` opens the tenants' data keys, to seal the address of whom the address rules refuse.
    """

    tenants_table: str
    signing_keys_table: str
    ip_rules_table: str
    ip_denials_table: str
    subject_keys_table: str
    data_key_id: str
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


def address_rules_of(settings: HttpSettings, dynamodb: JsonService, ledger: Ledger) -> AddressRules:
    """Build the address rules. What records refusals is loaded and made with the first one."""

    @functools.cache
    def denials() -> "Denials":
        from shared.edge.address_denial import Denials, DenialTables  # noqa: PLC0415 - see above
        from shared.runtime.data_key import DataKeys  # noqa: PLC0415 - see above
        from shared.runtime.sealed_secret import SecretSealer  # noqa: PLC0415 - see above

        tables = DenialTables(settings.tenants_table, settings.subject_keys_table, settings.ip_denials_table)
        data_keys = DataKeys(SecretSealer(service("kms"), settings.data_key_id))
        return Denials(dynamodb=dynamodb, tables=tables, ledger=ledger, data_keys=data_keys)

    return AddressRules(dynamodb, settings.ip_rules_table, denials)

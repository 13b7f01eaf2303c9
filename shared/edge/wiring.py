"""How a function puts its door, guard and ledger together from its settings. Called once an execution environment.

The protocols name the settings that each part reads; a function's `Settings` class has them as fields.
"""

import os
import time
from typing import TYPE_CHECKING, Final, Protocol

from shared.edge.door import Door
from shared.runtime.log import Log
from shared.runtime.origin_secret import StoredOriginSecrets
from shared.runtime.signing_keys import KeyRing
from shared.store.transaction import Ledger, LedgerSettings
from shared.store.wire import JsonService, Wire

if TYPE_CHECKING:
    from shared.edge.guard import Guard


class DoorSettings(Protocol):
    @property
    def origin_secret_arn(self) -> str: ...
    @property
    def edge_required(self) -> bool: ...


class LedgerFields(Protocol):
    @property
    def audit_logs_table(self) -> str: ...
    @property
    def user_sessions_table(self) -> str: ...
    @property
    def tenant_staff_table(self) -> str: ...
    @property
    def log_name(self) -> str: ...
    @property
    def log_epoch(self) -> int: ...
    @property
    def writer_give_up_seconds(self) -> float: ...
    @property
    def audit_log_ttl_seconds(self) -> int: ...


class KeyFields(Protocol):
    @property
    def signing_keys_table(self) -> str: ...


class GuardFields(LedgerFields, KeyFields, Protocol):
    @property
    def tenants_table(self) -> str: ...
    @property
    def issuer(self) -> str: ...
    @property
    def audience(self) -> str: ...


CLOCK: Final = time.time


def log_of(concern: str) -> Log:
    return Log(CLOCK, concern=concern)


def door_of(settings: DoorSettings, log: Log) -> Door:
    secrets = StoredOriginSecrets(service("secretsmanager"), settings.origin_secret_arn, CLOCK)
    return Door(secrets, log, CLOCK, edge_required=settings.edge_required)


def service(name: str) -> JsonService:
    """Open the wire to a service of this account: "dynamodb", "kms" or "secretsmanager"."""
    return Wire.from_environment(name, os.environ)


def ledger_of(settings: LedgerFields, dynamodb: JsonService) -> Ledger:
    fields = LedgerSettings(
        audit_logs_table=settings.audit_logs_table,
        user_sessions_table=settings.user_sessions_table,
        tenant_staff_table=settings.tenant_staff_table,
        log_name=settings.log_name,
        log_epoch=settings.log_epoch,
        writer_give_up_seconds=settings.writer_give_up_seconds,
        audit_log_ttl_seconds=settings.audit_log_ttl_seconds,
    )
    return Ledger(dynamodb, fields, CLOCK)


def keys_of(settings: KeyFields, dynamodb: JsonService) -> KeyRing:
    return KeyRing(dynamodb, settings.signing_keys_table, CLOCK)


def guard_of(settings: GuardFields, dynamodb: JsonService, ledger: Ledger, keys: KeyRing, log: Log) -> "Guard":
    """Build the guard. Its modules are loaded here: login and refresh have no guard and do not pay for one."""
    from shared.edge.guard import Guard, GuardTables  # noqa: PLC0415 - see above
    from shared.runtime.access_token import TokenVerifier  # noqa: PLC0415 - see above

    tables = GuardTables(settings.tenants_table, settings.tenant_staff_table, settings.user_sessions_table)
    verifier = TokenVerifier(keys, settings.issuer, settings.audience)
    return Guard(dynamodb, tables, verifier, ledger, log)

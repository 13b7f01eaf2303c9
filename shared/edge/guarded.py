"""What every function with signed-in callers stands on, put together from its settings.

Login and refresh have no guard, and do not load this module: they would pay for it.
"""

from dataclasses import dataclass

from shared.edge.door import Door
from shared.edge.guard import Guard, GuardTables
from shared.edge.wiring import HttpSettings, address_rules_of, door_of, keys_of, ledger_of, log_of, service
from shared.runtime.access_token import TokenVerifier
from shared.runtime.log import Log
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.signing_keys import KeyRing
from shared.store.transaction import Ledger
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class Guarded:
    """The parts that the flows of a function are given, each as a port of its own.

    `sealer` is under the data key; what it opens and seals is what the function's role is granted.
    """

    door: Door
    guard: Guard
    ledger: Ledger
    dynamodb: JsonService
    keys: KeyRing
    sealer: SecretSealer
    log: Log


def guarded(concern: str, settings: HttpSettings) -> Guarded:
    dynamodb, log = service("dynamodb"), log_of(concern)
    ledger, keys = ledger_of(settings, dynamodb), keys_of(settings, dynamodb)
    guard = Guard(
        dynamodb,
        GuardTables(settings.tenants_table, settings.tenant_staff_table, settings.user_sessions_table),
        TokenVerifier(keys, settings.issuer, settings.audience),
        ledger,
        address_rules_of(settings, dynamodb, ledger),
        log,
    )
    sealer = SecretSealer(service("kms"), settings.data_key_id)
    return Guarded(door_of(settings, log), guard, ledger, dynamodb, keys, sealer, log)

"""How a function that carries measures about people out puts their parts together from its settings."""

from dataclasses import dataclass

import shared.edge.wiring
from shared.edge.guard import Guard
from shared.edge.measure_commit import Measures
from shared.edge.measure_consequences import Consequences
from shared.edge.measure_record import Chronicler
from shared.edge.wiring import HttpSettings, service
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import SecretSealer
from shared.store.impersonation_ends import EndTables
from shared.store.person import Tables
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class MeasureSettings(HttpSettings):
    """`data_key_id` also opens the tenants' data keys for what administrators write of people."""

    outbox_table: str
    impersonations_table: str
    invites_table: str


def person_tables(settings: MeasureSettings) -> Tables:
    return Tables(
        settings.tenant_staff_table, settings.subject_keys_table, settings.user_sessions_table, settings.outbox_table
    )


def measures_of(settings: MeasureSettings, dynamodb: JsonService, guard: Guard) -> Measures:
    return Measures(
        tables=person_tables(settings),
        guard=guard,
        chronicler=Chronicler(DataKeys(SecretSealer(service("kms"), settings.data_key_id))),
        consequences=Consequences(
            dynamodb=dynamodb,
            tables=EndTables(settings.impersonations_table, settings.user_sessions_table, settings.outbox_table),
            invites_table=settings.invites_table,
        ),
        clock=shared.edge.wiring.CLOCK,
    )

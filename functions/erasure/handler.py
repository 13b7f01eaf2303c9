"""Lambda entries of the erasure of people: the owners' route, and the sweep that EventBridge Scheduler starts."""

import functools
import os
from typing import Any

import shared.edge.wiring
from functions.erasure.flow import Erasing
from functions.erasure.record import Chronicler
from functions.erasure.settings import Settings, SweepSettings
from functions.erasure.subject import Tables
from functions.erasure.sweep import Sweep
from shared.edge.door import Door
from shared.edge.guarded import guarded
from shared.edge.wiring import log_of, service
from shared.runtime.data_key import DataKeys
from shared.runtime.settings import from_environment
from shared.store.remnants import RemnantTables


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, erasing = _wiring()
    return door.answer(event, erasing)


def sweep(_event: object, _context: object) -> dict[str, int]:
    done = _sweep().run()
    log_of("erasure_sweep").info("erasures", **done)
    return done


@functools.cache
def _wiring() -> tuple[Door, Erasing]:
    settings = from_environment(Settings, os.environ)
    parts = guarded("erasure", settings)
    erasing = Erasing(
        dynamodb=parts.dynamodb,
        tables=Tables(
            settings.tenant_staff_table,
            settings.subject_keys_table,
            settings.invites_table,
            settings.legal_holds_table,
            settings.erasures_table,
            settings.outbox_table,
        ),
        ledger=parts.ledger,
        guard=parts.guard,
        chronicler=Chronicler(DataKeys(parts.sealer)),
    )
    return parts.door, erasing


@functools.cache
def _sweep() -> Sweep:
    settings = from_environment(SweepSettings, os.environ)
    tables = RemnantTables(
        settings.tenant_staff_table,
        settings.user_sessions_table,
        settings.step_up_challenges_table,
        settings.outbox_table,
        settings.invites_table,
        settings.impersonations_table,
        settings.legal_holds_table,
        settings.access_reviews_table,
    )
    return Sweep(
        dynamodb=service("dynamodb"),
        tables=tables,
        erasures_table=settings.erasures_table,
        clock=shared.edge.wiring.CLOCK,
    )

"""Lambda entries: of the access list and the access reviews, and of the sweep that tells which are overdue."""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import shared.edge.wiring
from functions.access_reviews.attest import Attest
from functions.access_reviews.begin import Begin
from functions.access_reviews.decide import Decide
from functions.access_reviews.listing import AccessList
from functions.access_reviews.overdue import Sweep
from functions.access_reviews.population import Population
from functions.access_reviews.reading import Reading
from functions.access_reviews.record import Chronicler
from functions.access_reviews.settings import Settings, SweepSettings
from shared.edge.door import Door
from shared.edge.measure_wiring import measures_of, person_tables
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.sealed_words import SealedWords
from shared.edge.wiring import door_of, guard_of, keys_of, ledger_of, log_of, service
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment
from shared.store.access import AccessTables

_REVIEWS = "/api/compliance/access-reviews"


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    door, flows = _wiring()
    return door.answer(event, lambda request: flows[request.route](request))


def sweep(_event: object, _context: object) -> dict[str, int]:
    told = _sweep().run()
    done = {"tenants": len(told), "overdue": sum(told.values())}
    log_of("access_review_sweep").info("sweep", **done)
    return done


@functools.cache
def _wiring() -> tuple[Door, Mapping[str, Callable[[Request], Reply]]]:
    settings = from_environment(Settings, os.environ)
    dynamodb, log, table = service("dynamodb"), log_of("access_reviews"), settings.access_reviews_table
    ledger = ledger_of(settings, dynamodb)
    guard = guard_of(settings, dynamodb, ledger, keys_of(settings, dynamodb), log)
    population = Population(dynamodb, AccessTables(settings.tenant_staff_table, settings.user_sessions_table))
    data_keys = DataKeys(SecretSealer(service("kms"), settings.data_key_id))
    chronicler = Chronicler(SealedWords(dynamodb, settings.subject_keys_table, data_keys))
    reading = Reading(dynamodb=dynamodb, table=table, guard=guard, population=population)
    writing: dict[str, Any] = {
        "dynamodb": dynamodb,
        "table": table,
        "ledger": ledger,
        "guard": guard,
        "chronicler": chronicler,
    }
    decide = Decide(**writing, tables=person_tables(settings), measures=measures_of(settings, dynamodb, guard))
    return door_of(settings, log), {
        "GET /api/compliance/access-list": AccessList(guard, population),
        f"POST {_REVIEWS}": Begin(**writing, population=population),
        f"GET {_REVIEWS}": reading.everything,
        f"GET {_REVIEWS}/{{review_id}}": reading.one,
        f"GET {_REVIEWS}/{{review_id}}/export": reading.export,
        f"POST {_REVIEWS}/{{review_id}}/items/{{staff_id}}/decision": decide,
        f"POST {_REVIEWS}/{{review_id}}/attest": Attest(**writing, population=population),
    }


@functools.cache
def _sweep() -> Sweep:
    settings = from_environment(SweepSettings, os.environ)
    dynamodb = service("dynamodb")
    return Sweep(
        dynamodb=dynamodb,
        table=settings.access_reviews_table,
        tenants_table=settings.tenants_table,
        ledger=ledger_of(settings, dynamodb),
        clock=shared.edge.wiring.CLOCK,
    )

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
from shared.edge.guarded import guarded
from shared.edge.measure_wiring import measures_of, person_tables
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.sealed_words import SealedWords
from shared.edge.wiring import ledger_of, log_of, service
from shared.runtime.data_key import DataKeys
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
    parts = guarded("access_reviews", settings)
    table = settings.access_reviews_table
    population = Population(parts.dynamodb, AccessTables(settings.tenant_staff_table, settings.user_sessions_table))
    chronicler = Chronicler(SealedWords(parts.dynamodb, settings.subject_keys_table, DataKeys(parts.sealer)))
    reading = Reading(dynamodb=parts.dynamodb, table=table, guard=parts.guard, population=population)
    writing: dict[str, Any] = {
        "dynamodb": parts.dynamodb,
        "table": table,
        "ledger": parts.ledger,
        "guard": parts.guard,
        "chronicler": chronicler,
    }
    decide = Decide(
        **writing, tables=person_tables(settings), measures=measures_of(settings, parts.dynamodb, parts.guard)
    )
    return parts.door, {
        "GET /api/compliance/access-list": AccessList(parts.guard, population),
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

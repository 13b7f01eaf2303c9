"""An answer that is lost behind the commit: the same request again, and one event, whoever repeats it."""

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shared.store.item import put
from shared.store.transaction import Committed, Ledger
from shared.store.wire import Wire
from tests.store.conftest import Tables
from tests.store.faulty_server import Exchange, FaultyServer, faulty_server, reply
from tests.store.test_lanes import TRANSACT, append, events_of
from tests.store.test_ledger import TENANT, draft

ENVIRON = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@contextlib.contextmanager
def proxied(tables: Tables, losses: int) -> Iterator[tuple[Wire, FaultyServer]]:
    """Give a wire through a proxy that carries out each request, and hangs up on the first `losses` transactions."""
    lost: list[bytes] = []

    def forward(exchange: Exchange) -> bool:
        operation = exchange.headers["x-amz-target"].rpartition(".")[2]
        names = {name.lower(): name for name in (TRANSACT, "Query", "GetItem")}
        answer: dict[str, Any] = tables.wire.call(names[operation], json.loads(exchange.body))
        if names[operation] == TRANSACT and len(lost) < losses:
            lost.append(exchange.body)
            return False
        return reply(exchange, answer)

    with faulty_server(forward) as server:
        wire = Wire.from_environment("dynamodb", ENVIRON | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}"})
        with contextlib.closing(wire):
            yield wire, server


def transactions(server: FaultyServer) -> list[bytes]:
    return [each.body for each in server.seen if each.headers["x-amz-target"].endswith(TRANSACT.lower())]


@pytest.mark.parametrize("losses", [1, 2])
def test_a_commit_whose_answer_was_lost_is_repeated_byte_for_byte_and_stands_once(tables: Tables, losses: int) -> None:
    with proxied(tables, losses) as (wire, server):
        ledger = Ledger(wire, tables.ledger_settings(), time.time)
        thing = put(tables["things"], {"id": "a"})
        outcome = ledger.commit(TENANT, [thing], [draft()])
        assert isinstance(outcome, Committed)
        sent = transactions(server)
        assert len(sent) == losses + 1
        assert len({*sent}) == 1
        assert [event["id"] for event in events_of(tables)] == [outcome.events[0].event_id]
        assert append(ledger) == ("0", 2)  # and the writer knows where it stands


def test_the_engine_takes_a_token_for_one_request_only(tables: Tables) -> None:
    """Without that the test above would show the engine's forgetfulness, not our idempotency."""
    item = {"Put": {"TableName": tables["things"], "Item": {"id": {"S": "a"}}}}
    once = item["Put"] | {"ConditionExpression": "attribute_not_exists(id)"}
    request = {"TransactItems": [{"Put": once}], "ClientRequestToken": "token-1"}
    tables.wire.call(TRANSACT, request)
    tables.wire.call(TRANSACT, request)  # the condition would fail if it were carried out again
    with pytest.raises(Exception, match="TransactionCanceledException"):
        tables.wire.call(TRANSACT, request | {"ClientRequestToken": "token-2"})

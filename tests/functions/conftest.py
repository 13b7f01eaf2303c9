"""One estate for the session of the function tests; each test has its own tenant in it."""

import os
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

import shared.edge.wiring
from functions.housekeeping.handler import handler as housekeeping
from infra.local.engine_process import EngineProcess
from shared.store.wire import Unavailable, Wire
from tests.embedded_aws import embedded_aws
from tests.functions.estate import WRITTEN, Estate, MovableClock, Person, in_environment
from tests.functions.quick_hashes import quick_hashes

__all__ = ["embedded_aws"]

_WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem"})


@pytest.fixture(scope="session")
def wires() -> Iterator[None]:
    """Close the connections that execution environments would keep open until they are frozen."""
    opened: list[Wire] = []
    original = Wire.__init__

    def record(self: Wire, *arguments: Any) -> None:
        original(self, *arguments)
        opened.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wire, "__init__", record)
        yield
    for wire in opened:
        for connection in wire._idle:
            connection.close()


@pytest.fixture(scope="session")
def written() -> Iterator[None]:
    """Note every row that DynamoDB took, by whichever wire."""
    original = Wire.call

    def note(self: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        answer = original(self, operation, request, deadline=deadline)
        if operation in _WRITES:
            WRITTEN.append((operation, str(request.get("TableName")), request))
        members = [pair for item in request.get("TransactItems", ()) for pair in item.items()]
        WRITTEN.extend((kind, member["TableName"], member) for kind, member in members if kind != "ConditionCheck")
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wire, "call", note)
        yield


@pytest.fixture(autouse=True)
def _nothing_written_yet() -> None:
    WRITTEN.clear()


@pytest.fixture(scope="session")
def estate(
    embedded_aws: EngineProcess,
    wires: None,  # noqa: ARG001 - every wire of the session is opened after it
    written: None,  # noqa: ARG001 - and notes what it writes
) -> Iterator[Estate]:
    clock = MovableClock()
    estate = Estate(embedded_aws.endpoint, clock)
    before = in_environment(estate.environ)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared.edge.wiring, "CLOCK", clock)
        housekeeping({}, None)
        yield estate
    estate.close()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture
def tenant(estate: Estate) -> str:
    return estate.new_tenant()


@pytest.fixture
def person(estate: Estate, tenant: str) -> Person:
    return estate.new_person(tenant)


@pytest.fixture
def clock(estate: Estate) -> Iterator[MovableClock]:
    """Time that the test may move; real again afterwards."""
    yield estate.clock
    estate.clock.offset = 0.0


class Calls(list[tuple[str, dict[str, Any]]]):
    """What went over the wire: operation and request, in order."""

    def operations(self) -> list[str]:
        return [operation for operation, _ in self]

    def writes(self) -> list[tuple[str, dict[str, Any]]]:
        """Give what was more than a question."""
        return [(operation, request) for operation, request in self if operation not in _READS]


_READS = frozenset({"BatchGetItem", "GetItem", "Query", "Decrypt", "GetSecretValue"})


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Record every call to an AWS service."""
    recorded = Calls()
    original = Wire.call

    def record(self: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        recorded.append((operation, request))
        return original(self, operation, request, deadline=deadline)

    monkeypatch.setattr(Wire, "call", record)
    return recorded


@pytest.fixture(scope="module", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """Hash with next to no work: not for the session, whose process goes on to the tests of the hashing itself."""
    with quick_hashes():
        yield


@pytest.fixture
def audit_write_fails(monkeypatch: pytest.MonkeyPatch, estate: Estate) -> Callable[[], None]:
    """Break, from the moment it is called, every transaction that would append to the audit log."""
    table = estate.environ["AUDIT_LOGS_TABLE"]
    original = Wire.call

    def broken(self: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        puts = [item.get("Put", {}).get("TableName") for item in request.get("TransactItems", ())]
        if table in puts:
            raise Unavailable("injected: the audit log does not take writes")
        return original(self, operation, request, deadline=deadline)

    return lambda: monkeypatch.setattr(Wire, "call", broken)

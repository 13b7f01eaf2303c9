"""What requests cost at DynamoDB: calls, and capacity units as the engine reports them (`ReturnConsumedCapacity`).

Rules of this module
- The engine reports nothing for a BatchGetItem: its units are counted from what it gave, one for each 4 KiB begun of a
  row, as a strongly consistent read is billed; a row that is not there is one.
- It reports nothing for the condition checks of a transaction and for a transaction that a condition refuted. Both are
  billed; they are counted by items, so that the table can say so beside the units.
- An environment that has just started reads more: everything here is measured in a warm one.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from functions.refresh.handler import handler as refresh_handler
from shared.store.wire import ServiceError, Wire
from tests.benchmarks.measured_company import Company
from tests.benchmarks.ours import DEVICE, event, login_operations, session_operations

_WRITES: Final = {"TransactWriteItems", "PutItem", "UpdateItem", "DeleteItem"}
_UNIT_OF_READING: Final = 4_096  # bytes
_READS: Final = {"BatchGetItem", "GetItem", "Query", "TransactGetItems"}


@dataclass(slots=True)
class Consumption:
    """`checks` and `refuted` are items; the units of neither are in `write_units`."""

    calls: int = 0
    write_units: float = 0.0
    read_units: float = 0.0
    checks: int = 0
    refuted: int = 0

    def text(self) -> str:
        parts = [f"{self.calls} call" + ("" if self.calls == 1 else "s")]
        if self.write_units:
            parts.append(f"{self.write_units:g} write units")
        if self.read_units:
            parts.append(f"{self.read_units:g} read units")
        if self.checks:
            parts.append(f"{self.checks} condition check" + ("" if self.checks == 1 else "s"))
        if self.refuted:
            parts.append(f"a refuted attempt of {self.refuted} items")
        return ", ".join(parts)


@contextmanager
def recorded() -> Iterator[Consumption]:
    """Count what this process asks of DynamoDB."""
    found = Consumption()
    original = Wire.call

    def call(self: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        if operation not in _WRITES | _READS:
            return original(self, operation, request, deadline=deadline)  # KMS, Secrets Manager
        found.calls += 1
        items = request.get("TransactItems", ())
        try:
            answer = original(self, operation, {**request, "ReturnConsumedCapacity": "TOTAL"}, deadline=deadline)
        except ServiceError:
            found.refuted += len(items)
            raise
        found.checks += sum("ConditionCheck" in item for item in items)
        if operation == "BatchGetItem":
            found.read_units += _units_of_batch(request, answer)
        elif operation in _READS:
            found.read_units += _reported(answer)
        else:
            found.write_units += _reported(answer)
        return answer

    Wire.call = call  # type: ignore[method-assign] # put back below
    try:
        yield found
    finally:
        Wire.call = original  # type: ignore[method-assign] # as it was


def _reported(answer: dict[str, Any]) -> float:
    entries = answer.get("ConsumedCapacity", [])
    return float(sum(entry["CapacityUnits"] for entry in (entries if isinstance(entries, list) else [entries])))


def _units_of_batch(request: dict[str, Any], answer: dict[str, Any]) -> float:
    asked = sum(len(part["Keys"]) for part in request["RequestItems"].values())
    rows = [row for found in answer["Responses"].values() for row in found]
    # JSON with its type marks is longer than what is billed: this never counts too little.
    units = sum(math.ceil(len(json.dumps(row)) / _UNIT_OF_READING) for row in rows)
    return float(units + asked - len(rows))


def of_refresh(company: Company) -> dict[str, Consumption]:
    """Measure the kinds of refresh in a warm environment: each after one that is not counted."""
    first = company.signed_in()["refresh_token"]
    second = _refreshed(first)["refresh_token"]
    _refreshed(first)  # a replay, which also reads the tenant's settings into this environment
    found: dict[str, Consumption] = {}
    with recorded() as found["usual"]:
        third = _refreshed(second)["refresh_token"]
    with recorded() as found["replay"]:
        assert _refreshed(second)["refresh_token"] == third
    _refreshed(third)
    with recorded() as found["reuse"]:
        assert _refreshed(first)["code"] == "invalid_grant"
    moving = _refreshed(company.signed_in()["refresh_token"])["refresh_token"]
    with recorded() as found["changed country"]:
        _refreshed(moving, country="FR")
    return found


def of_check(company: Company) -> Consumption:
    check = session_operations(company.signed_in())["check"]
    check()
    with recorded() as found:
        check()
    return found


def of_login(company: Company) -> Consumption:
    login = login_operations(company.staff(1))["login"]
    login()
    with recorded() as found:
        login()
    return found


def _refreshed(token: str, country: str = "DE") -> dict[str, Any]:
    body = {"refresh_token": token, "device_id": DEVICE}
    headers = {"cloudfront-viewer-country": country}
    got = refresh_handler(event("POST /api/auth/refresh", body, headers), None)
    members: dict[str, Any] = json.loads(got["body"])
    return members

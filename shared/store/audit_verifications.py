"""`audit_verifications`: what the last verification of a log saw. Its function alone writes here.

| attribute | what it holds |
| --- | --- |
| `log` | `<tenant>#<epoch>` |
| `run` | the run that wrote the row: one result a run and log |
| `digest` | the number up to which every digest was verified without a finding |
| `lanes` | last sequence number of each lane, as the table held them |
| `at` | Unix seconds |
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.store.attribute import Row
from shared.store.condition import absent, equals
from shared.store.item import Item, get, put
from shared.store.wire import JsonService


def _name(tenant: str, epoch: int) -> str:
    return f"{tenant}#{epoch}"


def read_verification(dynamodb: JsonService, table: str, tenant: str, epoch: int) -> Row | None:
    """Read the last result; `None` for a log that was never verified."""
    return get(dynamodb, table, {"log": _name(tenant, epoch)})


def verification_item(
    table: str, tenant: str, epoch: int, *, run: str, digest: int, lanes: Mapping[str, int], at: int, after: str | None
) -> Item:
    """Put the result of `run` over that of the run `after` (label `verification`); refuted when one came between."""
    row = {"log": _name(tenant, epoch), "run": run, "digest": digest, "lanes": dict(lanes), "at": at}
    return put(table, row, absent("log") if after is None else equals("run", after), label="verification")

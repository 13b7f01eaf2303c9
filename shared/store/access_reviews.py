"""`access_reviews`: who was looked at, by whom, and what was decided.

| `item` | what it holds |
| --- | --- |
| `review#<review>` | the review: it alone makes the snapshot exist |
| `item#<review>#<staff>` | one person: `person` as the snapshot shows him, and `decision` once there is one |

| attribute of a review | what it holds |
| --- | --- |
| `status` | OPEN, then ATTESTED for good |
| `scope`, `reviewers`, `due`, `due_at` | what was asked for; the day, and the instant at which it is over |
| `created_at`, `created_by`, `created_event` | Unix seconds, staff id, event id |
| `population`, `decided`, `snapshot_sha256` | how many people, how many of them are decided, the hash over all |
| `last_decided` | reviewer -> Unix seconds of his latest decision |
| `overdue_at` | when ACCESS_REVIEW_OVERDUE told of it; absent before |
| `attested_at`, `attested_by`, `attested_event`, `decisions_sha256`, `delta`, `delta_total` | of the attestation |

The people are written before their review is: a creation that breaks off leaves rows that belong to nothing. `person`
never changes, `decision` is put once; of an erased person its `reason` is overwritten.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from shared.store.attribute import Row
from shared.store.condition import absent, between, equals
from shared.store.item import Item, batch_get, get, put, query, update
from shared.store.transaction import MAX_ITEMS
from shared.store.wire import JsonService

OPEN: Final = "OPEN"
ATTESTED: Final = "ATTESTED"


class Review(NamedTuple):
    """A review that begins."""

    tenant: str
    review_id: str
    scope: str
    reviewers: tuple[str, ...]
    due: str
    due_at: int
    created_at: int
    created_by: str
    created_event: str
    population: int
    snapshot_sha256: str


def review_key(tenant: str, review_id: str) -> dict[str, str]:
    return {"tenant": tenant, "item": f"review#{review_id}"}


def item_key(tenant: str, review_id: str, staff_id: str) -> dict[str, str]:
    return {"tenant": tenant, "item": f"item#{review_id}#{staff_id}"}


def write_people(
    dynamodb: JsonService, table: str, tenant: str, review_id: str, people: Sequence[Mapping[str, Any]]
) -> None:
    """Write the people of a snapshot, as many at once as a transaction takes. Raises `Unavailable`."""
    puts = [
        put(table, {**item_key(tenant, review_id, one["staff_id"]), "person": one}, absent("tenant")).wire()
        for one in people
    ]
    for at in range(0, len(puts), MAX_ITEMS):
        dynamodb.call("TransactWriteItems", {"TransactItems": puts[at : at + MAX_ITEMS]})


def begun(table: str, review: Review) -> Item:
    """Make a review of people who have been written (label "review")."""
    return put(table, review_row(review), absent("tenant"), label="review")


def review_row(review: Review) -> Row:
    told = review._asdict()
    key = review_key(told.pop("tenant"), review.review_id)
    return {**key, **told, "status": OPEN, "decided": 0, "last_decided": {}}


def reviews_of(dynamodb: JsonService, table: str, tenant: str, limit: int | None = None) -> Iterator[Row]:
    """Read the reviews of a tenant, newest first."""
    clauses = equals("tenant", tenant), between("item", "review#", "review$")
    return query(dynamodb, table, *clauses, descending=True, limit=limit)


def read_review(dynamodb: JsonService, table: str, tenant: str, review_id: str) -> Row | None:
    return get(dynamodb, table, review_key(tenant, review_id))


def read_item(
    dynamodb: JsonService, table: str, tenant: str, review_id: str, staff_id: str
) -> tuple[Row | None, Row | None]:
    """Read a review and one person of it in one consistent call."""
    keys = review_key(tenant, review_id), item_key(tenant, review_id, staff_id)
    rows = {row["item"]: row for row in batch_get(dynamodb, {table: keys})[table]}
    return rows.get(keys[0]["item"]), rows.get(keys[1]["item"])


def items_of(dynamodb: JsonService, table: str, tenant: str, review_id: str) -> list[Row]:
    """Read the people of a review in the order of their staff ids."""
    span = between("item", f"item#{review_id}#", f"item#{review_id}$")
    return list(query(dynamodb, table, equals("tenant", tenant), span))


def decided(table: str, tenant: str, review_id: str, staff_id: str, decision: Mapping[str, Any]) -> tuple[Item, Item]:
    """Put a decision (labels "item" and "review"); refuted when there is one, or the review was attested."""
    at = {f"last_decided.{decision['by']}": decision["at"]}
    return (
        update(
            table,
            item_key(tenant, review_id, staff_id),
            equals("person.staff_id", staff_id),
            absent("decision"),
            set_={"decision": decision},
            label="item",
        ),
        update(
            table,
            review_key(tenant, review_id),
            equals("status", OPEN),
            set_=at,
            add={"decided": 1},
            label="review",
        ),
    )


def attested(table: str, tenant: str, review_id: str, population: int, told: Mapping[str, Any]) -> Item:
    """Close a review (label "review"); refuted when it is closed, or while anybody of it is undecided."""
    return update(
        table,
        review_key(tenant, review_id),
        equals("status", OPEN),
        equals("decided", population),
        set_={"status": ATTESTED, **told},
        label="review",
    )


def overdue(table: str, tenant: str, review_id: str, now: int) -> Item:
    """Note that it was told that a review is overdue (label "review"): once, and while it is OPEN."""
    key = review_key(tenant, review_id)
    return update(table, key, equals("status", OPEN), absent("overdue_at"), set_={"overdue_at": now}, label="review")

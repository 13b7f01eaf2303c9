"""`outbox`: effects that follow a commit: a started state machine, a mail, a security alert, an event on the bus.

An effect is a row of the same transaction as the change it follows from. The stream delivers it at once, a sweep
delivers what the stream lost, and every delivery is idempotent, so an effect happens at least once and counts once.

| `kind` | `payload` |
| --- | --- |
| `start_export` | the input of the state machine |
| `mail` | `staff_id`, `template`, `values`, `sealed`, `expires_at` |
| `invitation` | `invite_id`, `template`, `values`, `sealed`, `expires_at` |
| `security_alert` | `staff_id`, `template`, `incident`, `detected_at`, `detail` |
| `bus_event` | `name`, `staff_id`, `correlation`, `at`, `detail` |

Rules of this module
- No payload names a recipient: an address is read from the person's profile, or from the invite, when the message goes
  out.
- A secret (the token of a link) stands in `sealed` alone, encrypted for this table and tenant, and is taken out of the
  row when the mail is gone.
- `values` and `detail` hold what may stand in the clear: instants, countries, networks, counts, ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from shared.audit.canonical import Json
from shared.audit.event import new_event_id
from shared.store.attribute import Row, marshal, unmarshal
from shared.store.condition import absent, equals
from shared.store.item import Item, put, update
from shared.store.wire import JsonService

START_EXPORT: Final = "start_export"
MAIL: Final = "mail"
SECURITY_ALERT: Final = "security_alert"
INVITATION: Final = "invitation"
BUS_EVENT: Final = "bus_event"
PENDING: Final = "PENDING"
DELIVERED: Final = "DELIVERED"
UNDELIVERABLE: Final = "UNDELIVERABLE"
_KEPT_SECONDS: Final = 30 * 86_400


def effect(table: str, tenant: str, kind: str, effect_id: str, payload: Mapping[str, Any], now: float) -> Item:
    row = {
        "tenant": tenant,
        "effect_id": effect_id,
        "kind": kind,
        "payload": dict(payload),
        "status": PENDING,
        "created_at": int(now),
        "ttl": int(now) + _KEPT_SECONDS,
    }
    return put(table, row, absent("tenant"), label="effect")


def mail(
    table: str,
    tenant: str,
    staff_id: str,
    template: str,
    now: float,
    *,
    values: Mapping[str, Json],
    sealed: bytes | None = None,
    expires_at: int | None = None,
) -> Item:
    """Give a mail to a person, by the name of its template (functions/notify).

    `sealed` is the secret of its link, under `outbox_context`. After `expires_at` (Unix seconds) it is not sent.
    """
    payload = {
        "staff_id": staff_id,
        "template": template,
        "values": dict(values),
        "sealed": sealed,
        "expires_at": expires_at,
    }
    return effect(table, tenant, MAIL, new_event_id(now), payload, now)


def invitation(
    table: str,
    tenant: str,
    invite_id: str,
    template: str,
    now: float,
    *,
    values: Mapping[str, Json],
    sealed: bytes,
    expires_at: int,
) -> Item:
    """Give a mail to the address of an invite: nobody has a profile yet. `sealed` and `expires_at` as in `mail`."""
    payload = {
        "invite_id": invite_id,
        "template": template,
        "values": dict(values),
        "sealed": sealed,
        "expires_at": expires_at,
    }
    return effect(table, tenant, INVITATION, new_event_id(now), payload, now)


def bus_event(
    table: str,
    tenant: str,
    name: str,
    now: float,
    *,
    staff_id: str | None,
    correlation: str,
    detail: Mapping[str, Json],
    effect_id: str | None = None,
) -> Item:
    """Give an event to the deployment's bus, for the adopter's own rules; `name` like "user_deactivated".

    `staff_id` is whom it is about, `correlation` the correlation id of the events of its commit. `detail` holds ids and
    no personal data. Under the same `effect_id` it is taken once (label `effect`).
    """
    payload = {
        "name": name,
        "staff_id": staff_id,
        "correlation": correlation,
        "at": int(now),
        "detail": dict(detail),
    }
    return effect(table, tenant, BUS_EVENT, effect_id or new_event_id(now), payload, now)


def security_alert(
    table: str,
    tenant: str,
    staff_id: str,
    template: str,
    now: float,
    *,
    incident: str,
    detected_at: float,
    detail: Mapping[str, Json],
) -> Item:
    """Give an alert of `incident` (the correlation id of its events): a mail to the person and an event on the bus.

    Its delivery is an event of the log itself, with the seconds since `detected_at`.
    """
    payload = {
        "staff_id": staff_id,
        "template": template,
        "incident": incident,
        "detected_at": int(detected_at),
        "detail": dict(detail),
    }
    return effect(table, tenant, SECURITY_ALERT, new_event_id(now), payload, now)


def closed(table: str, row: Row, status: str, now: float, reason: str | None = None) -> Item:
    """End an effect that is still pending (label "effect"), DELIVERED or UNDELIVERABLE for a `reason`.

    Of two deliveries one closes it. A sealed secret goes with it.
    """
    changes: dict[str, Any] = {"status": status, "delivered_at" if status == DELIVERED else "closed_at": int(now)}
    if reason is not None:
        changes["reason"] = reason
    return update(
        table,
        {"tenant": row["tenant"], "effect_id": row["effect_id"]},
        equals("status", PENDING),
        set_=changes,
        remove=("payload.sealed",),
        label="effect",
    )


def close(dynamodb: JsonService, item: Item) -> None:
    """Write what `closed` gave, outside a commit; a repeated one raises `ServiceError` nobody needs to act on."""
    dynamodb.call("UpdateItem", dict(item.request))


def pending_effects(dynamodb: JsonService, table: str, created_before: float) -> Iterator[Row]:
    """Find what the stream has not delivered. A scan, bounded by the table's TTL: for the sweep alone."""
    request: dict[str, Any] = {
        "TableName": table,
        "FilterExpression": "#s = :pending AND created_at < :before",
        "ExpressionAttributeNames": {"#s": "status"},
        "ExpressionAttributeValues": marshal({":pending": PENDING, ":before": int(created_before)}),
    }
    while True:
        answer = dynamodb.call("Scan", request)
        yield from map(unmarshal, answer.get("Items", []))
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

"""A security alert: an event on the bus, a mail to the person, and the record that both went out.

1. Put the event on the bus. 2. Send the mail. 3. Close the effect and record SECURITY_ALERT_SENT, in one commit.

The bus comes first: if it is broken, nobody gets the same mail with every attempt. The commit comes last, under the
condition that the effect is pending: what is delivered twice is recorded once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.audit.event import Actor, Draft, Target, new_event_id, system_context
from shared.audit.moment import rfc3339
from shared.store.attribute import Row
from shared.store.outbox import DELIVERED, closed
from shared.store.transaction import Ledger

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE: Final = "muniment"
EVENT_BUS: Final = "event_bus"
EMAIL: Final = "email"


@dataclass(frozen=True, slots=True)
class Bus:
    """`name` is the bus of the deployment; rules of the adopter's own lead from there."""

    events: EventBridgeClient
    name: str

    def put(self, effect: Row) -> None:
        """Put an alert on the bus. It holds ids and no personal data; `alert_id` tells a repeated one.

        Raises `RuntimeError` when the bus does not take it.
        """
        payload = effect["payload"]
        detail = {
            "alert_id": effect["effect_id"],
            "tenant": effect["tenant"],
            "staff_id": payload["staff_id"],
            "incident": payload["incident"],
            "detected_at": rfc3339(payload["detected_at"]),
            "detail": payload["detail"],
        }
        entry: dict[str, Any] = {
            "EventBusName": self.name,
            "Source": SOURCE,
            "DetailType": detail_type(payload["template"]),
            "Detail": json.dumps(detail),
        }
        answer: Mapping[str, Any] = self.events.put_events(Entries=[entry])  # type: ignore[list-item]  # a plain dict
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"the bus refused an alert: {answer['Entries'][0].get('ErrorCode')}")


@dataclass(frozen=True, slots=True)
class AlertRecord:
    ledger: Ledger
    outbox_table: str

    def commit(self, effect: Row, channels: list[str], now: float) -> None:
        """Record that an alert went out; where another delivery has recorded it, nothing is added."""
        payload = effect["payload"]
        event = Draft(
            event_id=new_event_id(now),
            action="SECURITY_ALERT_SENT",
            outcome="success",
            actor=Actor("service", "notify"),
            resource=f"outbox/{effect['effect_id']}",
            context=system_context("stream", payload["incident"]),
            reason=str(payload["template"]).upper(),
            targets=(Target("user", payload["staff_id"]),),
            meta={
                "incident_id": payload["incident"],
                "channels": list(channels),
                "seconds_since_detection": max(0, int(now) - payload["detected_at"]),
            },
        )
        done = closed(self.outbox_table, effect, DELIVERED, now)
        self.ledger.commit(effect["tenant"], [done], [event])


def detail_type(template: str) -> str:
    """Name an alert as rules on the bus match it: `session_blocked` is "Session Blocked"."""
    return template.replace("_", " ").title()

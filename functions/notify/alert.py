"""A security alert: an event on the bus, a mail to the person, and the record that both went out.

1. Put the event on the bus. 2. Send the mail. 3. Close the effect and record SECURITY_ALERT_SENT, in one commit.

The bus comes first: if it is broken, nobody gets the same mail with every attempt. The commit comes last, under the
condition that the effect is pending: what is delivered twice is recorded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.audit.event import Actor, Draft, Target, new_event_id, system_context
from shared.store.attribute import Row
from shared.store.outbox import DELIVERED, closed
from shared.store.transaction import Ledger

EVENT_BUS: Final = "event_bus"
EMAIL: Final = "email"


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

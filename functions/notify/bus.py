"""The deployment's bus: alerts and events for the adopter's own rules (docs/events.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.audit.moment import rfc3339
from shared.store.attribute import Row

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE: Final = "muniment"
_ABBREVIATED: Final = frozenset({"ip", "sso"})


@dataclass(frozen=True, slots=True)
class Bus:
    """`name` is the bus of the deployment; rules of the adopter's own lead from there."""

    events: EventBridgeClient
    name: str

    def put_alert(self, effect: Row) -> None:
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
        self._put(payload["template"], detail)

    def put_event(self, effect: Row) -> None:
        """Put an event on the bus; `event_id` tells a repeated one. Otherwise as `put_alert`."""
        payload = effect["payload"]
        detail = {
            "event_id": effect["effect_id"],
            "tenant": effect["tenant"],
            "staff_id": payload["staff_id"],
            "correlation": payload["correlation"],
            "at": rfc3339(payload["at"]),
            "detail": payload["detail"],
        }
        self._put(payload["name"], detail)

    def _put(self, name: str, detail: Mapping[str, Any]) -> None:
        entry: dict[str, Any] = {
            "EventBusName": self.name,
            "Source": SOURCE,
            "DetailType": detail_type(name),
            "Detail": json.dumps(detail),
        }
        answer: Mapping[str, Any] = self.events.put_events(Entries=[entry])  # type: ignore[list-item]  # a plain dict
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"the bus refused {name}: {answer['Entries'][0].get('ErrorCode')}")


def detail_type(name: str) -> str:
    """Name an alert or an event as rules on the bus match it: `session_blocked` is "Session Blocked"."""
    return " ".join(word.upper() if word in _ABBREVIATED else word.title() for word in name.split("_"))

"""One row of evidence: an event, the personal values that may be disclosed, and the criteria that it speaks to.

Everything in a row follows from the event line, the disclosure and the catalogue, so that an auditor can derive each
report again from the lines alone. Columns are a contract: they may grow at the end, none is renamed. Where an event has
no reason of its own, the column holds what an administrator wrote of the person on whom he acted; once that person is
erased it says so, since nobody can tell any more whether anything was written.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from shared.audit.canonical import canonical
from shared.audit.catalogue import Catalogue
from shared.audit.personal_data import PersonalData
from shared.evidence.segment import Event

ERASED: Final = "[erased]"
_PERSONAL: Final = ("email", "ip", "user_agent", "reason")  # columns that a person's sealed values may fill
COLUMNS: Final = (
    "event_id",
    "time_utc",
    "action",
    "outcome",
    "reason",
    "actor_type",
    "actor_id",
    "actor_email",
    "on_behalf_of",
    "target_type",
    "target_id",
    "resource",
    "ip",
    "country",
    "user_agent",
    "session_id",
    "before",
    "after",
    "metadata",
    "correlation_id",
    "tsc",
    "lane",
    "seq",
    "leaf_hash",
)

Row = dict[str, Any]
_in_order = operator.itemgetter(*COLUMNS)
_KNOWN_SUBJECTS = 4_096  # people whose keys are kept at hand; a kilobyte each


class Discloser:
    """Opens what one tenant's events hold of persons. `salts` lists the people who were not erased."""

    def __init__(self, personal_data: PersonalData, salts: Mapping[str, bytes]) -> None:
        self._salts = salts
        self._subject = functools.lru_cache(_KNOWN_SUBJECTS)(personal_data.subject)

    def disclose(self, event: Event) -> list[dict[str, Any]]:
        """Give, for each entry of the event's `pii`, its values and the key that proves them, or that it was erased."""
        return self.opened(event.members["id"], event.members["pii"])

    def opened(self, event_id: str, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Give the same for the entries of an event that was not read as one."""
        return [self._open(event_id, entry) for entry in entries]

    def _open(self, event_id: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        salt = self._salts.get(entry["sub"])
        if salt is None:
            return {"of": entry["of"], "erased": True}
        try:
            disclosed = self._subject(salt, str(entry["sub"])).disclose(entry, event_id)
        except ValueError:  # sealed under an earlier salt, which was erased; the line itself is proven by its hash
            return {"of": entry["of"], "erased": True}
        return {"of": disclosed.of, "k_event": disclosed.key.hex(), "values": disclosed.values}


def evidence_row(event: Event, disclosed: list[dict[str, Any]], catalogue: Catalogue) -> Row:
    """Derive the row; `disclosed` is what `Discloser.disclose` gave for this event."""
    members = event.members
    actor, context, change = members["actor"], members["context"], members["change"] or {}
    person = values_of(disclosed, "actor")
    target = members["targets"][0] if members["targets"] else {}
    return {
        "event_id": members["id"],
        "time_utc": members["time"],
        "action": members["action"],
        "outcome": members["outcome"],
        "reason": members["reason"] or values_of(disclosed, "target").get("reason"),
        "actor_type": actor["type"],
        "actor_id": actor["id"],
        "actor_email": person.get("email"),
        "on_behalf_of": members["on_behalf_of"],
        "target_type": target.get("type"),
        "target_id": target.get("id"),
        "resource": members["resource"],
        "ip": person.get("ip", context.get("ip_net")),
        "country": context.get("country"),
        "user_agent": person.get("user_agent"),
        "session_id": actor["session"],
        "before": change.get("before"),
        "after": change.get("after"),
        "metadata": {**members["meta"], **(members["risk"] or {})},
        "correlation_id": context.get("correlation_id"),
        "tsc": list(catalogue.criteria(event.action, members["reason"])),
        "lane": members["lane"],
        "seq": members["seq"],
        "leaf_hash": event.leaf.hex(),
    }


def cells(row: Row, written: Callable[[Any], bytes] = canonical) -> list[str]:
    """Write a row's values as the texts of CSV cells: objects as canonical JSON, absence as an empty cell.

    `written` gives canonical JSON; whoever writes many rows passes a faster one.
    """
    values = _in_order(row)
    return [value if type(value) is str else "" if value is None else text(value, written) for value in values]


def values_of(disclosed: list[dict[str, Any]], of: str) -> Mapping[str, str]:
    """Give what was disclosed of the actor or the target of an event; nothing where it names none."""
    for entry in disclosed:
        if entry["of"] == of:
            return dict.fromkeys(_PERSONAL, ERASED) if "erased" in entry else entry["values"]
    return {}


def text(value: Any, written: Callable[[Any], bytes]) -> str:  # noqa: ANN401 - any value of a row
    """Write one value."""
    if value is None or type(value) is str:
        return value or ""
    if type(value) is int:
        return str(value)
    if isinstance(value, list):
        return " ".join(value)
    return written(value).decode() if value or value is False else ""

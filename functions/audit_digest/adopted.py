"""What a digest that lies in the vault may say otherwise than one that is made now: time, and where the table ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.audit.moment import unix_seconds


def of_its_time(found: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Tell whether an earlier run could have said this of the same segments; `expected` is what would be said now.

    Nothing may reach beyond what is known now, no lane may end before its seal, and nothing may be said that is no
    instant or no number: whoever may put into the vault could have written it.
    """
    try:
        return (
            _timely(found, expected)
            and _ends(found["source"], found["lanes"], expected["source"]["last"])
            and set(found["software"]) == {"version"}
            and isinstance(found["software"]["version"], str)
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def _timely(found: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    period, watermark = found["period"], found["watermark"]
    for instant in (period["to"], watermark):
        unix_seconds(instant)
    return (
        set(period) == {"from", "to"}
        and period["from"] == expected["period"]["from"] < period["to"]
        and period["to"] == found["source"]["read_at"] <= expected["period"]["to"]
        and watermark <= min(period["to"], expected["watermark"])
    )


def _ends(source: Mapping[str, Any], lanes: Mapping[str, Any], known: Mapping[str, int]) -> bool:
    """Tell whether the table can have ended there: between the seals and where it ends now."""
    last, sealed = source["last"], {lane: head["seq"] for lane, head in lanes.items()}
    within = all(type(seq) is int and sealed.get(lane, 0) <= seq <= known.get(lane, -1) for lane, seq in last.items())
    unsealed = sum(last.values()) - sum(sealed.values())
    return (
        set(source) == {"read_at", "last", "unsealed"}
        and within
        and set(sealed) <= set(last)
        and type(source["unsealed"]) is int
        and source["unsealed"] == unsealed
    )

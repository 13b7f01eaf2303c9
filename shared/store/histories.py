"""`tenant_staff`, item `<staff>#history`: what is known of a person's ways (`domain.history`).

| attribute | what it holds |
| --- | --- |
| `devices`, `countries`, `networks` | name -> Unix seconds when it was last seen |
| `last_place` | `[country, latitude, longitude, at]`, whole degrees or null |
| `last_at` | Unix seconds of the last verified sign-in |
| `hours` | 24 octets: sign-ins by hour of the day |
| `step_up_device`, `step_up_at` | of the last second factor that was verified |
| `sessions` | the live sessions, packed; see below |
| `version` | grows by one with each change: who writes says which one he read |

The row stays below 4 KB, which is one read unit. Hence sessions are packed, one after the other: length of the id (one
octet), id, then opened, end, `session_version` (big-endian 32 bits each), country (2 octets), and the beginning of the
device's hash (4 octets, zeros for none). Another layout takes another attribute name.
"""

import struct
from collections.abc import Iterable
from typing import Any, Final

from shared.domain.geography import Place
from shared.domain.history import SESSION_DEVICE_CHARACTERS, History, LiveSession
from shared.store.attribute import Row
from shared.store.condition import absent, equals
from shared.store.item import Item, put

_SESSION: Final = struct.Struct(">III2s4s")
_NO_DEVICE: Final = bytes(4)


def history_key(tenant: str, staff_id: str) -> dict[str, str]:
    return {"tenant": tenant, "item": f"{staff_id}#history"}


def history_of(row: Row | None) -> History:
    """Read a history; the empty one of a person without a row."""
    if row is None:
        return History()
    return History(
        devices=row["devices"],
        countries=row["countries"],
        networks=row["networks"],
        last_place=None if row["last_place"] is None else Place(*row["last_place"]),
        last_at=row["last_at"],
        hours=tuple(row["hours"]),
        step_up_device=row["step_up_device"],
        step_up_at=row["step_up_at"],
        sessions=tuple(_unpacked(row["sessions"])),
        version=row["version"],
    )


def remembered(table: str, tenant: str, staff_id: str, before: History, after: History) -> Item:
    """Write `after` where `before` was read (label "history"); refuted when somebody wrote in between."""
    row: dict[str, Any] = {
        **history_key(tenant, staff_id),
        "devices": dict(after.devices),
        "countries": dict(after.countries),
        "networks": dict(after.networks),
        "last_place": _place(after.last_place),
        "last_at": after.last_at,
        "hours": bytes(after.hours),
        "step_up_device": after.step_up_device,
        "step_up_at": after.step_up_at,
        "sessions": b"".join(_packed(session) for session in after.sessions),
        "version": before.version + 1,
    }
    unchanged = equals("version", before.version) if before.version else absent("tenant")
    return put(table, row, unchanged, label="history")


def _place(place: Place | None) -> list[Any] | None:
    if place is None:
        return None
    degrees = (None if told is None else round(told) for told in (place.latitude, place.longitude))
    return [place.country, *degrees, place.at]


def _packed(session: LiveSession) -> bytes:
    session_id = session.session_id.encode()
    device = bytes.fromhex(session.device) if len(session.device) == SESSION_DEVICE_CHARACTERS else _NO_DEVICE
    fixed = _SESSION.pack(session.opened_at, session.ends_at, session.session_version, session.country.encode(), device)
    return bytes([len(session_id)]) + session_id + fixed


def _unpacked(packed: bytes) -> Iterable[LiveSession]:
    at = 0
    while at < len(packed):
        fixed_at = at + 1 + packed[at]
        session_id = packed[at + 1 : fixed_at].decode()
        opened_at, ends_at, version, country, device = _SESSION.unpack_from(packed, fixed_at)
        told = "" if device == _NO_DEVICE else device.hex()
        yield LiveSession(session_id, opened_at, ends_at, version, country.decode(), told)
        at = fixed_at + _SESSION.size

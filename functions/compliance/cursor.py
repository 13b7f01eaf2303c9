"""Cursors: where the next page of one export begins, sealed so that nobody can ask for another one's.

A cursor is bound to tenant, session and query by its MAC, and dies after fifteen minutes. It is opaque to clients, and
whatever is wrong with one gives the same refusal.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from shared.audit.canonical import canonical
from shared.audit.personal_data import PersonalData
from shared.evidence.log_reader import Place

LIFETIME_SECONDS = 900
_PURPOSE = "report-cursor"
_MAC_BYTES = 32


class BadCursorError(ValueError):
    """Forged, expired, or of another session or query."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """`handed_out` counts the rows of the pages so far, `total` those of the whole export.

    `watermark` is that of the first page: what was written later is not in the set, however late a page is asked for.
    """

    export_id: str
    boundary: Mapping[str, int]
    before: Place
    handed_out: int
    total: int
    watermark: str
    expires_at: int


def seal_cursor(cursor: Cursor, personal_data: PersonalData, bound_to: Mapping[str, str]) -> str:
    body = canonical({name: getattr(cursor, name) for name in Cursor.__slots__})
    return base64.urlsafe_b64encode(_mac(personal_data, body, bound_to) + body).decode()


def open_cursor(text: str, personal_data: PersonalData, bound_to: Mapping[str, str], now: float) -> Cursor:
    """Read a cursor that came back; raises `BadCursorError` for anything that `seal_cursor` did not just hand out."""
    try:
        blob = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as fault:
        raise BadCursorError from fault
    mac, body = blob[:_MAC_BYTES], blob[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(personal_data, body, bound_to)):
        raise BadCursorError
    members = json.loads(body)
    time, lane, seq = members.pop("before")
    cursor = Cursor(**members, before=(time, lane, seq))
    if now >= cursor.expires_at:
        raise BadCursorError
    return cursor


def _mac(personal_data: PersonalData, body: bytes, bound_to: Mapping[str, str]) -> bytes:
    return personal_data.authenticate(_PURPOSE, canonical(dict(bound_to)) + b"\n" + body)

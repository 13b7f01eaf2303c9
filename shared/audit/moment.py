"""Instants as the log writes them: RFC 3339, UTC, milliseconds, always `Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")


def rfc3339(seconds: float) -> str:
    """Write Unix seconds as `2026-10-01T09:30:12.345Z`; strings of this form sort as the instants do."""
    milliseconds = round(seconds * 1000)
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def unix_seconds(text: str) -> float:
    """Read what `rfc3339` wrote; raises `ValueError` for any other spelling of an instant."""
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} is not an instant of the log")
    return datetime.fromisoformat(text).timestamp()

"""Instants as the log writes them: RFC 3339, UTC, milliseconds, always `Z`."""

from __future__ import annotations

import functools
import re
import time

_LAST_YEAR = 9999
_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")


@functools.lru_cache(maxsize=64)  # the instant of one commit is written for the line, for its answer and for the log
def rfc3339(seconds: float) -> str:
    """Write Unix seconds as `2026-10-01T09:30:12.345Z`; strings of this form sort as the instants do."""
    milliseconds = round(seconds * 1000)
    year, month, day, hour, minute, second, *_ = time.gmtime(milliseconds // 1000)
    if not 1 <= year <= _LAST_YEAR:
        raise ValueError(f"year {year} has no RFC 3339 form")
    date = f"{year:04d}-{month:02d}-{day:02d}"
    return f"{date}T{hour:02d}:{minute:02d}:{second:02d}.{milliseconds % 1000:03d}Z"


def unix_seconds(text: str) -> float:
    """Read what `rfc3339` wrote; raises `ValueError` for any other spelling of an instant."""
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} is not an instant of the log")
    from datetime import datetime  # noqa: PLC0415 - who only writes does not pay for a reader

    return datetime.fromisoformat(text).timestamp()

"""One structured line an occurrence, on the standard output that Lambda collects.

Rules of this module
- A line is one JSON object in ASCII: a line break or an escape sequence of a caller cannot start a line of its own.
- Secrets never get in: members with telling names are blanked, and whatever looks like a token is cut out of any text.
- The audit log is elsewhere. These lines are for operators and metrics, may be lost, and prove nothing.
"""

import functools
import json
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

from shared.audit.moment import rfc3339

REDACTED: Final = "[redacted]"

_SECRET_NAMES: Final = frozenset(
    {
        "access_token",
        "authorization",
        "code",
        "cookie",
        "email",
        "password",
        "private_key",
        "recovery_code",
        "refresh_token",
        "secret",
        "set_cookie",
        "token",
    }
)
_TOKENS: Final = re.compile(r"rt1\.[\w.-]+|eyJ[\w-]+\.[\w-]*\.?[\w-]*|(?i:bearer)\s+\S+|-----BEGIN[^-]+-----[^-]*")
_written: Final = json.JSONEncoder(default=str).encode
_MAX_TEXT: Final = 2_048
_MAX_FRAMES: Final = 12


class Log:
    """Writes lines with the members in `always`; `problem_code` is the name for what `code` would hide."""

    def __init__(self, clock: Callable[[], float], stream: TextIO | None = None, **always: str) -> None:
        self._clock = clock
        self._stream = stream
        self._always = always

    def info(self, message: str, **members: object) -> None:
        self._write("INFO", message, members)

    def warning(self, message: str, **members: object) -> None:
        self._write("WARNING", message, members)

    def error(self, message: str, fault: BaseException, **members: object) -> None:
        """Write where `fault` arose and of what type it is; its text is cleaned like any other."""
        import traceback  # noqa: PLC0415 - a function that has no fault to tell does not pay for it

        frames = [
            f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(fault.__traceback__)[-_MAX_FRAMES:]
        ]
        described = {"fault": type(fault).__name__, "fault_text": str(fault), "frames": frames}
        self._write("ERROR", message, {**members, **described})

    def _write(self, level: str, message: str, members: Mapping[str, object]) -> None:
        line = {"time": rfc3339(self._clock()), "level": level, "message": message, **self._always, **members}
        stream = self._stream or sys.stdout
        stream.write(_written(clean(line)) + "\n")
        stream.flush()


def counted(metric: str, now: float) -> dict[str, object]:
    """Give the members that make a line a metric of CloudWatch too (embedded metric format), with no dimension."""
    directive = {"Namespace": "Muniment", "Dimensions": [[]], "Metrics": [{"Name": metric, "Unit": "Count"}]}
    return {"_aws": {"Timestamp": int(now * 1_000), "CloudWatchMetrics": [directive]}, metric: 1}


def clean(value: Any, name: str = "") -> Any:  # noqa: ANN401 - any member of a line
    """Blank members with telling names and cut tokens out of texts, at any depth."""
    if value is not None and _telling(name):
        return REDACTED
    if isinstance(value, Mapping):
        return {str(key): clean(member, str(key)) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [clean(member) for member in value]
    return _TOKENS.sub(REDACTED, value[:_MAX_TEXT]) if isinstance(value, str) else value


@functools.lru_cache(maxsize=256)
def _telling(name: str) -> bool:
    return name.lower().replace("-", "_") in _SECRET_NAMES

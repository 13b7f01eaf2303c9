"""What the distribution keeps of the console's files, kept by the front in its place.

Rules of this module
- Only what the distribution would keep (infra/constructs/edge.py): an answer to GET below `/console/` that its origin
  calls public. A file never changes at its address, so nothing has to be made invalid.
- As at the distribution, the path and whether gzip is taken are all that the origin is told: it must not need more.
"""

import dataclasses
import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]

_KEPT_BELOW: Final = "/console/"
_PUBLIC: Final = re.compile(r"\bpublic\b.*\bmax-age=[1-9]")
_MOST_ANSWERS: Final = 1_000  # a few builds of a few hundred files


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    path: str
    gzip: bool

    def headers(self) -> Headers:
        return [("Accept-Encoding", "gzip")] if self.gzip else []


def key_of(method: str, target: str, accept_encoding: str) -> Key | None:
    """Say under what an answer would be kept; None for what is always asked of the origin."""
    path = target.partition("?")[0]
    if method != "GET" or not path.startswith(_KEPT_BELOW):
        return None
    return Key(path, "gzip" in accept_encoding)


class EdgeCache:
    """Answers by their key; the one that came first leaves first. For several threads."""

    def __init__(self, most: int = _MOST_ANSWERS) -> None:
        self._most = most
        self._kept: dict[Key, Answer] = {}
        self._lock = threading.Lock()

    def answer(self, key: Key, ask: Callable[[], Answer]) -> Answer:
        """Give what is kept, else what `ask` gets from the origin; raises what `ask` raises, and keeps nothing then."""
        kept = self._kept.get(key)
        if kept is None:
            kept = ask()
            if _may_be_kept(kept):
                self._keep(key, kept)
        return kept

    def _keep(self, key: Key, answer: Answer) -> None:
        with self._lock:
            self._kept[key] = answer
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]


def _may_be_kept(answer: Answer) -> bool:
    status, headers, _ = answer
    said = {name.lower(): value for name, value in headers}
    return status == HTTPStatus.OK and _PUBLIC.search(said.get("cache-control", "")) is not None

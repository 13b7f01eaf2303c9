"""The samples that a bundle is asked to hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.audit.catalogue import load
from shared.edge.problem import invalid_request
from shared.evidence.sample import MAX_ROWS, MAX_SAMPLES, NONCE, sampled_report

_MEMBERS = frozenset({"file", "n", "nonce"})


def samples_asked(samples: Sequence[Mapping[str, Any]], extension: str) -> list[dict[str, Any]]:
    """Check what was asked for; raises `Refused` (400) with a pointer to each fault."""
    if len(samples) > MAX_SAMPLES:
        raise invalid_request([("/samples", f"A bundle holds at most {MAX_SAMPLES} samples.")])
    faults = [fault for number, each in enumerate(samples) for fault in _faults(f"/samples/{number}", each, extension)]
    if faults:
        raise invalid_request(faults)
    return [dict(each) for each in samples]


def _faults(pointer: str, asked: Mapping[str, Any], extension: str) -> Iterator[tuple[str, str]]:
    if set(asked) != _MEMBERS:
        yield pointer, "A sample has the members file, n and nonce."
        return
    file, number, nonce = asked["file"], asked["n"], asked["nonce"]
    if not isinstance(file, str) or sampled_report(load(), file, extension) is None:
        yield f"{pointer}/file", "This must be a report file of a bundle in the format that is asked for."
    if type(number) is not int or not 1 <= number <= MAX_ROWS:
        yield f"{pointer}/n", f"The number is one from 1 to {MAX_ROWS}."
    if not isinstance(nonce, str) or not re.fullmatch(NONCE, nonce):
        yield f"{pointer}/nonce", "The nonce has 8 to 128 printable characters of ASCII."

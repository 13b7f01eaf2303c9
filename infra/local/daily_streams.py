"""The six streams that a log must show every day, and what of each the sealed log holds.

The names are those of the requirements; the actions are those of the catalogue. What is counted is the event lines of a
bundle, which are the sealed segments themselves.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

STREAMS: Mapping[str, frozenset[str]] = {
    "authentication": frozenset({"AUTH_LOGIN_SUCCESS", "AUTH_LOGIN_FAILED"}),
    "token rotation and reuse": frozenset({"AUTH_TOKEN_REFRESH", "REFRESH_TOKEN_REUSED"}),
    "session invalidations": frozenset({"SESSION_INVALIDATED"}),
    "step-up challenges": frozenset({"STEP_UP_REQUIRED", "STEP_UP_VERIFIED"}),
    "impersonation": frozenset({"IMPERSONATION_STARTED", "IMPERSONATION_ENDED"}),
    "address rules enforced": frozenset({"IP_RULE_ENFORCED"}),
}


def sealed_actions(bundle: Path) -> Counter[str]:
    """Count the actions of the event lines in a bundle."""
    with zipfile.ZipFile(bundle) as archive:
        packed = archive.read("events/events.ndjson.gz")
    with gzip.open(io.BytesIO(packed)) as lines:
        return Counter(json.loads(line)["action"] for line in lines)


def missing(bundle: Path) -> list[str]:
    """Name each action of the streams that the sealed log of a bundle does not hold."""
    found = sealed_actions(bundle)
    return sorted(action for actions in STREAMS.values() for action in actions if not found[action])


def told(bundle: Path) -> str:
    """Say how many events of each stream there are."""
    found = sealed_actions(bundle)
    counts = {name: sum(found[action] for action in actions) for name, actions in STREAMS.items()}
    return ", ".join(f"{name} {count}" for name, count in counts.items())

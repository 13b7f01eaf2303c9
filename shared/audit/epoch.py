"""How a log starts again after its table was lost or restored (docs/formats.md, Epochs).

Rules of this module
- An epoch above 1 begins with AUDIT_EPOCH_STARTED and with nothing else: the ledger commits no other first event.
- The event states the last signed digest of the epoch before and how far its segments were sealed. What was
  acknowledged and not sealed is lost, and nothing can say what it was.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id, system_context

STARTED = "AUDIT_EPOCH_STARTED"
FIRST_EPOCH = 1

Reason = Literal["table_lost", "table_restored", "state_restored", "tenant_founded"]
FOUNDED: Final = "tenant_founded"
EMPTY_ROOT = hashlib.sha256(b"").digest()


def begins_behind(first: Mapping[str, Any]) -> str | None:
    """Say where a log begins whose first event is `first` (its members), if more of the tenant is in an earlier epoch.

    None for a log that had no epoch before: all that the tenant ever had is in it.
    """
    if first["action"] != STARTED or first["meta"]["reason"] == FOUNDED:
        return None
    return str(first["time"])


class Ending(NamedTuple):
    """How the epoch before ended: its last signed digest (None: none was), and how far segments were sealed.

    `digest` is `(number, sha256 hex)`; `lanes` maps a lane to `(seq, leaf hash hex)`. All empty: a log that never was.
    """

    epoch: int
    digest: tuple[int, str] | None = None
    segment: int = 0
    size: int = 0
    root: bytes = EMPTY_ROOT
    lanes: Mapping[str, tuple[int, str]] = {}


def epoch_started(
    tenant: str, ending: Ending, reason: Reason, actor: Actor, now: float, correlation: str | None = None
) -> Draft:
    """Write the first event of the epoch behind `ending`."""
    digest: Json = None if ending.digest is None else {"no": ending.digest[0], "sha256": ending.digest[1]}
    sealed: dict[str, Json] = {
        "segment": ending.segment,
        "size": ending.size,
        "root": base64.b64encode(ending.root).decode(),
        "lanes": {lane: {"seq": seq, "hash": leaf} for lane, (seq, leaf) in ending.lanes.items()},
    }
    return Draft(
        event_id=new_event_id(now),
        action=STARTED,
        outcome="success",
        actor=actor,
        resource=f"audit_log/{tenant}/e{ending.epoch + 1}",
        context=system_context("operator", correlation),
        reason=reason,
        targets=(Target("tenant", tenant),),
        meta={"previous_epoch": ending.epoch, "reason": reason, "digest": digest, "sealed": sealed},
    )

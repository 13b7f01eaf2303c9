"""Is the clock of this environment right? A watermark is a promise about time, and signed for good.

AWS refuses requests that were signed minutes off (DynamoDB after five, S3 after fifteen). A watermark allows for less:
events may still be committed up to half of its lag behind their stamp, and the other half is what a clock may be off.
"""

from __future__ import annotations

from shared.evidence.vault import LockedBucket
from shared.store.wire import Clock

_SECOND = 1.0  # the clock of S3 is told in whole seconds


class ClockAstray(RuntimeError):
    """Nothing may be signed by this clock; another environment, or this one later, goes on."""


def check_clock(vault: LockedBucket, clock: Clock, tolerance: float) -> None:
    """Compare `clock` with that of S3; raises `ClockAstray` where it is off by more than `tolerance` seconds.

    An answer that takes long makes the comparison milder, never stricter.
    """
    before = clock()
    told = vault.present()
    after = clock()
    if not before - tolerance - _SECOND <= told <= after + tolerance:
        raise ClockAstray(f"this clock says {after:.0f}, that of S3 {told:.0f}: nothing is signed")

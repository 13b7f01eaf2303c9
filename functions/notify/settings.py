"""Environment of the delivery."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    outbox_table: str
    evidence_state_machine_arn: str

"""Environment of the transparency routes."""

from __future__ import annotations

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    audit_seals_table: str
    exports_table: str
    throttles_table: str
    vault_bucket: str
    log_origin: str

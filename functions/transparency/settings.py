"""Environment of the transparency routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.retention import FIGURES
from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    audit_seals_table: str
    audit_verifications_table: str
    exports_table: str
    throttles_table: str
    legal_holds_table: str
    vault_bucket: str
    vault_lock_mode: str
    vault_retention_days: int
    exports_lock_mode: str
    exports_retention_days: int
    security_retention_seconds: int
    log_origin: str

    def retention(self) -> Mapping[str, str | int]:
        """Give how long what is kept, by the names of the settings."""
        return {name: getattr(self, name) for name in FIGURES}

"""Environment of the policies and questions."""

from __future__ import annotations

from dataclasses import dataclass

from shared.edge.wiring import PolicySettings
from shared.evidence.documents.terms import DeploymentTerms


@dataclass(frozen=True, slots=True)
class Settings(PolicySettings):
    """From `access_token_seconds` on they are what a deployment says for all of its tenants (`terms`)."""

    audit_seals_table: str
    audit_verifications_table: str
    legal_holds_table: str
    vault_bucket: str
    watermark_lag_seconds: int
    access_token_seconds: int
    security_retention_seconds: int
    vault_lock_mode: str
    vault_retention_days: int
    exports_lock_mode: str
    exports_retention_days: int
    audit_seal_minutes: int
    audit_digest_minutes: int
    audit_verify_minutes: int
    cleanup_minutes: int

    def terms(self) -> DeploymentTerms:
        return DeploymentTerms(**{name: getattr(self, name) for name in DeploymentTerms.__slots__})

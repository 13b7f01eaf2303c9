"""Environments of the five steps and of their bad end; each step sees what it needs and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from shared.evidence.documents.terms import DeploymentTerms
from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class PlanSettings(DeploymentTerms):
    """The terms are for the documents of the bundle."""

    tenants_table: str
    exports_table: str
    audit_seals_table: str
    tenant_staff_table: str
    user_sessions_table: str
    vault_bucket: str
    exports_bucket: str
    log_epoch: int


@dataclass(frozen=True, slots=True)
class RenderSettings:
    tenants_table: str
    subject_keys_table: str
    exports_table: str
    vault_bucket: str
    exports_bucket: str
    data_key_id: str


@dataclass(frozen=True, slots=True)
class ManifestSettings:
    exports_table: str
    vault_bucket: str
    exports_bucket: str
    evidence_key_id: str
    log_name: str
    log_epoch: int
    stage_name: str
    deployment_region: str
    software_version: str
    vault_lock_mode: str
    vault_retention_days: int


@dataclass(frozen=True, slots=True)
class AssembleSettings:
    exports_table: str
    exports_bucket: str
    vault_lock_mode: str
    exports_retention_days: int


@dataclass(frozen=True, slots=True)
class FinishSettings(LedgerSettings):
    exports_table: str
    exports_bucket: str


@dataclass(frozen=True, slots=True)
class FailSettings(LedgerSettings):
    tenants_table: str
    exports_table: str

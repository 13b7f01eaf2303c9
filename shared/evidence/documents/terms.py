"""What a deployment says for all of its tenants, as far as policies speak of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.security_policy import NUMBERS, SecurityPolicy, policy_of


@dataclass(frozen=True, slots=True)
class DeploymentTerms:
    """Filled from the environment. The last four are the periods of the schedules."""

    refresh_idle_seconds: int
    refresh_absolute_seconds: int
    concurrency_window_seconds: int
    lost_response_window_seconds: int
    max_replays: int
    access_token_seconds: int
    audit_log_ttl_seconds: int
    security_retention_seconds: int
    vault_lock_mode: str
    vault_retention_days: int
    exports_lock_mode: str
    exports_retention_days: int
    audit_seal_minutes: int
    audit_digest_minutes: int
    audit_verify_minutes: int
    cleanup_minutes: int

    def policy(self, own: Mapping[str, Any], version: int) -> SecurityPolicy:
        """Unite a tenant's own settings with those that the deployment makes."""
        named = (number.name for number in NUMBERS)
        return policy_of(own, version, {name: getattr(self, name) for name in named if name in self.__slots__})

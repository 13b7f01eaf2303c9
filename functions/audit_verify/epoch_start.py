"""How a log began: epoch 1 out of nothing, a later one out of what AUDIT_EPOCH_STARTED says of the one before."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.audit_verify.earlier_epochs import EarlierEpoch
from functions.audit_verify.findings import Report
from functions.audit_verify.ports import Scope, Vault
from functions.audit_verify.trust import Trust
from shared.audit.moment import unix_seconds
from shared.evidence.segment import Event
from shared.evidence.vault import digest_key

_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Signed:
    number: int
    sha256: str
    members: Mapping[str, Any]


def check_start(
    vault: Vault, scope: Scope, trust: Trust, first: Event | None, report: Report, before: EarlierEpoch | None
) -> None:
    """Judge the first event (`seq` 1 of lane 0) of a log: a restart that nothing explains is a finding.

    `before` is the epoch before, `None` in the first.
    """
    place = f"{scope.prefix} lane 0 seq 1"
    started = first is not None and first.action == "AUDIT_EPOCH_STARTED"
    if before is None:
        if started:
            report.add("unexplained_restart", place, "no epoch before", "AUDIT_EPOCH_STARTED")
        return
    if first is None or not started:
        report.add("unexplained_restart", place, "AUDIT_EPOCH_STARTED", first.action if first else None)
        return
    prefix = before.scope.prefix
    last = _last_signed(vault, prefix, trust)
    try:
        explained = _explains(before, first.members["meta"], last)
    except (KeyError, TypeError, AttributeError, ValueError):
        explained = False
    if not explained:
        report.add("unexplained_restart", place, last.sha256 if last else None, "AUDIT_EPOCH_STARTED says otherwise")


def _explains(before: EarlierEpoch, meta: Mapping[str, Any], last: Signed | None) -> bool:
    if meta["previous_epoch"] != before.scope.epoch:
        return False
    stated = meta["digest"]
    if last is None:
        return stated is None and before.ends_at(meta["sealed"], 0)
    if stated is None or (stated["no"], stated["sha256"]) != (last.number, last.sha256):
        return False
    # The day on which its lock ends, segments behind the last digest may be gone before it.
    let_go = unix_seconds(last.members["period"]["to"]) + before.scope.retention_days * _DAY < before.scope.now
    return let_go or before.ends_at(meta["sealed"], last.number)


def _last_signed(vault: Vault, prefix: str, trust: Trust) -> Signed | None:
    """Find the last digest of an epoch that carries a trusted signature: what merely lies there says nothing."""
    versions = [version for version in vault.versions(f"{prefix}/digest/") if not version.marker]
    oldest = {key: list(found)[-1] for key, found in itertools.groupby(versions, key=lambda version: version.key)}
    for key in sorted((key for key in oldest if key.endswith(".json")), reverse=True):
        signature = oldest.get(f"{key}.sig")
        body = vault.read(key, oldest[key].version_id)
        if signature is None or body is None:
            continue
        try:
            members = json.loads(body)
            number, kid = int(members["no"]), str(members["kid"])
        except (ValueError, KeyError, TypeError):
            continue
        signed = trust.verifies(kid, vault.read(f"{key}.sig", signature.version_id), body)
        if signed and key == digest_key(prefix, number):
            return Signed(number, hashlib.sha256(body).hexdigest(), members)
    return None

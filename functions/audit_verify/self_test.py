"""The verifier on trial, in every run: a whole log must pass, and each of its spoiled copies must be found, by name."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from functions.audit_verify.anchors import Anchors
from functions.audit_verify.corruption import Corruption
from functions.audit_verify.corruptions import CORRUPTIONS
from functions.audit_verify.earlier_epochs import EarlierEpoch
from functions.audit_verify.findings import Report
from functions.audit_verify.foreign_logs import check_folders, log_folders
from functions.audit_verify.planted_log import PlantedLog, earlier_scope, plant
from functions.audit_verify.trust import check_key_files, read_trust
from functions.audit_verify.verification import Verification


class SelfTestFailed(RuntimeError):
    """The verifier does not find what it must: whatever it says of the logs is worth nothing."""


def examine(log: PlantedLog) -> Report:
    """Verify a planted log as the function verifies a real one."""
    report = Report()
    trust = read_trust(log.vault, log.scope.log, [log.ledger.der], report)
    check_key_files(log.vault, trust, report)
    scope = log.scope
    folders = log_folders(log.vault, scope.log)
    check_folders(log.vault, scope.log, folders, {scope.tenant}, scope.epoch, report)
    anchored = Anchors(log.vault, scope.log, trust, scope.now, report).read()
    earlier = EarlierEpoch(earlier_scope(scope), log.vault, log.earlier, trust, report)
    Verification(scope, log.vault, log.tables, trust, log.before, report, anchored, [earlier]).run()
    return report


def self_test(corruptions: Iterable[Corruption] = CORRUPTIONS) -> int:
    """Try every corruption; gives their number. Raises `SelfTestFailed` that names the first one that was missed."""
    whole = plant()
    found = examine(copy.deepcopy(whole, _shared_keys(whole)))
    if found.counts:
        raise SelfTestFailed(f"an untouched log was found to have {sorted(found.counts)}")
    tried = 0
    for corruption in corruptions:
        spoiled = copy.deepcopy(whole, _shared_keys(whole))
        corruption.spoil(spoiled)
        if corruption.finds not in examine(spoiled).counts:
            raise SelfTestFailed(f"{corruption.name}: {corruption.finds} was not found")
        tried += 1
    return tried


def _shared_keys(log: PlantedLog) -> dict[int, object]:
    """Keep the keys out of the copy: private keys cannot be copied."""
    return {id(key): key for key in (log.old, log.ledger)}

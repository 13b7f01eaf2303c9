"""Verify every log, and say of each what was found: one result a run and log, in the log itself.

The only thing that this function writes is its result, in one transaction with the row that says which run it was of;
so a run that is killed and started again says it once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from functions.audit_verify.anchors import Anchored, Anchors
from functions.audit_verify.earlier_epochs import EarlierEpoch
from functions.audit_verify.findings import Finding, Report
from functions.audit_verify.foreign_logs import check_folders, log_folders
from functions.audit_verify.ports import Scope, Vault
from functions.audit_verify.rows import LogRows
from functions.audit_verify.self_test import SelfTestFailed
from functions.audit_verify.settings import Settings
from functions.audit_verify.trust import Trust, check_key_files, read_trust
from functions.audit_verify.verification import Before, Outcome, Verification
from shared.audit.checkpoint import origin_of
from shared.audit.epoch import FIRST_EPOCH
from shared.audit.event import Actor, Draft, new_event_id, system_context
from shared.store.attribute import Row
from shared.store.audit_verifications import read_verification, verification_item
from shared.store.item import Item
from shared.store.outbox import bus_event
from shared.store.transaction import Ledger
from shared.store.wire import Clock, JsonService

TOLD: Final = 20  # findings that an event holds one by one; `count` and `codes` speak of all
SELF_TEST: Final = "SELF_TEST"
FOUND: Final = "FINDINGS"
Outcomes = Literal["success", "failure"]
BUS_NAME: Final[str] = "audit_integrity_failed"


@dataclass(frozen=True, slots=True)
class Run:
    """One run over all logs: its name, the keys it trusts, and whether the verifier itself passed its trial.

    `shared` is what was found of keys and anchors: it concerns every log, and each tells it. `folders` are the tenants
    that the vault knows, `anchored` the anchors that were read.
    """

    name: str
    trust: Trust
    shared: Report
    anchored: Sequence[Anchored]
    folders: Sequence[str]
    trials: int
    fault: str | None


@dataclass(frozen=True, slots=True)
class Verifier:
    """`pinned` gives the ledger keys (DER SPKI, oldest first) from KMS, never from the vault.

    `self_test` gives the number of its trials, and raises `SelfTestFailed`.
    """

    dynamodb: JsonService
    vault: Vault
    pinned: Callable[[], Sequence[bytes]]
    self_test: Callable[[], int]
    ledger: Ledger
    settings: Settings
    clock: Clock

    def begin(self, name: str) -> Run:
        """Try the verifier itself, then learn which keys to trust, and what is anchored."""
        trials, fault = 0, None
        try:
            trials = self.self_test()
        except SelfTestFailed as failed:
            fault = str(failed)
        shared, log = Report(), self.settings.log_name
        folders = log_folders(self.vault, log)
        trust = read_trust(self.vault, log, self.pinned(), shared)
        check_key_files(self.vault, trust, shared)
        anchored = Anchors(self.vault, log, trust, self.clock(), shared).read()
        return Run(name, trust, shared, anchored, folders, trials, fault)

    def strangers(self, run: Run, tenants: Collection[str]) -> Report:
        """Find logs of nobody. They are told in no log: one tenant must not learn of another."""
        report = Report()
        check_folders(self.vault, self.settings.log_name, run.folders, tenants, self.settings.log_epoch, report)
        return report

    def verify(self, run: Run, tenant: str) -> Report | None:
        """Verify one log and write the result; gives what was found, `None` for a log without anything to verify.

        A log of which this run has told already is left alone: its report is empty.
        """
        # 1. Has this run told already?
        epoch, table = self.settings.log_epoch, self.settings.audit_verifications_table
        last = read_verification(self.dynamodb, table, tenant, epoch)
        if last is not None and last["run"] == run.name:
            return Report()
        # 2. Read and judge; nothing is written meanwhile.
        outcome = self._outcome(run, tenant, last)
        if outcome.empty and last is None:
            return None
        # 3. Say it, once.
        self._tell(run, tenant, outcome, last)
        return outcome.report

    def _outcome(self, run: Run, tenant: str, last: Row | None) -> Outcome:
        scope = self._scope(tenant, self.settings.log_epoch)
        before = Before(last["digest"], last["lanes"]) if last else Before()
        report = Report()
        for finding in run.shared.findings:
            report.add(*finding)
        scopes = [self._scope(tenant, epoch) for epoch in range(FIRST_EPOCH, scope.epoch)]
        earlier = [EarlierEpoch(each, self.vault, self._rows(each), run.trust, report) for each in scopes]
        tables = self._rows(scope)
        return Verification(scope, self.vault, tables, run.trust, before, report, run.anchored, earlier).run()

    def _scope(self, tenant: str, epoch: int) -> Scope:
        settings = self.settings
        return Scope(
            log=settings.log_name,
            tenant=tenant,
            epoch=epoch,
            origin=origin_of(settings.log_origin, tenant, epoch),
            now=self.clock(),
            lock_mode=settings.vault_lock_mode,
            retention_days=settings.vault_retention_days,
            row_ttl_seconds=settings.audit_log_ttl_seconds,
        )

    def _rows(self, scope: Scope) -> LogRows:
        settings = self.settings
        tables = settings.audit_logs_table, settings.audit_seals_table
        return LogRows(self.dynamodb, *tables, scope.tenant, scope.epoch)

    def _tell(self, run: Run, tenant: str, outcome: Outcome, last: Row | None) -> None:
        failed = bool(outcome.report.counts) or run.fault is not None
        events = self._failure(run, tenant, outcome) if failed else [self._success(run, tenant, outcome)]
        items: list[Item] = [self._row(run, tenant, outcome, last, failed=failed)]
        if failed:
            items.append(self._alert(run, tenant, outcome.report))
        # Refuted: another execution of the same run was faster, and has told.
        self.ledger.commit(tenant, items, events)

    def _alert(self, run: Run, tenant: str, report: Report) -> Item:
        return bus_event(
            self.settings.outbox_table,
            tenant,
            BUS_NAME,
            self.clock(),
            staff_id=None,
            correlation=run.name,
            detail={
                "reason": _reason(report),
                "run": run.name,
                "codes": sorted(report.counts),
                "count": report.counts.total(),
            },
        )

    def _row(self, run: Run, tenant: str, outcome: Outcome, last: Row | None, *, failed: bool) -> Item:
        """Say how far all was well: what a failure covered is read again by the next run."""
        before = int(last["digest"]) if last else 0
        return verification_item(
            self.settings.audit_verifications_table,
            tenant,
            self.settings.log_epoch,
            run=run.name,
            digest=before if failed else max(before, outcome.last),
            lanes=last["lanes"] if failed and last else outcome.lanes,
            at=int(self.clock()),
            after=last["run"] if last else None,
        )

    def _success(self, run: Run, tenant: str, outcome: Outcome) -> Draft:
        return self._draft(run, tenant, "AUDIT_INTEGRITY_VERIFIED", "success", None, _covered(run, outcome))

    def _failure(self, run: Run, tenant: str, outcome: Outcome) -> list[Draft]:
        report = outcome.report
        meta = _covered(run, outcome) | {
            "count": report.counts.total(),
            "codes": dict(report.counts),
            "findings": _told(report.findings),
            "self_test_fault": run.fault,
        }
        failures = [self._draft(run, tenant, "AUDIT_INTEGRITY_FAILED", "failure", _reason(report), meta)]
        if report.gaps():
            gaps = {"run": run.name, "count": len(report.gaps()), "missing": _told(report.gaps())}
            failures.append(self._draft(run, tenant, "AUDIT_GAP_DETECTED", "failure", None, gaps))
        return failures

    def _draft(
        self, run: Run, tenant: str, action: str, outcome: Outcomes, reason: str | None, meta: dict[str, Any]
    ) -> Draft:
        return Draft(
            event_id=new_event_id(self.clock()),
            action=action,
            outcome=outcome,
            reason=reason,
            actor=Actor("system", "audit_verify"),
            resource=f"audit_log/{tenant}/e{self.settings.log_epoch}",
            context=system_context("schedule", run.name),
            meta=meta,
        )


def _covered(run: Run, outcome: Outcome) -> dict[str, Any]:
    """Say what was verified; `remaining` digests wait for the next run."""
    closing = outcome.closing.members if outcome.closing else None
    covered = outcome.covered
    return {
        "run": run.name,
        "digests": {"from": outcome.first, "to": outcome.last} if closing else None,
        "remaining": outcome.remaining,
        "segments": covered.segments,
        "events": covered.events,
        "swept_segments": covered.swept,
        "tree_size": closing["tree"]["size"] if closing else 0,
        "root": closing["tree"]["root"] if closing else None,
        "watermark": closing["watermark"] if closing else None,
        "kid": closing["kid"] if closing else None,
        "self_test": run.trials,
    }


def _reason(report: Report) -> str:
    return FOUND if report.counts else SELF_TEST


def _told(findings: list[Finding]) -> list[dict[str, str | None]]:
    return [finding.told() for finding in findings[:TOLD]]

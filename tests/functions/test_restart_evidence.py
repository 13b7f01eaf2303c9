"""Bundles of a log that was started again, before the verifier: explained, and in every way not explained."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from functions.evidence_pipeline import handler as pipeline
from functions.evidence_pipeline.plan import EarlierEpochError
from shared.audit.epoch import STARTED, Ending, epoch_started
from shared.audit.event import Actor
from shared.audit.moment import rfc3339, unix_seconds
from shared.evidence.log_reader import LogTables, Snapshot
from shared.evidence.period import Period
from tests.functions.catastrophe import Deployment, deployment, place
from tests.functions.company import DAY, Company, founded, proven, report, requested
from tests.functions.opened_bundle import OpenedBundle, bundle_of

__all__ = ["deployment", "place"]
HOUR = 3_600
LOGS = "cc6/access-logs"


def lost_after_a_digest(deployment: Deployment) -> Company:
    """Give a company whose log has a signed digest and a segment behind it, and no table any more."""
    now = time.time()
    company = founded(deployment.archive, now - 5 * HOUR)
    company.seen(now - 4 * HOUR)
    company.sign(now - 3 * HOUR)
    company.seen(now - 2 * HOUR)
    company.seal()
    deployment.next_epoch()
    return company


def bundled(company: Company, folder: Path) -> OpenedBundle:
    """Make a bundle of the epoch that is deployed, from its first event on."""
    company.seen(time.time(), "u_2")
    company.sign(time.time() + 60)
    days = {"from": rfc3339(time.time() - DAY)[:10], "to": rfc3339(time.time())[:10]}
    return bundle_of(company, folder, {**days, "format": "csv"})


def owner_of(company: Company) -> str:
    return proven(company.estate, company.person("owner"))


def failures(verdict: dict[str, Any]) -> str:
    return str([step for step in verdict["steps"] if step["status"] == "failed"])


def test_restart_is_explained_by_the_digest_that_it_starts_from(deployment: Deployment, tmp_path: Path) -> None:
    company = lost_after_a_digest(deployment)
    assert deployment.restore(None) == 0
    bundle = bundled(company, tmp_path)
    code, verdict = bundle.verified()
    assert code == 0, verdict
    assert bundle.manifest["source"]["epochs"] == [2]
    assert "epoch 2" in bundle.manifest["limits"][-1]
    assert_begins_with_the_log(bundle)
    completed = deployment.events(company.tenant)[-1]
    assert (completed["action"], completed["meta"]["cut_start"]) == ("DATA_EXPORT_COMPLETED", True)
    assert bundle.lines("events/events.ndjson.gz")[0]["action"] == STARTED
    digest = bundle.document("integrity/epoch/000000000001.json")
    assert (digest["epoch"], digest["no"], digest["tree"]["size"]) == (1, 1, 3)
    assert bundle.lines("events/events.ndjson.gz")[0]["meta"]["sealed"]["size"] == 5


def test_tenant_that_was_founded_after_a_restart_has_nothing_before(deployment: Deployment, tmp_path: Path) -> None:
    deployment.next_epoch()
    started = epoch_started("", Ending(1), "tenant_founded", Actor("system", "operator"), time.time())
    company = founded(deployment.archive, time.time() - HOUR, started)
    bundle = bundled(company, tmp_path)
    code, verdict = bundle.verified()
    assert code == 0, verdict
    assert "the signer's word" in str(verdict["steps"][4]["notes"])
    assert not [file["path"] for file in bundle.manifest["files"] if file["path"].startswith("integrity/epoch/")]
    manifest = bundle.manifest
    assert (manifest["cut_start"], manifest["resolved"]["from"][10:]) == (False, "T00:00:00.000Z")


def assert_begins_with_the_log(bundle: OpenedBundle) -> None:
    """Check a bundle whose request reaches back over the restart: it answers for what comes behind it, and says so."""
    manifest, first = bundle.manifest, bundle.lines("events/events.ndjson.gz")[0]
    assert (manifest["cut_start"], manifest["resolved"]["from"]) == (True, first["time"])
    assert manifest["requested"]["from"] < first["time"][:10]
    assert first["time"] in manifest["limits"][-2]
    readme = bundle.read("README.txt").decode()
    assert f"Covered    {first['time']} up to" in readme
    assert "begins there: the log was started again" in readme
    assert all(f"- {limit}" in readme for limit in manifest["limits"])
    result = bundle.company.export(bundle.export_id)["result"]
    assert (result["cut_start"], result["resolved"], result["epoch"]) == (True, manifest["resolved"], 2)


def test_range_that_lies_before_the_restart_is_refused_and_makes_no_bundle(deployment: Deployment) -> None:
    company = lost_after_a_digest(deployment)
    assert deployment.restore(None) == 0
    company.sign(time.time() + 60)
    day = rfc3339(time.time() - 2 * DAY)[:10]
    export_id = requested(owner_of(company), {"from": day, "to": day, "format": "csv"})
    with pytest.raises(EarlierEpochError):
        pipeline.plan({"tenant": company.tenant, "export_id": export_id}, None)


def test_report_that_reaches_back_over_the_restart_says_where_the_log_begins(deployment: Deployment) -> None:
    company = lost_after_a_digest(deployment)
    assert deployment.restore(None) == 0
    bearer = owner_of(company)
    began = deployment.events(company.tenant)[0]
    assert began["action"] == STARTED
    earlier, today = (rfc3339(time.time() - days * DAY)[:10] for days in (1, 0))
    asked = f"from={earlier}&to={today}"
    unsealed = report(LOGS, asked, bearer)
    company.seal()
    assert [page.body["log_begins"] for page in (unsealed, report(LOGS, asked, bearer))] == [began["time"]] * 2
    assert report(LOGS, f"{asked}&format=csv", bearer).headers["X-Log-Begins"] == began["time"]
    assert report(LOGS, f"from={earlier}&to={earlier}", bearer).body["total"] == 0
    assert report(LOGS, f"from={earlier}&to={earlier}", bearer).body["log_begins"] == began["time"]


@pytest.mark.parametrize("sealed", [False, True])
def test_period_behind_the_restart_does_not_hear_of_it(deployment: Deployment, *, sealed: bool) -> None:
    company = lost_after_a_digest(deployment)
    assert deployment.restore(None) == 0
    if sealed:
        company.seal()
    began = deployment.events(company.tenant)[0]["time"]
    environ, vault = company.archive.environ, company.archive.vault
    tables = LogTables(environ["AUDIT_LOGS_TABLE"], environ["AUDIT_SEALS_TABLE"], 2)
    today = date.fromisoformat(began[:10])

    def begins(start: str) -> str | None:
        period = Period(today, today, "UTC", start, "2999-01-01T00:00:00.000Z")
        return Snapshot(company.estate.dynamodb, vault, tables, company.tenant, period).log_begins

    assert (begins(began), begins(rfc3339(unix_seconds(began) - 0.01))) == (None, began)


def test_report_of_a_tenant_that_was_founded_after_a_restart_says_nothing_of_it(deployment: Deployment) -> None:
    deployment.next_epoch()
    started = epoch_started("", Ending(1), "tenant_founded", Actor("system", "operator"), time.time())
    company = founded(deployment.archive, time.time() - HOUR, started)
    page = report(LOGS, f"from={rfc3339(time.time() - DAY)[:10]}&to={rfc3339(time.time())[:10]}", owner_of(company))
    assert page.status == 200
    assert "log_begins" not in page.body
    assert "X-Log-Begins" not in page.headers


@pytest.mark.parametrize("told", ["less sealed", "no digest", "another digest"])
def test_restart_that_says_something_else_is_not_explained(deployment: Deployment, tmp_path: Path, told: str) -> None:
    company = lost_after_a_digest(deployment)
    rows = {row["seal"]: row for row in deployment.rows("audit_seals")}
    digest = rows["digest#1#000000000001"]
    true = Ending(1, (1, digest["sha256"]), 1, digest["tree_size"], lanes={})
    ending = {
        "less sealed": true._replace(size=1),
        "no digest": true._replace(digest=None),
        "another digest": true._replace(digest=(1, "0" * 64)),
    }[told]
    event = epoch_started(company.tenant, ending, "table_lost", Actor("system", "intruder"), time.time())
    deployment.estate.ledger.commit(company.tenant, [], [event])
    if told == "another digest":
        with pytest.raises(RuntimeError, match="is not the digest that the epoch starts from"):
            bundled(company, tmp_path)
        return
    code, verdict = bundled(company, tmp_path).verified()
    if told == "less sealed":
        assert code == 1
        assert "less was sealed than the digest signs" in failures(verdict)
    else:  # a bundle by itself cannot know of a digest that it does not hold: never `passed`, and said aloud
        assert (code, verdict["result"]) == (2, "PROVISIONAL")
        told_aloud = "a restart without a digest: nothing of the epoch before is proven"
        assert verdict["steps"][4]["provisional"] == [told_aloud]


def test_restart_without_its_event_is_unexplained(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = lost_after_a_digest(deployment)
    monkeypatch.setattr("shared.store.transaction.Ledger._refuse_before_epoch", lambda *_: None)
    code, verdict = bundled(company, tmp_path).verified()
    assert code == 1
    assert "unexplained restart" in failures(verdict)

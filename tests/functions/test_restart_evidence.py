"""Bundles of a log that was started again, before the verifier: explained, and in every way not explained."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from shared.audit.epoch import STARTED, Ending, epoch_started
from shared.audit.event import Actor
from shared.audit.moment import rfc3339
from tests.functions.catastrophe import Deployment, deployment, place
from tests.functions.company import DAY, Company, founded
from tests.functions.opened_bundle import OpenedBundle, bundle_of

__all__ = ["deployment", "place"]
pytestmark = pytest.mark.usefixtures("cheap_hashes")
HOUR = 3_600


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


def failures(report: dict[str, Any]) -> str:
    return str([step for step in report["steps"] if step["status"] == "failed"])


def test_restart_is_explained_by_the_digest_that_it_starts_from(deployment: Deployment, tmp_path: Path) -> None:
    company = lost_after_a_digest(deployment)
    assert deployment.restore(None) == 0
    bundle = bundled(company, tmp_path)
    code, report = bundle.verified()
    assert code == 0, report
    assert bundle.manifest["source"]["epochs"] == [2]
    assert "epoch 2" in bundle.manifest["limits"][-1]
    assert bundle.lines("events/events.ndjson.gz")[0]["action"] == STARTED
    digest = bundle.document("integrity/epoch/000000000001.json")
    assert (digest["epoch"], digest["no"], digest["tree"]["size"]) == (1, 1, 3)
    assert bundle.lines("events/events.ndjson.gz")[0]["meta"]["sealed"]["size"] == 5


def test_tenant_that_was_founded_after_a_restart_has_nothing_before(deployment: Deployment, tmp_path: Path) -> None:
    deployment.next_epoch()
    started = epoch_started("", Ending(1), "tenant_founded", Actor("system", "operator"), time.time())
    company = founded(deployment.archive, time.time() - HOUR, started)
    bundle = bundled(company, tmp_path)
    code, report = bundle.verified()
    assert code == 0, report
    assert not [file["path"] for file in bundle.manifest["files"] if file["path"].startswith("integrity/epoch/")]


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
    code, report = bundled(company, tmp_path).verified()
    if told == "another digest":
        assert code == 1
        assert "the start names another digest" in failures(report)
    elif told == "less sealed":
        assert code == 1
        assert "less was sealed than the digest signs" in failures(report)
    else:  # a bundle by itself cannot know of a digest that it does not hold; the report counts such a start
        assert "'restarts without a digest before': 1" in str(report)


def test_restart_without_its_event_is_unexplained(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = lost_after_a_digest(deployment)
    monkeypatch.setattr("shared.store.transaction.Ledger._refuse_before_epoch", lambda *_: None)
    code, report = bundled(company, tmp_path).verified()
    assert code == 1
    assert "unexplained restart" in failures(report)

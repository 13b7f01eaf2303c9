"""Ends of an export: completed once or failed once, never a smaller bundle, and never an open question for ever."""

import gzip
import json
from typing import Any

import pytest

from functions.evidence_pipeline import handler as pipeline
from functions.evidence_pipeline.assemble import ENTRIES, MANIFEST_SHA256, piece_of
from shared.evidence.multipart_packing import pack
from shared.evidence.s3_archive import Retention, S3Archive, Workbench
from shared.evidence.vault import LockedBucket
from shared.evidence.zip_by_reference import assemble
from shared.evidence.zip_layout import Entry, layout
from shared.store.exports import BUNDLE_DEADLINE_SECONDS, START_SECONDS
from tests.functions.archive import Archive
from tests.functions.company import (
    DOWNLOAD,
    STATUS,
    Company,
    archive,
    bundle_call,
    proven,
    report,
    requested,
    run_pipeline,
    until_manifest,
    with_two_segments,
)

__all__ = ["archive"]


@pytest.fixture
def company(archive: Archive) -> Company:
    return with_two_segments(archive)


@pytest.fixture
def bearer(company: Company) -> str:
    return proven(company.estate, company.person("owner"))


@pytest.fixture
def export_id(bearer: str) -> str:
    return requested(bearer)


def ids(company: Company, export_id: str) -> dict[str, Any]:
    return {"tenant": company.tenant, "export_id": export_id}


def stored(company: Company) -> list[dict[str, Any]]:
    """List every version of a finished archive of this tenant."""
    found = company.archive.s3.list_object_versions(
        Bucket=company.archive.exports_name, Prefix=f"bundles/{company.tenant}/"
    )
    versions: list[dict[str, Any]] = found.get("Versions", [])
    return versions


def execution_change(state: dict[str, Any], status: str = "FAILED") -> dict[str, Any]:
    """Give the event that EventBridge sends when an execution has ended."""
    return {
        "version": "0",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "detail": {"status": status, "name": state["export_id"], "input": json.dumps(state), "output": None},
    }


def caught(state: dict[str, Any], error: str = "RuntimeError") -> dict[str, Any]:
    return state | {"error": {"Error": error, "Cause": '{"errorMessage": "with content of the log"}'}}


class Forging(LockedBucket):
    """Hands out the first segment for every other one."""

    def read(self, key: str, version_id: str | None = None) -> bytes:
        if "/seg/" in key and "0001." not in key:
            return super().read(f"{key.rpartition('/')[0]}/000000000001.ndjson.gz")
        return super().read(key, version_id)


class Repacking(LockedBucket):
    """Hands out the same lines in another gzip member."""

    def read(self, key: str, version_id: str | None = None) -> bytes:
        body = super().read(key, version_id)
        return gzip.compress(gzip.decompress(body), 1, mtime=1) if "/seg/" in key else body


@pytest.mark.parametrize("vault", [Forging, Repacking])
def test_segment_that_is_not_what_was_sealed_fails_the_export_once(
    company: Company, bearer: str, export_id: str, monkeypatch: pytest.MonkeyPatch, vault: type[LockedBucket]
) -> None:
    state = pipeline.plan(ids(company, export_id), None)
    monkeypatch.setattr(pipeline, "LockedBucket", vault)
    with pytest.raises(RuntimeError, match="is not the segment that was sealed"):
        pipeline.render(state | {"shard": 0}, None)
    assert pipeline.fail(caught(state), None) == {"failed": True}
    assert pipeline.fail(execution_change(ids(company, export_id)), None) == {"failed": False}
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_FAILED"]
    failed = company.estate.events(company.tenant)[-1]
    assert (failed["outcome"], failed["reason"]) == ("error", "RuntimeError")
    assert failed["actor"]["id"] == company.export(export_id)["requested_by"]["actor"]
    assert "content of the log" not in json.dumps(failed)
    document = bundle_call(STATUS, bearer, export_id=export_id).body
    assert (document["status"], document["error"]) == ("failed", "RuntimeError")
    assert stored(company) == []


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_execution_that_ended_badly_fails_its_export(company: Company, export_id: str, status: str) -> None:
    assert pipeline.fail(execution_change(ids(company, export_id), status), None) == {"failed": True}
    assert pipeline.fail(caught(ids(company, export_id)), None) == {"failed": False}
    assert company.export(export_id)["error"] == f"EXECUTION_{status}"
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_FAILED"]


def test_failed_export_is_not_finished_afterwards(company: Company, export_id: str) -> None:
    state = until_manifest(company.tenant, export_id)
    pipeline.assemble(state, None)
    pipeline.fail(caught(state), None)
    with pytest.raises(RuntimeError, match="ended before it was finished"):
        pipeline.finish(state, None)
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_FAILED"]
    assert company.export(export_id)["status"] == "failed"


def test_completed_export_is_not_failed_afterwards(company: Company, export_id: str) -> None:
    run_pipeline(company.tenant, export_id)
    assert pipeline.fail(execution_change(ids(company, export_id), "ABORTED"), None) == {"failed": False}
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"]
    assert company.export(export_id)["status"] == "completed"


def test_failed_export_cannot_be_downloaded(company: Company, export_id: str) -> None:
    pipeline.fail(caught(ids(company, export_id)), None)
    auditor = proven(company.estate, company.person("auditor"))
    assert bundle_call(DOWNLOAD, auditor, export_id=export_id).code == "export_not_ready"


def test_export_that_does_not_exist_is_a_fault_and_no_event(company: Company) -> None:
    for step in (pipeline.plan, pipeline.fail):
        with pytest.raises(RuntimeError, match="does not exist"):
            step(ids(company, "exp_" + "0" * 24), None)
    assert company.actions() == []


def make_overdue(company: Company, export_id: str, seconds: int = 1) -> None:
    company.estate._dynamodb.update_item(
        TableName=company.archive.environ["EXPORTS_TABLE"],
        Key={"tenant": {"S": company.tenant}, "export_id": {"S": export_id}},
        UpdateExpression="SET deadline_at = :d",
        ExpressionAttributeValues={":d": {"N": str(int(company.estate.clock()) - seconds)}},
    )


def test_sweep_ends_what_runs_behind_its_deadline_and_nothing_else(company: Company, export_id: str) -> None:
    bearer = proven(company.estate, company.person("owner"))
    abandoned = report("cc6/access-logs", "from=2026-07-01&to=2026-09-30&limit=1", bearer).body["export_id"]
    running = requested(bearer)
    make_overdue(company, export_id)
    make_overdue(company, abandoned)
    assert pipeline.fail({"sweep": True}, None)["failed"][company.tenant] == 2
    assert pipeline.fail({"sweep": True}, None)["failed"][company.tenant] == 0
    states = {one: company.export(one)["status"] for one in (export_id, abandoned, running)}
    assert states == {export_id: "failed", abandoned: "failed", running: "running"}
    assert company.export(export_id)["error"] == "DEADLINE_PASSED"
    assert company.actions().count("DATA_EXPORT_FAILED") == 2


def test_bundle_that_nothing_begins_fails_within_an_hour_and_one_that_has_begun_has_its_time(
    company: Company, export_id: str
) -> None:
    """Its start was refused for good, say: the outbox goes on trying, and people are not kept waiting."""
    row = company.export(export_id)
    assert row["deadline_at"] == row["created_at"] + START_SECONDS
    pipeline.plan(ids(company, export_id), None)
    assert company.export(export_id)["deadline_at"] >= row["created_at"] + BUNDLE_DEADLINE_SECONDS
    make_overdue(company, export_id)
    pipeline.fail({"sweep": True}, None)
    with pytest.raises(RuntimeError, match="ConditionalCheckFailed"):
        pipeline.plan(ids(company, export_id), None)
    assert company.export(export_id)["status"] == "failed"


def test_abandoned_report_takes_no_further_page(company: Company, bearer: str) -> None:
    query = "from=2026-07-01&to=2026-09-30&limit=1"
    page = report("cc6/access-logs", query, bearer).body
    make_overdue(company, page["export_id"])
    pipeline.fail({"sweep": True}, None)
    assert report("cc6/access-logs", f"{query}&cursor={page['next_cursor']}", bearer).status == 400


def test_completed_export_is_never_overdue(company: Company, export_id: str) -> None:
    run_pipeline(company.tenant, export_id)
    make_overdue(company, export_id, 9_999)
    assert pipeline.fail({"sweep": True}, None)["failed"][company.tenant] == 0


def test_repeated_finish_completes_once(company: Company, export_id: str) -> None:
    run_pipeline(company.tenant, export_id)
    before = company.export(export_id)
    assert "running" not in before, "what has ended is in the way of nobody's next bundle"
    assert pipeline.finish(ids(company, export_id), None) == ids(company, export_id)
    assert company.export(export_id) == before
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"]


def test_completed_event_says_what_left(company: Company, export_id: str) -> None:
    run_pipeline(company.tenant, export_id)
    completed, result = company.estate.events(company.tenant)[-1], company.export(export_id)["result"]
    assert completed["meta"] == {
        "kind": "bundle",
        "requested": company.export(export_id)["requested"],
        "export_id": export_id,
        "name": "SOC2_Evidence_2026_Q3",
        "rows": result["rows"],
        "bytes": result["size"],
        "manifest_sha256": result["manifest_sha256"],
        "cut": False,
        "cut_start": False,
    }
    assert completed["actor"]["step_up"] == company.export(export_id)["requested_by"]["step_up"]
    assert completed["context"]["correlation_id"] == export_id


def test_repeated_assembly_adopts_the_archive_that_is_there(company: Company, export_id: str) -> None:
    state = until_manifest(company.tenant, export_id)
    pipeline.assemble(state, None)
    first = stored(company)
    pipeline.assemble(state, None)
    assert stored(company) == first
    pipeline.finish(state, None)
    assert company.export(export_id)["result"]["version_id"] == first[0]["VersionId"]
    assert len(first) == 1


def test_repeated_steps_before_the_assembly_change_nothing_that_counts(company: Company, export_id: str) -> None:
    state = ids(company, export_id)
    for step in (pipeline.plan, pipeline.render, pipeline.manifest):
        for _ in range(3):
            step(state | {"shard": 0}, None)
    pipeline.assemble(state, None)
    pipeline.finish(state, None)
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"]
    assert len(stored(company)) == 1


def test_archive_of_another_size_at_the_key_is_not_adopted(company: Company, export_id: str) -> None:
    state = until_manifest(company.tenant, export_id)
    key = f"bundles/{company.tenant}/{export_id}/SOC2_Evidence_2026_Q3.zip"
    exports = S3Archive(
        company.archive.s3, company.archive.exports_name, Retention("GOVERNANCE", 1), company.estate.clock()
    )
    told = json.loads(
        Workbench(company.archive.s3, company.archive.exports_name, company.tenant, export_id).read(ENTRIES)
    )["summary"]
    exports.marked({MANIFEST_SHA256: told["manifest_sha256"]}).put(key, b"planted")
    with pytest.raises(RuntimeError, match="instead of"):
        pipeline.assemble(state, None)


def test_finished_archive_is_locked(company: Company, export_id: str) -> None:
    run_pipeline(company.tenant, export_id)
    result = company.export(export_id)["result"]
    found = company.archive.s3.get_object_retention(
        Bucket=company.archive.exports_name, Key=result["key"], VersionId=result["version_id"]
    )["Retention"]
    assert found["Mode"] == "GOVERNANCE"
    assert found["RetainUntilDate"].timestamp() > company.estate.clock() + 86_000
    assert result["retain_until"] > "2026-11"


def test_same_entries_give_the_same_bytes(company: Company, export_id: str) -> None:
    run_pipeline(company.tenant, export_id)
    s3, bucket = company.archive.s3, company.archive.exports_name
    document = json.loads(Workbench(s3, bucket, company.tenant, export_id).read(ENTRIES))
    entries = [
        Entry(entry["name"], entry["method"], tuple(map(piece_of, entry["pieces"]))) for entry in document["entries"]
    ]
    store = S3Archive(s3, bucket, Retention("GOVERNANCE", 1), company.estate.clock())
    assemble(store, f"again/{export_id}.zip", pack(layout(entries)))
    first = s3.get_object(Bucket=bucket, Key=company.export(export_id)["result"]["key"])["Body"].read()
    assert s3.get_object(Bucket=bucket, Key=f"again/{export_id}.zip")["Body"].read() == first


def test_missing_shard_ends_the_export_before_anything_is_signed(company: Company, export_id: str) -> None:
    state = pipeline.plan(ids(company, export_id), None)
    with pytest.raises(company.archive.s3.exceptions.NoSuchKey):
        pipeline.manifest(state, None)
    assert stored(company) == []


def test_digest_that_was_swapped_for_another_is_not_read(company: Company, export_id: str) -> None:
    """A newer version in front of a locked object changes nothing: what was signed is read by its version."""
    key = f"log/v1/local/{company.tenant}/1/digest/000000000001.json"
    company.archive.s3.put_object(Bucket=company.archive.vault_name, Key=key, Body=b"{}")
    run_pipeline(company.tenant, export_id)
    assert company.export(export_id)["status"] == "completed"


def test_progress_of_an_ended_export_stops_the_work(company: Company, export_id: str) -> None:
    state = pipeline.plan(ids(company, export_id), None)
    pipeline.fail(caught(state), None)
    with pytest.raises(RuntimeError, match="ConditionalCheckFailed"):
        pipeline.render(state | {"shard": 0}, None)

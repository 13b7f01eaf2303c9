"""What an export's row says of its archive is said of that archive, whatever a doubled step writes behind it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions.evidence_pipeline import handler as pipeline
from functions.evidence_pipeline.assemble import ENTRIES
from shared.evidence.s3_archive import Workbench
from shared.store.exports import STEPS, Progress
from shared.store.subject_keys import subject_key
from tests.functions.archive import Archive
from tests.functions.company import (
    Q3,
    Company,
    archive,
    founded,
    proven,
    requested,
    until_manifest,
)
from tests.functions.opened_bundle import opened

__all__ = ["archive"]

State = dict[str, Any]


@pytest.fixture
def company(archive: Archive) -> Company:
    company = founded(archive)
    company.seen(Q3, "u_1")
    company.seen(Q3 + 1, "u_2")
    company.seal()
    assert company.sign(Q3 + 93 * 86_400)
    return company


@pytest.fixture
def state(company: Company) -> State:
    return until_manifest(company.tenant, requested(proven(company.estate, company.person("owner"))))


@pytest.fixture
def late(company: Company, state: State, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let doubles of the worker and of the manifest step, begun in time, end now; meanwhile somebody was erased."""

    def end() -> None:
        company.estate.delete("subject_keys", subject_key(company.tenant, "u_1"))
        before = _manifest(company, state)
        with monkeypatch.context() as patched:
            for told in ("begin", "more", "whole"):
                patched.setattr(Progress, told, lambda *_: None)
            pipeline.render(state | {"shard": 0}, None)
            pipeline.manifest(state, None)
        assert _manifest(company, state) != before, "a late double changed nothing: the test shows nothing"

    return end


def _bench(company: Company, state: State) -> Workbench:
    return Workbench(company.archive.s3, company.archive.exports_name, company.tenant, state["export_id"])


def _manifest(company: Company, state: State) -> str:
    return str(json.loads(_bench(company, state).read(ENTRIES))["summary"]["manifest_sha256"])


def _told(company: Company, state: State, folder: Path) -> set[str]:
    """Give the manifest's hash by the archive, the row and the event, of an archive that the verifier passes."""
    bundle = opened(company, state["export_id"], folder)
    assert bundle.verified()[0] == 0
    lines = company.estate.events(company.tenant)
    (ended,) = [line for line in lines if line["action"] == "DATA_EXPORT_COMPLETED"]
    itself = hashlib.sha256(bundle.read("manifest.json")).hexdigest()
    return {itself, company.export(state["export_id"])["result"]["manifest_sha256"], ended["meta"]["manifest_sha256"]}


def test_double_of_earlier_steps_that_ends_behind_the_assembly_changes_nothing_of_what_is_told(
    company: Company, state: State, late: Callable[[], None], tmp_path: Path
) -> None:
    pipeline.assemble(state, None)
    late()
    pipeline.finish(state, None)
    assert len(_told(company, state, tmp_path)) == 1


def test_double_of_a_worker_that_ends_behind_the_manifest_changes_nothing_in_the_archive(
    company: Company, state: State, tmp_path: Path
) -> None:
    listed = _manifest(company, state)
    company.estate.delete("subject_keys", subject_key(company.tenant, "u_1"))
    with pytest.raises(RuntimeError, match="ConditionalCheckFailed"):
        pipeline.render(state | {"shard": 0}, None)
    pipeline.assemble(state, None)
    pipeline.finish(state, None)
    assert _told(company, state, tmp_path) == {listed}


def test_archive_of_another_manifest_is_not_adopted(company: Company, state: State, late: Callable[[], None]) -> None:
    pipeline.assemble(state, None)
    late()
    with pytest.raises(RuntimeError, match="of another manifest"):
        pipeline.assemble(state, None)
    assert company.export(state["export_id"])["status"] == "running"


def test_archive_that_is_as_long_but_says_nothing_of_its_manifest_is_not_adopted(
    company: Company, state: State
) -> None:
    pipeline.assemble(state, None)
    s3, bucket = company.archive.s3, company.archive.exports_name
    (key,) = [
        each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=f"bundles/{company.tenant}/")["Contents"]
    ]
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    held = s3.head_object(Bucket=bucket, Key=key)
    lock = {name: held[name] for name in ("ObjectLockMode", "ObjectLockRetainUntilDate")}
    s3.put_object(Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256", **lock)
    with pytest.raises(RuntimeError, match="of another manifest"):
        pipeline.assemble(state, None)


def test_step_that_begins_late_takes_the_export_back_to_no_earlier_step(company: Company, state: State) -> None:
    table = company.archive.environ["EXPORTS_TABLE"]
    progress = Progress(company.estate.dynamodb, table, company.tenant, state["export_id"])
    progress.begin("assemble", 1)
    for step in STEPS[1:-1]:
        with pytest.raises(RuntimeError, match="ConditionalCheckFailed"):
            progress.begin(step, 7)
    progress.whole("assemble", 0, 1)
    assert company.export(state["export_id"])["progress"] == {"step": "assemble", "total": 1, "counted": {"0": 1}}

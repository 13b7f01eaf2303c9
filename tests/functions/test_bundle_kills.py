"""A step of a bundle that was killed at any of its calls is healed by its repetition, or leaves no bundle behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions.evidence_pipeline import assemble
from functions.evidence_pipeline import handler as pipeline
from shared.evidence.multipart_packing import Part, PartLimits, pack
from shared.evidence.zip_layout import Layout
from shared.store.exports import Progress, progress_of
from tests.functions.archive import Archive
from tests.functions.company import (
    Company,
    archive,
    proven,
    requested,
    until_manifest,
    with_two_segments,
)
from tests.functions.kill_points import Killed, KillSwitch, killed, undisturbed
from tests.functions.opened_bundle import opened

__all__ = ["archive"]

Step = Callable[[], object]
LIMITS = PartLimits(least=2_000, most=1 << 30, glue=40_000)


@pytest.fixture
def company(archive: Archive) -> Company:
    return with_two_segments(archive)


@pytest.fixture
def export_id(company: Company) -> str:
    return requested(proven(company.estate, company.person("owner")))


@pytest.fixture
def disturbed(monkeypatch: pytest.MonkeyPatch) -> Callable[[KillSwitch, Step], Step]:
    """Let a step reach S3 and DynamoDB through a switch."""
    s3, dynamodb = pipeline._s3(), pipeline._dynamodb()

    def through(switch: KillSwitch, step: Step) -> Step:
        def run() -> object:
            with monkeypatch.context() as patched:
                patched.setattr(pipeline, "_s3", lambda: switch.client(s3))
                patched.setattr(pipeline, "_dynamodb", lambda: switch.service(dynamodb))
                return step()

        return run

    return through


def kept(company: Company) -> list[str]:
    """Name what lies in bundles/, every version."""
    found = company.archive.s3.list_object_versions(
        Bucket=company.archive.exports_name, Prefix=f"bundles/{company.tenant}/"
    )
    return [each["Key"] for each in found.get("Versions", [])]


def begun(company: Company) -> list[str]:
    found = company.archive.s3.list_multipart_uploads(Bucket=company.archive.exports_name)
    return [each["Key"] for each in found.get("Uploads", []) if company.tenant in each["Key"]]


def small_parts(archive: Layout) -> tuple[Part, ...]:
    return pack(archive, LIMITS)


@pytest.mark.parametrize("killed_step", ["plan", "render", "manifest"])
def test_step_that_was_killed_at_any_call_is_healed_by_its_repetition(
    company: Company,
    export_id: str,
    disturbed: Callable[[KillSwitch, Step], Step],
    killed_step: str,
    tmp_path: Path,
) -> None:
    ids: dict[str, Any] = {"tenant": company.tenant, "export_id": export_id}
    steps: dict[str, Step] = {
        "plan": lambda: pipeline.plan(ids, None),
        "render": lambda: pipeline.render(ids | {"shard": 0}, None),
        "manifest": lambda: pipeline.manifest(ids, None),
    }
    for name, step in steps.items():
        if name == killed_step:
            calls = undisturbed(lambda switch: disturbed(switch, steps[killed_step])())
            for number in range(len(calls)):
                switch = KillSwitch(number, "after")
                killed(switch, disturbed(switch, step))
                assert kept(company) == []
        step()
        if name == "render":
            assert company.export(export_id)["progress"] == {"step": "render", "total": 4, "counted": {"0": 4}}
    pipeline.assemble(ids, None)
    pipeline.finish(ids, None)
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"]
    assert opened(company, export_id, tmp_path).verified()[0] == 0


def test_assembly_that_was_killed_at_any_call_appears_once_and_leaves_no_upload(
    company: Company,
    export_id: str,
    disturbed: Callable[[KillSwitch, Step], Step],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(assemble, "pack", small_parts)
    state = until_manifest(company.tenant, export_id)
    other = requested(proven(company.estate, company.person("owner")))
    counted = until_manifest(company.tenant, other)
    calls = undisturbed(lambda switch: disturbed(switch, lambda: pipeline.assemble(counted, None))())
    assert calls.count("upload_part") + calls.count("upload_part_copy") > 1
    of_the_other = kept(company)
    appeared = False
    for number in range(len(calls)):
        switch = KillSwitch(number, "after")
        killed(switch, disturbed(switch, lambda: pipeline.assemble(state, None)))
        appeared |= "complete_multipart_upload" in switch.calls
        assert len(kept(company)) == len(of_the_other) + appeared, switch
    assert appeared
    pipeline.assemble(state, None)
    assert begun(company) == []
    pipeline.finish(state, None)
    assert opened(company, export_id, tmp_path).verified()[0] == 0
    assert company.export(export_id)["progress"]["step"] == "completed"


def test_finish_that_was_killed_at_any_call_completes_once(
    company: Company, export_id: str, disturbed: Callable[[KillSwitch, Step], Step]
) -> None:
    state = until_manifest(company.tenant, export_id)
    pipeline.assemble(state, None)
    deaths = 0
    while company.export(export_id)["status"] == "running":
        with pytest.raises(Killed):
            disturbed(KillSwitch(deaths, "after"), lambda: pipeline.finish(state, None))()
        deaths += 1
    assert deaths > 3
    pipeline.finish(state, None)
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"]


def test_failure_that_was_killed_at_any_call_is_told_once(
    company: Company, export_id: str, disturbed: Callable[[KillSwitch, Step], Step]
) -> None:
    state = {"tenant": company.tenant, "export_id": export_id, "error": {"Error": "Sandbox.Timedout"}}
    deaths = 0
    while company.export(export_id)["status"] == "running":
        with pytest.raises(Killed):
            disturbed(KillSwitch(deaths, "after"), lambda: pipeline.fail(state, None))()
        deaths += 1
    assert pipeline.fail(state, None) == {"failed": False}
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_FAILED"]
    assert kept(company) == []


def test_export_that_failed_while_it_was_assembled_leaves_no_object(
    company: Company, export_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "pack", small_parts)
    state = until_manifest(company.tenant, export_id)
    sending = Progress.more
    monkeypatch.setattr(assemble, "_TOLD", 1_000)

    def fails_meanwhile(progress: Any, step: str, worker: int, done: int) -> None:
        pipeline.fail(state | {"error": {"Error": "DEADLINE_PASSED"}}, None)
        sending(progress, step, worker, done)

    monkeypatch.setattr(Progress, "more", fails_meanwhile)
    with pytest.raises(RuntimeError, match="ConditionalCheckFailed"):
        pipeline.assemble(state, None)
    assert (kept(company), begun(company)) == ([], [])
    assert company.actions() == ["DATA_EXPORT_STARTED", "DATA_EXPORT_FAILED"]


def test_worker_that_is_repeated_while_another_step_goes_on_counts_nothing(company: Company, export_id: str) -> None:
    state = until_manifest(company.tenant, export_id)
    with pytest.raises(RuntimeError, match="ConditionalCheckFailed"):
        pipeline.render(state | {"shard": 0}, None)
    assert company.export(export_id)["progress"]["step"] == "manifest"
    for step in (pipeline.assemble, pipeline.finish):
        step(state, None)
    assert company.export(export_id)["status"] == "completed"


def test_worker_that_starts_over_takes_nothing_back_of_what_was_told(company: Company, export_id: str) -> None:
    pipeline.plan({"tenant": company.tenant, "export_id": export_id}, None)
    table = company.archive.environ["EXPORTS_TABLE"]
    progress = Progress(company.estate.dynamodb, table, company.tenant, export_id)
    told = [(0, 3), (1, 1), (0, 1), (0, 3)]
    seen = []
    for worker, done in told:
        progress.more("render", worker, done)
        seen.append(progress_of(company.export(export_id))["done"])
    progress.more("manifest", 0, 9)
    assert seen == [3, 4, 4, 4]
    assert progress_of(company.export(export_id)) == {"step": "render", "done": 4, "total": 4}

"""The daily verification in the embedded AWS: what it says of a whole log and of a spoiled one, and how often."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.audit_verify import handler as verify
from functions.audit_verify.self_test import SelfTestFailed
from shared.store.audit_verifications import read_verification
from tests.functions.archive import Archive, SetClock, fresh_tenant
from tests.functions.company import archive
from tests.functions.key_ring import Ring
from tests.functions.kill_points import KillSwitch, every_state, killed, undisturbed
from tests.functions.log_world import World
from tests.functions.verifying import results, verified, verifier, without_anchors

__all__ = ["archive"]

START = 1_790_000_000.0
HOUR = 3_600
DAY = 86_400


def sign_at(archive: Archive, tenant: str, at: float) -> int | None:
    archive.sealer().seal(tenant)
    return archive.digester(SetClock(at)).sign(tenant)


@pytest.fixture
def tenant(archive: Archive) -> str:
    """Give a log with three digests, a segment behind them, and a row behind that."""
    without_anchors(archive)
    tenant = fresh_tenant("watched")
    for number in range(3):
        for second in range(3):
            archive.write(tenant, START + number * HOUR + second)
        assert sign_at(archive, tenant, START + number * HOUR + 60) == number + 1
    archive.write(tenant, START + 3 * HOUR)
    archive.sealer().seal(tenant)
    archive.write(tenant, START + 3 * HOUR + 1)
    return tenant


NOW = START + 3 * HOUR + 120


def key(tenant: str, kind: str, number: int) -> str:
    ending = {"seg": ".ndjson.gz", "digest": ".json", "checkpoint": ""}[kind]
    return f"log/v1/local/{tenant}/1/{kind}/{number:012d}{ending}"


def test_a_whole_log_is_verified_and_the_log_says_what_was_covered(archive: Archive, tenant: str) -> None:
    report = verified(archive, tenant, NOW)
    assert report is not None
    assert report.findings == []
    (event,) = results(archive, tenant)
    assert (event["action"], event["outcome"], event["reason"]) == ("AUDIT_INTEGRITY_VERIFIED", "success", None)
    digest = archive.document(key(tenant, "digest", 3))
    assert event["meta"] == {
        "run": "run-1",
        "digests": {"from": 1, "to": 3},
        "remaining": 0,
        "segments": 4,
        "events": 13,
        "swept_segments": 0,
        "tree_size": digest["tree"]["size"],
        "root": digest["tree"]["root"],
        "watermark": digest["watermark"],
        "kid": digest["kid"],
        "self_test": 1,
    }


def test_a_run_tells_once_and_the_next_run_again(archive: Archive, tenant: str) -> None:
    for run in ("run-1", "run-1", "run-2"):
        verified(archive, tenant, NOW, run)
    assert [event["meta"]["run"] for event in results(archive, tenant)] == ["run-1", "run-2"]


def test_two_executions_of_one_run_tell_once(archive: Archive, tenant: str) -> None:
    slow = verifier(archive, NOW)
    run = slow.begin("run-1")
    outcome = slow._outcome(run, tenant, None)
    verified(archive, tenant, NOW, "run-1")
    slow._tell(run, tenant, outcome, None)
    assert len(results(archive, tenant)) == 1


def test_a_log_without_anything_is_not_begun_by_its_verification(archive: Archive) -> None:
    tenant = fresh_tenant("nobody")
    assert verified(archive, tenant, NOW) is None
    assert archive.estate.events(tenant) == []


def test_an_idle_log_has_a_digest_and_a_verification_a_day_and_comes_to_rest(archive: Archive) -> None:
    tenant = fresh_tenant("idle")
    archive.write(tenant, START)
    sign_at(archive, tenant, START + 60)
    signed = []
    for hour in range(1, 73):
        at = START + 60 + hour * HOUR
        if hour % 24 == 12:
            verified(archive, tenant, at, f"run-{hour}")
        if hour % 6 == 0:
            signed.append(sign_at(archive, tenant, at))
    assert [number for number in signed if number is not None] == [2, 3, 4]
    assert [event["action"] for event in results(archive, tenant)] == ["AUDIT_INTEGRITY_VERIFIED"] * 3


def test_a_failure_is_told_with_its_findings_in_the_log_and_on_the_bus(archive: Archive, tenant: str) -> None:
    archive.s3.put_object(Bucket=archive.vault_name, Key=key(tenant, "seg", 2), Body=b"x")
    report = verified(archive, tenant, NOW)
    assert report is not None
    (event,) = results(archive, tenant)
    assert (event["action"], event["outcome"], event["reason"]) == ("AUDIT_INTEGRITY_FAILED", "failure", "FINDINGS")
    assert (event["meta"]["count"], event["meta"]["codes"]) == (1, {"object_version": 1})
    (finding,) = event["meta"]["findings"]
    assert (finding["code"], finding["about"]) == ("object_version", key(tenant, "seg", 2))
    (effect,) = archive.estate.partition("outbox", "tenant", tenant)
    assert (effect["kind"], effect["payload"]["name"]) == ("bus_event", "audit_integrity_failed")
    assert effect["payload"]["detail"] == {
        "reason": "FINDINGS",
        "run": "run-1",
        "codes": ["object_version"],
        "count": 1,
    }


def test_what_failed_is_read_again_by_the_next_run_and_told_again(archive: Archive, tenant: str) -> None:
    archive.s3.put_object(Bucket=archive.vault_name, Key=key(tenant, "seg", 1), Body=b"x")
    for number in range(3):
        verified(archive, tenant, NOW + number * DAY, f"run-{number}")
    assert [event["action"] for event in results(archive, tenant)] == ["AUDIT_INTEGRITY_FAILED"] * 3
    row = read_verification(archive.estate.dynamodb, archive.environ["AUDIT_VERIFICATIONS_TABLE"], tenant, 1)
    assert row is not None
    assert row["digest"] == 0


def test_a_gap_is_an_event_of_its_own(archive: Archive, tenant: str) -> None:
    archive.estate._dynamodb.delete_item(
        TableName=archive.environ["AUDIT_LOGS_TABLE"], Key={"log_lane": {"S": f"{tenant}#1#0"}, "seq": {"N": "2"}}
    )
    verified(archive, tenant, NOW)
    failed, gap = results(archive, tenant)
    assert failed["meta"]["codes"] == {"row_missing": 1}
    assert (gap["action"], gap["meta"]["count"]) == ("AUDIT_GAP_DETECTED", 1)
    assert gap["meta"]["missing"][0]["about"] == f"{tenant}#1#0 seq 2"


def test_a_verifier_that_fails_its_trial_says_so_in_every_log(archive: Archive, tenant: str) -> None:
    def fails() -> int:
        raise SelfTestFailed("a line edited: segment_changed was not found")

    verified(archive, tenant, NOW, self_test=fails)
    (event,) = results(archive, tenant)
    assert (event["action"], event["reason"]) == ("AUDIT_INTEGRITY_FAILED", "SELF_TEST")
    assert event["meta"]["self_test_fault"] == "a line edited: segment_changed was not found"


def small_log(archive: Archive) -> str:
    """Give the smallest log that has everything."""
    tenant = fresh_tenant("killed")
    archive.write(tenant, START)
    sign_at(archive, tenant, START + 60)
    return tenant


def test_a_run_that_is_killed_at_any_call_is_healed_by_the_same_run_and_tells_once(archive: Archive) -> None:
    def job(switch: KillSwitch, tenant: str) -> object:
        ports = {"s3": switch.client(archive.s3), "kms": switch.client(archive.kms)}
        return verified(archive, tenant, START + 90, dynamodb=switch.service(archive.estate.dynamodb), **ports)

    calls = undisturbed(lambda switch: job(switch, small_log(archive)))
    tenant = small_log(archive)
    for switch in every_state(calls):  # before it has told anything, and when it has told all
        assert results(archive, tenant) == []
        killed(switch, lambda switch=switch: job(switch, tenant))  # type: ignore[misc]  # bound at once
    for _ in range(2):
        verified(archive, tenant, START + 90)
        assert [event["action"] for event in results(archive, tenant)] == ["AUDIT_INTEGRITY_VERIFIED"]


@pytest.fixture
def apart(archive: Archive) -> World:
    """Give a log in tables and a vault of its own: there are no other logs beside it."""
    world = World(archive, fresh_tenant("apart"))
    world.estate.environ = world.environ
    for number in range(2):
        world.write(world.tenant, START + number)
    sign_at(world, world.tenant, START + 60)
    world.sealer().seal(world.tenant)
    return world


Handler = Callable[[dict[str, Any], object], dict[str, Any]]


@pytest.fixture
def deployed(apart: World, monkeypatch: pytest.MonkeyPatch) -> Handler:
    """Give the handler over this one log."""
    running = verifier(apart, NOW)
    monkeypatch.setattr(verify, "_wiring", lambda: running)
    monkeypatch.setattr(verify, "tenant_ids", lambda *_: iter([apart.tenant]))
    return verify.handler


def test_a_scheduled_run_is_named_by_its_instant(
    apart: World, deployed: Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        answer = deployed({"run": "2026-09-21T17:15:20Z"}, None)
        assert answer == {"run": "2026-09-21T17:15:20Z", "verified": 1, "failed": 0, "strangers": 0}
    assert len(results(apart, apart.tenant)) == 1
    assert "AuditIntegrityFailed" not in capsys.readouterr().out


@pytest.mark.parametrize("event", [{}, {"run": "<aws.scheduler.scheduled-time>"}, {"run": None}])
def test_a_run_by_hand_is_a_run_of_its_own(apart: World, deployed: Handler, event: dict[str, Any]) -> None:
    assert deployed(event, None)["run"].startswith("20")
    assert len(results(apart, apart.tenant)) == 1


def test_findings_ring_the_alarm(apart: World, deployed: Handler, capsys: pytest.CaptureFixture[str]) -> None:
    apart.s3.delete_object(Bucket=apart.vault_name, Key=key(apart.tenant, "seg", 1))
    assert deployed({}, None)["failed"] == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "AuditIntegrityFailed" in line]
    assert [line["AuditIntegrityFailed"] for line in lines if "_aws" in line] == [[1.0]]


def test_a_failed_trial_rings_the_alarm_and_the_run_fails(
    apart: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> int:
        raise SelfTestFailed("nothing is found")

    running = verifier(apart, NOW, self_test=fails)
    monkeypatch.setattr(verify, "_wiring", lambda: running)
    monkeypatch.setattr(verify, "tenant_ids", lambda *_: iter([apart.tenant]))
    with pytest.raises(RuntimeError, match="self-test"):
        verify.handler({}, None)
    assert "AuditIntegrityFailed" in capsys.readouterr().out
    assert [event["reason"] for event in results(apart, apart.tenant)] == ["SELF_TEST"]


def test_a_log_of_nobody_rings_the_alarm_and_is_told_in_no_log(
    apart: World, deployed: Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    place = "log/v1/local/somebody-else/"
    apart.s3.put_object(Bucket=apart.vault_name, Key=f"{place}1/seg/000000000001.ndjson.gz", Body=b"x")
    answer = deployed({}, None)
    assert (answer["verified"], answer["failed"], answer["strangers"]) == (1, 0, 1)
    written = capsys.readouterr().out
    assert [line["AuditIntegrityFailed"] for line in map(json.loads, written.splitlines()) if "_aws" in line] == [[1.0]]
    assert "somebody-else" not in json.dumps(apart.estate.events(apart.tenant))


def anchored(apart: World) -> Ring:
    """Let two days be signed and anchored."""
    ring = Ring(apart, apart.vault_name, apart.environ["LEDGER_KEY_IDS"].split(","), [apart.tenant])
    for day in (1, 2):
        sign_at(apart, apart.tenant, START + 60 + day * DAY)
        assert ring.anchor(START + 70 + day * DAY) is not None
    return ring


def test_anchors_are_verified_with_the_log_that_they_hold(apart: World) -> None:
    anchored(apart)
    report = verified(apart, apart.tenant, START + 90 + 2 * DAY)
    assert report is not None
    assert report.findings == []


def test_an_anchor_without_this_log_is_told_in_it(apart: World) -> None:
    ring = anchored(apart)
    other = fresh_tenant("other")
    apart.write(other, START)
    sign_at(apart, other, START + 60 + 2 * DAY)
    sign_at(apart, apart.tenant, START + 60 + 3 * DAY)
    ring.tenants[:] = [other]
    assert ring.anchor(START + 70 + 3 * DAY) is not None
    report = verified(apart, apart.tenant, START + 90 + 3 * DAY)
    assert report is not None
    assert report.counts == {"anchor_leaf_missing": 1}

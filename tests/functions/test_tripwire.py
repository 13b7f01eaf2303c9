"""The tripwire: appends and due expiry are silent, everything else is an alarm in the log and a metric."""

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from functions.audit_tripwire import handler as tripwire
from shared.store.attribute import marshal
from tests.functions.archive import Archive
from tests.functions.company import Q3, archive, founded

__all__ = ["archive"]

TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
CONTEXT = SimpleNamespace(function_name="audit_tripwire", aws_request_id="r")

Images = dict[str, dict[str, Any]]


@pytest.fixture(autouse=True)
def wired(archive: Archive) -> Iterator[None]:
    """Wire the function against this archive, whatever wired it before."""
    assert archive.environ
    tripwire._wiring.cache_clear()
    yield
    tripwire._wiring.cache_clear()


@pytest.fixture
def tenant(archive: Archive) -> str:
    """Give a log of five events, the first three of them sealed."""
    tenant = founded(archive).tenant
    for number in range(4):
        archive.write(tenant, Q3 + number)
        if number == 1:
            archive.sealer().seal(tenant)
    return tenant


def image(archive: Archive, tenant: str, seq: int) -> dict[str, Any]:
    key = {"log_lane": f"{tenant}#1#0", "seq": seq}
    asked = {"TableName": archive.environ["AUDIT_LOGS_TABLE"], "Key": marshal(key), "ConsistentRead": True}
    item: dict[str, Any] = archive.estate.dynamodb.call("GetItem", asked)["Item"]
    return item


def record(name: str, images: Images, identity: object = None, number: str = "1") -> dict[str, Any]:
    keys = {key: next(iter(images.values()))[key] for key in ("log_lane", "seq")}
    document = {
        "eventID": f"e{number}",
        "eventName": name,
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": keys, "SequenceNumber": number, "StreamViewType": "NEW_AND_OLD_IMAGES", **images},
    }
    return document if identity is None else {**document, "userIdentity": identity}


def deliver(*records: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = tripwire.handler({"Records": list(records)}, CONTEXT)
    return answer


def metrics(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if "AuditTamperDetected" in line]


def alarms(archive: Archive, tenant: str) -> list[dict[str, Any]]:
    return [one for one in archive.estate.events(tenant) if one["action"] == "AUDIT_TAMPER_DETECTED"]


def test_append_is_silent(archive: Archive, tenant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert deliver(record("INSERT", {"NewImage": image(archive, tenant, 4)})) == {"batchItemFailures": []}
    assert alarms(archive, tenant) == []
    assert metrics(capsys.readouterr().out) == []


def test_expiry_of_a_sealed_row_is_silent(archive: Archive, tenant: str, capsys: pytest.CaptureFixture[str]) -> None:
    for seq in (1, 2):
        deliver(record("REMOVE", {"OldImage": image(archive, tenant, seq)}, TTL))
    assert alarms(archive, tenant) == []
    assert metrics(capsys.readouterr().out) == []


def modified(row: dict[str, Any]) -> dict[str, Any]:
    return record("MODIFY", {"OldImage": row, "NewImage": row | {"leaf": {"S": "f" * 64}}})


def removed(row: dict[str, Any]) -> dict[str, Any]:
    return record("REMOVE", {"OldImage": row})


def expired(row: dict[str, Any]) -> dict[str, Any]:
    return record("REMOVE", {"OldImage": row}, TTL)


def removed_by_somebody(row: dict[str, Any]) -> dict[str, Any]:
    return record("REMOVE", {"OldImage": row}, {"type": "Service", "principalId": "backup.amazonaws.com"})


def removed_by_a_namesake(row: dict[str, Any]) -> dict[str, Any]:
    return record("REMOVE", {"OldImage": row}, {"type": "AssumedRole", "principalId": "dynamodb.amazonaws.com"})


@pytest.mark.parametrize(
    ("change", "seq", "reason"),
    [
        (modified, 1, "MODIFY"),
        (modified, 4, "MODIFY"),
        (removed, 1, "REMOVE"),
        (removed, 4, "REMOVE"),
        (removed_by_somebody, 1, "REMOVE"),
        (removed_by_a_namesake, 1, "REMOVE"),
        (expired, 4, "REMOVE"),  # the first row that is not sealed
    ],
)
def test_any_other_change_is_an_alarm_in_the_log_and_a_metric(
    archive: Archive,
    tenant: str,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], dict[str, Any]],
    seq: int,
    reason: str,
) -> None:
    row = image(archive, tenant, seq)
    assert deliver(change(row)) == {"batchItemFailures": []}
    (alarm,) = alarms(archive, tenant)
    assert (alarm["outcome"], alarm["reason"]) == ("failure", reason)
    assert alarm["resource"] == f"audit_log/{tenant}/e1/lane/0/{seq}"
    assert alarm["meta"] == {
        "epoch": 1,
        "lane": "0",
        "seq": seq,
        "leaf_before": row["leaf"]["S"],
        "leaf_after": "f" * 64 if change is modified else None,
    }
    (metric,) = metrics(capsys.readouterr().out)
    assert metric["AuditTamperDetected"] == [1.0]


def test_expiry_in_a_log_that_was_never_sealed_is_an_alarm(archive: Archive) -> None:
    tenant = founded(archive).tenant
    deliver(expired(image(archive, tenant, 1)))
    assert len(alarms(archive, tenant)) == 1


def test_alarm_is_sealed_with_the_log_that_was_touched(archive: Archive, tenant: str) -> None:
    deliver(modified(image(archive, tenant, 1)))
    assert archive.sealer().seal(tenant) == 1


def with_keys(record: dict[str, Any], **keys: dict[str, str]) -> dict[str, Any]:
    record["dynamodb"]["Keys"] |= keys
    return record


@pytest.mark.parametrize(
    "keys",
    [
        {"log_lane": {"S": "no lane at all"}},
        {"log_lane": {"S": "nobody#1#0"}},  # a tenant that there is not
        {"log_lane": {"S": "#1#0"}},
        {"log_lane": {"S": "acme#one#0"}},
        {"log_lane": {"S": "acme#1#0x"}},
        {"seq": {"N": "1.5"}},
        {"seq": {"N": "0"}},
        {"seq": {"N": "9" * 38}},
        {"seq": {"S": "1"}},
    ],
    ids=str,
)
def test_what_no_writer_put_rings_the_alarm_and_holds_nothing_up(
    archive: Archive, tenant: str, capsys: pytest.CaptureFixture[str], keys: dict[str, dict[str, str]]
) -> None:
    broken = with_keys(modified(image(archive, tenant, 2)), **keys)
    honest = modified(image(archive, tenant, 3)) | {"eventID": "e3"}
    assert deliver(broken, honest) == {"batchItemFailures": []}
    assert [alarm["meta"]["seq"] for alarm in alarms(archive, tenant)] == [3]
    assert len(metrics(capsys.readouterr().out)) == 2
    assert archive.estate.events("nobody") == []


def test_images_of_an_intruder_are_not_repeated_in_the_log(archive: Archive, tenant: str) -> None:
    row = image(archive, tenant, 1)
    planted = row | {"leaf": {"S": "x" * 300_000}, "line": {"N": "0.5"}}
    assert deliver(record("MODIFY", {"OldImage": row, "NewImage": planted})) == {"batchItemFailures": []}
    assert deliver(record("REMOVE", {"OldImage": row | {"leaf": {"M": {}}}}, number="2")) == {"batchItemFailures": []}
    told = [(alarm["meta"]["leaf_before"], alarm["meta"]["leaf_after"]) for alarm in alarms(archive, tenant)]
    assert told == [(row["leaf"]["S"], None), (None, None)]


def test_a_record_that_is_delivered_again_is_told_once(archive: Archive, tenant: str) -> None:
    touched = modified(image(archive, tenant, 1))
    for _ in range(2):
        assert deliver(touched) == {"batchItemFailures": []}
    assert len(alarms(archive, tenant)) == 1
    (effect,) = archive.estate.partition("outbox", "tenant", tenant)
    assert effect["payload"]["name"] == "audit_tamper_detected"
    assert effect["payload"]["detail"] == {"change": "MODIFY", "epoch": 1, "lane": "0", "seq": 1}


def test_a_row_of_another_epoch_is_told_in_the_log_of_this_one(archive: Archive, tenant: str) -> None:
    touched = with_keys(modified(image(archive, tenant, 1)), log_lane={"S": f"{tenant}#7#12"})
    deliver(touched)
    (alarm,) = alarms(archive, tenant)
    assert alarm["epoch"] == 1
    assert (alarm["meta"]["epoch"], alarm["meta"]["lane"]) == (7, "12")


@pytest.mark.parametrize("lane", ["#1#9", "#2#0"])
def test_expiry_counts_for_the_lane_and_epoch_that_are_sealed(archive: Archive, tenant: str, lane: str) -> None:
    row = image(archive, tenant, 1)
    deliver(with_keys(expired(row), log_lane={"S": f"{tenant}{lane}"}))
    assert len(alarms(archive, tenant)) == 1


def test_expiry_under_a_seal_that_nobody_of_us_wrote_is_an_alarm(archive: Archive, tenant: str) -> None:
    key = {"tenant": tenant, "seal": "head#1"}
    archive.estate.change_row("audit_seals", key, {"frontier": [], "lanes": {}})
    assert deliver(expired(image(archive, tenant, 1))) == {"batchItemFailures": []}
    assert len(alarms(archive, tenant)) == 1


def test_alarm_that_cannot_be_logged_still_counts_and_is_asked_for_again(
    archive: Archive,
    tenant: str,
    capsys: pytest.CaptureFixture[str],
    audit_write_fails: Callable[[], None],
) -> None:
    touched, appended = modified(image(archive, tenant, 1)), record("INSERT", {"NewImage": image(archive, tenant, 4)})
    appended["dynamodb"]["SequenceNumber"] = "9"
    audit_write_fails()
    assert deliver(touched, appended) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert len(metrics(capsys.readouterr().out)) == 1

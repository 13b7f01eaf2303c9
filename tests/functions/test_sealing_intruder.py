"""Somebody who may write where the sealer or the digester writes: nothing of his is sealed or signed."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.audit_seal import flow
from shared.audit.canonical import canonical
from shared.audit.event import GENESIS, Actor, Draft, Position, compose
from shared.evidence.segment import pack, parse
from shared.store.audit_logs import BrokenLaneError
from shared.store.audit_seals import read_digest_head
from shared.store.transaction import Contended
from tests.functions.archive import Archive, SetClock, fresh_tenant
from tests.functions.company import archive

START = 1_790_000_000.0


__all__ = ["archive"]


@pytest.fixture
def tenant() -> str:
    return fresh_tenant("intruder")


def planted(archive: Archive, tenant: str, kind: str, number: int, body: bytes) -> None:
    """Put an object where the product would put its next one."""
    ending = {"seg": "ndjson.gz", "digest": "json"}[kind]
    key = f"log/v1/local/{tenant}/1/{kind}/{number:012d}.{ending}"
    archive.s3.put_object(Bucket=archive.vault_name, Key=key, Body=body)


def remove_row(archive: Archive, tenant: str, seq: int) -> None:
    archive.estate._dynamodb.delete_item(
        TableName=archive.environ["AUDIT_LOGS_TABLE"],
        Key={"log_lane": {"S": f"{tenant}#1#0"}, "seq": {"N": str(seq)}},
    )


def test_a_planted_segment_that_chains_but_tells_another_story_is_not_adopted(archive: Archive, tenant: str) -> None:
    archive.write(tenant, START, "MFA_ENROLLED")
    draft = Draft(
        event_id="E", action="AUTH_LOGOUT", outcome="success", actor=Actor("user", "u"), resource="r", context={}
    )
    line = compose(draft, Position("local", tenant, 1, "0", 1, GENESIS), "2026-09-21T14:13:20.000Z")
    planted(archive, tenant, "seg", 1, pack([parse(line.text.encode())]))
    with pytest.raises(BrokenLaneError, match="does not hold the events of the table"):
        archive.sealer().seal(tenant)
    assert archive.digester(SetClock(START + 60)).sign(tenant) is None


def test_an_adopted_segment_that_ends_elsewhere_is_continued_by_the_next_run(
    archive: Archive, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        archive.write(tenant, START + number)
    rows = [row for row in archive.rows("audit_logs") if row["log_lane"]["S"] == f"{tenant}#1#0"]
    lines = [row["line"]["S"].encode() for row in sorted(rows, key=lambda row: int(row["seq"]["N"]))]
    planted(archive, tenant, "seg", 1, pack([parse(line) for line in lines[:2]]))  # a run that died with a shorter tail
    monkeypatch.setattr(flow, "SEGMENT_BYTES", 1_000)
    while archive.sealer().seal(tenant):
        pass
    sealed = [gzip.decompress(archive.vault.read(key)) for key in archive.objects(f"log/v1/local/{tenant}/1/seg/")]
    assert b"".join(sealed).splitlines() == lines


def with_one_digest(archive: Archive, tenant: str) -> dict[str, Any]:
    archive.write(tenant, START)
    archive.sealer().seal(tenant)
    assert archive.digester(SetClock(START + 60)).sign(tenant) == 1
    archive.write(tenant, START + 100)
    archive.sealer().seal(tenant)
    return archive.document(f"log/v1/local/{tenant}/1/digest/000000000001.json")


FORGERIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another tree": lambda one: one["tree"].update(root=base64.b64encode(b"f" * 32).decode()),
    "a watermark in the future": lambda one: one.update(watermark="2099-01-01T00:00:00.000Z"),
    "a segment less": lambda one: one["segments"].pop(),
    "another segment": lambda one: one["segments"][0].update(sha256_gz="0" * 64),
    "other lane heads": lambda one: one["lanes"]["0"].update(seq=1),
    "other counts": lambda one: one["counts"].update(total=0),
    "a period from elsewhere": lambda one: one["period"].update({"from": "2026-01-01T00:00:00.000Z"}),
    "read in the future": lambda one: one["source"].update(read_at="2099-01-01T00:00:00.000Z"),
    "a watermark that is no instant": lambda one: one.update(watermark="!"),
    "a watermark behind its own period": lambda one: (
        one["period"].update(to="2026-09-21T14:14:30.000Z") or one["source"].update(read_at="2026-09-21T14:14:30.000Z")
    ),
    "a period of no length": lambda one: (
        one["period"].update(to="2026-09-21T14:14:20.000Z")
        or one["source"].update(read_at="2026-09-21T14:14:20.000Z")
        or one.update(watermark="2026-09-21T14:14:16.000Z")
    ),
    "a period with a member more": lambda one: one["period"].update(note="trust me"),
    "a period that ends otherwise than it was read": lambda one: one["period"].update(to="2026-09-21T14:16:00.000Z"),
    "a table that ended before its seal": lambda one: (
        one["source"]["last"].update({"0": 2}) or one["source"].update(unsealed=-1)
    ),
    "a table that goes on beyond its end": lambda one: (
        one["source"]["last"].update({"0": 99}) or one["source"].update(unsealed=96)
    ),
    "a lane that is not there": lambda one: one["source"]["last"].update({"7": 0}),
    "a lane left out": lambda one: one["source"]["last"].clear() or one["source"].update(unsealed=-3),
    "unsealed rows that are not there": lambda one: one["source"].update(unsealed=1),
    "a source with a member more": lambda one: one["source"].update(note="trust me"),
    "free text for a version": lambda one: one["software"].update(note="trust me"),
    "a version that is no text": lambda one: one["software"].update(version=1),
    "a member more": lambda one: one.update(note="trust me"),
    "another chain": lambda one: one["prev"].update(sha256="0" * 64),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_a_planted_digest_is_not_signed(
    archive: Archive, tenant: str, forgery: Callable[[dict[str, Any]], Any]
) -> None:
    with_one_digest(archive, tenant)
    digester = archive.digester(SetClock(START + 200))
    honest = digester._statement(tenant, digester._since(tenant), START + 200)
    statement = json.loads(canonical(honest))
    forgery(statement)
    planted(archive, tenant, "digest", 2, canonical(statement))
    with pytest.raises(RuntimeError, match="is not ours"):
        digester.sign(tenant)
    head = read_digest_head(archive.estate.dynamodb, archive.environ["AUDIT_SEALS_TABLE"], tenant, 1)
    assert head is not None
    assert head["no"] == 1
    assert not [key for key in archive.objects(f"log/v1/local/{tenant}/1/digest/000000000002") if key.endswith("sig")]


def test_the_untouched_statement_would_have_been_adopted(archive: Archive, tenant: str) -> None:
    with_one_digest(archive, tenant)
    digester = archive.digester(SetClock(START + 200))
    honest = digester._statement(tenant, digester._since(tenant), START + 200)
    planted(archive, tenant, "digest", 2, canonical(honest))
    assert digester.sign(tenant) == 2


def test_a_table_that_lost_its_sealed_head_is_neither_sealed_nor_signed(archive: Archive, tenant: str) -> None:
    with_one_digest(archive, tenant)
    for seq in (1, 2, 3):
        remove_row(archive, tenant, seq)
    with pytest.raises(Contended):
        archive.write(tenant, START + 300)  # nobody begins the lane again: that would be behind the seals
    with pytest.raises(BrokenLaneError, match="does not hold its sealed event"):
        archive.sealer().seal(tenant)
    with pytest.raises(BrokenLaneError, match="does not hold its sealed event"):
        archive.digester(SetClock(START + 90_000)).sign(tenant)


def test_the_same_statement_written_otherwise_is_not_signed(archive: Archive, tenant: str) -> None:
    with_one_digest(archive, tenant)
    digester = archive.digester(SetClock(START + 200))
    honest = digester._statement(tenant, digester._since(tenant), START + 200)
    planted(archive, tenant, "digest", 2, json.dumps(honest).encode())
    with pytest.raises(RuntimeError, match="is not ours"):
        digester.sign(tenant)

"""Sealing and digests: whatever happens between two steps, the next run ends where an undisturbed one would have."""

import base64
import gzip
import hashlib
import itertools
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from functions.audit_seal import flow
from shared.audit.merkle import Frontier, leaf_hash
from shared.evidence.vault import LockedBucket
from shared.store.audit_seals import read_seal_head, segments_after
from tests.functions.archive import Archive, SetClock, fresh_tenant
from tests.functions.company import archive

START = 1_790_000_000.0
DAY = 86_400


__all__ = ["archive"]


@pytest.fixture
def tenant() -> str:
    return fresh_tenant()


def lines_of(archive: Archive, tenant: str) -> list[bytes]:
    lines: list[bytes] = []
    for key in archive.objects(f"log/v1/local/{tenant}/1/seg/"):
        lines += gzip.decompress(archive.vault.read(key)).splitlines()
    return lines


def test_a_sealed_segment_holds_the_lines_byte_for_byte_and_is_locked(archive: Archive, tenant: str) -> None:
    ids = [archive.write(tenant, START + number) for number in range(3)]
    assert archive.sealer().seal(tenant) == 1
    lines = lines_of(archive, tenant)
    assert [json.loads(line)["id"] for line in lines] == ids
    assert lines == [row["line"]["S"].encode() for row in archive.rows("audit_logs") if tenant in str(row.get("line"))]
    stored = archive.vault.stored(f"log/v1/local/{tenant}/1/seg/000000000001.ndjson.gz")
    assert stored.retain_until > "2026"


def test_the_seal_row_says_what_the_object_is(archive: Archive, tenant: str) -> None:
    archive.write(tenant, START)
    archive.write(tenant, START + 1, "AUTH_LOGIN_FAILED")
    archive.sealer().seal(tenant)
    (row,) = segments_after(archive.estate.dynamodb, archive.environ["AUDIT_SEALS_TABLE"], tenant, 1, 0)
    packed = archive.vault.read(row["key"], row["version_id"])
    raw = gzip.decompress(packed)
    assert row["sha256_gz"] == hashlib.sha256(packed).hexdigest()
    assert row["sha256_raw"] == hashlib.sha256(raw).hexdigest()
    assert (row["bytes"], row["events"], row["index"]) == (len(packed), 2, {"from": 0, "to": 1})
    assert row["lanes"] == {"0": {"from": 1, "to": 2}}
    assert row["counts"] == {"AUTH_LOGIN_FAILED": 1, "AUTH_LOGOUT": 1}


def test_an_idle_log_is_left_alone(archive: Archive, tenant: str) -> None:
    assert archive.sealer().seal(tenant) == 0
    archive.write(tenant, START)
    assert [archive.sealer().seal(tenant) for _ in range(2)] == [1, 0]


def test_a_long_tail_becomes_several_segments_and_one_tree(
    archive: Archive, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "SEGMENT_BYTES", 1_500)
    for number in range(9):
        archive.write(tenant, START + number)
    assert archive.sealer().seal(tenant) > 1
    head = read_seal_head(archive.estate.dynamodb, archive.environ["AUDIT_SEALS_TABLE"], tenant, 1)
    assert head.frontier == Frontier().extend(leaf_hash(line) for line in lines_of(archive, tenant))
    assert head.lanes["0"].seq == 9


def test_two_sealers_at_once_make_one_log(archive: Archive, tenant: str) -> None:
    archive.write(tenant, START)
    slow = archive.sealer()

    class Overtaken(LockedBucket):
        """A rival seals completely while we are about to put."""

        def put_version(self, key: str, body: bytes, content_type: str) -> str | None:
            archive.write(tenant, START + 1)
            archive.sealer().seal(tenant)
            return super().put_version(key, body, content_type)

    slow = archive.sealer(vault=Overtaken(archive.s3, archive.vault_name))
    slow.seal(tenant)
    archive.sealer().seal(tenant)
    assert [json.loads(line)["seq"] for line in lines_of(archive, tenant)] == [1, 2]


def test_a_table_that_does_not_continue_what_is_sealed_is_never_sealed(archive: Archive, tenant: str) -> None:
    archive.write(tenant, START)
    archive.sealer().seal(tenant)
    archive.write(tenant, START + 1)
    (row,) = [row for row in archive.rows("audit_logs") if f'"tenant":"{tenant}"' in str(row.get("line"))][1:]
    forged = row | {"line": {"S": row["line"]["S"].replace('"prev":"', '"prev":"f', 1)}}
    archive.estate._dynamodb.put_item(TableName=archive.environ["AUDIT_LOGS_TABLE"], Item=forged)
    with pytest.raises(ValueError, match="does not have the leaf of its line"):
        archive.sealer().seal(tenant)
    assert len(archive.objects(f"log/v1/local/{tenant}/1/seg/")) == 1


def signed(archive: Archive, key: str) -> None:
    """Verify a digest's signature with the public key that lies in the vault."""
    body, signature = archive.vault.read(key), archive.vault.read(f"{key}.sig")
    pem = archive.vault.read(f"keys/{json.loads(body)['kid']}.pem")
    public = serialization.load_pem_public_key(pem)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, body, ec.ECDSA(hashes.SHA256()))


def sign_at(archive: Archive, tenant: str, at: float) -> int | None:
    archive.sealer().seal(tenant)
    return archive.digester(SetClock(at)).sign(tenant)


def digest(archive: Archive, tenant: str, number: int) -> dict[str, Any]:
    return archive.document(f"log/v1/local/{tenant}/1/digest/{number:012d}.json")


def test_digests_are_signed_chained_and_abut(archive: Archive, tenant: str) -> None:
    for number in range(3):
        archive.write(tenant, START + number * 3_600)
        assert sign_at(archive, tenant, START + number * 3_600 + 60) == number + 1
    digests = [digest(archive, tenant, number) for number in (1, 2, 3)]
    for number in (1, 2, 3):
        signed(archive, f"log/v1/local/{tenant}/1/digest/{number:012d}.json")
    for earlier, later in itertools.pairwise(digests):
        body = archive.vault.read(f"log/v1/local/{tenant}/1/digest/{earlier['no']:012d}.json")
        assert later["prev"] == {"no": earlier["no"], "sha256": hashlib.sha256(body).hexdigest()}
        assert later["period"]["from"] == earlier["period"]["to"]
    assert digests[0]["prev"] is None


def test_the_digest_states_tree_lanes_and_completeness(archive: Archive, tenant: str) -> None:
    for number in range(4):
        archive.write(tenant, START + number)
    sign_at(archive, tenant, START + 60)
    statement = digest(archive, tenant, 1)
    lines = lines_of(archive, tenant)
    root = Frontier().extend(map(leaf_hash, lines)).root()
    assert statement["tree"] == {"size": 4, "root": base64.b64encode(root).decode()}
    assert statement["lanes"] == {"0": {"seq": 4, "hash": leaf_hash(lines[-1]).hex()}}
    assert statement["source"] == {"read_at": "2026-09-21T14:14:20.000Z", "last": {"0": 4}, "unsealed": 0}
    assert statement["watermark"] == "2026-09-21T14:14:16.000Z"
    assert statement["counts"] == {"total": 4, "by_action": {"AUTH_LOGOUT": 4}}
    assert statement["time_max"] == "2026-09-21T14:13:23.000Z"


def test_an_unsealed_event_holds_the_watermark_back(archive: Archive, tenant: str) -> None:
    archive.write(tenant, START)
    archive.sealer().seal(tenant)
    archive.write(tenant, START + 5)
    assert archive.digester(SetClock(START + 600)).sign(tenant) == 1
    statement = digest(archive, tenant, 1)
    assert statement["source"]["unsealed"] == 1
    assert statement["source"]["last"] == {"0": 2}
    assert statement["watermark"] == "2026-09-21T14:13:25.000Z"


def test_a_digest_is_no_activity_so_signing_comes_to_rest(archive: Archive, tenant: str) -> None:
    archive.write(tenant, START)
    numbers = [sign_at(archive, tenant, START + 60 + number * 3_600) for number in range(4)]
    assert numbers == [1, None, None, None]


def test_events_right_before_a_digest_are_covered_by_one_more_and_then_signing_rests(
    archive: Archive, tenant: str
) -> None:
    archive.write(tenant, START)
    numbers = [sign_at(archive, tenant, START + 1 + number * 60) for number in range(4)]
    assert numbers == [1, 2, None, None]
    assert digest(archive, tenant, 1)["watermark"] <= digest(archive, tenant, 1)["time_max"]
    assert digest(archive, tenant, 2)["watermark"] > digest(archive, tenant, 2)["time_max"]


def test_an_idle_day_is_signed_as_an_empty_period(archive: Archive, tenant: str) -> None:
    archive.write(tenant, START)
    sign_at(archive, tenant, START + 60)
    assert sign_at(archive, tenant, START + 60 + DAY) == 2  # holds the first digest's own event
    assert sign_at(archive, tenant, START + 60 + 2 * DAY) == 3
    assert digest(archive, tenant, 3)["counts"] == {"total": 1, "by_action": {"AUDIT_DIGEST_SIGNED": 1}}


def test_a_log_without_events_needs_no_digest(archive: Archive, tenant: str) -> None:
    assert sign_at(archive, tenant, START) is None

"""Time stamps of anchors, by a real authority of openssl, and by all that is none."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import Certificate
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from functions.audit_digest import handler
from functions.audit_digest.time_stamp import Authority, TimeStamps, Untrusted
from functions.evidence_pipeline.integrity_file import IntegrityFiles
from shared.runtime.outbound import MAX_BYTES, Outbound
from tests.functions.archive import Archive, SetClock
from tests.functions.company import archive
from tests.functions.key_ring import HOUR, START, Ring, new_ring
from tests.functions.kill_points import KillSwitch
from tests.functions.time_stamping_authority import OPENSSL, StampingAuthority, certified, serving

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed here")

BODY = b'{"type":"anchor"}'
DAY = 86_400

__all__ = ["archive"]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StampingAuthority]:
    folder = tmp_path_factory.mktemp("tsa")
    made = StampingAuthority(folder, certified(folder), lambda query: query)
    with serving(made) as authority:
        yield authority


@pytest.fixture
def authority(honest: StampingAuthority) -> StampingAuthority:
    honest.answer = honest.reply
    honest.queries.clear()
    return honest


def client(authority: StampingAuthority, *roots: Certificate, now: float | None = None) -> Authority:
    outbound = Outbound(loopback=True, seconds=2.0, context=ssl.create_default_context())
    return Authority(authority.url, roots or (authority.root,), outbound, lambda: now or time.time())


def query_over(body: bytes, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> bytes:
    return TimestampRequestBuilder().data(body).hash_algorithm(algorithm).build().as_bytes()


def test_a_token_of_a_real_authority_is_taken_and_openssl_verifies_it(authority: StampingAuthority) -> None:
    token = client(authority).stamp(BODY)
    assert authority.stands(token, BODY)
    assert not authority.stands(token, BODY + b" ")
    assert client(authority).stands(token, BODY)


def test_a_token_over_something_else_is_refused(authority: StampingAuthority) -> None:
    other = authority.reply(query_over(b"something else"))
    authority.answer = lambda _query: other
    with pytest.raises(Untrusted):
        client(authority).stamp(BODY)
    assert not client(authority).stands(other, BODY)


def test_a_token_of_another_request_over_the_same_octets_is_refused(authority: StampingAuthority) -> None:
    earlier = authority.reply(query_over(BODY))
    authority.answer = lambda _query: earlier
    with pytest.raises(Untrusted, match="Nonce mismatch"):
        client(authority).stamp(BODY)


def test_a_token_under_another_hash_is_refused(authority: StampingAuthority) -> None:
    token = authority.reply(query_over(BODY, HashAlgorithm.SHA512))
    assert not client(authority).stands(token, BODY)


def test_a_token_under_a_root_that_is_not_configured_is_refused(authority: StampingAuthority, tmp_path: Path) -> None:
    with pytest.raises(Untrusted, match="certificates"):
        client(authority, certified(tmp_path)).stamp(BODY)


def test_a_token_by_an_expired_certificate_is_refused(authority: StampingAuthority, tmp_path: Path) -> None:
    root = certified(tmp_path, valid_until=-timedelta(days=1))
    expired = StampingAuthority(tmp_path, root, lambda query: query)
    authority.answer = expired.reply
    with pytest.raises(Untrusted):
        client(authority, root).stamp(BODY)


def test_a_token_of_another_time_is_refused(authority: StampingAuthority) -> None:
    with pytest.raises(Untrusted, match="is not now"):
        client(authority, now=time.time() + DAY).stamp(BODY)


def test_a_token_that_was_changed_is_refused(authority: StampingAuthority) -> None:
    authority.answer = lambda query: flipped(authority.reply(query))
    with pytest.raises(Untrusted):
        client(authority).stamp(BODY)


def flipped(token: bytes) -> bytes:
    """Change an octet of the signature, which ends the answer."""
    return token[:-5] + bytes([token[-5] ^ 1]) + token[-4:]


ANSWERS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _query: b"",
    "garbage": lambda _query: b"garbage",
    "a page": lambda _query: b"<html>",
    "the query": lambda query: query,
    "an empty sequence": lambda _query: b"\x30\x00",
    "nesting": lambda _query: b"\x30\x80" * 100_000,
    "a refusal": lambda _query: bytes.fromhex("30053003020102"),
    "too much": lambda _query: b"0" * (MAX_BYTES + 1),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_what_is_no_answer_is_refused(authority: StampingAuthority, answer: Callable[[bytes], bytes]) -> None:
    authority.answer = answer
    with pytest.raises(Untrusted):
        client(authority).stamp(BODY)


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_the_deadline(
    authority: StampingAuthority,
) -> None:
    over = threading.Event()

    def never(_query: bytes) -> bytes:
        over.wait(60)
        return b""

    authority.answer = never
    outbound = Outbound(loopback=True, seconds=0.2, context=ssl.create_default_context())
    try:
        with pytest.raises(Untrusted, match="SLOW"):
            Authority(authority.url, [authority.root], outbound, time.time).stamp(BODY)
    finally:
        over.set()


# --- beside the anchors -----------------------------------------------------------------------------------------------


@pytest.fixture
def ring(archive: Archive) -> Ring:
    ring = new_ring(archive)
    ring.hour(START + HOUR)
    for day in range(3):
        ring.anchor(START + HOUR + 1 + day * DAY)
    return ring


def stamps(ring: Ring, authority: StampingAuthority) -> TimeStamps:
    return TimeStamps(ring.vault(KillSwitch()), "local", client(authority))


def tokens(ring: Ring) -> list[str]:
    return [key for key in ring.objects("anchor/") if key.endswith(".tsr")]


def test_each_anchor_gets_one_token_over_its_octets(ring: Ring, authority: StampingAuthority) -> None:
    assert stamps(ring, authority).complete(START + 2 * DAY) == 3
    assert stamps(ring, authority).complete(START + 2 * DAY) == 0
    assert len(authority.queries) == 3
    for key in tokens(ring):
        assert authority.stands(ring.read(key), ring.read(key.removesuffix(".tsr")))
    assert len(tokens(ring)) == 3


def test_what_was_not_to_be_had_is_asked_for_again_by_later_runs(ring: Ring, authority: StampingAuthority) -> None:
    authority.answer = lambda _query: b"busy"
    with pytest.raises(Untrusted):
        stamps(ring, authority).complete(START + 2 * DAY)
    assert len(authority.queries) == 1  # once a run
    assert tokens(ring) == []
    authority.answer = authority.reply
    assert stamps(ring, authority).complete(START + 2 * DAY) == 3


def test_anchors_of_long_ago_are_left_as_they_are(ring: Ring, authority: StampingAuthority) -> None:
    assert stamps(ring, authority).complete(START + 8 * DAY) == 2
    assert stamps(ring, authority).complete(START + 30 * DAY) == 0


def test_another_run_may_have_laid_the_token(ring: Ring, authority: StampingAuthority) -> None:
    def overtaken(query: bytes) -> bytes:
        authority.answer = authority.reply
        assert stamps(ring, authority).complete(START + 2 * DAY) == 3
        return authority.reply(query)

    authority.answer = overtaken
    assert stamps(ring, authority).complete(START + 2 * DAY) == 3
    assert len(tokens(ring)) == 3


def test_a_planted_token_is_noticed(ring: Ring, authority: StampingAuthority) -> None:
    def planting(query: bytes) -> bytes:
        for key in [key for key in ring.objects("anchor/") if key.endswith(".json.sig")]:
            planted = f"{key.removesuffix('.sig')}.tsr"
            ring.archive.s3.put_object(Bucket=ring.name, Key=planted, Body=b"junk")
        return authority.reply(query)

    authority.answer = planting
    with pytest.raises(RuntimeError, match="is not ours"):
        stamps(ring, authority).complete(START + 2 * DAY)


def test_a_bundle_has_the_token_of_its_anchor(ring: Ring, authority: StampingAuthority) -> None:
    stamps(ring, authority).complete(START + 2 * DAY)
    rows = ring.rows(ring.tenants[0])
    plan = {"tenant": {"id": ring.tenants[0]}, "opening": None, "frontier": [], "digests": rows}
    files, _ = IntegrityFiles(ring.vault(KillSwitch()), "local", 1).collect(plan)
    assert [file.path for file in files if "/anchors/" in file.path] == [
        f"integrity/anchors/2026-09-21.{ending}" for ending in ("json", "json.sig", "json.tsr", "proof.json")
    ]


def test_a_run_goes_on_without_a_token_and_tells_of_it(
    ring: Ring,
    authority: StampingAuthority,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    roots = (authority.folder / "root.pem").read_text(encoding="ascii")
    for name, value in (("TSA_URL", authority.url), ("TSA_ROOTS", roots)):
        monkeypatch.setitem(ring.archive.environ, name, value)
    stamping = ring.archive.digester(SetClock(START + 3 * DAY), vault=ring.vault(KillSwitch()))
    keys = ring.anchorer(START).keys
    assert handler._anchor(stamping, keys, ring.tenants) == "2026-09-24"  # plain http: no call is made
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["AnchorTimeStampMissing"] for line in written if "AnchorTimeStampMissing" in line] == [[1.0]]
    assert [record.__dict__["why"] for record in caplog.records] == ["ADDRESS"]
    assert (tokens(ring), authority.queries) == ([], [])

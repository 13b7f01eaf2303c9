"""Rendering a shard, against bytes that an earlier and plainer renderer wrote of a hostile segment (`golden`)."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
import zlib
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.evidence_pipeline.event_lines import blocks_of, canonical_again, whole
from functions.evidence_pipeline.fragments import DISCLOSURE, EVENTS
from functions.evidence_pipeline.render import Renderer
from shared.audit.canonical import MAX_INTEGER, canonical
from shared.audit.catalogue import Catalogue, Report, load
from shared.audit.personal_data import PersonalData
from shared.evidence.deflate import FINAL_BLOCK
from shared.evidence.evidence_row import Discloser
from shared.evidence.segment import pack, unpack
from tests.unit.evidence.events import chain, event_of

GOLDEN = Path(__file__).parent / "golden"
SEGMENT = (GOLDEN / "segment.ndjson.gz").read_bytes()
LINE = event_of().line
SALTS = {"u_1": b"s" * 32, "u_2": b"t" * 32}  # whoever else stands in the segment was erased
ACTIONS = (
    "AUTH_LOGIN_FAILED AUTH_LOGIN_SUCCESS AUTH_LOGOUT SESSION_INVALIDATED SUSPICIOUS_LOGIN_DETECTED USER_ROLE_CHANGED"
)


class Vault:
    def __init__(self, *segments: bytes) -> None:
        self.segments = segments

    def read(self, key: str, _version: str) -> bytes:
        return self.segments[int(key)]


class Bench(dict[str, bytes]):
    def write(self, name: str, body: bytes) -> None:
        self[name] = body

    def growing(self, name: str) -> Piece:
        return Piece(self, name)


class Piece:
    """A piece in memory."""

    def __init__(self, bench: Bench, name: str) -> None:
        self._bench, self._name, self._body = bench, name, bytearray()

    @property
    def size(self) -> int:
        return len(self._body)

    def write(self, data: bytes) -> None:
        self._body += data

    def close(self) -> str:
        self._bench[self._name] = bytes(self._body)
        return "v"

    def abort(self) -> None:
        self._bench[self._name] = b"aborted"


def plan_of(extension: str, *segments: bytes) -> dict[str, Any]:
    described, index = [], 7
    for number, segment in enumerate(segments):
        seal = {"key": str(number), "version_id": "v", "no": number + 1, "index": {"from": index}}
        described.append(seal | {"sha256_gz": hashlib.sha256(segment).hexdigest()})
        index += gzip.decompress(segment).count(b"\n")
    return {
        "segments": described,
        "samples": [{"nonce": "12345678", "n": 3, "file": f"A/all.{extension}"}],
        "resolved": {"from": "2026-09-01T00:00:00.000Z", "to_exclusive": "2026-10-01T00:00:00.000Z"},
        "requested": {"format": extension},
    }


def rendered(plan: dict[str, Any], *segments: bytes) -> tuple[Bench, dict[str, Any]]:
    current, bench = load(), Bench()
    of_all = tuple(ACTIONS.split())
    reports = {
        "all": Report("all", "CC6", "A", "all", "All", of_all, {}),
        "roles": Report("roles", "CC6", "A", "roles", "Roles", ("USER_ROLE_CHANGED",), {}),
    }
    actions = {
        action: {**current.actions[action], "reports": [slug for slug in reports if action in reports[slug].actions]}
        | {"reports_where": {}}
        for action in of_all
    }
    catalogue = Catalogue(current.version, current.sha256, reports, actions)
    discloser = Discloser(PersonalData(bytes(range(32)), "acme"), SALTS)
    renderer = Renderer(cast("Any", Vault(*segments)), cast("Any", bench), catalogue, discloser, lambda _: None)
    renderer.render(plan, plan["segments"], 0)
    return bench, json.loads(bench["shard-00000.json"])


def content(bench: Bench, slug: str, batch: int = 0) -> bytes:
    body = bench[f"{slug}-00000-{batch:05d}.deflate"]
    if slug == EVENTS:
        return body
    return gzip.decompress(body) if slug == DISCLOSURE else zlib.decompress(body + FINAL_BLOCK, wbits=-15)


@pytest.mark.parametrize("extension", ["csv", "json"])
def test_a_hostile_segment_gives_the_bytes_that_it_always_gave(extension: str) -> None:
    bench, document = rendered(plan_of(extension, SEGMENT), SEGMENT)
    for slug in ("all", "roles"):
        assert content(bench, slug) == (GOLDEN / f"{slug}.{extension}").read_bytes()
    assert content(bench, DISCLOSURE) == (GOLDEN / "disclosure.ndjson").read_bytes()
    (batch,) = document["batches"]
    gathered = batch.pop(EVENTS)
    assert bench[gathered["name"]] == SEGMENT
    assert gathered["fragment"]["content_sha256"] == hashlib.sha256(SEGMENT).hexdigest()
    for part in batch.values():  # what depends on the compressor
        body = bench[part["name"]]
        assert part["fragment"].pop("stored_bytes") == len(body)
        del part["version_id"]
    told, body = batch[DISCLOSURE]["fragment"], bench[batch[DISCLOSURE]["name"]]
    assert told["content_sha256"] == hashlib.sha256(body).hexdigest()
    assert (told["crc32"], told["content_bytes"]) == (zlib.crc32(body), len(body))
    batch[DISCLOSURE]["fragment"] = {}
    assert document == json.loads((GOLDEN / f"shard.{extension}.json").read_bytes())


@pytest.mark.parametrize(("extension", "between"), [("csv", b""), ("json", b",\n")])
def test_fragments_joined_are_what_one_fragment_holds(
    extension: str, between: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = pack(
        [event_of(seq=n, prev="a" * 64 if n == 9 else event_of(seq=n - 1, prev="a" * 64).leaf.hex()) for n in (9, 10)]
    )
    plan = plan_of(extension, SEGMENT, second)
    whole, _ = rendered(plan, SEGMENT, second)
    monkeypatch.setattr("functions.evidence_pipeline.fragments.FRAGMENT_BYTES", 1)
    parts, document = rendered(plan, SEGMENT, second)
    assert content(parts, "all") + between + content(parts, "all", 1) == content(whole, "all")
    told = [
        (batch["all"]["rows"], batch["all"]["first_index"], batch["all"]["last_index"])
        for batch in document["batches"]
        if batch
    ]
    assert told == [(44, 7, 50), (2, 52, 53)]
    assert document["events"] == 47
    assert content(parts, EVENTS) + content(parts, EVENTS, 1) == SEGMENT + second


def test_content_longer_than_a_block_is_compressed_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = rendered(plan_of("csv", SEGMENT), SEGMENT)
    monkeypatch.setattr("functions.evidence_pipeline.fragments._BLOCK", 1_000)
    pieces, _ = rendered(plan_of("csv", SEGMENT), SEGMENT)
    assert [content(pieces, slug) for slug in ("all", DISCLOSURE)] == [
        content(whole, slug) for slug in ("all", DISCLOSURE)
    ]


def test_another_segment_than_was_sealed_is_refused() -> None:
    plan = plan_of("csv", SEGMENT)
    with pytest.raises(RuntimeError, match="not the segment that was sealed"):
        rendered(plan, pack(chain(2)))


def test_an_event_that_does_not_continue_its_lane_is_refused() -> None:
    first, _, third = chain(3)
    broken = pack([first, third])
    with pytest.raises(ValueError, match="3 does not follow 1"):
        rendered(plan_of("csv", broken), broken)


def test_a_lane_that_is_opened_twice_is_refused() -> None:
    opening = event_of(action="AUDIT_LANE_OPENED", meta={"lane": "1"})
    again = event_of(seq=2, prev=opening.leaf.hex(), action="AUDIT_LANE_OPENED", meta={"lane": "1"})
    broken = pack([opening, event_of(lane="1"), again])
    with pytest.raises(ValueError, match="opened a second time"):
        rendered(plan_of("csv", broken), broken)


def test_the_end_of_the_interval_is_not_in_it() -> None:
    first = event_of(time="2026-09-01T00:00:00.000Z")
    last = event_of(seq=2, prev=first.leaf.hex(), time="2026-10-01T00:00:00.000Z")
    segment = pack([first, last])
    _, document = rendered(plan_of("csv", segment), segment)
    assert (document["events"], document["by_action"]) == (2, {"AUTH_LOGOUT": 1})
    assert document["batches"][0]["all"]["rows"] == 1


def read(packed: bytes) -> list[bytes]:
    return [line for lines, members in blocks_of(packed) for line, _ in zip(lines, members, strict=True)]


def test_events_are_read_as_the_sealer_reads_them() -> None:
    assert list(map(whole, read(SEGMENT))) == list(unpack(SEGMENT))


@pytest.mark.parametrize("raw", [LINE + b"\n" + LINE, LINE, b""])
def test_a_segment_that_ends_within_a_line_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="within a line"):
        read(gzip.compress(raw))


def test_a_segment_that_was_cut_off_is_refused() -> None:
    with pytest.raises(ValueError, match="within a line"):
        read(SEGMENT[:-1])


def test_a_segment_is_never_held_as_lines() -> None:
    packed = gzip.compress((LINE + b"\n") * 30_000)
    size = 30_000 * (len(LINE) + 1)
    tracemalloc.start()
    assert sum(len(line) + 1 for lines, _ in blocks_of(packed) for line in lines) == size
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(packed) < 1 << 16
    assert peak < size // 4


@pytest.mark.parametrize("number", ["1.5", "1e3", "-0.0"])
def test_a_number_without_a_canonical_form_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="canonical form"):
        whole(f'{{"meta":{{"a":{number}}}}}'.encode())


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
KEYS = st.text("abXY_09", min_size=1, max_size=4)
LEAVES = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@given(VALUES)
def test_both_canonical_forms_are_one(value: Any) -> None:
    assert canonical_again(value) == canonical(value)

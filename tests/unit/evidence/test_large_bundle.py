"""Thirty thousand segments: what the manifest says of them, and what passes through the assembler."""

import pytest

from tests.unit.evidence.large_bundle import (
    SEGMENT_BYTES,
    SEGMENTS,
    SHARDS,
    SMALL,
    Bench,
    assembled,
    manifested,
    rendered,
)

MIB = 1 << 20


@pytest.fixture(scope="module")
def bench() -> Bench:
    return rendered()


def test_manifest_lists_every_segment_and_its_archive_is_made_of_a_few_objects(bench: Bench) -> None:
    manifest = manifested(bench)
    (events,) = [file for file in manifest["files"] if file["path"] == "events/events.ndjson.gz"]
    assert [fragment["sha256"] for fragment in events["fragments"]] == [f"{number:064x}" for number in range(SEGMENTS)]
    assert events["bytes"] == SEGMENTS * SEGMENT_BYTES
    assert len(bench["entries.json"]) < 20 * MIB, "of which most is the manifest itself"

    store, told = assembled(bench)
    files = len(manifest["files"]) + 2
    small = SHARDS * sum(SMALL.values())
    inline = len(bench["entries.json"])
    assert store.through <= 5 * MIB * (files + 1) + small + inline
    assert store.size > 15_000 * MIB
    assert store.through < 64 * MIB
    assert store.calls.count("copy") >= 4 * SHARDS
    assert len(store.calls) < 20 * SHARDS
    dones = [done for _, done in told.steps[1:]]
    assert dones == sorted(dones)
    assert told.steps[0] == told.steps[-1], "it begins with the number of parts, and ends there"


def test_segments_that_were_not_all_gathered_end_the_export(bench: Bench) -> None:
    short = Bench(bench)
    name = next(name for name in bench if name.startswith("shard-"))
    short[name] = (
        bench[name]
        .replace(b'"content_bytes": 400000000', b'"content_bytes": 399999999')
        .replace(b'"stored_bytes": 400000000', b'"stored_bytes": 399999999')
    )
    with pytest.raises(RuntimeError, match="bytes of segments were gathered"):
        manifested(short)

"""S3's rules of parts, for generated archives and at every boundary; sizes only, no bytes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.evidence.multipart_packing import (
    GIB,
    MIB,
    S3_LIMITS,
    CopyPart,
    GluePart,
    Part,
    PartLimits,
    pack,
)
from shared.evidence.zip_layout import Chunk, Layout, ObjectRange, chunk_bytes

EDGES = [5 * MIB, 8 * MIB, 10 * MIB, 5 * GIB, 5 * GIB + 5 * MIB, 10 * GIB]
SIZES = st.one_of(
    st.integers(1, 200),
    st.integers(1, 40 * MIB),
    st.integers(1, 12 * GIB),
    st.builds(lambda edge, by: edge + by, st.sampled_from(EDGES), st.integers(-60, 60)),
)
# A header of some bytes before each range; the object may be larger than its range.
BODIES = st.lists(st.tuples(st.integers(0, 60), SIZES, st.sampled_from([0, 20, 6 * MIB])), max_size=30)


def archive(bodies: list[tuple[int, int, int]]) -> Layout:
    chunks: list[Chunk] = []
    for number, (header, size, more) in enumerate(bodies):
        if header:
            chunks.append(bytes(header))
        chunks.append(ObjectRange("exports", f"{number}", "v1", more // 2, size, size + more))
    chunks.append(b"directory")
    return Layout(tuple(chunks), sum(map(chunk_bytes, chunks)))


def _chunks_of(part: Part) -> tuple[Chunk, ...]:
    return (part.source,) if isinstance(part, CopyPart) else part.chunks


def _spans(chunks: tuple[Chunk, ...]) -> list[tuple[str, int, int]]:
    """Ranges as (key, from, to) and inline bytes as ("", 0, count), adjacent ones joined."""
    spans: list[tuple[str, int, int]] = []
    for chunk in chunks:
        key, start = ("", 0) if isinstance(chunk, bytes) else (chunk.key, chunk.offset)
        size = chunk_bytes(chunk)
        if spans and spans[-1][0] == key and (not key or spans[-1][2] == start):
            spans[-1] = (key, spans[-1][1], spans[-1][2] + size)
        else:
            spans.append((key, start, start + size))
    return spans


@given(BODIES)
@example([(30, 5 * MIB, 20), (30, 5 * MIB, 20)])
@example([(30, 10 * MIB - 30, 0)])
@example([(30, 10 * MIB - 31, 0)])
@example([(0, 5 * GIB + 1, 0)])
def test_every_packing_keeps_to_the_sizes_of_parts(bodies: list[tuple[int, int, int]]) -> None:
    parts = pack(archive(bodies))
    assert all(part.size >= 5 * MIB for part in parts[:-1])
    assert all(0 < part.size <= 5 * GIB for part in parts)
    assert all(part.size <= S3_LIMITS.glue for part in parts if isinstance(part, GluePart))


@given(BODIES)
def test_every_byte_is_carried_once_and_in_order(bodies: list[tuple[int, int, int]]) -> None:
    whole = archive(bodies)
    carried = tuple(chunk for part in pack(whole) for chunk in _chunks_of(part))
    assert _spans(carried) == _spans(whole.chunks)
    assert all(chunk_bytes(chunk) for chunk in carried)


@given(BODIES)
def test_only_objects_above_5_mib_are_copied_from(bodies: list[tuple[int, int, int]]) -> None:
    for part in pack(archive(bodies)):
        if isinstance(part, CopyPart):
            assert part.source.object_bytes > 5 * MIB


@given(BODIES)
def test_what_passes_through_memory_is_bounded_by_glue_and_small_pieces(
    bodies: list[tuple[int, int, int]],
) -> None:
    whole = archive(bodies)
    glued = sum(part.size for part in pack(whole) if isinstance(part, GluePart))
    inline = sum(header for header, _, _ in bodies) + len(b"directory")
    # A range is read whole only below 10 MiB; of a larger one at most its first 5 MiB are.
    small = sum(size for _, size, _ in bodies if size < 10 * MIB)
    large = sum(1 for _, size, _ in bodies if size >= 10 * MIB)
    assert glued <= inline + small + 5 * MIB * large


def test_a_small_archive_is_one_glue_part() -> None:
    parts = pack(archive([(30, 100, 0), (30, 200, 0)]))
    assert len(parts) == 1
    assert isinstance(parts[0], GluePart)


def test_a_fragment_lends_its_head_to_the_glue_part_before_it() -> None:
    glue, copied, end = pack(archive([(30, 20 * MIB, 0)]))
    assert isinstance(glue, GluePart)
    assert isinstance(copied, CopyPart)
    assert isinstance(end, GluePart)
    assert glue.size == 5 * MIB
    assert copied.source.offset == 5 * MIB - 30
    assert copied.size == 15 * MIB + 30
    assert end.chunks == (b"directory",)


def test_an_object_of_exactly_5_mib_is_read_and_not_copied() -> None:
    at_limit, above = archive([(0, 5 * MIB, 0)]), archive([(0, 5 * MIB, 1)])
    assert [type(part) for part in pack(at_limit)] == [GluePart]
    assert [type(part) for part in pack(above)] == [CopyPart, GluePart]


def test_a_copy_above_5_gib_leaves_a_rest_that_is_a_part_of_its_own() -> None:
    sizes = [part.size for part in pack(archive([(0, 5 * GIB + 1, 0)]))]
    assert sizes == [5 * GIB + 1 - 5 * MIB, 5 * MIB, len(b"directory")]


def test_more_parts_than_one_upload_takes_is_broken_wiring() -> None:
    limits = PartLimits(least=10, most=100, parts=3, glue=50)
    assert [part.size for part in pack(archive([(0, 200, 0)]), limits)] == [100, 100, 9]
    with pytest.raises(RuntimeError, match="4 parts, one upload takes 3"):
        pack(archive([(0, 201, 0)]), limits)


def test_an_archive_of_too_many_parts_gets_larger_glue_parts_up_to_the_widest() -> None:
    inline = Layout((bytes(200),), 200)
    limits = PartLimits(least=10, most=1_000, parts=2, glue=50, widest=100)
    assert [part.size for part in pack(inline, limits)] == [100, 100]
    with pytest.raises(RuntimeError, match="3 parts, one upload takes 2"):
        pack(Layout((bytes(201),), 201), limits)


def test_inline_bytes_longer_than_a_glue_part_are_cut() -> None:
    long = Layout((bytes(40 * MIB),), 40 * MIB)
    assert [part.size for part in pack(long)] == [8 * MIB] * 5


@pytest.mark.parametrize(
    "limits", [{"least": 0}, {"glue": 4 * MIB}, {"glue": 6 * GIB}, {"most": 9 * MIB, "glue": 9 * MIB}]
)
def test_limits_under_which_nothing_can_be_packed_are_broken_wiring(limits: dict[str, int]) -> None:
    with pytest.raises(RuntimeError, match="no archive can be packed"):
        PartLimits(**limits)

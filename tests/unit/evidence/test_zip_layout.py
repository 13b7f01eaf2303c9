"""The archive's structure: names, determinism, ZIP64, and what four independent readers say."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from shared.evidence.deflate import Fragment, Method, deflate, store
from shared.evidence.zip_layout import (
    FORMAT,
    Entry,
    ObjectRange,
    Piece,
    Thresholds,
    check_names,
    layout,
)

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1 << 30
READERS = {"unzip": ["-tqq"], "7z": ["t", "-bso0"], "bsdtar": ["-tf"]}
CONTENTS = {
    "README.txt": [b"read me\n"],
    "CC6_Access_Control/access_logs.csv": [b'"index"\r\n', b'"1"\r\n' * 500, b"", b'"2"\r\n'],
    "CC7_Security_Operations/Prüfung_Überblick.csv": [b'"x"\r\n'],
    "CC9_Monitoring/empty.csv": [],
}


def entry_of(name: str, parts: list[bytes], method: Method = "deflate") -> Entry:
    pieces = []
    for part in parts:
        body = bytearray()
        fragment = (deflate if method == "deflate" else store)([part], body.extend)
        pieces.append(Piece(fragment, bytes(body)))
    return Entry(name, method, tuple(pieces))


def archive_of(entries: list[Entry], thresholds: Thresholds = FORMAT) -> bytes:
    chunks = layout(entries, thresholds).chunks
    return b"".join(chunk for chunk in chunks if isinstance(chunk, bytes))


def sample(thresholds: Thresholds = FORMAT) -> bytes:
    entries = [entry_of(name, parts) for name, parts in CONTENTS.items()]
    entries.append(entry_of("events/events.ndjson.gz", [b"\x1f\x8b one", b"two"], "stored"))
    return archive_of(entries, thresholds)


# Thresholds that make every record a ZIP64 record, one kind at a time.
VARIANTS = {
    "plain": Thresholds(),
    "zip64 sizes and offsets": Thresholds(size=1),
    "zip64 large entries only": Thresholds(size=2000),
    "zip64 number of entries": Thresholds(entries=2),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_python_reads_every_entry_back(variant: str) -> None:
    with zipfile.ZipFile(io.BytesIO(sample(VARIANTS[variant]))) as archive:
        assert archive.namelist() == [*CONTENTS, "events/events.ndjson.gz"]
        assert archive.testzip() is None
        for name, parts in CONTENTS.items():
            assert archive.read(name) == b"".join(parts)
        assert archive.read("events/events.ndjson.gz") == b"\x1f\x8b onetwo"


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("reader", READERS)
def test_other_readers_accept_the_archive(reader: str, variant: str, tmp_path: Path) -> None:
    program = shutil.which(reader)
    if program is None:
        pytest.skip(f"{reader} is not installed here")
    (tmp_path / "bundle.zip").write_bytes(sample(VARIANTS[variant]))
    finished = subprocess.run(  # noqa: S603 - a fixed program on a file of ours
        [program, *READERS[reader], tmp_path / "bundle.zip"], capture_output=True, check=False
    )
    assert finished.returncode == 0, finished.stderr


def test_the_same_entries_make_the_same_bytes() -> None:
    assert sample() == sample()


def test_every_entry_is_dated_1980_and_marked_utf8() -> None:
    with zipfile.ZipFile(io.BytesIO(sample())) as archive:
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.flag_bits == 0x800
            assert info.external_attr >> 16 == 0o100644


def test_an_archive_without_entries_is_an_archive() -> None:
    with zipfile.ZipFile(io.BytesIO(archive_of([]))) as archive:
        assert archive.namelist() == []


def _by_reference(name: str, content_bytes: int, stored_bytes: int) -> Entry:
    source = ObjectRange("exports", f"{name}.frag", "v1", 0, stored_bytes, stored_bytes)
    fragment = Fragment("deflate", 7, content_bytes, stored_bytes, "00" * 32)
    return Entry(name, "deflate", (Piece(fragment, source),))


def test_an_entry_whose_content_exceeds_32_bits_has_both_sizes_in_zip64() -> None:
    plan = layout([_by_reference("big.csv", 9 * GIB, GIB)])
    header, source, tail = plan.chunks
    assert isinstance(header, bytes)
    assert isinstance(tail, bytes)
    assert isinstance(source, ObjectRange)
    assert plan.total_bytes == len(header) + GIB + len(tail)
    sizes = struct.pack("<HHQQ", 1, 16, 9 * GIB, GIB + 2)  # + 2: the final block
    assert header.endswith(sizes)
    assert sizes in tail
    assert b"PK\x06\x06" not in tail  # the directory itself still fits


def test_an_entry_beyond_4_gib_has_its_offset_in_zip64_and_so_has_the_directory() -> None:
    plan = layout([_by_reference("a.csv", 4 * GIB, 4 * GIB), entry_of("b.csv", [b"b"])])
    tail = plan.chunks[-1]
    assert isinstance(tail, bytes)
    offset = len(plan.chunks[0]) + 4 * GIB + 2 if isinstance(plan.chunks[0], bytes) else 0
    assert struct.pack("<HHQ", 1, 8, offset) in tail
    assert b"PK\x06\x06" in tail
    assert b"PK\x06\x07" in tail


def test_one_byte_less_than_the_field_holds_needs_no_zip64() -> None:
    just_fits = 0xFFFFFFFF - 1
    header = layout([_by_reference("a.csv", just_fits, GIB)]).chunks[0]
    assert isinstance(header, bytes)
    assert len(header) == 30 + len("a.csv")
    full = layout([_by_reference("a.csv", just_fits + 1, GIB)]).chunks[0]
    assert isinstance(full, bytes)
    assert len(full) == 30 + len("a.csv") + 20


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../up.csv",
        "a/../b.csv",
        "a/./b.csv",
        "a//b.csv",
        "folder/",
        "a\\b.csv",
        "C:/a.csv",
        "a\nb.csv",
        "a\0.csv",
        "x" * 65_536,
    ],
)
def test_a_name_that_is_no_plain_relative_path_is_refused(name: str) -> None:
    with pytest.raises(RuntimeError, match="archive entry"):
        layout([entry_of(name, [b"x"])])


@pytest.mark.parametrize("pair", [("a.csv", "a.csv"), ("A.csv", "a.CSV"), ("a", "a/b"), ("a/b", "a")])
def test_names_that_collide_when_extracted_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(RuntimeError, match="collides"):
        layout([entry_of(name, [b"x"]) for name in pair])


def test_neighbours_in_one_folder_do_not_collide() -> None:
    check_names(["a/b", "a/c", "ab", "a.b/c"])


def test_a_piece_of_another_method_is_refused() -> None:
    piece = entry_of("a.gz", [b"x"], "stored").pieces[0]
    with pytest.raises(RuntimeError, match="stored piece in deflate"):
        layout([Entry("a.gz", "deflate", (piece,))])


def test_a_piece_whose_body_differs_in_size_from_its_fragment_is_refused() -> None:
    piece = entry_of("a.csv", [b"x"]).pieces[0]
    assert isinstance(piece.body, bytes)
    with pytest.raises(RuntimeError, match="its fragment has"):
        layout([Entry("a.csv", "deflate", (Piece(piece.fragment, piece.body + b"!"),))])

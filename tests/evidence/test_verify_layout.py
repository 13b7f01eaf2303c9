"""The verifier on the archive itself: a ZIP that different programs could read differently is refused in step 1.

Everything is pinned and signed rightly here, and Python's own `zipfile` is content with most of it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest

from shared.evidence import verify_bundle
from shared.evidence.verify_bundle import FAILED, NOT_DELIVERED, PASSED
from tests.evidence.bundle_builder import ACCESS_LOGS, EVENTS, Files, World, archive
from tests.evidence.tampering import Tell, Verify, content_with_zipfile, structural
from tests.evidence.zip_forging import Part, forged, raw_deflate, taken_apart, with_crc, written

MANIFEST = "manifest.json"
FORGED_ROWS = b'"31","FORGED","ROW","x"\r\n'
ENCRYPTED, DESCRIPTOR = 1 << 0, 1 << 3
SYMLINK, FOLDER = 0o120777 << 16, 0o040755 << 16


@pytest.fixture(scope="module")
def log() -> World:
    return World()


@pytest.fixture(scope="module")
def valid(log: World) -> Files:
    return log.signed(log.files())


def test_an_archive_taken_apart_and_written_again_is_the_same(log: World, valid: Files, verify: Verify) -> None:
    assert written(taken_apart(archive(valid))) == archive(valid)
    assert verify(archive(valid), log.pins()).code == PASSED


# --- The body: what other programs extract is what was hashed ---


def test_rows_behind_the_declared_size_are_found_although_the_crc_fits_both(valid: Files, tell: Tell) -> None:
    content = valid[ACCESS_LOGS]
    longer = with_crc(content + FORGED_ROWS, zlib.crc32(content))
    bundle = forged(archive(valid), ACCESS_LOGS, lambda part: part.holds(raw_deflate(longer)))
    assert content_with_zipfile(bundle)
    assert zlib.crc32(longer) == zlib.crc32(content)
    assert tell(bundle).names(1, ACCESS_LOGS, "more content than its headers say")


def test_an_empty_file_whose_body_holds_rows_is_found(log: World, verify: Verify) -> None:
    files = log.signed({**log.files(), "CROSSWALK.csv": b""})
    assert verify(files, log.pins()).code == PASSED
    body = raw_deflate(with_crc(FORGED_ROWS, 0))
    told = verify(forged(archive(files), "CROSSWALK.csv", lambda part: part.holds(body)), log.pins())
    assert (told.code, told.failed()) == (FAILED, [1])
    assert told.names(1, "CROSSWALK.csv", "more content than its headers say")


def test_a_deflate_stream_without_its_end_is_found(valid: Files, tell: Tell) -> None:
    bundle = forged(archive(valid), ACCESS_LOGS, lambda part: part.holds(part.body[:-2]))
    assert content_with_zipfile(bundle)
    assert tell(bundle).names(1, ACCESS_LOGS, "a deflate stream without its end")


@pytest.mark.parametrize("behind", [b"\0", bytes(200_000)], ids=["one byte", "many"])
def test_bytes_behind_the_end_of_the_deflate_stream_are_found(behind: bytes, valid: Files, tell: Tell) -> None:
    bundle = forged(archive(valid), ACCESS_LOGS, lambda part: part.holds(part.body + behind))
    assert content_with_zipfile(bundle)
    assert tell(bundle).names(1, ACCESS_LOGS, "bytes behind the end of the deflate stream")


def test_bytes_behind_the_deflate_stream_are_found_also_where_a_block_ends(
    valid: Files, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = forged(archive(valid), ACCESS_LOGS, lambda part: part.holds(part.body + b"\0"))
    packed = next(len(part.body) for part in taken_apart(bundle) if part.name == ACCESS_LOGS)
    monkeypatch.setattr(verify_bundle, "BLOCK", packed - 1)
    assert tell(bundle).names(1, ACCESS_LOGS, "bytes behind the end of the deflate stream")


def test_less_content_than_declared_is_found(valid: Files, tell: Tell) -> None:
    more = len(valid[MANIFEST]) + 1
    bundle = forged(archive(valid), MANIFEST, lambda part: part.both(content=more))
    assert tell(bundle).names(1, MANIFEST, "less content than its headers say")


def test_content_with_another_crc_is_found(valid: Files, tell: Tell) -> None:
    bundle = forged(archive(valid), ACCESS_LOGS, lambda part: part.both(crc=part.local["crc"] ^ 1))
    assert tell(bundle).names(1, ACCESS_LOGS, "CRC-32 differs")


def test_a_stored_entry_with_two_sizes_is_found(valid: Files, tell: Tell) -> None:
    bundle = forged(archive(valid), EVENTS, lambda part: part.holds(part.body + b"more"))
    assert tell(bundle).names(1, EVENTS, "a stored entry whose sizes differ")


# --- The headers of an entry ---


def unicode_path(of: str, shown: str) -> dict[str, object]:
    """Make the Info-ZIP extra field (4.6.9) with which unzip, 7z and bsdtar take another name."""
    body = struct.pack("<BL", 1, zlib.crc32(of.encode())) + shown.encode()
    return {"extra": struct.pack("<HH", 0x7075, len(body)) + body, "flags": 0}


def test_names_that_are_swapped_by_unicode_path_fields_are_found(valid: Files, tell: Tell) -> None:
    parts = taken_apart(archive(valid))
    swapped = {ACCESS_LOGS: "CROSSWALK.csv", "CROSSWALK.csv": ACCESS_LOGS}
    for part in parts:
        if part.name in swapped:
            part.both(**unicode_path(part.name, swapped[part.name]))
    bundle = written(parts)
    assert content_with_zipfile(bundle)
    told = tell(bundle)
    assert all(told.names(1, name, "central header differs", "entry of the ZIP") for name in swapped)


def zip64(*values: int) -> bytes:
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values)


def described_behind(part: Part) -> None:
    """Move CRC-32 and sizes behind the body (4.3.9)."""
    part.behind = struct.pack("<4sLLL", b"PK\7\10", *(part.central[field] for field in ("crc", "stored", "content")))
    part.both(flags=part.local["flags"] | DESCRIPTOR)
    part.local.update(crc=0, stored=0, content=0)


EDITS: dict[str, Callable[[Part], object]] = {
    "another extra field in both": lambda part: part.both(extra=b"\xfe\xca\0\0"),
    "another extra field in the local header": lambda part: part.local.update(extra=b"\xfe\xca\0\0"),
    "another extra field in the central header": lambda part: part.central.update(extra=b"\xfe\xca\0\0"),
    "a ZIP64 field that nothing needs": lambda part: part.both(extra=zip64(len(part.body), len(part.body))),
    "ZIP64 sizes that nothing needs": lambda part: part.both(
        content=0xFFFFFFFF, stored=0xFFFFFFFF, version=45, extra=zip64(part.local["content"], part.local["stored"])
    ),
    "ZIP64 sizes in the central header alone": lambda part: part.central.update(
        content=0xFFFFFFFF, stored=0xFFFFFFFF, extra=zip64(part.local["content"], part.local["stored"])
    ),
    "a ZIP64 field cut short": lambda part: part.central.update(content=0xFFFFFFFF, extra=zip64(7)[:-1]),
    "full sizes without a ZIP64 field": lambda part: part.both(content=0xFFFFFFFF, stored=0xFFFFFFFF),
    "a comment": lambda part: part.central.update(comment=b"Approved."),
    "a data descriptor": described_behind,
    "a data descriptor's flag": lambda part: part.both(flags=part.local["flags"] | DESCRIPTOR),
    "encryption": lambda part: part.both(flags=part.local["flags"] | ENCRYPTED),
    "another local name": lambda part: part.local.update(name=b"CC6_Access_Control/ACCESS_LOGS.csv"),
    "a longer local name": lambda part: part.local.update(name=b"x" + part.local["name"]),
    "another local method": lambda part: part.local.update(method=0),
    "another local size": lambda part: part.local.update(content=part.local["content"] + 1),
    "another local packed size": lambda part: part.local.update(stored=part.local["stored"] - 1),
    "another local CRC-32": lambda part: part.local.update(crc=part.local["crc"] ^ 1),
    "another local version": lambda part: part.local.update(version=63),
    "another local signature": lambda part: part.local.update(signature=b"PK\3\5"),
    "a symbolic link": lambda part: part.central.update(external=SYMLINK),
    "a folder": lambda part: part.central.update(external=FOLDER | 0x10),
    "another disk": lambda part: part.central.update(disk=1),
}

STAMPS: dict[str, Callable[[Part], object]] = {
    "names of another character set": lambda part: part.both(flags=0),
    "another local time": lambda part: part.local.update(time=1),
    "another local date": lambda part: part.local.update(date=0x22),
    "another time in both": lambda part: part.both(time=1),
    "an executable": lambda part: part.central.update(external=0o100755 << 16),
    "no attributes": lambda part: part.central.update(external=0),
    "internal attributes": lambda part: part.central.update(internal=1),
    "attributes of another system": lambda part: part.central.update(made=20),
}


@pytest.mark.parametrize("kind", EDITS)
def test_a_header_that_our_writer_does_not_make_is_named_with_its_entry(kind: str, valid: Files, tell: Tell) -> None:
    told = tell(forged(archive(valid), ACCESS_LOGS, EDITS[kind]))
    assert told.names(1, ACCESS_LOGS, NOT_DELIVERED, "entry of the ZIP") or told.names(1, ACCESS_LOGS, "absurd")


@pytest.mark.parametrize("kind", STAMPS)
def test_stamps_of_another_program_are_one_finding_and_the_content_is_still_checked(
    kind: str, valid: Files, tell: Tell
) -> None:
    told = tell(forged(archive(valid), ACCESS_LOGS, STAMPS[kind]))
    (finding,) = told.report["steps"][0]["findings"]
    assert finding["problem"].startswith(f"{NOT_DELIVERED}: it was packed again")
    assert {step["status"] for step in told.report["steps"][1:]} == {"passed", "nothing to check"}


def test_the_fields_that_differ_are_told_with_both_values(valid: Files, tell: Tell) -> None:
    told = tell(forged(archive(valid), ACCESS_LOGS, EDITS["a symbolic link"]))
    finding = told.report["steps"][0]["findings"][0]
    assert finding["problem"] == f"{NOT_DELIVERED}: its central header differs"
    assert finding["expected"] == f"external attributes {0o100644 << 16}"
    assert finding["got"] == f"external attributes {SYMLINK}"


def test_a_name_that_is_no_utf8_is_found(valid: Files, tell: Tell) -> None:
    name = ACCESS_LOGS.encode()[:-1] + b"\xff"
    told = tell(forged(archive(valid), ACCESS_LOGS, lambda part: part.both(name=name)))
    assert told.names(1, verify_bundle.plain(ACCESS_LOGS[:-1] + "\\xff"), "utf-8", "entry of the ZIP")


@pytest.mark.parametrize(
    ("entry", "name", "refused"),
    [
        ("CROSSWALK.csv", "README.txt/x.csv", "README.txt/x.csv"),
        ("CROSSWALK.csv", "cc6_access_control", ACCESS_LOGS),
        (EVENTS, "CC6_access_control", "CC6_access_control"),
    ],
)
def test_a_name_that_is_a_file_and_a_folder_is_found(
    entry: str, name: str, refused: str, valid: Files, tell: Tell
) -> None:
    told = tell(forged(archive(valid), entry, lambda part: part.both(name=name.encode())))
    assert told.names(1, refused, "a file and a folder", "entry of the ZIP")


# --- Where the entries stand ---


def other_archive(valid: Files) -> bytes:
    return archive({name: b"FORGED\r\n" if name == ACCESS_LOGS else valid[name] for name in valid})


def test_a_whole_archive_before_the_delivered_one_is_found(valid: Files, tell: Tell) -> None:
    bundle = written(taken_apart(archive(valid)), before=other_archive(valid))
    assert content_with_zipfile(bundle)
    assert tell(bundle).names(1, "README.txt", "does not begin right behind", "entry of the ZIP")


def test_a_whole_archive_before_the_delivered_one_with_its_old_offsets_is_found(valid: Files, tell: Tell) -> None:
    bundle = other_archive(valid) + archive(valid)
    assert content_with_zipfile(bundle)
    assert structural(tell(bundle), "does not stand right before its end record")


def test_entries_of_other_archives_between_the_listed_ones_are_found(valid: Files, tell: Tell) -> None:
    hidden = written(taken_apart(other_archive(valid))[3:4])
    bundle = forged(archive(valid), "README.txt", lambda part: setattr(part, "behind", hidden))
    assert content_with_zipfile(bundle)
    assert tell(bundle).names(1, "CROSSWALK.csv", "does not begin right behind", "entry of the ZIP")


def test_one_byte_between_two_entries_is_found(valid: Files, tell: Tell) -> None:
    told = tell(forged(archive(valid), "README.txt", lambda part: setattr(part, "behind", b"\0")))
    assert [finding["where"] for finding in told.report["steps"][0]["findings"]] == ["entry of the ZIP", ""]
    assert told.names(1, "CROSSWALK.csv", "does not begin right behind")


def test_entries_listed_in_another_order_are_found(valid: Files, tell: Tell) -> None:
    parts = taken_apart(archive(valid))
    bundle = written(parts, [parts[1], parts[0], *parts[2:]])
    assert content_with_zipfile(bundle)
    assert tell(bundle).names(1, "CROSSWALK.csv", "does not begin right behind", "entry of the ZIP")


def test_an_entry_that_shares_the_bytes_of_another_is_found(valid: Files, tell: Tell) -> None:
    parts = taken_apart(archive(valid))
    twin = Part(dict(parts[0].local), {**parts[0].central, "name": b"TWIN.txt"}, b"")
    told = tell(written(parts, [parts[0], twin, *parts[1:]]))
    assert told.names(1, "TWIN.txt", "does not begin right behind", "entry of the ZIP")


def test_bytes_between_the_last_entry_and_the_directory_are_found(valid: Files, tell: Tell) -> None:
    last = taken_apart(archive(valid))[-1].name
    bundle = forged(archive(valid), last, lambda part: setattr(part, "behind", other_archive(valid)))
    assert content_with_zipfile(bundle)
    assert structural(tell(bundle), "does not follow the last entry")


def test_an_entry_that_the_directory_leaves_out_is_found(valid: Files, tell: Tell) -> None:
    parts = taken_apart(archive(valid))
    assert structural(tell(written(parts, parts[:-1])), "does not follow the last entry")


# --- The end of the file ---


def test_a_comment_of_the_archive_is_found(valid: Files, tell: Tell) -> None:
    bundle = written(taken_apart(archive(valid)), comment=b"Approved.")
    assert content_with_zipfile(bundle)
    assert structural(tell(bundle), "does not end in an end record without comment")


def test_a_comment_that_looks_like_an_end_record_is_found(valid: Files, tell: Tell) -> None:
    parts = taken_apart(archive(valid))
    bundle = written(parts, comment=archive(valid)[-22:])
    assert structural(tell(bundle), "does not stand right before its end record")


def test_appended_bytes_are_found(valid: Files, tell: Tell) -> None:
    assert structural(tell(archive(valid) + b"\0"), "does not end in an end record without comment")
    assert structural(tell(archive(valid) + other_archive(valid)), "does not stand right before its end record")


@pytest.mark.parametrize("field", ["disk", "directory_disk", "of_disk", "commented"])
def test_an_end_record_that_our_writer_does_not_make_is_found(field: str, valid: Files, tell: Tell) -> None:
    assert structural(tell(written(taken_apart(archive(valid)), end={field: 7})), "its end record differs")


@pytest.mark.parametrize(("field", "change"), [("length", 1), ("length", -1), ("start", 1), ("start", -1)])
def test_a_directory_of_another_place_is_found(field: str, change: int, valid: Files, tell: Tell) -> None:
    whole = archive(valid)
    length, start = struct.unpack("<LL", whole[-10:-2])
    value = {"length": length, "start": start}[field] + change
    bundle = written(taken_apart(whole), end={field: value})
    assert structural(tell(bundle), "does not stand right before its end record")


@pytest.mark.parametrize(("count", "problem"), [(-1, "the end of the central directory"), (1, "ends early")])
def test_a_directory_of_another_number_of_entries_is_found(count: int, problem: str, valid: Files, tell: Tell) -> None:
    entries = len(valid) + count
    assert structural(tell(written(taken_apart(archive(valid)), end={"entries": entries, "of_disk": entries})), problem)


def test_more_entries_than_a_bundle_has_are_refused_unread(
    log: World, valid: Files, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_bundle, "MAX_ENTRIES", len(valid) - 1)
    assert structural(verify(archive(valid), log.pins()), "more entries than a bundle has")


def test_a_name_beyond_ascii_is_refused_under_either_reading(valid: Files, tell: Tell) -> None:
    renamed = {("CC6_Access_Control/zugänge.csv" if name == ACCESS_LOGS else name): valid[name] for name in valid}
    bundle = archive(renamed)
    for packed in (bundle, forged(bundle, "CC6_Access_Control/zugänge.csv", STAMPS["names of another character set"])):
        assert tell(packed).names(1, "CC6_Access_Control/zug\\xe4nge.csv", "no plain relative path")

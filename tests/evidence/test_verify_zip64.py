"""The verifier on ZIP64 records: accepted where a value needs them and as our writer makes them, and not otherwise."""

from __future__ import annotations

import io
import zlib

import pytest

from shared.evidence import verify_bundle
from shared.evidence.verify_bundle import FAILED, NOT_DELIVERED, PASSED, BrokenError
from shared.evidence.zip_layout import Thresholds
from tests.evidence.bundle_builder import ACCESS_LOGS, Files, World, archive
from tests.evidence.tampering import Tell, Verify, content_with_zipfile, structural


@pytest.fixture(scope="module")
def log() -> World:
    return World()


@pytest.fixture(scope="module")
def valid(log: World) -> Files:
    return log.signed(log.files())


@pytest.fixture
def small_thresholds(monkeypatch: pytest.MonkeyPatch) -> Thresholds:
    """Let values need ZIP64 fields that no test could wait for."""
    monkeypatch.setattr(verify_bundle, "ZIP64_SIZE", 900)
    monkeypatch.setattr(verify_bundle, "ZIP64_ENTRIES", 5)
    return Thresholds(size=900, entries=5)


def test_an_archive_with_zip64_records_passes(
    small_thresholds: Thresholds, log: World, valid: Files, verify: Verify
) -> None:
    bundle = archive(valid, small_thresholds)
    assert b"PK\6\6" in bundle
    assert bundle.count(b"\xff" * 8) > 3
    assert verify(bundle, log.pins()).code == PASSED
    assert verify(archive(valid), log.pins()).code == FAILED


def test_a_zip64_end_record_that_nothing_needs_is_found(valid: Files, tell: Tell) -> None:
    bundle = archive(valid, Thresholds(entries=5))
    assert content_with_zipfile(bundle)
    assert structural(tell(bundle), "its end record differs")


def test_full_fields_without_a_zip64_end_record_are_found(valid: Files, tell: Tell) -> None:
    whole = archive(valid)
    for at in (-14, -10, -6):  # both numbers of entries, length, start
        bundle = whole[:at] + b"\xff" * 4 + whole[at + 4 :]
        assert structural(tell(bundle), NOT_DELIVERED)
    assert structural(tell((b"PK\5\6" + bytes(18)).replace(b"\0\0\0\0\0\0", b"\xff" * 6)), "no ZIP64 end record")


@pytest.mark.parametrize("at", [-22 - 20 + 8, -22 - 20 - 56 + 40, -22 - 20 - 56 + 32, -22 - 20 - 56 + 48])
def test_zip64_records_that_lead_elsewhere_are_found(
    at: int, small_thresholds: Thresholds, valid: Files, tell: Tell
) -> None:
    bundle = bytearray(archive(valid, small_thresholds))
    bundle[at] ^= 1  # of the locator's offset, the directory's size, the number of entries, the directory's offset
    told = tell(bytes(bundle))
    assert structural(told, "its ZIP64 end record differs") or structural(told, "does not stand right before")


@pytest.mark.parametrize("where", ["local", "central"])
@pytest.mark.parametrize("value", [0, 1], ids=["size", "packed size"])
def test_zip64_sizes_that_contradict_each_other_are_found(
    where: str, value: int, small_thresholds: Thresholds, valid: Files, tell: Tell
) -> None:
    bundle = bytearray(archive(valid, small_thresholds))
    first = bundle.index(ACCESS_LOGS.encode())
    name = first if where == "local" else bundle.index(ACCESS_LOGS.encode(), first + 1)
    bundle[name + len(ACCESS_LOGS) + 4 + 8 * value] ^= 1
    told = tell(bytes(bundle))
    assert told.names(1, ACCESS_LOGS, "local header differs", "entry of the ZIP")


# --- All of it ---


@pytest.mark.parametrize("thresholds", [Thresholds(), Thresholds(size=40, entries=2)], ids=["plain", "ZIP64"])
def test_no_bit_of_an_archive_of_stored_entries_may_change(
    thresholds: Thresholds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_bundle, "ZIP64_SIZE", thresholds.size)
    monkeypatch.setattr(verify_bundle, "ZIP64_ENTRIES", thresholds.entries)
    whole = archive({"a.gz": b"1", "b/c.gz": bytes(50), "d.gz": b""}, thresholds)
    assert readable(whole)
    for at in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[at // 8] ^= 1 << at % 8
        assert not readable(bytes(changed)), divmod(at, 8)


def readable(bundle: bytes) -> bool:
    """Say whether an archive is laid out as it must be, and each of its entries can be read."""
    step = verify_bundle.Step(1, "files")
    try:
        opened = verify_bundle.Archive(io.BytesIO(bundle), step)
        return step.failures == 0 and [opened.read(name) for name in opened.entries] != []
    except (BrokenError, zlib.error):
        return False

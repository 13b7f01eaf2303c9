"""What a bundle may throw at its verifier: every input ends in a report and an exit code, never in a traceback."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.audit.canonical import canonical
from shared.evidence import verify_bundle
from shared.evidence.verify_bundle import FAILED, NOT_PINNED, BrokenError, Options
from tests.evidence.bundle_builder import DISCLOSURE, EVENTS, Files, World, archive, digest_name, measured
from tests.evidence.verdict import found, report_on
from tests.evidence.zip_forging import forged

MANIFEST = "manifest.json"


@pytest.fixture(scope="module")
def log() -> World:
    return World()


@pytest.fixture(scope="module")
def valid(log: World) -> Files:
    return log.signed(log.files())


# --- The archive itself ---


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06", b"PK\x05\x06" + bytes(18), os.urandom(5000)])
def test_what_is_no_bundle_fails_at_the_first_step(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle.zip").write_bytes(content)
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert [step["status"] for step in report["steps"]] == ["failed", *["not checked"] * 8]
    assert report["proven"] == []


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive_fails(
    part: float, valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = archive(valid)
    (tmp_path / "bundle.zip").write_bytes(whole[: int(len(whole) * part)])
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert report["steps"][0]["status"] == "failed"


def with_entry(files: Files, name: str, content: bytes) -> bytes:
    """Add an entry under a name that our writer refuses: it stands in the archive under one of the same length."""
    harmless = "~" * len(name.encode())
    return archive({**files, harmless: content}).replace(harmless.encode(), name.encode())


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "a/../../evil", "a\\evil", "C:evil", "folder/"])
def test_names_that_escape_are_named(
    name: str, valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle.zip").write_bytes(with_entry(valid, name, b""))
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, verify_bundle.plain(name), "no plain relative path")
    assert list(tmp_path.iterdir()) == [tmp_path / "bundle.zip"]


@pytest.mark.parametrize("name", ["README.txt", "readme.TXT"])
def test_a_second_entry_of_a_name_is_named(
    name: str, valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle.zip").write_bytes(with_entry(valid, name, b"another text"))
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, name, "a second entry of this name")


def test_a_name_that_would_steer_a_terminal_is_told_in_escapes(
    valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle.zip").write_bytes(archive(valid).replace(b"CROSSWALK.csv", b"\x1b[8m\xe2\x80\xaeevil.c"))
    assert verify_bundle.main([str(tmp_path / "bundle.zip")]) == FAILED
    out = capsys.readouterr().out
    assert "\\x1b[8m\\u202eevil.c" in out
    assert out.isascii()
    assert out.replace("\n", "").isprintable()


def test_an_entry_of_absurd_size_is_refused_unread(
    valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle.zip").write_bytes(archive({**valid, "bomb.csv": bytes(100 * verify_bundle.MIB)}))
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, "bomb.csv", "a declared size that is absurd")


def test_entries_that_are_absurd_together_are_refused_unread(
    valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_bundle, "RATIO_MATTERS", verify_bundle.MIB)
    monkeypatch.setattr(verify_bundle, "MAX_RATIO", 20)
    bombs = {f"bomb{number}.csv": bytes(900_000) for number in range(4)}
    (tmp_path / "bundle.zip").write_bytes(archive({**valid, **bombs}))
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, str(tmp_path / "bundle.zip"), "absurd together")
    assert [step["status"] for step in report["steps"][1:]] == ["not checked"] * 8


def test_an_archive_cut_at_every_thousandth_byte_fails_with_a_verdict(
    valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = archive(valid)
    for end in range(0, len(whole), 1000):
        (tmp_path / "bundle.zip").write_bytes(whole[:end])
        code, report = report_on(tmp_path / "bundle.zip", capsys)
        assert (code, report["steps"][0]["status"]) == (FAILED, "failed"), end


def test_an_entry_of_another_method_is_named(valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bundle.zip").write_bytes(
        forged(archive({**valid, "a.csv": b"x"}), "a.csv", lambda part: part.both(method=12))
    )
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, "a.csv", "neither stored nor deflated")


def test_random_damage_never_ends_in_a_traceback(
    valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, dice = archive(valid), random.Random(7)  # noqa: S311 - test data
    for _ in range(25):
        data = bytearray(whole)
        for _ in range(dice.choice([1, 3, 30])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        (tmp_path / "bundle.zip").write_bytes(bytes(data))
        code, _ = report_on(tmp_path / "bundle.zip", capsys)
        assert code in (FAILED, NOT_PINNED)  # the last bits of a deflate stream may change unnoticed: they say nothing


def test_a_bundle_that_was_packed_anew_is_refused_and_told_why(
    valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in valid.items():
            target.writestr(name, content)
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, "the archive", "it was packed again")


def test_a_cell_that_was_edited_by_packing_anew_is_named(
    valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "CC6_Access_Control/access_logs.csv"
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w", zipfile.ZIP_DEFLATED) as target:
        for each, content in valid.items():
            target.writestr(each, content.replace(b"AUTH", b"auth", 1) if each == name else content)
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, name, "SHA-256")


def test_a_reader_that_hangs_up_sees_no_traceback(valid: Files, tmp_path: Path) -> None:
    (tmp_path / "bundle.zip").write_bytes(archive(valid))
    command = f"{sys.executable} {verify_bundle.__file__} {tmp_path / 'bundle.zip'} | head -c 10"
    outcome = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)  # noqa: S603, S607 - ours
    assert outcome.stderr == ""


# --- Bombs inside ---


def test_a_segment_that_inflates_without_end_is_refused(
    log: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_bundle, "MAX_SEGMENT", 1_000_000)
    members = log.members()
    members[2] = gzip.compress(bytes(1_000_001), mtime=0)
    digests = log.digests()
    digests[1]["segments"][0].update(measured(members[2]))
    (tmp_path / "bundle.zip").write_bytes(archive(log.signed(log.files(digests, members))))
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, EVENTS, "segment 3 is absurdly large")


@pytest.mark.parametrize("content", [bytes(3 * verify_bundle.MIB), b"\n" * 100_000], ids=["zeros", "empty lines"])
def test_a_segment_that_cannot_be_of_events_is_refused(
    content: bytes, log: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = log.members()
    members[2] = gzip.compress(content, mtime=0)
    digests = log.digests()
    digests[1]["segments"][0].update(measured(members[2]))
    (tmp_path / "bundle.zip").write_bytes(archive(log.signed(log.files(digests, members))))
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, EVENTS, "segment 3 does not hold events")


def test_a_line_longer_than_an_event_can_be_is_refused(
    log: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = log.members()
    line = canonical({**json.loads(log.events[2][0]), "meta": {"x": os.urandom(verify_bundle.MIB).hex()}})
    members[2] = gzip.compress(line + b"\n", mtime=0)
    digests = log.digests()
    digests[1]["segments"][0].update(measured(members[2]))
    (tmp_path / "bundle.zip").write_bytes(archive(log.signed(log.files(digests, members))))
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, EVENTS, "longer than an event can be")


def test_a_disclosure_line_without_end_is_refused(
    log: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {**log.files(), DISCLOSURE: gzip.compress(b" " * (verify_bundle.MAX_LINE + 1), mtime=0)}
    (tmp_path / "bundle.zip").write_bytes(archive(log.signed(files)))
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, DISCLOSURE, "too long")


@pytest.mark.parametrize(
    ("limit", "file"), [("MAX_MANIFEST", MANIFEST), ("MAX_DIGEST", digest_name(1)), ("MAX_SMALL", "keys/")]
)
def test_metadata_larger_than_its_kind_may_be_is_refused(
    limit: str,
    file: str,
    valid: Files,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if limit == "MAX_SMALL":
        monkeypatch.setattr(verify_bundle.Archive.read, "__defaults__", (100,))
    monkeypatch.setattr(verify_bundle, limit, 100)
    (tmp_path / "bundle.zip").write_bytes(archive(valid))
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    problems = [finding for step in report["steps"] for finding in step["findings"]]
    assert code == FAILED
    assert any(f["file"].startswith(file) and "larger than its kind" in f["problem"] for f in problems)


# --- JSON ---

BROKEN_JSON = {
    "empty": b"",
    "no object": b"[]",
    "null": b"null",
    "cut": b'{"a":',
    "key twice": b'{"a":1,"a":1}',
    "float": b'{"a":1.0}',
    "not a number": b'{"a":NaN}',
    "huge integer": b'{"a":' + b"9" * 5000 + b"}",
    "integer beyond 2^53": b'{"a":9007199254740993}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "not UTF-8": b'{"a":"\xff"}',
    "lone surrogate": b'{"a":"\\ud800"}',
    "spaces": b'{"a": 1}',
    "unsorted": b'{"b":1,"a":1}',
    "needless escape": b'{"a":"\\u0041"}',
    "trailing line feed": b'{"a":1}\n',
    "negative zero": b'{"a":-0}',
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
}


@pytest.mark.parametrize("kind", BROKEN_JSON)
def test_json_without_canonical_form_is_refused(kind: str) -> None:
    with pytest.raises(BrokenError):
        verify_bundle.parse_as(BROKEN_JSON[kind], {})


@pytest.mark.parametrize("brackets", [b"[],", b'{"a":[[[]]]},'])
def test_a_long_document_of_brackets_is_refused_unread(brackets: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_bundle, "_SCAN", None)
    with pytest.raises(BrokenError, match="nothing but brackets"):
        verify_bundle.parse_as(b"[" + brackets * (verify_bundle.MIB // len(brackets) + 1) + b"0]", {})


@pytest.mark.parametrize("value", [{"a": 1, "b": [True, None, -5, "\u00fc\n\u2028\U0001f600\x1f\x7f"]}, {}])
def test_canonical_json_of_the_product_is_read(value: dict[str, Any]) -> None:
    assert verify_bundle.parse_as(canonical(value), {}) == value


@pytest.mark.parametrize("kind", BROKEN_JSON)
def test_a_broken_manifest_is_named(
    kind: str, valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle.zip").write_bytes(archive({**valid, MANIFEST: BROKEN_JSON[kind]}))
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert [finding["file"] for finding in report["steps"][0]["findings"]] == [MANIFEST]
    assert [step["status"] for step in report["steps"][1:]] == ["not checked"] * 8


def _places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        return [path, *(place for name, member in value.items() for place in _places(member, (*path, name)))]
    if isinstance(value, list) and value:
        return [path, *_places(value[0], (*path, 0))]
    return [path]


def _replaced(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    if not path:
        return new
    copied = value.copy()
    copied[path[0]] = _replaced(value[path[0]], path[1:], new)
    return copied


HOSTILE: st.SearchStrategy[object] = st.sampled_from(
    [None, -1, 0, 2**53 - 1, "", "x", "\x1b[31m\r\n", "../../x", [], [None], {}, True]
)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_any_member_of_any_document_may_be_anything(
    data: st.DataObject, log: World, valid: Files, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A forger with both keys puts a hostile value anywhere: the verifier still ends with a report."""
    document = data.draw(st.sampled_from([MANIFEST, digest_name(2), "integrity/opening.json"]))
    told = json.loads(valid[document])
    changed = _replaced(told, data.draw(st.sampled_from(_places(told))), data.draw(HOSTILE))
    files = {name: content for name, content in valid.items() if not name.startswith(MANIFEST)}
    files[document] = canonical(changed)
    files[digest_name(2) + ".sig"] = log.ledger.sign(files[digest_name(2)])
    manifest = changed if document == MANIFEST else log.manifest(files)
    if document == MANIFEST:
        del files[MANIFEST]
    path = tmp_path_factory.mktemp("hostile") / "bundle.zip"
    path.write_bytes(archive(log.signed(files, manifest)))
    report = verify_bundle.verify(str(path), Options([]))
    lines = list(verify_bundle.as_text(report.to_json()))
    assert report.code in (FAILED, NOT_PINNED, verify_bundle.PROVISIONAL)
    assert "".join(lines).isascii()
    assert "".join(lines).isprintable()

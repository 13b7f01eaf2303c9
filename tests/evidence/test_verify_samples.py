"""Step 8: samples drawn again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from shared.audit.canonical import canonical
from shared.evidence import verify_bundle
from shared.evidence.verify_bundle import FAILED, PASSED
from tests.evidence.bundle_builder import ACCESS_LOGS, Files, Statement, World, archive
from tests.evidence.tampering import Told, Verify


def drawn(world: World, nonce: str, n: int, path: str = ACCESS_LOGS) -> Statement:
    """Draw a sample as docs/formats.md says, with nothing of the verifier."""
    rows = [line.split(b'","') for line in world.files()[path].splitlines()[1:]]
    ranked = []
    for number, row in enumerate(rows, 1):
        event_id = row[1].decode()
        rank = hashlib.sha256(b"muniment-sample-1\0" + nonce.encode() + b"\0" + event_id.encode()).digest()
        told = {
            "row": number,
            "index": int(row[0].strip(b'"')),
            "event_id": event_id,
            "leaf_hash": row[-1].decode()[:-1],
        }
        ranked.append((rank, told))
    lowest = sorted(ranked, key=lambda one: one[0])[:n]
    return {
        "type": "sample",
        "v": 1,
        "algorithm": "sha256-lowest-1",
        "file": path,
        "nonce": nonce,
        "n": n,
        "population": len(rows),
        "rows": sorted((told for _, told in lowest), key=lambda told: told["row"]),
    }


def with_sample(world: World, verify: Verify, sample: Statement) -> Told:
    files = {**world.files(), "samples/1.json": canonical(sample)}
    return verify(world.signed(files), world.pins())


@pytest.mark.parametrize("n", [0, 1, 7, 29, 40])
def test_a_sample_is_drawn_again_from_its_nonce(n: int, log: World, verify: Verify) -> None:
    told = with_sample(log, verify, drawn(log, "dice: 4 6 1 3", n))
    assert (told.code, told.status(8)) == (PASSED, "passed")
    assert told.report["steps"][7]["counted"]["samples"] == 1
    (shown,) = told.report["samples"]
    assert (shown["sample"], shown["file"], shown["n"], shown["nonce"]) == (
        "samples/1.json",
        ACCESS_LOGS,
        n,
        "dice: 4 6 1 3",
    )
    assert shown["rows"] == [row["row"] for row in drawn(log, "dice: 4 6 1 3", n)["rows"]]


def test_the_text_report_tells_whose_nonce_drew_a_sample(
    log: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = drawn(log, "n" * 128, 3)
    files = {**log.files(), "samples/1.json": canonical(sample)}
    (tmp_path / "bundle.zip").write_bytes(archive(log.signed(files)))
    verify_bundle.main([str(tmp_path / "bundle.zip")])
    text = capsys.readouterr().out
    assert f"Sample  samples/1.json: 3 of {ACCESS_LOGS}\n        nonce {'n' * 128}\n" in text
    assert f"        rows {', '.join(str(row['row']) for row in sample['rows'])}\n" in text


def test_an_edited_sample_is_named(log: World, verify: Verify) -> None:
    for change in ("swap", "nonce", "population", "short", "leaf"):
        sample = drawn(log, "dice: 4 6 1 3", 5)
        other = drawn(log, "dice: 4 6 1 3", 6)["rows"]
        if change == "swap":
            sample["rows"] = other[1:]
        elif change == "short":
            sample["rows"] = sample["rows"][:-1]
        elif change == "leaf":
            sample["rows"][2]["leaf_hash"] = "0" * 64
        else:
            sample |= {"nonce": "dice: 4 6 1 4"} if change == "nonce" else {"population": 28}
        told = with_sample(log, verify, sample)
        assert (change, told.code, told.failed()) == (change, FAILED, [8])
        assert told.report["steps"][7]["findings"][0]["file"] == "samples/1.json"


def test_a_sample_of_no_report_or_of_no_form_is_named(log: World, verify: Verify) -> None:
    for edit in ({"file": "README.txt"}, {"nonce": "short"}, {"algorithm": "first-25"}, {"n": -1}):
        told = with_sample(log, verify, drawn(log, "dice: 4 6 1 3", 5) | edit)
        assert (told.code, told.failed()) == (FAILED, [8])


def given_sample(log: World, tmp_path: Path, manifest_sha256: str, files: Files) -> int:
    sample = drawn(log, "dice: 4 6 1 3", 5) | {"manifest_sha256": manifest_sha256}
    (tmp_path / "bundle.zip").write_bytes(archive(files))
    (tmp_path / "sample.json").write_bytes(canonical(sample))
    pins = [option for pin in log.pins() for option in ("--key-fingerprint", pin)]
    return verify_bundle.main([str(tmp_path / "bundle.zip"), "--sample", str(tmp_path / "sample.json"), *pins])


def test_a_sample_beside_the_bundle_is_bound_to_its_manifest(log: World, tmp_path: Path) -> None:
    files = log.signed(log.files())
    right = hashlib.sha256(files["manifest.json"]).hexdigest()
    assert given_sample(log, tmp_path, right, files) == PASSED
    assert given_sample(log, tmp_path, "0" * 64, files) == FAILED


def test_a_sample_that_cannot_be_read_is_told_in_a_sentence(
    log: World, valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle.zip").write_bytes(archive(valid))
    for raw, told in ((b"\xff" * 999, "no UTF-8 at byte 0"), (b"dice " * 200, "no JSON"), (b"", "no JSON")):
        (tmp_path / "sample.json").write_bytes(raw)
        options = ["--sample", str(tmp_path / "sample.json"), "--key-fingerprint", ",".join(log.pins())]
        assert verify_bundle.main([str(tmp_path / "bundle.zip"), *options]) == FAILED
        text = capsys.readouterr().out.partition("8. samples: FAILED")[2]
        assert told in text
        assert len(text.splitlines()[1]) < 250

"""The verifier on steps 1 and 2: files, signature, keys, pinning; and what a pass says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.audit.catalogue import load
from shared.evidence import verify_bundle
from shared.evidence.verify_bundle import FAILED, NOT_PINNED, PASSED
from tests.evidence.bundle_builder import ACCESS_LOGS, EVENTS, World, archive, digest_name
from tests.evidence.ledger_keys import Key
from tests.evidence.tampering import (
    Verify,
)

# --- What passes ---


def test_an_untouched_bundle_with_both_keys_pinned_passes(world: World, verify: Verify) -> None:
    told = verify(world.signed(world.files()), world.pins())
    assert told.report["steps"][0]["findings"] == []
    assert (told.code, told.failed()) == (PASSED, [])
    assert all(told.status(step) == "passed" for step in range(1, 8))


def test_what_was_counted_is_told(log: World, verify: Verify) -> None:
    steps = verify(log.signed(log.files()), log.pins()).report["steps"]
    counted = {name: number for step in steps for name, number in step["counted"].items()}
    assert counted["digests"] == 6
    assert counted["segments"] == 6
    assert counted["lines"] == 30
    assert counted["lanes"] == 2
    assert counted["checkpoints"] == 4
    assert counted["reports derived again"] == 1 + len(load().reports)
    assert counted["files"] == 26 + len(load().reports)
    assert (counted["erased entries"], counted["erased persons"], counted["of them told by PII_ERASED"]) == (3, 1, 0)
    assert counted["disclosed values"] == 2 * (15 + 8) - 2 * 3


def test_what_was_not_checked_is_told_beside_a_pass(log: World, verify: Verify) -> None:
    report = verify(log.signed(log.files()), log.pins()).report
    assert [sentence.split(":")[0] for sentence in report["not_checked"]][:2] == ["samples", "anchors"]
    assert report["not_checked"][2].startswith("what README.txt, CROSSWALK.csv, verify_bundle.py say")
    assert any("split view" in sentence for sentence in report["not_proven"])
    assert any("true when it was written" in sentence for sentence in report["not_proven"])
    assert len(report["proven"]) == 7


def test_a_range_without_events_passes(verify: Verify) -> None:
    world = World(opening=6)
    files = world.files()
    assert files[EVENTS] == b""
    manifest = world.manifest(files)
    manifest["resolved"] = {"from": manifest["watermark"], "to_exclusive": manifest["watermark"]}
    told = verify(world.signed(files, manifest), world.pins())
    assert told.failed() == []
    assert told.code == PASSED


# --- Pinning ---


def test_without_fingerprints_nothing_is_a_plain_pass(log: World, verify: Verify) -> None:
    told = verify(log.signed(log.files()))
    assert (told.code, told.report["keys_not_pinned"]) == (NOT_PINNED, ["evidence", "ledger"])
    assert "who signed" in told.report["not_proven"][0]


def test_one_pinned_key_leaves_the_other_open(log: World, verify: Verify) -> None:
    told = verify(log.signed(log.files()), [log.evidence.kid])
    assert (told.code, told.report["keys_not_pinned"]) == (NOT_PINNED, ["ledger"])


@pytest.mark.parametrize("form", [lambda pins: [",".join(pins)], lambda pins: [pin[:32].upper() for pin in pins]])
def test_fingerprints_may_be_joined_or_shortened(
    form: Callable[[list[str]], list[str]], log: World, verify: Verify
) -> None:
    assert verify(log.signed(log.files()), form(log.pins())).code == PASSED


def test_a_fingerprint_may_name_the_role_of_its_key_and_counts_for_no_other(log: World, verify: Verify) -> None:
    files, ledger, evidence = log.signed(log.files()), log.ledger.kid, log.evidence.kid
    colons = ":".join(evidence[at : at + 2] for at in range(0, 64, 2)).upper()
    assert verify(files, [f"ledger:{ledger}", f"Evidence:{colons}"]).code == PASSED
    assert verify(files, [f"ledger:{ledger}", colons]).code == PASSED
    for swapped in (f"ledger:{evidence}", f"evidence:{ledger}"):
        told = verify(files, [ledger, evidence, swapped])
        assert (told.code, told.failed()) == (FAILED, [2])
        assert told.names(2, "keys/", "not the signer's")


def test_a_bundle_signed_anew_with_other_keys_fails_against_the_pinned_ones(log: World, verify: Verify) -> None:
    forged = World()
    told = verify(forged.signed(forged.files()), log.pins())
    assert told.code == FAILED
    assert told.names(2, "keys/", "the pinned key is not the signer's")
    assert verify(forged.signed(forged.files())).code == NOT_PINNED


def test_a_bundle_whose_ledger_key_was_swapped_fails_against_the_pinned_one(log: World, verify: Verify) -> None:
    forged = World(evidence=log.evidence)  # the forger holds the evidence key
    told = verify(forged.signed(forged.files()), log.pins())
    assert (told.code, told.failed()) == (FAILED, [2])
    assert told.names(2, "keys/", "the pinned key is not the signer's")


# --- Step 1: files, against an outsider ---


def test_an_edited_csv_cell_is_named(log: World, verify: Verify) -> None:
    files = log.signed(log.files())
    files[ACCESS_LOGS] = files[ACCESS_LOGS].replace(b"AUTH_LOGIN_FAILED", b"AUTH_LOGIN_NORMAL", 1)
    told = verify(files, log.pins())
    assert (told.code, told.failed()) == (FAILED, [1, 7])
    assert told.names(1, ACCESS_LOGS, "SHA-256 differs")
    assert told.names(7, ACCESS_LOGS, "not what the events give", "row 1")


def test_an_edited_csv_of_another_size_is_named(log: World, verify: Verify) -> None:
    files = log.signed(log.files())
    files[ACCESS_LOGS] += b'"31","x","y","z"\r\n'
    told = verify(files, log.pins())
    assert told.code == FAILED
    assert told.names(1, ACCESS_LOGS, "size differs")


def test_an_edited_fragment_of_a_large_file_is_named(log: World, verify: Verify) -> None:
    files = log.signed(log.files())
    changed = bytearray(files[EVENTS])
    changed[len(changed) // 2] ^= 1
    told = verify({**files, EVENTS: bytes(changed)}, log.pins())
    assert told.code == FAILED
    assert told.names(1, EVENTS, "SHA-256 of fragment 2") or told.names(1, EVENTS, "SHA-256 of fragment 3")


def test_an_extra_file_is_named(log: World, verify: Verify) -> None:
    told = verify({**log.signed(log.files()), "CC6_Access_Control/more.csv": b"x"}, log.pins())
    assert (told.code, told.failed()) == (FAILED, [1])
    assert told.names(1, "CC6_Access_Control/more.csv", "does not list")


def test_a_missing_file_is_named(log: World, verify: Verify) -> None:
    files = log.signed(log.files())
    del files["CROSSWALK.csv"]
    told = verify(files, log.pins())
    assert (told.code, told.failed()) == (FAILED, [1])
    assert told.names(1, "CROSSWALK.csv", "missing")


def test_a_file_without_hash_in_the_manifest_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    manifest = log.manifest(files)
    del manifest["files"][0]["sha256"]
    told = verify(log.signed(files, manifest), log.pins())
    assert (told.code, told.failed()) == (FAILED, [1])
    assert told.names(1, "README.txt", "no size and SHA-256")


def test_fragments_that_do_not_add_up_are_named(log: World, verify: Verify) -> None:
    files = log.files()
    manifest = log.manifest(files)
    events = next(listed for listed in manifest["files"] if listed["path"] == EVENTS)
    del events["fragments"][-1]
    told = verify(log.signed(files, manifest), log.pins())
    assert (told.code, told.failed()) == (FAILED, [1])
    assert told.names(1, EVENTS, "size differs")


def test_a_whole_hash_beside_fragments_is_checked_too(log: World, verify: Verify) -> None:
    files = log.files()
    manifest = log.manifest(files)
    events = next(listed for listed in manifest["files"] if listed["path"] == EVENTS)
    events["sha256"] = "00" * 32
    told = verify(log.signed(files, manifest), log.pins())
    assert (told.code, told.failed()) == (FAILED, [1])
    assert told.names(1, EVENTS, "SHA-256 differs")


def test_a_file_that_is_listed_twice_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    manifest = log.manifest(files)
    manifest["files"].append(manifest["files"][0])
    told = verify(log.signed(files, manifest), log.pins())
    assert (told.code, told.failed()) == (FAILED, [1])
    assert told.names(1, "README.txt", "twice")


@pytest.mark.parametrize(
    "name",
    [
        f"{ACCESS_LOGS}.",
        f"{ACCESS_LOGS} ",
        f"{ACCESS_LOGS}\u200c",
        "CC6_Access_Control./access_logs.csv",
        "NUL",
        "keys/com1.pem",
        "aux.txt",
        "r\u00e9sum\u00e9.txt",
        "a file.txt",
    ],
)
def test_a_name_that_some_system_writes_elsewhere_is_refused_to_the_holder_of_the_evidence_key(
    name: str, log: World, verify: Verify
) -> None:
    told = verify(log.signed({**log.files(), name: b"x"}), log.pins())
    assert (told.code, told.status(1)) == (FAILED, "failed")
    found = [finding["problem"] for finding in told.report["steps"][0]["findings"]]
    assert any("a name that" in problem for problem in found)


@pytest.mark.parametrize("name", ["CC6_Access_Control/access_logs_final.csv", "keys/more.pem", "samples/a.json", "x"])
def test_a_file_that_nothing_of_the_format_explains_is_refused_though_the_manifest_lists_it(
    name: str, log: World, verify: Verify
) -> None:
    told = verify(log.signed({**log.files(), name: b"x"}), log.pins())
    assert (told.code, told.failed()) == (FAILED, [1])
    assert told.names(1, name, "the format does not know")


def test_the_report_tells_what_was_asked_for_and_under_which_origin_the_log_is_signed(
    log: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = log.files()
    manifest = log.manifest(files)
    manifest["requested"] |= {"from": "2026-01-01", "to": "2026-12-31"}
    (tmp_path / "bundle.zip").write_bytes(archive(log.signed(files, manifest)))
    verify_bundle.main([str(tmp_path / "bundle.zip")])
    text = capsys.readouterr().out
    assert "Asked   2026-01-01 to 2026-12-31 (UTC as csv)\n" in text
    assert f"Origin  {log.origin}\n" in text


# --- Step 2: the manifest's signature ---


def test_an_edited_manifest_is_named(log: World, verify: Verify) -> None:
    files = log.signed(log.files())
    files["manifest.json"] = files["manifest.json"].replace(b'"exp_1"', b'"exp_2"')
    told = verify(files, log.pins())
    assert (told.code, told.failed()) == (FAILED, [2])
    assert told.names(2, "manifest.json.sig", "does not verify")


def test_a_manifest_signed_by_a_stranger_is_named(log: World, verify: Verify) -> None:
    told = verify(log.signed(log.files(), key=Key()), log.pins())
    assert (told.code, told.failed()) == (FAILED, [2])
    assert told.names(2, "manifest.json.sig", "does not verify")


def test_a_manifest_signed_by_the_ledger_key_is_cross_use(log: World, verify: Verify) -> None:
    told = verify(log.signed(log.files(), key=log.ledger), log.pins())
    assert (told.code, told.failed()) == (FAILED, [2])
    assert told.names(2, "manifest.json.sig", "cross-use")


def test_a_manifest_that_names_the_ledger_key_as_its_own_is_cross_use(log: World, verify: Verify) -> None:
    files = log.files()
    manifest = {**log.manifest(files), "kid": log.ledger.kid}
    told = verify(log.signed(files, manifest, log.ledger), log.pins())
    assert told.code == FAILED
    assert told.names(2, "manifest.json", "signing key differs")
    assert told.names(2, "manifest.json.sig", "cross-use")


def test_one_key_for_both_purposes_is_cross_use(log: World, verify: Verify) -> None:
    forged = World(ledger=log.evidence, evidence=log.evidence)
    told = verify(forged.signed(forged.files()), [log.evidence.kid])
    assert told.code == FAILED
    assert told.names(2, "manifest.json", "cross-use")


def test_a_key_file_with_another_key_inside_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    name = f"keys/{log.ledger.kid}.pem"
    files[name] = Key().pem
    told = verify(log.signed(files), log.pins())
    assert told.code == FAILED
    assert told.names(2, name, "another key")
    assert told.names(3, digest_name(1) + ".sig", "no usable ledger key")

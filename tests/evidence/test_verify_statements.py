"""The verifier on steps 4 to 6: what digests, opening and checkpoints state against what the lines make."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from shared.audit.canonical import canonical
from shared.audit.event import GENESIS
from shared.evidence.verify_bundle import FAILED, PASSED, PROVISIONAL
from tests.evidence.bundle_builder import EVENTS, Statement, World, digest_name, instant
from tests.evidence.ledger_keys import Key
from tests.evidence.tampering import (
    Verify,
    restate,
    with_digests,
)

# --- What digests and the opening state ---


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("index", {"from": 11, "to": 15}),
        ("events", 6),
        ("lanes", {}),
        ("counts", {"AUTH_LOGOUT": 5}),
        ("time", {"min": instant(0), "max": instant(9)}),
        ("no", 4),
    ],
)
def test_a_segment_stated_wrongly_is_named(member: str, value: object, log: World, verify: Verify) -> None:
    told = with_digests(log, verify, lambda all_: all_[1]["segments"][0].update({member: value}))
    assert told.code == FAILED
    where = "segment 4" if member == "no" else "segment 3"
    assert told.names(4, EVENTS, "segment number" if member == "no" else f"{member} differs", where)


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        ({"bytes": 1}, "size of the gzip member differs"),
        ({"sha256_gz": GENESIS}, "SHA-256 of the gzip member differs"),
        ({"sha256_raw": GENESIS}, "SHA-256 of the lines differs"),
    ],
)
def test_a_segment_measured_wrongly_is_named(edit: Statement, problem: str, log: World, verify: Verify) -> None:
    told = with_digests(log, verify, lambda all_: all_[1]["segments"][0].update(edit))
    assert (told.code, told.failed()) == (FAILED, [4])
    assert told.names(4, EVENTS, problem, "segment 3")


def test_a_segment_whose_last_line_is_not_ended_is_named(log: World, verify: Verify) -> None:
    members = log.members()
    members[2] = gzip.compress(gzip.decompress(members[2])[:-1], mtime=0)
    digests = log.digests()
    restate(digests, members)
    told = verify(log.signed(log.files(digests, members)), log.pins())
    assert told.code == FAILED
    assert told.names(4, EVENTS, "without line feed", "segment 3")


@pytest.mark.parametrize(
    ("step", "problem", "edit"),
    [
        (4, "counts differs", {"counts": {"total": 4, "by_action": {}}}),
        (4, "latest time differs", {"time_max": instant(5)}),
        (5, "lane heads differs", {"lanes": {}}),
        (5, "unsealed events differs", {"source": {"last": {"0": 10, "7": 5}, "unsealed": 3}}),
        (5, "lanes behind", {"source": {"last": {"0": 10, "7": 4}, "unsealed": 0}}),
    ],
)
def test_a_digest_that_states_another_log_is_named(
    step: int, problem: str, edit: Statement, log: World, verify: Verify
) -> None:
    told = with_digests(log, verify, lambda all_: all_[1].update(edit))
    assert told.code == FAILED
    assert told.names(step, digest_name(2), problem)


def test_an_opening_that_differs_from_the_signed_digest_is_named(verify: Verify) -> None:
    world = World(opening=2)
    files = world.files()
    opening = json.loads(files["integrity/opening.json"])
    opening["frontier"][0] = "00" * 32
    opening["lanes"]["0"]["seq"] -= 1
    told = verify(world.signed({**files, "integrity/opening.json": canonical(opening)}), world.pins())
    assert told.code == FAILED
    assert told.names(6, "integrity/opening.json", "opening root differs")
    assert told.names(5, "integrity/opening.json", "lane heads at the opening differs")


def test_an_opening_of_another_size_is_named(verify: Verify) -> None:
    world = World(opening=2)
    files = world.files()
    opening = json.loads(files["integrity/opening.json"])
    assert opening["size"] == 15
    opening["size"] = 30  # as many perfect subtrees as 15
    told = verify(world.signed({**files, "integrity/opening.json": canonical(opening)}), world.pins())
    assert told.code == FAILED
    assert told.names(6, "integrity/opening.json", "size of the opening tree differs")


def test_an_opening_with_a_subtree_too_many_is_named(verify: Verify) -> None:
    world = World(opening=2)
    files = world.files()
    opening = json.loads(files["integrity/opening.json"])
    opening["frontier"].append("00" * 32)
    told = verify(world.signed({**files, "integrity/opening.json": canonical(opening)}), world.pins())
    assert told.code == FAILED
    assert told.names(4, "integrity/opening.json", "contradicts itself")


def test_the_first_segment_follows_the_opening_digest(verify: Verify) -> None:
    told = with_digests(World(opening=2), verify, lambda all_: all_[3]["segments"][0].update(no=9))
    assert told.code == FAILED
    assert told.names(4, EVENTS, "segment number differs", "segment 9")


@pytest.mark.parametrize("change", [{"size": 3}, {"lanes": {"0": {"seq": 1, "hash": GENESIS}}}, {"digest": 2}])
def test_an_opening_that_contradicts_itself_is_named(change: Statement, log: World, verify: Verify) -> None:
    files = log.files()
    opening = json.loads(files["integrity/opening.json"]) | change
    told = verify(log.signed({**files, "integrity/opening.json": canonical(opening)}), log.pins())
    assert told.code == FAILED
    assert told.names(4, "integrity/opening.json", "opening.json")


def test_an_opening_inside_the_range_is_named(verify: Verify) -> None:
    world = World(opening=2)
    files = world.files()
    manifest = world.manifest(files)
    manifest["resolved"]["from"] = instant(0)
    told = verify(world.signed(files, manifest), world.pins())
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, "integrity/opening.json", "lie before the opening")


# --- Step 5: completeness ---


def test_a_range_past_the_watermark_is_provisional(log: World, verify: Verify) -> None:
    files = log.files()
    manifest = {**log.manifest(files), "status": "provisional"}
    manifest["resolved"]["to_exclusive"] = instant(6)
    told = verify(log.signed(files, manifest), log.pins())
    assert (told.code, told.status(5)) == (PROVISIONAL, "provisional")


def test_events_unsealed_at_the_closing_digest_are_told_and_stated(log: World, verify: Verify) -> None:
    digests = log.digests()
    digests[-1]["source"].update(unsealed=2)
    digests[-1]["source"]["last"]["0"] += 2
    files = log.files(digests)
    manifest = log.manifest(files)
    assert verify(log.signed(files, manifest), log.pins()).names(5, "manifest.json", "unsealed differs")
    manifest["source"]["unsealed"] = 2
    told = verify(log.signed(files, manifest), log.pins())
    assert told.code == PASSED
    assert told.report["steps"][4]["counted"]["events unsealed at the closing"] == 2


def test_a_provisional_bundle_that_says_final_fails(log: World, verify: Verify) -> None:
    files = log.files()
    manifest = log.manifest(files)
    manifest["resolved"]["to_exclusive"] = instant(6)
    told = verify(log.signed(files, manifest), log.pins())
    assert told.code == FAILED
    assert told.names(5, "manifest.json", "status differs")


def test_a_manifest_that_states_another_watermark_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    told = verify(log.signed(files, {**log.manifest(files), "watermark": instant(9)}), log.pins())
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, "manifest.json", "watermark differs")


def test_a_cut_range_ends_at_the_watermark(log: World, verify: Verify) -> None:
    files = log.files()
    manifest = {**log.manifest(files), "cut": True}
    assert verify(log.signed(files, manifest), log.pins()).names(5, "manifest.json", "cut at the watermark")
    manifest["resolved"]["to_exclusive"] = manifest["watermark"]
    assert verify(log.signed(files, manifest), log.pins()).code == PASSED


# --- Step 6: checkpoints ---


def test_an_edited_checkpoint_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    name = "integrity/checkpoints/000000000015"
    files[name] = files[name].replace(b"\n15\n", b"\n16\n")
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [6])
    assert told.names(6, name, "differs from the digest's")


@pytest.mark.parametrize("signer", ["evidence", "stranger"])
def test_a_checkpoint_signed_by_another_key_is_named(signer: str, log: World, verify: Verify) -> None:
    files = log.files()
    name, digest = "integrity/checkpoints/000000000015", json.loads(files[digest_name(2)])
    files[name] = log.note(digest, log.evidence if signer == "evidence" else Key())
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [6])
    assert told.names(6, name, "no signature of the ledger key")


def test_a_checkpoint_signature_under_a_borrowed_key_id_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    name, body = "integrity/checkpoints/000000000015", json.loads(files[digest_name(2)])["checkpoint"]
    stamp = base64.b64encode(bytes.fromhex(log.ledger.kid)[:4] + Key().sign(body.encode())).decode()
    files[name] = f"{body}\n\u2014 {log.origin} {stamp}\n".encode()
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [6])
    assert told.names(6, name, "does not verify")


def test_a_missing_checkpoint_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    del files["integrity/checkpoints/000000000015"]
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [6])
    assert told.names(6, "integrity/checkpoints/000000000015", "missing")


def test_a_checkpoint_of_a_tree_that_no_digest_signs_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    files["integrity/checkpoints/000000000016"] = files["integrity/checkpoints/000000000015"]
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [6])
    assert told.names(6, "integrity/checkpoints/000000000016", "no digest signs")


@pytest.mark.parametrize("origin", ["muniment.example/test/t_other", "muniment.example/test/t_acme/e2"])
def test_a_checkpoint_of_another_log_is_named(origin: str, log: World, verify: Verify) -> None:
    def move(digests: list[Statement]) -> None:
        digests[1]["checkpoint"] = digests[1]["checkpoint"].replace(log.origin, origin)

    told = with_digests(log, verify, move)
    assert told.code == FAILED
    assert told.names(6, digest_name(2), "end of the origin differs")


def test_two_checkpoints_of_one_size_are_a_split_view(log: World, verify: Verify) -> None:
    def split(digests: list[Statement]) -> None:
        digests[2]["checkpoint"] = digests[2]["checkpoint"].replace("muniment", "other")  # idle: the size of digest 2

    files = log.files()
    note = files["integrity/checkpoints/000000000015"]
    digests = log.digests()
    split(digests)
    files = {**log.files(digests), "integrity/checkpoints/000000000015": note}
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [6])
    assert told.names(6, digest_name(3), "checkpoint of this size differs")


def test_a_digest_whose_checkpoint_is_of_another_tree_is_named(log: World, verify: Verify) -> None:
    def move(digests: list[Statement]) -> None:
        digests[1]["checkpoint"] = digests[1]["checkpoint"].replace("\n15\n", "\n14\n")

    told = with_digests(log, verify, move)
    assert told.code == FAILED
    assert told.names(6, digest_name(2), "checkpoint of this tree differs")


@pytest.mark.parametrize(("which", "member"), [("closing", "tree_size"), ("closing", "root"), ("opening", "tree_size")])
def test_a_manifest_that_states_another_tree_is_named(which: str, member: str, verify: Verify) -> None:
    world = World(opening=2)
    files = world.files()
    manifest = world.manifest(files)
    manifest["source"][which][member] = "x" if member == "root" else 7
    told = verify(world.signed(files, manifest), world.pins())
    assert (told.code, told.failed()) == (FAILED, [6])
    assert told.names(6, "manifest.json", "differs", f"source.{which}.{member}")

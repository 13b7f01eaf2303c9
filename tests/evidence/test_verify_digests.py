"""The verifier on step 3: the chain of digests, against the holder of the evidence key."""

from __future__ import annotations

import json

import pytest

from shared.audit.canonical import canonical
from shared.evidence.verify_bundle import FAILED
from tests.evidence.bundle_builder import World, digest_name, instant
from tests.evidence.ledger_keys import Key
from tests.evidence.tampering import (
    Verify,
    with_digests,
)


@pytest.mark.parametrize("gone", [[3], [3, 4], [1], [6], [2, 3, 4, 5]])
def test_missing_digests_are_named_one_by_one(gone: list[int], log: World, verify: Verify) -> None:
    files = log.files()
    for number in gone:
        del files[digest_name(number)], files[digest_name(number) + ".sig"]
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    for number in gone:
        assert told.names(3, digest_name(number), "missing")
    assert [told.status(step) for step in (4, 5, 6, 7)] == ["not checked"] * 4


def test_digests_renumbered_over_a_gap_break_the_chain(log: World, verify: Verify) -> None:
    files = log.files()
    # Digest 3 is idle; the forger drops it and moves the later ones up, but cannot sign them.
    for number in (3, 4, 5):
        files[digest_name(number)] = files[digest_name(number + 1)]
        files[digest_name(number) + ".sig"] = files[digest_name(number + 1) + ".sig"]
    del files[digest_name(6)], files[digest_name(6) + ".sig"]
    manifest = log.manifest(files)
    manifest["source"]["closing"]["digest"] = 5
    told = verify(log.signed(files, manifest), log.pins())
    assert told.code == FAILED
    assert told.names(3, digest_name(3), "another digest under this name")


def test_a_digest_edited_without_the_ledger_key_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    digest = json.loads(files[digest_name(4)])
    digest["software"]["version"] = "0.1.1"
    files[digest_name(4)] = canonical(digest)
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, digest_name(4) + ".sig", "does not verify")
    assert told.names(3, digest_name(5), "hash of the digest before differs")


@pytest.mark.parametrize("stranger", [True, False], ids=["a stranger", "the evidence key"])
def test_a_digest_signed_by_another_key_is_named(stranger: bool, log: World, verify: Verify) -> None:  # noqa: FBT001 - a parameter of the test
    files = log.files()
    key = Key() if stranger else log.evidence
    files[digest_name(4) + ".sig"] = key.sign(files[digest_name(4)])
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, digest_name(4) + ".sig", "does not verify" if stranger else "cross-use")


def test_a_digest_that_links_to_another_hash_is_named(log: World, verify: Verify) -> None:
    told = with_digests(log, verify, lambda all_: all_[3]["prev"].update(sha256="ab" * 32), relink=False)
    assert told.names(3, digest_name(4), "hash of the digest before differs")
    assert told.code == FAILED


def test_a_digest_that_links_to_another_number_is_named(log: World, verify: Verify) -> None:
    told = with_digests(log, verify, lambda all_: all_[3]["prev"].update(no=2), relink=False)
    assert told.names(3, digest_name(4), "number of the digest before differs")
    assert told.code == FAILED


def test_a_hole_between_two_periods_is_named(log: World, verify: Verify) -> None:
    told = with_digests(log, verify, lambda all_: all_[3]["period"].update({"from": "2026-09-21T18:00:00.000Z"}))
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, digest_name(4), "end of the period before differs")


def test_a_period_that_ends_before_it_begins_is_named(log: World, verify: Verify) -> None:
    told = with_digests(log, verify, lambda all_: all_[5]["period"].update(to=instant(1)))
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, digest_name(6), "ends before it begins")


def test_a_digest_of_another_tenant_is_named(log: World, verify: Verify) -> None:
    told = with_digests(log, verify, lambda all_: all_[3].update(tenant="t_other"))
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, digest_name(4), "place differs")


def test_a_digest_that_names_another_key_is_named(log: World, verify: Verify) -> None:
    told = with_digests(log, verify, lambda all_: all_[3].update(kid=log.evidence.kid))
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, digest_name(4), "ledger key differs")


def test_a_digest_outside_the_range_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    files[digest_name(7)] = files[digest_name(6)]
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, digest_name(7), "outside the range")

"""Steps 2, 3 and 5 across changes: lanes that open, ledger keys that take over."""

from __future__ import annotations

import pytest

from shared.evidence.verify_bundle import FAILED, NOT_PINNED, PASSED
from tests.evidence.bundle_builder import EVENTS, EVENTS_OF_SEGMENT, SEALED_BY_DIGEST, Statement, World, digest_name
from tests.evidence.ledger_keys import Key, rotation
from tests.evidence.tampering import Verify, with_digests

# --- Lanes ---


def unopened(world: World) -> World:
    """Build the log again with a second lane that nothing opens."""
    world.act = lambda number: ("AUTH_LOGIN_FAILED", {"n": number})  # type: ignore[method-assign]  # another story
    world.__post_init__()
    return world


def test_an_event_of_a_lane_that_was_never_opened_is_a_forgery(log: World, verify: Verify) -> None:
    unopened(log)
    told = verify(log.signed(log.files()), log.pins())
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, EVENTS, "never opened", "segment 1 line 2 lane 7")


@pytest.mark.parametrize("named", ["0", "64", "07", 7, None, ["7"], "8"])
def test_a_lane_opened_under_another_name_opens_nothing(named: object, log: World, verify: Verify) -> None:
    log.act = lambda number: ("AUTH_LOGIN_FAILED", {}) if number else ("AUDIT_LANE_OPENED", {"lane": named})  # type: ignore[method-assign]  # another story
    log.__post_init__()
    told = verify(log.signed(log.files()), log.pins())
    assert (told.code, told.status(5)) == (FAILED, "failed")
    assert told.names(5, EVENTS, "never opened", "lane 7")


def test_a_lane_is_opened_once_and_by_lane_0_only(log: World, verify: Verify) -> None:
    log.act = lambda number: ("AUDIT_LANE_OPENED", {"lane": "7" if number < 3 else "8"})  # type: ignore[method-assign]  # another story
    log.__post_init__()
    told = verify(log.signed(log.files()), log.pins())
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, EVENTS, "opens no lane", "segment 1 line 2")  # in lane 7
    assert told.names(5, EVENTS, "opens no lane", "segment 1 line 3")  # lane 7 again


def test_the_opening_digest_vouches_for_lanes_opened_before_the_range(verify: Verify) -> None:
    world = World(opening=2)
    assert verify(world.signed(world.files()), world.pins()).code == PASSED


def test_source_last_leaves_no_opened_lane_out(log: World, verify: Verify) -> None:
    def forget(digests: list[Statement]) -> None:
        last = digests[3]["source"]["last"]
        last["0"] += last.pop("7")  # the sum is right, and no lane is behind

    told = with_digests(log, verify, forget)
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, digest_name(4), "opened lanes that are left out")


def test_source_last_names_no_lane_that_was_never_opened(log: World, verify: Verify) -> None:
    told = with_digests(log, verify, lambda digests: digests[3]["source"]["last"].update({"9": 0}))
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, digest_name(4), "lanes that were never opened")


def test_what_opens_a_lane_may_still_be_unsealed(log: World, verify: Verify) -> None:
    def ahead(digests: list[Statement]) -> None:
        source = digests[-1]["source"]
        source["last"]["0"] += 1
        source["last"]["9"] = 1
        source["unsealed"] = 2

    digests = log.digests()
    ahead(digests)
    files = log.files(digests)
    manifest = log.manifest(files)
    manifest["source"]["unsealed"] = 2
    assert verify(log.signed(files, manifest), log.pins()).code == PASSED


class LateSecondLane(World):
    """A log whose second lane is opened by the first event behind digest 2."""

    def event(self, number: int) -> bytes:
        self.lanes = ("0", "7") if number >= self.first_behind() else ("0",)
        return super().event(number)

    def act(self, number: int) -> tuple[str, Statement]:
        return ("AUDIT_LANE_OPENED", {"lane": "7"}) if number == self.first_behind() else ("AUTH_LOGOUT", {})

    @staticmethod
    def first_behind() -> int:
        return EVENTS_OF_SEGMENT * sum(len(sealed) for sealed in SEALED_BY_DIGEST[:2])


def test_a_range_may_begin_with_an_opening_that_the_opening_digest_saw_unsealed(verify: Verify) -> None:
    world = LateSecondLane(opening=2)
    digests = world.digests()
    digests[1]["source"]["last"]["0"] += 1
    digests[1]["source"]["last"]["7"] = 0
    digests[1]["source"]["unsealed"] = 1
    assert verify(world.signed(world.files(digests)), world.pins()).code == PASSED


@pytest.mark.parametrize(("opening", "code"), [(2, PASSED), (0, FAILED)])
def test_the_opening_digest_vouches_for_a_lane_of_which_nothing_is_sealed_yet(
    opening: int, code: int, verify: Verify
) -> None:
    world = World(opening=opening)
    digests = world.digests()
    for digest in digests[1:]:
        digest["source"]["last"]["9"] = 0
    assert verify(world.signed(world.files(digests)), world.pins()).code == code


# --- Ledger keys ---


def rotated(opening: int = 0) -> World:
    return World(opening=opening, earlier=((2, Key()), (4, Key())))


@pytest.mark.parametrize("opening", [0, 2, 3])
def test_ledger_keys_take_over_along_statements_signed_by_both(opening: int, verify: Verify) -> None:
    world = rotated(opening)
    told = verify(world.signed(world.files()), world.pins())
    assert told.code == PASSED
    assert told.report["steps"][1]["counted"]["changes of the ledger key"] == 2


@pytest.mark.parametrize("which", [0, 1])
def test_whoever_pinned_an_earlier_key_trusts_the_later_one(which: int, verify: Verify) -> None:
    world = rotated()
    pins = [world.earlier[which][1].kid, world.evidence.kid]
    assert verify(world.signed(world.files()), pins).code == PASSED


def test_several_ledger_keys_without_a_pin_are_not_pinned(verify: Verify) -> None:
    world = rotated()
    told = verify(world.signed(world.files()), [world.evidence.kid])
    assert (told.code, told.report["keys_not_pinned"]) == (NOT_PINNED, ["ledger"])


@pytest.mark.parametrize("missing", ["", ".previous.sig", ".next.sig"])
def test_a_change_without_its_statement_or_a_signature_is_named(missing: str, verify: Verify) -> None:
    world = rotated()
    files = world.files()
    name = f"keys/{world.ledger.kid}.rotation.json"
    del files[name + missing]
    told = verify(world.signed(files), world.pins())
    assert (told.code, told.failed()) == (FAILED, [2])
    assert told.names(2, name + missing, "missing")


@pytest.mark.parametrize("side", ["previous", "next"])
def test_a_statement_that_one_key_did_not_sign_is_no_statement(side: str, verify: Verify) -> None:
    world = rotated()
    files = world.files()
    name = f"keys/{world.ledger.kid}.rotation.json"
    files[f"{name}.{side}.sig"] = Key().sign(files[name])
    told = verify(world.signed(files), world.pins())
    assert (told.code, told.failed()) == (FAILED, [2])
    assert told.names(2, f"{name}.{side}.sig", "does not verify")


def test_a_statement_of_another_change_is_named(verify: Verify) -> None:
    world = rotated()
    files = world.files()
    name = f"keys/{world.ledger.kid}.rotation.json"
    other = rotation("test", world.earlier[0][1], world.ledger)  # past the key between
    told = verify(world.signed({**files, **other}), world.pins())
    assert (told.code, told.failed()) == (FAILED, [2])
    assert told.names(2, name, "a change between other keys")


def test_a_replaced_key_does_not_sign_again(verify: Verify) -> None:
    world = rotated()
    digests = world.digests()
    first = world.earlier[0][1]
    digests[3]["kid"] = first.kid
    files = world.files(digests)
    files[digest_name(4) + ".sig"] = first.sign(files[digest_name(4)])
    told = verify(world.signed(files), world.pins())
    assert (told.code, told.status(3)) == (FAILED, "failed")
    assert told.names(3, digest_name(4), "no statement makes", "kid")


def test_a_key_that_comes_back_in_the_list_is_named(verify: Verify) -> None:
    key = Key()
    world = World(earlier=((2, key), (3, Key())), ledger=key)
    told = verify(world.signed(world.files()), world.pins())
    assert told.code == FAILED
    assert told.names(2, "manifest.json", "came back")


def test_a_key_is_not_skipped_from_one_digest_to_the_next(verify: Verify) -> None:
    world = World(earlier=((2, Key()), (2, Key())))
    told = verify(world.signed(world.files()), world.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, digest_name(3), "no statement makes")


def test_the_ledger_key_of_the_manifest_signed_the_closing_digest(verify: Verify) -> None:
    world = World(earlier=((6, Key()),))
    told = verify(world.signed(world.files()), world.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, digest_name(6), "ledger key of the closing digest")


@pytest.mark.parametrize("previous", ["text", [1], ["ab"], {}, None])
def test_a_malformed_list_of_earlier_keys_is_named(previous: object, log: World, verify: Verify) -> None:
    files = log.files()
    manifest = log.manifest(files)
    manifest["keys"]["ledger_previous"] = previous
    told = verify(log.signed(files, manifest), log.pins())
    assert told.code == FAILED
    assert told.names(2, "manifest.json", "keys.ledger_previous")

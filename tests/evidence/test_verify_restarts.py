"""Epochs that start, and the bundle before (steps 3 and 5)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.audit.canonical import canonical
from shared.evidence import verify_bundle
from shared.evidence.verify_bundle import FAILED, PASSED, PROVISIONAL
from tests.evidence.bundle_builder import EVENTS, Files, Statement, World, archive, digest_name, gzip_member, link
from tests.evidence.ledger_keys import Key
from tests.evidence.restarted_log import ended, second_epoch
from tests.evidence.tampering import Told, Verify, restate

Follow = Callable[[Files, Files, list[str]], Told]


# --- Epochs ---


def test_an_epoch_that_starts_from_the_last_digest_is_explained(log: World, verify: Verify) -> None:
    world = second_epoch(log)
    told = verify(world.signed(world.files()), world.pins())
    assert told.code == PASSED
    assert told.report["steps"][4]["counted"]["explained restarts"] == 1


def test_a_bundle_of_a_later_epoch_behind_its_start_needs_no_explanation(log: World, verify: Verify) -> None:
    world = second_epoch(log, opening=2, ended={})
    assert verify(world.signed(world.files()), world.pins()).code == PASSED


def test_a_restart_without_its_event_is_unexplained(log: World, verify: Verify) -> None:
    world = second_epoch(log, restart=None)
    told = verify(world.signed(world.files()), world.pins())
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, EVENTS, "the epoch does not begin with", "segment 1 line 1")


@pytest.mark.parametrize(
    "edit",
    [
        lambda meta: meta["digest"].update(sha256="0" * 64),
        lambda meta: meta["digest"].update(no=5),
        lambda meta: meta.update(digest=None),
        lambda meta: meta.pop("sealed"),
        lambda meta: meta["sealed"].update(size=meta["sealed"]["size"] - 1),
        lambda meta: meta["sealed"]["lanes"]["7"].update(seq=meta["sealed"]["lanes"]["7"]["seq"] - 1),
        lambda meta: meta["sealed"]["lanes"]["7"].update(hash="0" * 64),
        lambda meta: meta["sealed"]["lanes"].pop("7"),
    ],
)
def test_a_start_that_contradicts_the_last_digest_is_unexplained(
    edit: Callable[[Statement], object], log: World, verify: Verify
) -> None:
    world = second_epoch(log, edit)
    told = verify(world.signed(world.files()), world.pins())
    assert (told.code, told.failed()) == (FAILED, [5])
    assert any("unexplained restart" in finding["problem"] for finding in told.report["steps"][4]["findings"])


def without_digest(meta: Statement) -> Statement:
    meta["digest"] = None
    return meta


def test_a_restart_without_a_digest_is_said_aloud_and_never_passes(log: World, verify: Verify) -> None:
    world = second_epoch(log, without_digest, ended={})
    told = verify(world.signed(world.files()), world.pins())
    assert (told.code, told.status(5)) == (PROVISIONAL, "provisional")
    assert told.report["steps"][4]["provisional"] == [
        "a restart without a digest: nothing of the epoch before is proven"
    ]
    assert (
        "what epoch 1 held before epoch 2: 30 events sealed, it says (table_lost), and no signed digest"
        in (told.report["not_proven"])
    )


def reaching_back(world: World) -> Files:
    """Make the bundle whose range begins an hour before its epoch does."""
    files = world.files()
    manifest = world.manifest(files)
    manifest["resolved"]["from"] = "2026-09-21T13:00:00.000Z"
    assert manifest["resolved"]["from"] < json.loads(world.events[0][0])["time"]
    return world.signed(files, manifest)


def test_a_range_that_reaches_back_over_a_restart_is_not_complete(log: World, verify: Verify) -> None:
    world = second_epoch(log)
    told = verify(reaching_back(world), world.pins())
    assert (told.code, told.status(5)) == (PROVISIONAL, "provisional")
    assert "are in the epoch before" in told.report["steps"][4]["provisional"][0]
    assert not any("no event of the range is missing" in held for held in told.report["proven"])


def test_a_range_that_begins_before_a_tenant_was_founded_or_a_first_epoch_is_complete(
    log: World, verify: Verify
) -> None:
    for world in (second_epoch(log, founded, ended={}), log):
        assert verify(reaching_back(world), world.pins()).code == PASSED


@pytest.mark.parametrize(("epoch", "start", "code"), [(2, 0, PASSED), (2, 1, FAILED), (1, 0, FAILED)])
def test_a_range_that_was_cut_at_a_restart_begins_with_it(
    epoch: int, start: int, code: int, log: World, verify: Verify
) -> None:
    world = second_epoch(log) if epoch == 2 else log
    files = world.files()
    manifest = world.manifest(files) | {"cut_start": True, "limits": ["nothing before it", "\x1b[2J"]}
    times = [json.loads(line)["time"] for line in world.events[0]]
    manifest["resolved"]["from"] = times[start]
    told = verify(world.signed(files, manifest), world.pins())
    assert told.code == code
    assert 5 in told.failed() or code == PASSED
    assert told.report["bundle"]["limits"] == manifest["limits"]


def test_the_text_report_tells_the_limits_that_a_bundle_states(
    log: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = log.files()
    limits = {"limits": ["nothing before it", "\x1b[2J"]}
    (tmp_path / "bundle.zip").write_bytes(archive(log.signed(files, log.manifest(files) | limits)))
    verify_bundle.main([str(tmp_path / "bundle.zip")])
    text = capsys.readouterr().out
    assert "\nLimits that the bundle states of itself:\n  - nothing before it\n  - \\x1b[2J\n" in text


def founded(meta: Statement) -> Statement:
    empty = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    meta.update(reason="tenant_founded", digest=None, sealed={"segment": 0, "size": 0, "root": empty, "lanes": {}})
    return meta


def test_a_tenant_that_was_founded_in_a_later_epoch_has_nothing_before(log: World, verify: Verify) -> None:
    world = second_epoch(log, founded, ended={})
    told = verify(world.signed(world.files()), world.pins())
    assert (told.code, told.status(5)) == (PASSED, "passed")
    assert told.report["steps"][4]["notes"] == ["that nothing was before epoch 2 is the signer's word (tenant_founded)"]


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda meta: without_digest(meta).update(reason="tenant_founded"), "sealed of a new tenant"),
        (lambda meta: founded(meta)["sealed"].update(size=1), "sealed of a new tenant"),
        (lambda meta: founded(meta)["sealed"].update(segment=1), "sealed of a new tenant"),
        (lambda meta: founded(meta)["sealed"].update(root="AAAA"), "sealed of a new tenant"),
        (lambda meta: founded(meta).update(reason="because"), "wrong kind: reason"),
    ],
)
def test_a_tenant_that_was_founded_and_had_a_log_is_none(
    edit: Callable[[Statement], object], problem: str, log: World, verify: Verify
) -> None:
    world = second_epoch(log, edit, ended={})
    told = verify(world.signed(world.files()), world.pins())
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, EVENTS, problem, "segment 1 line 1")


def test_a_tenant_that_was_founded_has_no_digest_before(log: World, verify: Verify) -> None:
    world = second_epoch(log, lambda meta: meta.update(reason="tenant_founded"))
    told = verify(world.signed(world.files()), world.pins())
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, EVENTS, "a new tenant has no digest before", "segment 1 line 1")


def test_a_start_after_another_epoch_or_root_is_named(log: World, verify: Verify) -> None:
    for edit, what in (
        (lambda meta: meta.update(previous_epoch=0), "epoch before"),
        (lambda meta: meta["sealed"].update(root="AAAA"), "root"),
    ):
        world = second_epoch(log, edit)
        told = verify(world.signed(world.files()), world.pins())
        assert (told.code, told.failed()) == (FAILED, [5])
        assert any(what in finding["problem"] for finding in told.report["steps"][4]["findings"])


def test_more_may_be_sealed_than_the_last_digest_signs(log: World, verify: Verify) -> None:
    def further(meta: Statement) -> None:
        meta["sealed"].update(size=meta["sealed"]["size"] + 1, root="AAAA")
        meta["sealed"]["lanes"]["0"].update(seq=meta["sealed"]["lanes"]["0"]["seq"] + 1, hash="0" * 64)

    world = second_epoch(log, further)
    told = verify(world.signed(world.files()), world.pins())
    assert told.code == PASSED
    assert (
        "1 events of epoch 1 that were sealed behind its last signed digest, as the restart says"
        in (told.report["not_proven"])
    )


def test_the_digest_of_the_epoch_before_is_signed_by_the_ledger(log: World, verify: Verify) -> None:
    world = second_epoch(log)
    files = world.files()
    name = "integrity/epoch/000000000006.json"
    files[name + ".sig"] = Key().sign(files[name])
    told = verify(world.signed(files), world.pins())
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, name + ".sig", "does not verify")


def test_an_epoch_does_not_start_amidst_a_log(log: World, verify: Verify) -> None:
    meta, _ = ended(World())
    for number in (0, 3):
        log.act = lambda at, here=number: ("AUDIT_EPOCH_STARTED", meta) if at == here else ("AUTH_LOGIN_FAILED", {})  # type: ignore[method-assign, misc]  # a log of one kind
        log.lanes = ("0",)
        log.__post_init__()
        told = verify(log.signed(log.files()), log.pins())
        assert (told.code, told.failed()) == (FAILED, [5])
        assert told.names(5, EVENTS, "amidst a log", f"segment 1 line {number + 1}")


def test_a_first_epoch_has_no_digest_of_one_before(log: World, verify: Verify) -> None:
    _, files = ended(World())
    told = verify(log.signed({**log.files(), **files}), log.pins())
    assert (told.code, told.failed()) == (FAILED, [5])
    assert told.names(5, "integrity/epoch/000000000006.json", "without a restart")


# --- The bundle before ---


@pytest.fixture
def follow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Follow:
    def run(before: Files, bundle: Files, pins: list[str]) -> Told:
        paths = [tmp_path / "before.zip", tmp_path / "bundle.zip"]
        for path, files in zip(paths, (before, bundle), strict=True):
            path.write_bytes(archive(files))
        options = [option for pin in pins for option in ("--key-fingerprint", pin)]
        code = verify_bundle.main([str(paths[1]), "--previous", str(paths[0]), "--json", *options])
        return Told(code, json.loads(capsys.readouterr().out))

    return run


def shortened(world: World, closing: int) -> Files:
    """Make the bundle that was made when `closing` was the last digest."""
    from tests.evidence import bundle_builder  # noqa: PLC0415 - the schedule is the module's

    everything = bundle_builder.SEALED_BY_DIGEST
    bundle_builder.SEALED_BY_DIGEST = everything[:closing]  # type: ignore[assignment]  # shorter
    try:
        return world.signed(world.files())
    finally:
        bundle_builder.SEALED_BY_DIGEST = everything


@pytest.mark.parametrize(("closing", "opening"), [(2, 2), (4, 2), (3, 0), (6, 3)])
def test_a_bundle_that_goes_on_where_the_one_before_ended_is_bound_to_it(
    closing: int, opening: int, log: World, follow: Follow
) -> None:
    before = shortened(log, closing)
    log.opening = opening
    told = follow(before, log.signed(log.files()), log.pins())
    assert told.code == PASSED
    assert told.report["steps"][2]["counted"]["digests in both bundles"] == closing - max(opening, 1) + 1
    assert told.report["previous"]["result"] == "PASSED"


def test_a_gap_between_two_bundles_is_named(log: World, follow: Follow) -> None:
    before = shortened(log, 2)
    log.opening = 4
    told = follow(before, log.signed(log.files()), log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, "previous bundle", "a gap between the bundles")


def test_a_log_written_anew_does_not_continue_the_bundle_before(log: World, follow: Follow) -> None:
    before = shortened(log, 3)
    digests = log.digests()
    events = [list(lines) for lines in log.events]
    log.personal = World().personal
    digests[1]["software"] = {"version": "another"}
    restate(digests, [gzip_member(lines) for lines in events])
    told = follow(before, log.signed(log.files(digests)), log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, digest_name(2), "the digest of this number differs")


def test_a_bundle_is_not_the_one_before_itself(log: World, follow: Follow) -> None:
    files = log.signed(log.files())
    told = follow(files, files, log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, "previous bundle", "this bundle itself")


def test_a_later_bundle_is_not_the_earlier_one(log: World, follow: Follow) -> None:
    bundle = shortened(log, 3)
    log.opening = 2
    told = follow(log.signed(log.files()), bundle, log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, "previous bundle", "not the earlier one")


def test_a_bundle_before_by_an_unknown_ledger_key_is_named(log: World, follow: Follow) -> None:
    other = World()
    told = follow(other.signed(other.files()), log.signed(log.files()), log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, "previous bundle", "ledger key is unknown here")


def test_the_ledger_key_may_have_changed_since_the_bundle_before(follow: Follow) -> None:
    key = Key()
    world = World(ledger=key)
    before = shortened(world, 3)
    world.ledger, world.earlier = Key(), ((3, key),)
    digests = world.digests()
    told = follow(before, world.signed(world.files(digests)), world.pins())
    assert told.code == PASSED


@pytest.mark.parametrize("what", ["manifest.json.sig", digest_name(2) + ".sig", "README.txt"])
def test_a_bundle_before_that_fails_itself_is_named(what: str, log: World, follow: Follow) -> None:
    before = shortened(log, 3)
    before[what] = before["manifest.json.sig"][:-1] if what.endswith(".sig") else b"another"
    told = follow(before, log.signed(log.files()), log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert any(finding["file"] == f"previous bundle: {what}" for finding in told.report["steps"][2]["findings"])
    assert told.report["previous"]["result"] == "FAILED"


def test_a_bundle_before_that_is_no_bundle_is_named(log: World, follow: Follow, tmp_path: Path) -> None:
    told = follow({"nothing": b""}, log.signed(log.files()), log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, "previous bundle", "could not be read")
    assert "Before  a bundle that cannot be read: FAILED" in "\n".join(verify_bundle.as_text(told.report))
    missing = str(tmp_path / "nowhere.zip")
    with pytest.raises(SystemExit) as ended_by:
        verify_bundle.main([str(tmp_path / "bundle.zip"), "--previous", missing])
    assert ended_by.value.code == verify_bundle.USAGE


def test_bundles_are_bound_across_an_epoch(log: World, follow: Follow) -> None:
    world = second_epoch(log)
    told = follow(log.signed(log.files()), world.signed(world.files()), world.pins())
    assert told.code == PASSED
    assert told.report["steps"][2]["counted"]["earlier bundles bound"] == 1


def test_a_restart_that_forgets_what_the_bundle_before_has_is_unexplained(log: World, follow: Follow) -> None:
    shorter = World(ledger=log.ledger, evidence=log.evidence)
    meta, files = ended(shorter)
    name = "integrity/epoch/000000000006.json"
    assert name in files
    digests = shorter.digests()[:3]
    link(digests)
    raw = canonical(digests[-1])
    meta["digest"] = {"no": 3, "sha256": hashlib.sha256(raw).hexdigest()}
    renamed = {"integrity/epoch/000000000003.json": raw, "integrity/epoch/000000000003.json.sig": log.ledger.sign(raw)}
    world = World(epoch=2, lanes=("0",), restart=meta, ended=renamed, ledger=log.ledger, evidence=log.evidence)
    told = follow(log.signed(log.files()), world.signed(world.files()), world.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, "previous bundle", "forgets digests")


@pytest.mark.parametrize("edit", [without_digest, founded])
def test_a_restart_without_a_digest_forgets_the_bundle_before(
    edit: Callable[[Statement], object], log: World, follow: Follow
) -> None:
    world = second_epoch(log, edit, ended={})
    told = follow(log.signed(log.files()), world.signed(world.files()), world.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, "previous bundle", "forgets digests")


def test_a_restart_from_another_digest_than_the_bundle_before_ends_with_is_named(log: World, follow: Follow) -> None:
    world = second_epoch(World(ledger=log.ledger, evidence=log.evidence))
    digests = log.digests()
    digests[-1]["software"] = {"version": "another"}
    told = follow(log.signed(log.files(digests)), world.signed(world.files()), world.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, "previous bundle", "starts from another digest")


def test_a_bundle_behind_the_start_of_a_later_epoch_leaves_a_gap(log: World, follow: Follow) -> None:
    world = second_epoch(log, opening=2, ended={})
    told = follow(log.signed(log.files()), world.signed(world.files()), world.pins())
    assert told.names(3, "previous bundle", "start of this epoch is in neither")


def test_a_bundle_before_of_another_tenant_is_named(
    log: World, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = log.signed(log.files())
    monkeypatch.setattr("tests.evidence.bundle_builder.TENANT", "t_other")
    other = World(ledger=log.ledger, evidence=log.evidence)
    told = follow(other.signed(other.files()), bundle, log.pins())
    assert (told.code, told.failed()) == (FAILED, [3])
    assert told.names(3, "previous bundle", "another log or tenant")

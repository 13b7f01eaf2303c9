"""The tamper matrix: what can be done to a log, each by somebody who holds as many keys as it takes, and who finds it.

Every row names the step and the file of the finding; the bundles are signed anew wherever the forger could.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.audit.canonical import canonical
from shared.evidence import verify_bundle
from shared.evidence.verify_bundle import FAILED, PASSED, Options, Pin
from tests.evidence.bundle_builder import (
    ACCESS_LOGS,
    DISCLOSURE,
    EVENTS,
    Files,
    Statement,
    World,
    archive,
    digest_name,
    gzip_member,
)
from tests.evidence.ledger_keys import Key
from tests.evidence.tampering import Verify, edited_event, rechained, restated, with_events
from tests.evidence.test_verify_samples import drawn

Lines = list[list[bytes]]


def truncated(events: Lines) -> None:
    events[5].pop()


def swapped(events: Lines) -> None:
    events[2][0], events[2][2] = events[2][2], events[2][0]  # both of lane 0


def duplicated(events: Lines) -> None:
    events[2].insert(1, events[2][0])


def forked(events: Lines) -> None:
    """Let a second writer put another event at a place that is taken."""
    events[2].insert(1, events[2][0].replace(b'"u_', b'"u_9'))


def rewritten(events: Lines) -> None:
    """Remove an event and chain all that follow anew."""
    del events[2][1]
    heads: dict[str, Statement] = {}
    for number, lines in enumerate(events):
        events[number] = rechained(lines, heads)


def without_digests(world: World) -> Files:
    files = world.files()
    for number in (3, 4):
        for ending in ("", ".sig"):
            del files[digest_name(number) + ending]
    return world.signed(files)


def without_idle_digest(world: World) -> Files:
    files = world.files()
    del files[digest_name(3)], files[digest_name(3) + ".sig"]
    return world.signed(files)


def key_swapped(world: World) -> Files:
    files = world.files()
    files[f"keys/{world.ledger.kid}.pem"] = Key().pem
    return world.signed(files)


def signed_by_another(world: World) -> Files:
    return world.signed(world.files(), key=Key())


def digest_signed_by_another(world: World) -> Files:
    files = world.files()
    files[digest_name(2) + ".sig"] = Key().sign(files[digest_name(2)])
    return world.signed(files)


def recompressed(world: World) -> Files:
    members = world.members()
    members[2] = gzip_member(world.events[2], level=1)
    return world.signed(world.files(members=members))


def csv_edited(world: World) -> Files:
    files = world.files()
    files[ACCESS_LOGS] = files[ACCESS_LOGS].replace(b'"failure"', b'"success"', 1)
    return world.signed(files)


def sample_edited(world: World) -> Files:
    sample = drawn(world, "dice: 4 6 1 3", 5)
    sample["rows"][0] = {**sample["rows"][0], "event_id": "01J"}
    return world.signed({**world.files(), "samples/1.json": canonical(sample)})


def with_extra_file(world: World) -> Files:
    return {**world.signed(world.files()), "CC6_Access_Control/more.csv": b"x"}


def disclosure_edited(world: World) -> Files:
    told = copy.deepcopy(world.disclosed)
    entry = next(one for one in told if "values" in one["pii"][0])
    entry["pii"][0]["values"]["email"] = "another@example.com"
    files = world.files()
    files[DISCLOSURE] = gzip.compress(b"".join(canonical(one) + b"\n" for one in told), mtime=0)
    return world.signed(files)


def restarted(world: World) -> Files:
    again = World(epoch=2, lanes=("0",), ledger=world.ledger, evidence=world.evidence)
    return again.signed(again.files())


def unopened(world: World) -> Files:
    world.act = lambda number: ("AUTH_LOGIN_FAILED", {"n": number})  # type: ignore[method-assign]  # another story
    world.__post_init__()
    return world.signed(world.files())


def renamed(world: World) -> Files:
    """Let the manifest list a file that would be unpacked outside of the folder."""
    files = world.files()
    manifest = world.manifest(files)
    manifest["files"].append({"path": "../outside", "bytes": 0, "sha256": "0" * 64})
    return world.signed(files, manifest)


MATRIX: dict[str, tuple[Callable[[World], Files], int, str, str]] = {
    "an event edited, segments restated": (lambda w: restated(w, edited_event), 5, EVENTS, "prev is not the event"),
    "an event edited behind the digest": (lambda w: with_events(w, edited_event), 4, EVENTS, "SHA-256 of the lines"),
    "an event deleted from the middle": (lambda w: restated(w, lambda e: e[2].pop(1)), 5, EVENTS, "a gap in the lane"),
    "the tail truncated": (lambda w: restated(w, truncated), 5, digest_name(6), "lane heads differs"),
    "two events swapped": (lambda w: restated(w, swapped), 5, EVENTS, "a repeated or moved event"),
    "an event duplicated": (lambda w: restated(w, duplicated), 5, EVENTS, "a repeated or moved event"),
    "a fork by two writers": (lambda w: restated(w, forked), 5, EVENTS, "a repeated or moved event"),
    "rewritten and chained anew": (lambda w: restated(w, rewritten), 6, digest_name(2), "root differs"),
    "two digests deleted in a row": (without_digests, 3, digest_name(4), "missing"),
    "an empty digest deleted": (without_idle_digest, 3, digest_name(3), "missing"),
    "the key swapped": (key_swapped, 2, "", "another key"),
    "the manifest signed by another key": (signed_by_another, 2, "manifest.json.sig", "does not verify"),
    "a digest signed by another key": (digest_signed_by_another, 3, digest_name(2) + ".sig", "does not verify"),
    "a segment recompressed": (recompressed, 4, EVENTS, "SHA-256 of the gzip member"),
    "a report edited": (csv_edited, 7, ACCESS_LOGS, "not what the events give"),
    "a sample edited": (sample_edited, 8, "samples/1.json", "not what the nonce draws"),
    "a file added": (with_extra_file, 1, "CC6_Access_Control/more.csv", "does not list"),
    "a disclosed value edited": (disclosure_edited, 7, DISCLOSURE, "did not commit to"),
    "an unexplained restart": (restarted, 5, EVENTS, "unexplained restart"),
    "a lane that was never opened": (unopened, 5, EVENTS, "never opened"),
    "a name outside of the folder": (renamed, 1, "../outside", "the format does not know"),
}


@pytest.mark.parametrize("what", MATRIX)
def test_tampering_is_found_in_its_step_and_named_with_its_file(what: str, log: World, verify: Verify) -> None:
    tamper, step, file, problem = MATRIX[what]
    told = verify(tamper(log), log.pins())
    assert told.code == FAILED
    assert step in told.failed()
    assert told.names(step, file or f"keys/{log.ledger.kid}.pem", problem), told.report["steps"][step - 1]["findings"]


def test_erased_people_leave_a_log_that_verifies(log: World, verify: Verify) -> None:
    for entry in log.disclosed:
        entry["pii"] = [{"of": person["of"], "erased": True} for person in entry["pii"]]
    files = log.files()
    assert b"@example.com" not in files[ACCESS_LOGS]
    assert verify(log.signed(files), log.pins()).code == PASSED


# --- Bytes ---


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path, list[str]]:
    world = World(lanes=("0",))
    path = tmp_path_factory.mktemp("small") / "bundle.zip"
    return archive(world.signed(world.files())), path, world.pins()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_changed_byte_of_a_bundle_is_a_failure(small: tuple[bytes, Path, list[str]], data: st.DataObject) -> None:
    bundle, path, pins = small
    changed = bytearray(bundle)
    changed[data.draw(st.integers(0, len(bundle) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    assert verify_bundle.verify(str(path), Options([Pin("", pin) for pin in pins])).code == FAILED


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_bundle_cut_anywhere_is_a_failure(small: tuple[bytes, Path, list[str]], data: st.DataObject) -> None:
    bundle, path, pins = small
    path.write_bytes(bundle[: data.draw(st.integers(0, len(bundle) - 1))])
    assert verify_bundle.verify(str(path), Options([Pin("", pin) for pin in pins])).code == FAILED


# --- Somewhere else, as somebody else ---


def interpreters() -> list[str]:
    """List this interpreter, the system's (anybody may run it), and the oldest that the program promises."""
    oldest = sorted(Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9"))[:1]
    return [sys.executable, *filter(None, [shutil.which("python3", path="/usr/bin")]), *map(str, oldest)]


@pytest.mark.parametrize("interpreter", interpreters())
def test_a_bundle_verifies_in_another_folder_offline_as_another_user(
    interpreter: str, log: World, tmp_path: Path
) -> None:
    """The copy inside of the bundle runs: no site packages, no environment, no network where root may cut it."""
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(archive(log.signed(log.files())))
    with zipfile.ZipFile(bundle) as opened:
        opened.extract("verify_bundle.py", tmp_path)
    pins = [f"--key-fingerprint={pin}" for pin in log.pins()]
    command = [interpreter, "-I", "-S", "verify_bundle.py", "bundle.zip", *pins, "--json"]
    done = run_apart(command, tmp_path)
    assert (done.returncode, done.stderr) == (PASSED, "")
    assert json.loads(done.stdout)["result"] == "PASSED"


def run_apart(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run in `folder` without environment; as nobody and without a network where this process may arrange that."""
    if os.geteuid() != 0:
        return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, check=False)  # noqa: S603 - our words
    unshare = shutil.which("unshare")
    alone = [unshare, "-n"] if unshare and subprocess.run([unshare, "-n", "true"], check=False).returncode == 0 else []  # noqa: S603 - our words
    for parent in (folder, *folder.parents):
        if parent != Path("/tmp") and "pytest" in str(parent):  # noqa: S108 - the folders of this run
            parent.chmod(0o755)
    drop = "import os,sys;os.setgid(65534);os.setuid(65534);os.execv(sys.argv[1],sys.argv[1:])"
    reachable = subprocess.run(  # noqa: S603 - our words
        [sys.executable, "-c", drop, command[0], "-c", ""], check=False, capture_output=True
    )
    dropped = (
        [sys.executable, "-c", drop] if reachable.returncode == 0 else []
    )  # an interpreter in the home of root is root's
    return subprocess.run(  # noqa: S603 - our words
        [*alone, *dropped, *command], cwd=folder, env={}, capture_output=True, text=True, check=False
    )

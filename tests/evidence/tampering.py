"""What forgers can do to a bundle, and what the verifier tells about it.

An outsider changes the archive. A forger who holds the evidence key (an exploited export) also makes a new manifest:
then the digests must tell. A forger who holds the ledger key too can restate segments: then lanes and tree must tell.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from shared.audit.canonical import canonical
from shared.audit.event import GENESIS
from shared.audit.merkle import leaf_hash
from tests.evidence.bundle_builder import Files, Statement, World, digest_name, gzip_member, link, measured

Verify = Callable[..., "Told"]
Tell = Callable[[bytes], "Told"]


class Told:
    """A verifier's exit code and its report."""

    def __init__(self, code: int, report: dict[str, Any]) -> None:
        self.code, self.report = code, report

    def status(self, step: int) -> str:
        return str(self.report["steps"][step - 1]["status"])

    def failed(self) -> list[int]:
        return [step["number"] for step in self.report["steps"] if step["status"] == "failed"]

    def names(self, step: int, file: str, problem: str, where: str = "") -> bool:
        """Say whether step `step` found `problem` in `file`."""
        return any(
            finding["file"] == file and problem in finding["problem"] and where in finding["where"]
            for finding in self.report["steps"][step - 1]["findings"]
        )


def structural(told: Told, problem: str) -> bool:
    """Say whether the archive as a whole was refused, before anything else was checked."""
    finding = told.report["steps"][0]["findings"][-1]
    rest = {step["status"] for step in told.report["steps"][1:]}
    return problem in finding["problem"] and finding["file"].endswith("bundle.zip") and rest == {"not checked"}


def content_with_zipfile(bundle: bytes) -> bool:
    """Say whether Python's reader finds nothing wrong with any entry."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as opened:
        return opened.testzip() is None


def restate(digests: list[Statement], members: list[bytes]) -> None:
    """Let the digests state the members as they are now: what only the holder of the ledger key can do."""
    segments = [segment for digest in digests for segment in digest["segments"]]
    for segment, member in zip(segments, members, strict=True):
        segment.update(measured(member))


def rechained(lines: list[bytes], heads: dict[str, Statement]) -> list[bytes]:
    """Chain the lines anew from the lane heads, as a rewriter would."""
    chained = []
    for line in lines:
        event = json.loads(line)
        head = heads.get(event["lane"], {"seq": 0, "hash": GENESIS})
        chained.append(canonical({**event, "seq": head["seq"] + 1, "prev": head["hash"]}))
        heads[event["lane"]] = {"seq": head["seq"] + 1, "hash": leaf_hash(chained[-1]).hex()}
    return chained


def with_digests(log: World, verify: Verify, edit: Callable[[list[Statement]], object], *, relink: bool = True) -> Told:
    """Verify a bundle whose digests were edited by the holder of the ledger key."""
    digests = log.digests()
    link(digests)
    edit(digests)
    if relink:
        return verify(log.signed(log.files(digests)), log.pins())
    files = log.files(copy.deepcopy(digests))
    for digest in digests:
        raw = canonical(digest)
        files[digest_name(digest["no"])] = raw
        files[digest_name(digest["no"]) + ".sig"] = log.ledger.sign(raw)
    return verify(log.signed(files), log.pins())


def with_events(world: World, change: Callable[[list[list[bytes]]], object]) -> Files:
    """Change the lines of segments behind the digests' back, under a new manifest."""
    events = copy.deepcopy(world.events)
    change(events)
    members = [gzip_member(lines) for lines in events if lines]
    return world.signed(world.files(members=members))


def edited_event(events: list[list[bytes]]) -> None:
    events[2][1] = events[2][1].replace(b'"outcome":"success"', b'"outcome":"failure"')


def restated(world: World, change: Callable[[list[list[bytes]]], object]) -> Files:
    events = copy.deepcopy(world.events)
    change(events)
    members = [gzip_member(lines) for lines in events]
    digests = world.digests()
    restate(digests, members)
    return world.signed(world.files(digests, members))

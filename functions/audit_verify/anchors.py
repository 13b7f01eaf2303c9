"""The daily anchors: signed, chained, over the leaves that lie beside them, and in each the tree head of every log.

Rules of this module
- Anchors are of the whole deployment, and read once a run: those of the last week, and of the older ones a slice a day.
- Of a time stamp only imprint, hash and time are read here: whose it is says who holds the authority's certificate.
- What has no signature is no anchor: a run that died is finished on its day, or never, and the chain goes on behind it.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from functions.audit_verify.findings import Report
from functions.audit_verify.ports import Row, Vault, Version
from functions.audit_verify.trust import Trust
from shared.audit.anchor_leaf import anchor_leaf
from shared.audit.canonical import canonical
from shared.audit.merkle import Frontier
from shared.audit.moment import rfc3339, unix_seconds
from shared.evidence.vault import anchor_key, anchor_leaves_key, anchor_prefix

DAY: Final = 86_400
RECENT_DAYS: Final = 7
REREAD_DAYS: Final = 28  # in so many runs every older anchor is read again
OVERDUE_SECONDS: Final = 49 * 3_600  # one a day, at any hour of it
_TOLERANCE_SECONDS: Final = 300.0
_RUN_SECONDS: Final = 900.0  # longer than a run of the digest: what one has begun the anchor of another may not know
_SIGNATURE: Final = ".json.sig"
_SHA256: Final = "2.16.840.1.101.3.4.2.1"
_NAME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(\.json|\.json\.sig|\.json\.tsr|\.leaves\.json)")
_SHAPE: Final[Mapping[str, type | tuple[type, ...]]] = {
    "type": str,
    "log": str,
    "date": str,
    "at": str,
    "prev": (dict, type(None)),
    "size": int,
    "root": str,
    "kid": str,
}


@dataclass(frozen=True, slots=True)
class Anchored:
    """One anchor that holds: its date, when it was made, and its leaves."""

    date: str
    at: str
    leaves: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Anchors:
    vault: Vault
    log: str
    trust: Trust
    now: float
    report: Report

    def read(self) -> list[Anchored]:
        """Judge what lies in the folder; gives the anchors that were read and hold, oldest first."""
        # 1. Everything that lies there, each once.
        put = self._listed()
        dates = sorted(name.removesuffix(_SIGNATURE) for name in put if name.endswith(_SIGNATURE))
        # 2. The anchors of the last week, and a block of those before.
        recent = rfc3339(self.now - RECENT_DAYS * DAY)[:10]
        older = [date for date in dates if date < recent]
        chosen = [*_block(older, int(self.now // DAY)), *(date for date in dates if date >= recent)]
        held = [anchored for date in chosen if (anchored := self._anchor(date, put, dates)) is not None]
        # 3. Are they still made?
        if dates and dates[-1] < rfc3339(self.now - OVERDUE_SECONDS)[:10]:
            self.report.add("anchor_overdue", anchor_prefix(self.log), None, dates[-1])
        return held

    def _listed(self) -> dict[str, str]:
        """List names and the version that each was put with; a second version, a marker, a stranger are findings."""
        prefix, put = anchor_prefix(self.log), dict[str, str]()
        for key, versions in itertools.groupby(self.vault.versions(prefix), key=lambda version: version.key):
            name, found = key.removeprefix(prefix), list(versions)
            objects = [version for version in found if not version.marker]
            self._judge_versions(key, found, objects)
            if _NAME.fullmatch(name) is None:
                self.report.add("foreign_object", key)
            elif objects:
                put[name] = objects[-1].version_id
        return put

    def _judge_versions(self, key: str, found: Sequence[Version], objects: Sequence[Version]) -> None:
        if len(objects) < len(found):
            self.report.add("delete_marker", key)
        if len(objects) > 1:
            self.report.add("object_version", key, objects[-1].version_id, objects[0].version_id)

    def _anchor(self, date: str, put: Mapping[str, str], dates: Sequence[str]) -> Anchored | None:
        key = anchor_key(self.log, date)
        bodies = {
            ending: self.vault.read(f"{key[:-5]}{ending}", put[f"{date}{ending}"]) if f"{date}{ending}" in put else None
            for ending in (".json", ".json.sig", ".json.tsr", ".leaves.json")
        }
        body = bodies[".json"]
        if body is None or bodies[".json.sig"] is None or bodies[".leaves.json"] is None:
            self.report.add("anchor_missing", key)
            return None
        document = _document(body)
        if document is None or (document["log"], document["date"]) != (self.log, date):
            self.report.add("anchor_malformed", key)
            return None
        if not self.trust.verifies(document["kid"], bodies[".json.sig"], body):
            self.report.add("anchor_signature", key, document["kid"])
            return None
        self._check_made(key, document)
        self._check_link(key, document, put, [each for each in dates if each < date])
        token = bodies[".json.tsr"]
        if token is not None and not _stamps(token, body, document["at"]):
            self.report.add("anchor_time_stamp", f"{key}.tsr", hashlib.sha256(body).hexdigest())
        leaves = _leaves(bodies[".leaves.json"])
        if leaves is None or (len(leaves), _root(leaves)) != (document["size"], document["root"]):
            self.report.add("anchor_leaves", anchor_leaves_key(self.log, date), document["root"])
            return None
        return Anchored(date, document["at"], frozenset(leaves))

    def _check_made(self, key: str, document: Mapping[str, Any]) -> None:
        """Find an anchor that was not made on its date, or in the future."""
        if document["at"][:10] != document["date"] or document["at"] > rfc3339(self.now + _TOLERANCE_SECONDS):
            self.report.add("anchor_malformed", key, document["date"], document["at"])

    def _check_link(self, key: str, document: Mapping[str, Any], put: Mapping[str, str], before: Sequence[str]) -> None:
        """Compare with the anchor before, of whichever date; the one before the first may have been let go."""
        named = document["prev"]
        if not before:
            return
        name = f"{before[-1]}.json"
        body = self.vault.read(anchor_key(self.log, before[-1]), put[name]) if name in put else None
        expected = {"date": before[-1], "sha256": hashlib.sha256(body or b"").hexdigest()}
        if named is None or dict(named) != expected:
            self.report.add("anchor_chain", key, before[-1], (named or {}).get("date"))


def check_anchored(
    anchored: Sequence[Anchored], place: str, origin: str, digests: Iterable[Row], report: Report
) -> None:
    """Look for the log's own leaf in each anchor; `digests` are the rows of its digests, newest first.

    The leaf is of the last digest of the day before, or of a later one. A log that had signed nothing then has none.
    """
    waiting = sorted(anchored, key=lambda anchor: anchor.date, reverse=True)
    if not waiting:
        return
    rows: list[Row] = []
    for row in digests:
        rows.append(row)
        if str(row.get("to", "")) < _settled(waiting[-1]):
            break
    for anchor in waiting:
        found = next((row for row in rows if _leaf(origin, row) in anchor.leaves), None)
        due = next((row for row in rows if str(row.get("to", "")) < _settled(anchor)), None)
        if due is not None and (found is None or str(found.get("to", "")) < str(due.get("to", ""))):
            report.add("anchor_leaf_missing", f"{place} in the anchor of {anchor.date}", due.get("no"))


def _settled(anchor: Anchored) -> str:
    """Give the instant before which everything that was signed is known to an anchor."""
    return rfc3339(unix_seconds(f"{anchor.date}T00:00:00.000Z") - _RUN_SECONDS)


def _leaf(origin: str, row: Row) -> bytes:
    return anchor_leaf(origin, int(row.get("tree_size", 0)), str(row.get("root", "")))


def _document(body: bytes) -> Mapping[str, Any] | None:
    try:
        members = json.loads(body)
        exact = isinstance(members, dict) and canonical(members) == body and members["type"] == "anchor"
        exact = exact and all(isinstance(members.get(name), kind) for name, kind in _SHAPE.items())
        if exact:
            unix_seconds(members["at"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return members if exact else None


def _leaves(body: bytes | None) -> list[bytes] | None:
    try:
        members = json.loads(body or b"")
        return [bytes.fromhex(leaf) for leaf in members["leaves"]]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def _root(leaves: Sequence[bytes]) -> str:
    return base64.b64encode(Frontier().extend(leaves).root()).decode()


def _stamps(token: bytes, body: bytes, at: str) -> bool:
    """Tell whether a token (DER TimeStampResp) says of these octets that they were there, at a time not before `at`."""
    from rfc3161_client import decode_timestamp_response  # noqa: PLC0415 - where a token lies, and nowhere else

    try:
        stamped = decode_timestamp_response(token).tst_info
        imprint = stamped.message_imprint
        same = imprint.hash_algorithm.dotted_string == _SHA256 and imprint.message == hashlib.sha256(body).digest()
        return same and stamped.gen_time.timestamp() >= unix_seconds(at) - _TOLERANCE_SECONDS
    except ValueError:
        return False


def _block(older: Sequence[str], day: int) -> Sequence[str]:
    size = -(-len(older) // REREAD_DAYS)
    start = day % REREAD_DAYS * size
    return older[start : start + size]

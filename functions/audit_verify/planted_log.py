"""A small log in memory, whole and signed by keys of its own, for the verifier to prove itself on.

It has all that a log can have: two epochs, two lanes, a rotation of the key, an empty period, a segment that no digest
states yet, rows that are not sealed yet, and anchors. It is made with the product's own formats, and it is spoiled by
`corruptions.py` as somebody with every right would spoil it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from functions.audit_verify.planted_ports import START, YEAR, Key, PlantedRows, PlantedVault, Stored
from functions.audit_verify.ports import Scope
from functions.audit_verify.verification import Before
from shared.audit.anchor_leaf import anchor_leaf
from shared.audit.canonical import canonical
from shared.audit.checkpoint import Checkpoint, origin_of
from shared.audit.event import GENESIS, Actor, Draft, Position, compose
from shared.audit.merkle import Frontier
from shared.audit.moment import rfc3339
from shared.evidence.seal_row import seal_row
from shared.evidence.segment import Event, pack, parse
from shared.evidence.vault import (
    anchor_key,
    anchor_leaves_key,
    checkpoint_key,
    digest_key,
    public_key_key,
    segment_key,
)
from shared.store.audit_logs import Entry, Head
from shared.store.audit_seals import ROW_ONLY, SealHead, head_of, state_of

_HOUR: Final = 3_600


@dataclass(slots=True)
class PlantedLog:
    """One log and its keys (`old` signed digests 1 and 2, `ledger` the others)."""

    scope: Scope
    old: Key = field(default_factory=Key)
    ledger: Key = field(default_factory=Key)
    vault: PlantedVault = field(default_factory=PlantedVault)
    tables: PlantedRows = field(default_factory=PlantedRows)
    before: Before = field(default_factory=Before)
    earlier: PlantedRows = field(default_factory=PlantedRows)  # of the epoch before
    clock: int = START

    def key_of(self, digest: int) -> Key:
        return self.old if digest <= _SIGNED_BY_OLD else self.ledger

    def append(self, lane: str, action: str, meta: Mapping[str, Any] | None = None) -> None:
        """Write a row of the table."""
        rows = self.tables.lanes.setdefault(lane, {})
        seq = len(rows) + 1
        self.clock += 1
        draft = Draft(f"E{self.clock}", action, "success", Actor("system", "planted"), "log", {}, meta=meta or {})
        place = Position(
            self.scope.log, self.scope.tenant, self.scope.epoch, lane, seq, rows[seq - 1].leaf if seq > 1 else GENESIS
        )
        line = compose(draft, place, rfc3339(self.clock))
        rows[seq] = Entry(seq, line.text, line.leaf, {})  # a plain mapping: it is copied

    def seal(self) -> None:
        """Seal everything that is not sealed yet into one segment, lane 0 first."""
        head = self._head()
        events = [
            parse(row.line.encode())
            for lane in sorted(self.tables.lanes)
            for row in self.tables.rows(lane, head.lanes.get(lane, Head()).seq + 1)
        ]
        packed = pack(events)
        key = segment_key(self.scope.prefix, head.segment + 1)
        stored = self.vault.put(key, packed)
        row, moved = seal_row(head, key, stored.version_id, stored.retain_until, events, packed)
        self.tables.segments[moved.segment] = row
        self.tables.head = {"segment": moved.segment, **state_of(moved)}

    def _head(self) -> SealHead:
        number = max(self.tables.segments, default=0)
        if number == 0:
            return SealHead()
        return head_of(number, self.tables.segments[number]["after"])

    def digest(self) -> None:
        """State and sign what was sealed since the last digest."""
        number, head = max(self.tables.digests, default=0) + 1, self._head()
        before = self.tables.digests.get(number - 1)
        self.clock += _HOUR
        rows = [row for no, row in self.tables.segments.items() if no > (before["segment"] if before else 0)]
        checkpoint = Checkpoint(self.scope.origin, head.frontier.size, head.frontier.root())
        counts = sum((Counter(row["counts"]) for row in rows), Counter[str]())
        last = {lane: max(kept) for lane, kept in self.tables.lanes.items()}
        members = {
            "type": "digest",
            "v": 1,
            "log": self.scope.log,
            "tenant": self.scope.tenant,
            "epoch": self.scope.epoch,
            "no": number,
            "period": {"from": before["to"] if before else rows[0]["time"]["min"], "to": rfc3339(self.clock)},
            "prev": {"no": number - 1, "sha256": before["sha256"]} if before else None,
            "segments": [{name: value for name, value in row.items() if name not in ROW_ONLY} for row in rows],
            "lanes": state_of(head)["lanes"],
            "source": {
                "read_at": rfc3339(self.clock),
                "last": last,
                "unsealed": sum(last.values()) - sum(each.seq for each in head.lanes.values()),
            },
            "counts": {"total": counts.total(), "by_action": dict(counts)},
            "time_max": head.time_max,
            "watermark": rfc3339(self.clock - 1),
            "tree": {"size": checkpoint.size, "root": base64.b64encode(checkpoint.root).decode()},
            "checkpoint": checkpoint.body().decode(),
            "software": {"version": "0"},
            "kid": self.key_of(number).kid,
        }
        self._put_digest(members, self.key_of(number))
        self.tables.digests[number]["segment"] = head.segment
        note = checkpoint.note(self.scope.origin, self.key_of(number).der, self.key_of(number).sign(checkpoint.body()))
        key = checkpoint_key(self.scope.prefix, checkpoint.size)
        if key not in self.vault.objects:
            self.vault.put(key, note)

    def _put_digest(self, members: Mapping[str, Any], key: Key) -> None:
        name, body = digest_key(self.scope.prefix, members["no"]), canonical(members)
        self.vault.objects.pop(name, None)
        self.vault.objects.pop(f"{name}.sig", None)
        version = self.vault.put(name, body).version_id
        self.vault.put(f"{name}.sig", key.sign(body))
        self.tables.digests[members["no"]] = {
            **self.tables.digests.get(members["no"], {}),
            "no": members["no"],
            "version_id": version,
            "sha256": hashlib.sha256(body).hexdigest(),
            "tree_size": members["tree"]["size"],
            "root": members["tree"]["root"],
            "watermark": members["watermark"],
            "time_max": members["time_max"],
            "to": members["period"]["to"],
            "unsealed": members["source"]["unsealed"],
        }

    def restate(self, number: int, change: Callable[[dict[str, Any]], object], key: Key | None = None) -> None:
        """Change a digest and sign it anew, as whoever commands a key could; `key` None is the one that signed it."""
        members = json.loads(self.vault.objects[digest_key(self.scope.prefix, number)][0].body or b"")
        change(members)
        self._put_digest(members, key or self.key_of(number))

    def put_anchor(self, members: Mapping[str, Any], leaves: Sequence[bytes], key: Key | None = None) -> None:
        """Put an anchor with its leaves, in the place of what is there, signed by `key` (None: the ledger's)."""
        name, body = anchor_key(self.scope.log, members["date"]), canonical(members)
        beside = canonical({"leaves": [leaf.hex() for leaf in leaves]})
        signature = (key or self.ledger).sign(body)
        files = {name: body, f"{name}.sig": signature, anchor_leaves_key(self.scope.log, members["date"]): beside}
        for path, content in files.items():
            self.vault.objects.pop(path, None)
            self.vault.put(path, content)

    def anchor(self, number: int) -> dict[str, Any]:
        """Read the members of an anchor, counted from the oldest (0)."""
        return json.loads(self.vault.objects[self.anchor_name(number)][0].body or b"")  # type: ignore[no-any-return]

    def leaves(self, number: int) -> list[bytes]:
        """Read the leaves beside an anchor."""
        beside = f"{self.anchor_name(number).removesuffix('.json')}.leaves.json"
        return [bytes.fromhex(leaf) for leaf in json.loads(self.vault.objects[beside][0].body or b"")["leaves"]]

    @staticmethod
    def rooted(leaves: Sequence[bytes]) -> dict[str, Any]:
        """Give the members of an anchor that follow from its leaves."""
        return {"size": len(leaves), "root": base64.b64encode(Frontier().extend(leaves).root()).decode()}

    def anchor_name(self, number: int) -> str:
        signed = (key for key in self.vault.objects if key.startswith("anchor/") and key.endswith(".json.sig"))
        return sorted(signed)[number].removesuffix(".sig")

    def lines(self, segment: int) -> list[bytes]:
        """Give the lines of a segment, to be spoiled and put back with `replace_lines`."""
        return [event.line for event in self.events(segment)]

    def events(self, segment: int) -> list[Event]:
        rows = self.tables.segments[segment]["lanes"]
        return [
            parse(row.line.encode())
            for lane in sorted(rows)
            for row in self.tables.rows(lane, rows[lane]["from"], rows[lane]["to"])
        ]

    def replace_lines(self, segment: int, lines: list[bytes]) -> None:
        """Put other lines in the place of a segment's, under its version: what only S3 itself could do."""
        self.segment(segment).body = pack([Event(line, {}, b"") for line in lines])

    def segment(self, number: int) -> Stored:
        return self.vault.objects[segment_key(self.scope.prefix, number)][0]


_SIGNED_BY_OLD: Final = 2


def plant() -> PlantedLog:
    """Make a log in which there is nothing to find."""
    first = PlantedLog(_scope(1))
    first.append("0", "AUTH_LOGOUT")
    first.seal()
    first.digest()
    first.append("0", "AUTH_LOGOUT")
    first.seal()  # and was lost before anybody signed it
    log = PlantedLog(_scope(2), first.old, first.ledger, first.vault, earlier=first.tables, clock=first.clock)
    row, state = first.tables.digests[1], first.tables.segments[2]["after"]
    root = Frontier(2, tuple(map(bytes.fromhex, state["frontier"]))).root()
    sealed = {"segment": 2, "size": 2, "root": base64.b64encode(root).decode(), "lanes": state["lanes"]}
    digest = {"no": 1, "sha256": row["sha256"]}
    started = {"previous_epoch": 1, "reason": "table_lost", "digest": digest, "sealed": sealed}
    log.append("0", "AUDIT_EPOCH_STARTED", started)
    for _ in range(3):
        log.append("0", "AUTH_LOGOUT")
    log.seal()
    log.digest()
    log.append("0", "AUDIT_LANE_OPENED", {"lane": "7"})
    for _ in range(3):
        log.append("7", "AUTH_LOGOUT")
    log.seal()
    log.digest()
    log.digest()  # an empty period
    for lane in ("0", "7", "7"):
        log.append(lane, "AUTH_LOGOUT")
    log.seal()
    log.digest()
    log.append("0", "AUTH_LOGOUT")
    log.seal()
    for lane in ("0", "7", "7"):
        log.append(lane, "AUTH_LOGOUT")
    _lay_keys(log)
    _lay_anchors(log, first)
    return log


def _scope(epoch: int) -> Scope:
    origin = origin_of("planted.example/log", "planted", epoch)
    return Scope("log", "planted", epoch, origin, START + 5 * _HOUR + 600, "COMPLIANCE", 365, YEAR)


def earlier_scope(scope: Scope) -> Scope:
    """Give the scope of the epoch before."""
    return replace(scope, epoch=1, origin=_scope(1).origin)


def _lay_keys(log: PlantedLog) -> None:
    named = {"previous": log.old.kid, "next": log.ledger.kid, "at": rfc3339(START)}
    statement = canonical({"type": "key-rotation", "v": 1, "log": log.scope.log, **named})
    name = f"keys/{log.ledger.kid}.rotation.json"
    log.vault.put(name, statement)
    log.vault.put(f"{name}.previous.sig", log.old.sign(statement))
    log.vault.put(f"{name}.next.sig", log.ledger.sign(statement))
    for key in (log.old, log.ledger):
        log.vault.put(public_key_key(key.kid), key.pem)


def _lay_anchors(log: PlantedLog, first: PlantedLog) -> None:
    """Lay three anchors: two from before the log began, and the one of today over the heads of both its epochs."""
    other = hashlib.sha256(b"the log of somebody else").digest()
    previous: dict[str, str] | None = None
    for days in (2, 1, 0):
        at = rfc3339(log.scope.now - 60 - days * 86_400)
        heads = [(each.scope.origin, each.tables.digests[max(each.tables.digests)]) for each in (first, log)]
        leaves = [other, *(anchor_leaf(origin, row["tree_size"], row["root"]) for origin, row in heads if not days)]
        members: dict[str, Any] = {
            "type": "anchor",
            "v": 1,
            "log": log.scope.log,
            "date": at[:10],
            "at": at,
            "prev": previous,
            **log.rooted(leaves),
            "software": {"version": "0"},
            "kid": log.ledger.kid,
        }
        log.put_anchor(members, leaves)
        body = canonical(members)
        previous = {"date": at[:10], "sha256": hashlib.sha256(body).hexdigest()}

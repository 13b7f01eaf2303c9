"""A sealed, signed log of any size in a vault: what the ledger, the sealer and the digester leave behind.

A busy tenant: segments of equal size, a signed digest over each, two lanes. Of ten events four are sign-ins, four
refreshes, one a failed sign-in, one a scored decision; sign-ins have sealed personal data, where there are `salts`.
Nothing is cut short: every hash, link, signature and count is real, and what is sealed opens. Only the gzip members are
made by ISA-L, which is quicker than the sealer's zlib and no smaller.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from isal import igzip

from functions.evidence_pipeline.event_lines import canonical_again as written
from shared.audit.checkpoint import Checkpoint, origin_of
from shared.audit.event import GENESIS
from shared.audit.merkle import Frontier, leaf_hash
from shared.audit.moment import rfc3339
from shared.audit.personal_data import PersonalData
from shared.evidence.segment import Event
from shared.evidence.vault import checkpoint_key, digest_key, log_prefix, public_key_key, segment_key
from tests.benchmarks.folder_s3 import FolderS3
from tests.evidence.ledger_keys import Key

LOG: Final = "local"
START: Final = 1_790_000_000.0  # 2026-09-21T14:13:20Z
SPAN: Final = 5 * 86_400.0  # seconds, whatever the number of events
LANE: Final = "1"
PEOPLE: Final = tuple(f"usr_{number:026d}" for number in range(500))
KINDS: Final = ("AUTH_LOGIN_SUCCESS", "AUTH_TOKEN_REFRESH") * 4 + ("AUTH_LOGIN_FAILED", "ANOMALY_SCORED")
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
RISK: Final = {
    "score": 20,
    "reasons": ["NEW_NETWORK"],
    "action": "ALLOW",
    "policy": "risk-1",
    "settings_version": 1,
    "step_up_score": 40,
    "block_score": 80,
    "signals": [
        {"name": "NEW_NETWORK", "group": "place", "points": 20, "mode": "enforce", "input": {"asn": "64500"}},
        {"name": "NEW_DEVICE", "group": "device", "points": 15, "mode": "observe", "input": {}},
    ],
    "off": [],
}

Members = dict[str, Any]


@dataclass
class BigLog:
    """The log as it grows. `segments` and `digests` are the rows that stand in `audit_seals` of it."""

    s3: FolderS3
    vault: str
    tenant: str
    events: int
    of_segment: int
    personal_data: PersonalData
    salts: Mapping[str, bytes]  # of PEOPLE
    key: Key = field(default_factory=Key)
    segments: list[Members] = field(default_factory=list)
    digests: list[Members] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._prefix = log_prefix(LOG, self.tenant, 1)
        self._origin = origin_of("muniment.example/local", self.tenant, 1)
        self._heads: dict[str, tuple[int, str]] = {}
        self._frontier = Frontier()
        self._each = SPAN / self.events  # seconds from one event to the next
        self._last_digest: Members | None = None

    def write(self) -> None:
        """Write all of it."""
        self._put(public_key_key(self.key.kid), self.key.pem)
        for number, first in enumerate(range(0, self.events, self.of_segment), 1):
            segment = self._segment(number, range(first, min(first + self.of_segment, self.events)))
            self.segments.append(segment)
            self._sign(self._digest(number, segment))

    def _put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.vault, Key=key, Body=body)

    def _segment(self, number: int, numbers: range) -> Members:
        events = [self._event(each) for each in numbers]
        raw = b"".join(event.line + b"\n" for event in events)
        packed = igzip.compress(raw, 3, mtime=0)
        self._frontier = self._frontier.extend(event.leaf for event in events)
        key = segment_key(self._prefix, number)
        self._put(key, packed)
        lanes: dict[str, dict[str, int]] = {}
        for event in events:
            lanes.setdefault(event.lane, {"from": event.seq})["to"] = event.seq
        return {
            "no": number,
            "key": key,
            "version_id": "v1",
            "bytes": len(packed),
            "sha256_gz": hashlib.sha256(packed).hexdigest(),
            "sha256_raw": hashlib.sha256(raw).hexdigest(),
            "events": len(events),
            "index": {"from": numbers[0], "to": numbers[-1]},
            "time": {"min": events[0].time, "max": events[-1].time},
            "lanes": lanes,
            "counts": dict(Counter(event.action for event in events)),
            "retain_until": "2033-09-29T00:00:00.000Z",
        }

    def _event(self, number: int) -> Event:
        lane = LANE if number and number % 5 == 0 else "0"
        seq, prev = self._heads.get(lane, (0, GENESIS))
        members = {"lane": lane, "seq": seq + 1, "prev": prev, **self._members(number)}
        line = written(members)
        leaf = leaf_hash(line)
        self._heads[lane] = (seq + 1, leaf.hex())
        return Event(line, members, leaf)

    def _members(self, number: int) -> Members:
        action = KINDS[number % 10] if number else "AUDIT_LANE_OPENED"
        user, session, event_id = PEOPLE[number % len(PEOPLE)], f"ses_{number % 9_999:08d}", f"01J{number:023d}"
        failed = action == "AUTH_LOGIN_FAILED"
        return {
            "v": 1,
            "id": event_id,
            "log": LOG,
            "tenant": self.tenant,
            "epoch": 1,
            "time": rfc3339(START + number * self._each),
            "action": action,
            "outcome": "failure" if failed else "success",
            "reason": "wrong_password" if failed else None,
            "actor": _actor(user, session),
            "on_behalf_of": None,
            "targets": [],
            "resource": f"session/{session}",
            "context": _context(number),
            "change": None,
            "risk": RISK if action == "ANOMALY_SCORED" else None,
            "meta": {"generation": number % 40} if number else {"lane": LANE},
            "pii": self._people(number, user, event_id) if self.salts and action.startswith("AUTH_LOGIN") else [],
        }

    def _people(self, number: int, user: str, event_id: str) -> list[Members]:
        values = {"email": f"{user[-6:]}@acme.example", "ip": f"203.0.113.{number % 256}", "user_agent": AGENT}
        salt = self.salts[user]
        return [self.personal_data.entry(salt, subject=user, of="actor", event_id=event_id, values=values)]

    def _digest(self, number: int, segment: Members) -> Members:
        last, size = segment["index"]["to"] + 1, self._frontier.size
        end, began = (rfc3339(START + at * self._each) for at in (last, segment["index"]["from"]))
        root = self._frontier.root()
        return {
            "type": "digest",
            "v": 1,
            "log": LOG,
            "tenant": self.tenant,
            "epoch": 1,
            "no": number,
            "period": {"from": began, "to": end},
            "prev": self._last_digest,
            "segments": [segment],
            "lanes": {lane: {"seq": seq, "hash": leaf} for lane, (seq, leaf) in self._heads.items()},
            "source": {"read_at": end, "last": {lane: seq for lane, (seq, _) in self._heads.items()}, "unsealed": 0},
            "counts": {"total": segment["events"], "by_action": segment["counts"]},
            "time_max": segment["time"]["max"],
            "watermark": end,
            "tree": {"size": size, "root": base64.b64encode(root).decode()},
            "checkpoint": Checkpoint(self._origin, size, root).body().decode(),
            "software": {"version": "0.1.0"},
            "kid": self.key.kid,
        }

    def _sign(self, digest: Members) -> None:
        raw, key, tree = written(digest), digest_key(self._prefix, digest["no"]), digest["tree"]
        self._last_digest = {"no": digest["no"], "sha256": hashlib.sha256(raw).hexdigest()}
        head = Checkpoint(self._origin, tree["size"], self._frontier.root())
        note = head.note(self._origin, self.key.der, self.key.sign(head.body()))
        for name, body in {
            key: raw,
            f"{key}.sig": self.key.sign(raw),
            checkpoint_key(self._prefix, tree["size"]): note,
        }.items():
            self._put(name, body)
        self.digests.append(
            {
                "no": digest["no"],
                "key": key,
                "version_id": "v1",
                "sha256": self._last_digest["sha256"],
                "segment": digest["segments"][-1]["no"],
                "tree_size": tree["size"],
                "root": tree["root"],
                "time_max": digest["time_max"],
                "watermark": digest["watermark"],
                "to": digest["period"]["to"],
                "unsealed": 0,
                "kid": self.key.kid,
            }
        )


def _actor(user: str, session: str) -> Members:
    return {"type": "user", "id": user, "role": "member", "session": session, "auth": "password", "step_up": None}


def _context(number: int) -> Members:
    return {
        "request_id": f"{number:032x}",
        "correlation_id": f"{number:032x}",
        "route": "POST /api/auth/login",
        "ip_net": "203.0.113.0/24",
        "country": "DE",
        "device": f"{number % 97:016x}",
    }

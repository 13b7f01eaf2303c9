"""Sign one tenant's digest: what was sealed since the last one, and how the tree stands.

A digest is the completeness statement of the log: at `read_at` the table ended exactly there. Digests are made hourly
while something happens and daily while nothing does; an empty period is a signed empty period. Each file is put once,
so a crash between two steps is healed by the next run, which finds the file and goes on from it.

The key in force signs (functions/audit_digest/rotation.py). The first digest of a new key has at least one segment, so
that no tree head is signed by two keys, and SIGNING_KEY_ROTATED is committed with it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from functions.audit_digest.adopted import of_its_time
from functions.audit_digest.rotation import Replaced, SigningKeys, kid_of, lay_public_key, lay_signature
from functions.audit_digest.settings import Settings
from shared.audit.canonical import canonical
from shared.audit.checkpoint import Checkpoint, origin_of
from shared.audit.event import Actor, Draft, new_event_id, system_context
from shared.audit.moment import rfc3339, unix_seconds
from shared.evidence.segment import parse
from shared.evidence.signer import Signer, genuine
from shared.evidence.vault import LockedBucket, checkpoint_key, digest_key, log_prefix
from shared.store.attribute import Row
from shared.store.audit_logs import FIRST_LANE, log_tail, opened_lane
from shared.store.audit_seals import (
    ROW_ONLY,
    SealHead,
    digest_items,
    head_of,
    read_digest_head,
    read_seal_head,
    segments_after,
    state_of,
)
from shared.store.transaction import Committed, Ledger
from shared.store.wire import Clock, JsonService

IDLE_SECONDS = 86_400  # an idle log is signed daily
_OF_ITS_TIME = frozenset({"period", "source", "watermark", "software"})
OWN_ACTION = "AUDIT_DIGEST_SIGNED"
# What the machinery says of a log at rest is no activity, or signing would never end.
AT_REST = frozenset({OWN_ACTION, "AUDIT_INTEGRITY_VERIFIED"})


@dataclass(frozen=True, slots=True)
class _Since:
    """What was sealed since the last digest: where that one ended, and the segments (seal rows) behind it.

    `change` is there where another key than that of the last digest is in force now.
    """

    previous: Row | None
    begin: SealHead
    segments: list[Row]
    change: Replaced | None = None

    @property
    def end(self) -> SealHead:
        return head_of(self.segments[-1]["no"], self.segments[-1]["after"]) if self.segments else self.begin

    @property
    def begins(self) -> str:
        """Give the instant from which the next period runs; "" where there is nothing to speak of."""
        if self.previous is not None:
            return str(self.previous["to"])
        return str(self.segments[0]["time"]["min"]) if self.segments else ""

    def first(self, number: int) -> _Since:
        return replace(self, segments=self.segments[:number])


@dataclass(frozen=True, slots=True)
class Digester:
    """`signer` is the key in force, `replaced` are those before it, oldest first."""

    dynamodb: JsonService
    vault: LockedBucket
    signer: Signer
    ledger: Ledger
    settings: Settings
    clock: Clock
    replaced: tuple[Replaced, ...] = ()

    def sign(self, tenant: str) -> int | None:
        """Sign the next digest if one is due; gives its number, `None` when there is nothing to say yet."""
        now = self.clock()
        # 1. What was signed last, and what has been sealed since? Periods abut, so a clock that ran backwards has to
        # pass the beginning of this one first.
        since = self._since(tenant)
        if rfc3339(now) <= since.begins or not self._due(since, now):
            return None
        # 2. Compose the statement and put it, or adopt the one that an earlier run put under this number.
        body = self._put_digest(tenant, since, now)
        # 3. Sign it and the tree head, and lay the public key beside them.
        versions = self._put_signatures(tenant, body)
        # 4. Move the digest head, together with the events that say so.
        return self._commit(tenant, body, versions, since, now)

    def signed_under(self, kid: str, tenant: str) -> bool:
        """Tell whether the last digest of `tenant` is signed by this key; so it is where there never was one."""
        previous = read_digest_head(self.dynamodb, self.settings.audit_seals_table, tenant, self.settings.log_epoch)
        return previous is None or kid_of(self.vault, previous) == kid

    def _since(self, tenant: str) -> _Since:
        table, epoch = self.settings.audit_seals_table, self.settings.log_epoch
        previous = read_digest_head(self.dynamodb, table, tenant, epoch)
        head = read_seal_head(self.dynamodb, table, tenant, epoch)
        last = previous["segment"] if previous else 0
        rows = list(segments_after(self.dynamodb, table, tenant, epoch, max(last - 1, 0)))
        rows = [row for row in rows if row["no"] <= head.segment]
        begin = head_of(last, rows[0]["after"]) if last else SealHead()
        return _Since(previous, begin, rows[1:] if last else rows, self._change(tenant, previous))

    def _change(self, tenant: str, previous: Row | None) -> Replaced | None:
        """Give the change of keys that this log has yet to make; `RuntimeError` for one that was never stated."""
        kid = kid_of(self.vault, previous) if previous else self.signer.kid
        change = self._keys.change_from(kid)
        if previous is not None and change is None and kid != self.signer.kid:
            raise RuntimeError(f"digest {previous['no']} of {tenant} is signed by {kid}, which nobody took over from")
        return change

    @property
    def _keys(self) -> SigningKeys:
        return SigningKeys(self.signer, self.replaced)

    @staticmethod
    def _due(since: _Since, now: float) -> bool:
        previous, segments = since.previous, since.segments
        if since.change is not None:
            return bool(segments)  # at once, and never over a tree head that the earlier key has signed
        if any(action not in AT_REST for segment in segments for action in segment["counts"]):
            return True
        if previous is None:
            return False
        # The last events came just before the last digest, behind its watermark: one more says that they were the last.
        uncovered = previous["time_max"] is not None and previous["time_max"] >= previous["watermark"]
        return uncovered or now - unix_seconds(previous["to"]) >= IDLE_SECONDS

    def _statement(self, tenant: str, since: _Since, now: float, kid: str | None = None) -> dict[str, Any]:
        previous, segments, head = since.previous, since.segments, since.end
        checkpoint = Checkpoint(self._origin(tenant), head.frontier.size, head.frontier.root())
        counts = Counter[str]()
        for segment in segments:
            counts.update(segment["counts"])
        return {
            "type": "digest",
            "v": 1,
            "log": self.settings.log_name,
            "tenant": tenant,
            "epoch": self.settings.log_epoch,
            "no": previous["no"] + 1 if previous else 1,
            "period": {"from": since.begins or rfc3339(now), "to": rfc3339(now)},
            "prev": {"no": previous["no"], "sha256": previous["sha256"]} if previous else None,
            "segments": [_segment_entry(segment) for segment in segments],
            "lanes": state_of(head)["lanes"],
            "counts": {"total": counts.total(), "by_action": dict(counts)},
            "time_max": head.time_max,
            **self._completeness(tenant, head, now),
            "tree": {"size": checkpoint.size, "root": base64.b64encode(checkpoint.root).decode()},
            "checkpoint": checkpoint.body().decode(),
            "software": {"version": self.settings.software_version},
            "kid": kid or self.signer.kid,
        }

    def _completeness(self, tenant: str, head: SealHead, now: float) -> dict[str, Any]:
        """Read where every lane ends: what is neither there nor sealed carries a stamp behind the watermark."""
        table, epoch = self.settings.audit_logs_table, self.settings.log_epoch
        last = {FIRST_LANE: 0} | {lane: sealed.seq for lane, sealed in head.lanes.items()}
        watermark = rfc3339(now - self.settings.watermark_lag_seconds)
        unsealed = 0
        for entry in log_tail(self.dynamodb, table, tenant, epoch, head.lanes):
            event = parse(entry.line.encode())
            watermark = min(watermark, event.time)
            last[event.lane] = event.seq
            if (opened := opened_lane(event.members)) is not None:
                last.setdefault(opened, 0)
            unsealed += 1
        return {
            "source": {"read_at": rfc3339(now), "last": last, "unsealed": unsealed},
            "watermark": watermark,
        }

    def _put_digest(self, tenant: str, since: _Since, now: float) -> bytes:
        statement = self._statement(tenant, since, now)
        body = canonical(statement)
        key = digest_key(self._prefix(tenant), statement["no"])
        if self.vault.put_once(key, body, "application/json"):
            return body
        found = self.vault.read(key)
        self._check_adopted(tenant, since, found, now)
        return found

    def _check_adopted(self, tenant: str, since: _Since, body: bytes, now: float) -> None:
        """Refuse to sign what this function would not have said itself.

        Whoever may put into the vault could plant a digest. Everything but the time of its making is computed again,
        for as many segments as it speaks of; and what it says of time must not reach beyond what is known now.
        """
        found = json.loads(body)
        kid = self._kid_of_adopted(since, found)
        expected = self._statement(tenant, since.first(len(found["segments"])), now, kid)
        settled = {name for name in expected if name not in _OF_ITS_TIME}
        if since.change is not None and kid == self.signer.kid and not found["segments"]:
            raise RuntimeError(f"digest {expected['no']} of {tenant} changes the key and covers nothing")
        honest = all(found.get(name) == expected[name] for name in settled) and set(found) == set(expected)
        if not honest or canonical(found) != body or not of_its_time(found, expected):
            raise RuntimeError(f"digest {expected['no']} of {tenant} lies in the vault and is not ours")

    def _kid_of_adopted(self, since: _Since, found: Mapping[str, Any]) -> str:
        """Name the key that finishes a digest which lies in the vault: the one in force, or the one before a change.

        A run can end, and keys can change, between the digest and its signature. As long as the log has not gone over
        to the next key, what the earlier one began is finished with it.
        """
        begun_by = [since.change.signer] if since.change else []
        if since.previous is None:
            begun_by = [each.signer for each in self.replaced]
        kid = found.get("kid")
        return next((signer.kid for signer in begun_by if signer.kid == kid), self.signer.kid)

    def _put_signatures(self, tenant: str, body: bytes) -> Row:
        """Lay signature, tree head and public key beside a digest; gives the versions for its row."""
        prefix, digest = self._prefix(tenant), json.loads(body)
        signer = self._keys.by_kid(digest["kid"])
        if signer is None:
            raise RuntimeError(f"digest {digest['no']} of {tenant} names a key that is not ours")
        text = digest["checkpoint"].encode()
        note = Checkpoint(self._origin(tenant), digest["tree"]["size"], base64.b64decode(digest["tree"]["root"]))
        if note.body() != text:
            raise RuntimeError(f"digest {digest['no']} of {tenant} carries another checkpoint than its tree")
        key, head = f"{digest_key(prefix, digest['no'])}.sig", checkpoint_key(prefix, note.size)
        signed = note.note(note.origin, signer.public_der, signer.sign(text))
        versions: Row = {
            "sig_version_id": lay_signature(self.vault, key, body, signer),
            "checkpoint_version_id": self.vault.lay(
                head,
                signed,
                "text/plain; charset=utf-8",
                lambda found: _is_note(found, note, signer),
            ),
        }
        lay_public_key(self.vault, signer)
        return versions

    def _commit(self, tenant: str, body: bytes, versions: Row, since: _Since, now: float) -> int | None:
        digest = json.loads(body)
        row = self._row(tenant, digest, hashlib.sha256(body).hexdigest()) | versions
        row["segment"] = since.first(len(digest["segments"])).end.segment
        items = digest_items(self.settings.audit_seals_table, tenant, self.settings.log_epoch, row)
        event = Draft(
            event_id=new_event_id(now),
            action=OWN_ACTION,
            outcome="success",
            actor=Actor("system", "audit_digest"),
            resource=f"audit_log/{tenant}/e{self.settings.log_epoch}/digest/{row['no']}",
            context=system_context("schedule"),
            meta={name: row[name] for name in ("no", "sha256", "tree_size", "root", "watermark")}
            | {"segments": len(digest["segments"]), "events": digest["counts"]["total"]},
        )
        turned = [since.change] if since.change and digest["kid"] == self.signer.kid else []
        # In turn into every lane that is open: the table lets rows expire, and each lane must keep its last one.
        lanes = sorted(digest["lanes"], key=int) or [FIRST_LANE]
        events = [*(_key_changed(change, now) for change in turned), event]
        outcome = self.ledger.commit(tenant, items, events, lane=lanes[row["no"] % len(lanes)])
        return int(row["no"]) if isinstance(outcome, Committed) else None

    def _row(self, tenant: str, digest: Mapping[str, Any], sha256: str) -> Row:
        key = digest_key(self._prefix(tenant), digest["no"])
        return {
            "no": digest["no"],
            "key": key,
            "version_id": self.vault.stored(key).version_id,
            "sha256": sha256,
            "tree_size": digest["tree"]["size"],
            "root": digest["tree"]["root"],
            "watermark": digest["watermark"],
            "time_max": digest["time_max"],
            "to": digest["period"]["to"],
            "unsealed": digest["source"]["unsealed"],
            "kid": digest["kid"],
        }

    def _origin(self, tenant: str) -> str:
        return origin_of(self.settings.log_origin, tenant, self.settings.log_epoch)

    def _prefix(self, tenant: str) -> str:
        return log_prefix(self.settings.log_name, tenant, self.settings.log_epoch)


def _segment_entry(segment: Row) -> dict[str, Any]:
    return {name: value for name, value in segment.items() if name not in ROW_ONLY}


def _is_note(found: bytes, note: Checkpoint, signer: Signer) -> bool:
    """Tell whether `found` is the note of this tree head with a signature of this key, and nothing more."""
    stamp = found.strip().rpartition(b" ")[2]
    try:
        signature = base64.b64decode(stamp, validate=True)[4:]
    except ValueError:
        return False
    same = found == note.note(note.origin, signer.public_der, signature)
    return same and genuine(signer.public_der, note.body(), signature)


def _key_changed(change: Replaced, now: float) -> Draft:
    return Draft(
        event_id=new_event_id(now),
        action="SIGNING_KEY_ROTATED",
        outcome="success",
        actor=Actor("system", "audit_digest"),
        resource=f"signing_key/{change.next_kid}",
        context=system_context("schedule"),
        meta={
            "role": "ledger",
            "previous": change.signer.kid,
            "next": change.next_kid,
            "statement": change.statement,
        },
    )

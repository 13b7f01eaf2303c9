"""The daily anchor: one root over the last signed tree heads of all logs (docs/formats.md, "Anchor").

Rules of this module
- Once a date, by whichever run comes first; a day without a run has no anchor, and the chain goes on behind it. A date
  before that of the last anchor gets none: clocks that run backwards do not reorder the chain.
- The leaves are put first: a run that dies behind them is finished from them, for the logs have moved on since. A leaf
  counts only if it is a tree head that the log has signed.
- Leaves tell how many logs there are and how they grow. They stay in the deployment; a log's owner gets a path.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.audit_digest.rotation import SigningKeys, lay_public_key, lay_signature
from functions.audit_digest.settings import Settings
from shared.audit.anchor_leaf import anchor_leaf
from shared.audit.canonical import canonical
from shared.audit.checkpoint import origin_of
from shared.audit.merkle import Frontier
from shared.audit.moment import rfc3339, unix_seconds
from shared.evidence.signer import genuine
from shared.evidence.vault import LockedBucket, anchor_key, anchor_leaves_key, anchor_prefix
from shared.store.attribute import Row
from shared.store.audit_seals import digests_after, read_digest_head
from shared.store.wire import Clock, JsonService

_JSON = "application/json"
_SIGNATURE = ".json.sig"
_DATE_CHARACTERS = 10
_RECENT_SECONDS = 30 * 86_400  # where the last anchor is looked for first; the whole list grows by a thousand a year


@dataclass(frozen=True, slots=True)
class Anchorer:
    dynamodb: JsonService
    vault: LockedBucket
    keys: SigningKeys
    settings: Settings
    clock: Clock

    def anchor(self, tenants: Sequence[str]) -> str | None:
        """Make today's anchor, or finish it; gives its date, `None` where it is there already or there can be none."""
        at = rfc3339(self.clock())
        date = at[:_DATE_CHARACTERS]
        # 1. What was anchored last, and what lies there as if it had been?
        last, strangers = self._last_signed()
        if last is not None and last[0] >= date:
            return None
        previous = None if last is None else {"date": last[0], "sha256": hashlib.sha256(last[1]).hexdigest()}
        # 2. The last signed tree head of each log, or those that an earlier run of today had put.
        leaves = self._put_leaves(date, tenants)
        if not leaves:
            return None
        # 3. The anchor over them, or the one that lies there, and its signature.
        body = self._put_anchor(self._document(date, at, previous, leaves))
        signer = self.keys.by_kid(json.loads(body)["kid"])
        if signer is None:
            raise RuntimeError(f"the anchor of {date} names a key that is not ours")
        lay_public_key(self.vault, signer)
        lay_signature(self.vault, f"{anchor_key(self.settings.log_name, date)}.sig", body, signer)
        # 4. Whoever planted an anchor holds up nothing, and is heard of.
        if strangers:
            raise RuntimeError(f"anchored {date}, but {strangers[0]} lies in the vault and is not ours")
        return date

    def _signed_dates(self) -> list[str]:
        prefix = anchor_prefix(self.settings.log_name)
        recent = f"{prefix}{rfc3339(self.clock() - _RECENT_SECONDS)[:_DATE_CHARACTERS]}"
        for after in (recent, ""):
            signed = [key for key in self.vault.listed(prefix, after) if key.endswith(_SIGNATURE)]
            if signed:
                return sorted(key[len(prefix) :].removesuffix(_SIGNATURE) for key in signed)
        return []

    def _last_signed(self) -> tuple[tuple[str, bytes] | None, list[str]]:
        """Give date and body of the last anchor that bears a signature of ours, and the keys behind it that do not."""
        strangers: list[str] = []
        for date in reversed(self._signed_dates()):
            key = anchor_key(self.settings.log_name, date)
            body, signature = self.vault.find(key), self.vault.find(f"{key}.sig")
            if body is not None and signature is not None and self._ours(date, body, signature):
                return (date, body), strangers
            strangers.append(key)
        return None, strangers

    def _ours(self, date: str, body: bytes, signature: bytes) -> bool:
        try:
            document = json.loads(body)
            signer, stated = self.keys.by_kid(document["kid"]), document["date"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        return signer is not None and stated == date and genuine(signer.public_der, body, signature)

    def _put_leaves(self, date: str, tenants: Sequence[str]) -> list[bytes]:
        logs = sorted(self._logs(tenants), key=lambda log: hashlib.sha256(log[0].encode()).hexdigest())
        leaves = [_leaf(origin, head) for origin, _, head in logs]
        if not leaves:
            return []
        key = anchor_leaves_key(self.settings.log_name, date)
        if self.vault.put_once(key, canonical({"leaves": [leaf.hex() for leaf in leaves]}), _JSON):
            return leaves
        found = [bytes.fromhex(leaf) for leaf in json.loads(self.vault.read(key))["leaves"]]
        remaining = iter(found)
        awaited = next(remaining, None)
        for origin, (tenant, epoch), _ in logs:  # in the order of the leaves; a log that began since has none
            table = self.settings.audit_seals_table
            signed = {_leaf(origin, row) for row in digests_after(self.dynamodb, table, tenant, epoch, 0)}
            if awaited in signed:
                awaited = next(remaining, None)
        if awaited is not None or not found:
            raise RuntimeError(f"{key} lies in the vault and is not ours")
        return found

    def _logs(self, tenants: Sequence[str]) -> Iterator[tuple[str, tuple[str, int], Row]]:
        """Give origin, tenant and epoch, and the last digest's row, of every log that has a signed digest."""
        for tenant in tenants:
            for epoch in range(1, self.settings.log_epoch + 1):
                head = read_digest_head(self.dynamodb, self.settings.audit_seals_table, tenant, epoch)
                if head is not None:
                    yield origin_of(self.settings.log_origin, tenant, epoch), (tenant, epoch), head

    def _document(
        self, date: str, at: str, previous: Mapping[str, str] | None, leaves: Sequence[bytes]
    ) -> dict[str, Any]:
        return {
            "type": "anchor",
            "v": 1,
            "log": self.settings.log_name,
            "date": date,
            "at": at,
            "prev": dict(previous) if previous else None,
            "size": len(leaves),
            "root": base64.b64encode(Frontier().extend(leaves).root()).decode(),
            "software": {"version": self.settings.software_version},
            "kid": self.keys.in_force.kid,
        }

    def _put_anchor(self, document: dict[str, Any]) -> bytes:
        """Put the anchor, or adopt the one that an earlier run of today put: all but its making is the same."""
        key, body = anchor_key(self.settings.log_name, document["date"]), canonical(document)
        if self.vault.put_once(key, body, _JSON):
            return body
        body = self.vault.read(key)
        found = json.loads(body)
        made = {name: found.get(name) for name in ("at", "software", "kid")}
        if canonical(found) != body or found != document | made or not self._of_its_time(made, document):
            raise RuntimeError(f"{key} lies in the vault and is not ours")
        return body

    def _of_its_time(self, made: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
        """Tell whether an earlier run of this date can have made it so, with the key that was in force then."""
        try:
            unix_seconds(made["at"])
            software = set(made["software"]) == {"version"} and isinstance(made["software"]["version"], str)
        except (ValueError, TypeError, KeyError, AttributeError):
            return False
        timely = document["date"] <= made["at"] <= document["at"]
        return software and timely and self.keys.signed_at(made["kid"], made["at"])


def _leaf(origin: str, head: Row) -> bytes:
    return anchor_leaf(origin, head["tree_size"], head["root"])

"""The proofs of a bundle, out of the vault: signed digests, tree heads, the ledger's keys, and where the tree began."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from functions.evidence_pipeline.anchor_file import AnchorFiles, TreeHead
from functions.evidence_pipeline.bundle_file import BundleFile, inline_file
from shared.audit.canonical import canonical
from shared.evidence.key_change import KeyChange, key_chain
from shared.evidence.vault import LockedBucket, checkpoint_key, log_prefix, public_key_key, rotation_key
from shared.store.audit_seals import number_of

_READERS = 8  # concurrent reads; the files are small, the round trips are what takes time


@dataclass(frozen=True, slots=True)
class Proof:
    """One signed digest as the vault holds it, and the tree head that it speaks of."""

    number: int
    body: bytes
    signature: bytes
    checkpoint: bytes

    @property
    def statement(self) -> Mapping[str, Any]:
        statement: Mapping[str, Any] = json.loads(self.body)
        return statement


@dataclass(frozen=True, slots=True)
class IntegrityFiles:
    vault: LockedBucket
    log: str
    epoch: int

    @property
    def bucket(self) -> str:
        return self.vault.bucket

    def collect(self, plan: Mapping[str, Any]) -> tuple[list[BundleFile], list[str]]:
        """Give the files, and the fingerprints of the ledger's keys, from its first to that of the closing digest.

        Raises `RuntimeError` for a digest by a key from which no statement leads to the closing one's.
        """
        prefix = log_prefix(self.log, plan["tenant"]["id"], self.epoch)
        with ThreadPoolExecutor(_READERS) as pool:
            proofs = list(pool.map(lambda row: self._proof(prefix, row), plan["digests"]))
        # Also the keys of before the range, which auditors may have pinned.
        kids, changes = key_chain(self.vault, proofs[-1].statement["kid"])
        for proof in proofs:
            if proof.statement["kid"] not in kids:
                raise RuntimeError(f"no statement leads from the key of digest {proof.number} to the closing one's")
        anchors = AnchorFiles(self.vault, self.log).collect(*_anchored(plan, proofs), kids)
        return [_opening(plan, proofs[0]), *_proof_files(proofs), *anchors, *self._keys(kids, changes)], kids

    def _keys(self, kids: Sequence[str], changes: Sequence[KeyChange]) -> Iterator[BundleFile]:
        """Read the public keys, and lay beside each but the first how it took over, signed by both."""
        for kid, change in zip(kids, (None, *changes), strict=True):
            yield inline_file(f"keys/{kid}.pem", self.vault.read(public_key_key(kid)))
            if change is None:
                continue
            yield inline_file(rotation_key(kid), change.statement)
            yield inline_file(f"{rotation_key(kid)}.previous.sig", change.previous_signature)
            yield inline_file(f"{rotation_key(kid)}.next.sig", change.next_signature)

    def _proof(self, prefix: str, row: Mapping[str, Any]) -> Proof:
        return Proof(
            number=row["no"],
            body=self.vault.read(row["key"], row["version_id"]),
            # Rows of before the versions were noted name none; what lies at the key is checked by whoever verifies.
            signature=self.vault.read(f"{row['key']}.sig", row.get("sig_version_id")),
            checkpoint=self.vault.read(checkpoint_key(prefix, row["tree_size"]), row.get("checkpoint_version_id")),
        )


def _anchored(plan: Mapping[str, Any], proofs: Sequence[Proof]) -> tuple[str, list[TreeHead], tuple[str, str]]:
    """Give the log's origin, its tree heads from the opening digest on, and between which instants anchors count."""
    statements = [proof.statement for proof in proofs]
    origin = statements[0]["checkpoint"].partition("\n")[0]
    signed = [(each["tree"]["size"], each["tree"]["root"]) for each in statements]
    heads = [TreeHead(size, root) for size, root in (*signed, *plan.get("later_heads", ()))]
    period = statements[0]["period"]
    return origin, heads, (period["to" if plan["opening"] else "from"], statements[-1]["period"]["to"])


def _opening(plan: Mapping[str, Any], first: Proof) -> BundleFile:
    """State the tree before the first event: nothing, or what the opening digest signed."""
    opening = plan["opening"]
    document = {
        "digest": opening["no"] if opening else 0,
        "size": opening["tree_size"] if opening else 0,
        "frontier": plan["frontier"],
        "lanes": first.statement["lanes"] if opening else {},
    }
    return inline_file("integrity/opening.json", canonical(document))


def _proof_files(proofs: list[Proof]) -> Iterator[BundleFile]:
    notes: dict[int, bytes] = {}
    for proof in proofs:
        path = f"integrity/digests/{number_of(proof.number)}.json"
        yield inline_file(path, proof.body)
        yield inline_file(f"{path}.sig", proof.signature)
        notes[proof.statement["tree"]["size"]] = proof.checkpoint
    for size, note in sorted(notes.items()):
        yield inline_file(f"integrity/checkpoints/{number_of(size)}", note)

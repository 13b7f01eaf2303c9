"""The daily anchors of a bundle: what was signed over all logs, and the path from this log's tree head to it.

A bundle gets the anchors between its opening and closing digest and the first one behind, of those that hold a tree
head of this log and are signed by a key of the bundle. The leaves of the other logs stay where they are.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from functions.evidence_pipeline.bundle_file import BundleFile, inline_file
from shared.audit.anchor_leaf import anchor_leaf
from shared.audit.canonical import Json, canonical
from shared.audit.merkle import Frontier
from shared.audit.merkle_proof import inclusion_proof
from shared.evidence.vault import LockedBucket, anchor_key, anchor_leaves_key, anchor_prefix

_READERS = 8  # concurrent reads, as for digests
_DATE_CHARACTERS = 10
_SIGNATURE, _TOKEN = ".json.sig", ".json.tsr"


@dataclass(frozen=True, slots=True)
class TreeHead:
    """`root` is base64, as digests and anchors write it."""

    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Anchored:
    """The files of one anchor as the vault holds them; `token` None: it has no time stamp."""

    date: str
    body: bytes
    signature: bytes
    token: bytes | None
    leaves: tuple[bytes, ...]

    @property
    def document(self) -> Mapping[str, Any]:
        document: Mapping[str, Any] = json.loads(self.body)
        return document


@dataclass(frozen=True, slots=True)
class AnchorFiles:
    vault: LockedBucket
    log: str

    def collect(
        self, origin: str, heads: Collection[TreeHead], span: tuple[str, str], kids: Collection[str]
    ) -> Iterator[BundleFile]:
        """Give the files of the anchors that stand behind the instant `span[0]`, up to the first behind `span[1]`.

        `heads` are the tree heads that the log has signed from the opening digest on, those behind the closing one
        included. Raises `RuntimeError` for leaves that are not those of their anchor.
        """
        by_leaf = {anchor_leaf(origin, head.size, head.root): head for head in heads}
        for anchored in self._between(span, kids):
            document, leaves = anchored.document, anchored.leaves
            if base64.b64encode(Frontier().extend(leaves).root()).decode() != document["root"]:
                raise RuntimeError(f"the leaves of the anchor of {anchored.date} are not its own")
            index = next((number for number, leaf in enumerate(leaves) if leaf in by_leaf), None)
            if index is not None:  # otherwise the log had signed nothing yet
                yield from _files(anchored, origin, by_leaf[leaves[index]], index)

    def _between(self, span: tuple[str, str], kids: Collection[str]) -> Iterator[Anchored]:
        prefix = anchor_prefix(self.log)
        names = set(self.vault.listed(prefix, f"{prefix}{span[0][:_DATE_CHARACTERS]}"))
        dates = sorted(name[len(prefix) :].removesuffix(_SIGNATURE) for name in names if name.endswith(_SIGNATURE))
        last = span[1][:_DATE_CHARACTERS]
        within = [date for date in dates if date <= last]
        with ThreadPoolExecutor(_READERS) as pool:
            found = pool.map(lambda date: self._read(date, names), within)
        for anchored in (*found, *(self._read(date, names) for date in dates[len(within) :][:1])):
            if anchored.document["at"] <= span[0] or anchored.document["kid"] not in kids:
                continue
            yield anchored
            if anchored.document["at"] > span[1]:
                return

    def _read(self, date: str, names: Collection[str]) -> Anchored:
        key = anchor_key(self.log, date)
        token = f"{anchor_prefix(self.log)}{date}{_TOKEN}"
        leaves = json.loads(self.vault.read(anchor_leaves_key(self.log, date)))["leaves"]
        return Anchored(
            date=date,
            body=self.vault.read(key),
            signature=self.vault.read(f"{key}.sig"),
            token=self.vault.read(token) if token in names else None,
            leaves=tuple(bytes.fromhex(leaf) for leaf in leaves),
        )


def _files(anchored: Anchored, origin: str, head: TreeHead, index: int) -> Iterator[BundleFile]:
    path = f"integrity/anchors/{anchored.date}"
    yield inline_file(f"{path}.json", anchored.body)
    yield inline_file(f"{path}{_SIGNATURE}", anchored.signature)
    if anchored.token is not None:
        yield inline_file(f"{path}{_TOKEN}", anchored.token)
    proof: dict[str, Json] = {
        "type": "anchor-proof",
        "v": 1,
        "date": anchored.date,
        "origin": origin,
        "tree": {"size": head.size, "root": head.root},
        "index": index,
        "leaves": len(anchored.leaves),
        "path": [node.hex() for node in inclusion_proof(anchored.leaves, index)],
    }
    yield inline_file(f"{path}.proof.json", canonical(proof))

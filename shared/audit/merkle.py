"""The tree over a tenant's log (RFC 6962 section 2.1).

Leaf and node hashes carry different prefixes, so that no node can be passed off as an event. The sealer never holds the
tree: a frontier, the roots of the perfect subtrees from left to right, is all that appending needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

LEAF_PREFIX = b"\x00"  # RFC 6962 section 2.1
_NODE_PREFIX = b"\x01"


def leaf_hash(line: bytes) -> bytes:
    return hashlib.sha256(LEAF_PREFIX + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of `size` leaves as the roots of its perfect subtrees, largest (leftmost) first.

    There is one node for each bit that is set in `size`, so at most 53 for any log that can exist.
    """

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.nodes) != self.size.bit_count():
            raise ValueError(f"{len(self.nodes)} nodes are no frontier of {self.size} leaves")

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """Append leaf hashes; amortized one node hash a leaf."""
        size, nodes = self.size, list(self.nodes)
        for leaf in leaves:
            node, carry = leaf, size
            while carry & 1:
                node = node_hash(nodes.pop(), node)
                carry >>= 1
            nodes.append(node)
            size += 1
        return Frontier(size, tuple(nodes))

    def root(self) -> bytes:
        """Give the tree head; of no leaves, the hash of the empty string (RFC 6962 section 2.1)."""
        if not self.nodes:
            return hashlib.sha256(b"").digest()
        node = self.nodes[-1]
        for left in reversed(self.nodes[:-1]):
            node = node_hash(left, node)
        return node

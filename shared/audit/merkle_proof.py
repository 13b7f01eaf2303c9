"""Proofs over a tree of leaf hashes (RFC 9162 sections 2.1.3 and 2.1.4): made here, and verified as a stranger would.

The maker may know the left part of the tree only as a `Frontier` (`before`), and the leaves behind it. That is enough
for every leaf and every older size at or behind the frontier, and no earlier segment has to be read for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.audit.merkle import Frontier, node_hash

Path = tuple[bytes, ...]
_NOTHING = Frontier()


def inclusion_proof(leaves: Sequence[bytes], index: int, before: Frontier = _NOTHING) -> Path:
    """Prove leaf `index` of the tree of `before` and `leaves`, from the leaf's sibling up to the root's child.

    `index` counts from 0 over the whole tree. Raises `ValueError` for one that does not lie in `leaves`.
    """
    tree = _Tree(before, leaves)
    if not before.size <= index < tree.size:
        raise ValueError(f"leaf {index} is not one of {before.size} to {tree.size - 1}")
    return tuple(map(tree.root, inclusion_spans(index, tree.size)))


def consistency_proof(leaves: Sequence[bytes], old_size: int, before: Frontier = _NOTHING) -> Path:
    """Prove that the tree of `before` and `leaves` begins with its first `old_size` leaves.

    Empty for the size 0, which begins every tree, and for the whole tree. Raises `ValueError` for a size within
    `before`, or one that the tree does not have.
    """
    tree = _Tree(before, leaves)
    if not before.size <= old_size <= tree.size:
        raise ValueError(f"size {old_size} is not one of {before.size} to {tree.size}")
    return tuple(map(tree.root, consistency_spans(old_size, tree.size)))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether `path` proves that `leaf` is number `index` of the `size` leaves under `root` (section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    number, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if number & 1 or number == last:
            node = node_hash(sibling, node)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        number, last = number >> 1, last >> 1
    return last == 0 and node == root


def verify_consistency(old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether `path` proves that the tree under `root` begins with the one under `old_root` (section 2.1.4.2).

    Of the size 0, which the RFC leaves out, only the root of the empty tree and an empty path are right.
    """
    if not 0 <= old_size <= size:
        return False
    if old_size in {0, size}:
        expected = _NOTHING.root() if old_size == 0 else root
        return not path and old_root == expected and (size > 0 or root == expected)
    nodes = [old_root, *path] if old_size.bit_count() == 1 else list(path)
    return bool(nodes) and _folds(nodes, (old_size - 1, size - 1), old_root, root)


def _folds(nodes: Sequence[bytes], last_leaves: tuple[int, int], old_root: bytes, root: bytes) -> bool:
    number, last = last_leaves
    while number & 1:
        number, last = number >> 1, last >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, node)
        number, last = number >> 1, last >> 1
    return last == 0 and old == old_root and new == root


@dataclass(frozen=True, slots=True)
class Span:
    """The leaves `start` to `end` (exclusive) of a tree, split where RFC 9162 section 2.1.1 splits them."""

    start: int
    end: int

    def halves(self) -> tuple[Span, Span]:
        middle = self.start + (1 << ((self.end - self.start - 1).bit_length() - 1))
        return Span(self.start, middle), Span(middle, self.end)


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Name the subtrees whose roots prove leaf `index` of `size`, in the order of the path."""
    spans: list[Span] = []
    span = Span(0, size)
    while span.end - span.start > 1:
        left, right = span.halves()
        span, sibling = (left, right) if index < left.end else (right, left)
        spans.append(sibling)
    return spans[::-1]


def consistency_spans(old_size: int, size: int) -> list[Span]:
    """Name the subtrees of SUBPROOF (section 2.1.4.1) in the order of the path; none for the size 0."""
    spans: list[Span] = []
    span = Span(0, size if old_size else 0)
    while span.end != old_size:
        left, right = span.halves()
        span, sibling = (left, right) if old_size <= left.end else (right, left)
        spans.append(sibling)
    if span.start:  # the verifier has the root of a subtree that begins the log
        spans.append(span)
    return spans[::-1]


def span_root(span: Span, before: Frontier, behind: Sequence[bytes]) -> bytes:
    """Give the root of a subtree of the spans above, of which `before` ends within `span` or in front of it.

    `behind` are the leaves from there, or from the beginning of the span, to its end.
    """
    inner = [(each, node) for each, node in _perfect(before) if each.start >= span.start]
    within = sum(each.end - each.start for each, _ in inner)
    return Frontier(within, tuple(node for _, node in inner)).extend(behind).root()


class _Tree:
    """A tree whose left part is known by the roots of its perfect subtrees.

    A span that lies within that part and is asked for here is always one of those: the span around it reaches into the
    leaves, and a left half is a perfect subtree.
    """

    def __init__(self, before: Frontier, leaves: Sequence[bytes]) -> None:
        self.size = before.size + len(leaves)
        self._before = before
        self._leaves = leaves
        self._known = dict(_perfect(before))

    def root(self, span: Span) -> bytes:
        if span in self._known:
            return self._known[span]
        first, last = max(span.start - self._before.size, 0), span.end - self._before.size
        return span_root(span, self._before, self._leaves[first:last])


def _perfect(frontier: Frontier) -> Iterator[tuple[Span, bytes]]:
    """Give the spans of the perfect subtrees that a tree consists of, from the left, with their roots."""
    start, nodes = 0, iter(frontier.nodes)
    for bit in reversed(range(frontier.size.bit_length())):
        if frontier.size >> bit & 1:
            yield Span(start, start + (1 << bit)), next(nodes)
            start += 1 << bit

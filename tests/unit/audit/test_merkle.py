"""The tree: what a frontier folds to is the tree head of RFC 6962, whatever way it was built up."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.merkle import Frontier, leaf_hash, node_hash

LEAVES = [leaf_hash(b"%d" % number) for number in range(200)]


def head(leaves: list[bytes]) -> bytes:
    """Compute MTH as RFC 6962 section 2.1 defines it, by recursion on the largest power of two below n."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(head(leaves[:split]), head(leaves[split:]))


@pytest.mark.parametrize("size", range(131))
def test_the_frontier_folds_to_the_tree_head_of_the_rfc(size: int) -> None:
    assert Frontier().extend(LEAVES[:size]).root() == head(LEAVES[:size])


@given(st.lists(st.integers(0, 40), max_size=8))
def test_appending_in_portions_gives_the_tree_of_appending_at_once(portions: list[int]) -> None:
    frontier, taken = Frontier(), 0
    for portion in portions:
        frontier = frontier.extend(LEAVES[taken % 100 : taken % 100 + portion])
        taken += portion
    again, taken = [], 0
    for portion in portions:
        again += LEAVES[taken % 100 : taken % 100 + portion]
        taken += portion
    assert frontier == Frontier().extend(again)
    assert frontier.size == len(again)


def test_the_known_answers_of_the_rfc_test_vectors() -> None:
    inputs = [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43"]
    frontier = Frontier().extend(map(leaf_hash, inputs))
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert frontier.root() == head([leaf_hash(text) for text in inputs])
    assert Frontier().root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_node_is_never_the_hash_of_an_event_with_the_same_bytes() -> None:
    left, right = LEAVES[0], LEAVES[1]
    assert node_hash(left, right) != leaf_hash(left + right)


@pytest.mark.parametrize(("size", "nodes"), [(1, ()), (0, (b"x",)), (3, (b"x",)), (-1, ())])
def test_a_frontier_that_belongs_to_no_tree_is_refused(size: int, nodes: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="frontier"):
        Frontier(size, nodes)

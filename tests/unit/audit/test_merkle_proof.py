"""Proofs of the tree: each right one verifies, here and by another implementation, and nothing else does."""

import itertools
from collections.abc import Iterator, Sequence

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.merkle import Frontier, leaf_hash, node_hash
from shared.audit.merkle_proof import Path, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion

LINES = [b'{"seq":%d}' % number for number in range(400)]
LEAVES = [leaf_hash(line) for line in LINES]
MOST = 70
SIZES = range(1, MOST + 1)
FRONTIERS = list(itertools.accumulate(([leaf] for leaf in LEAVES), Frontier.extend, initial=Frontier()))
ROOTS = [frontier.root() for frontier in FRONTIERS]


@pytest.fixture(scope="module")
def peer() -> pymerkle.InmemoryTree:
    """Another implementation of the tree of RFC 6962: SHA-256, prefixes 0x00 and 0x01, leaves counted from 1."""
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    tree.append_entries(LINES)
    return tree


def wrong(path: Path) -> Iterator[Path]:
    """Give paths that are one step away from `path`: a bit in each hash, one left out, one more, two swapped."""
    for place, node in enumerate(path):
        yield (*path[:place], bytes([node[0] ^ 1]) + node[1:], *path[place + 1 :])
        yield path[:place] + path[place + 1 :]
    for place in range(len(path) + 1):
        yield (*path[:place], LEAVES[399], *path[place:])
    if len(path) > 1:
        yield path[::-1]


@pytest.mark.parametrize("size", SIZES)
def test_the_peer_has_the_same_root(size: int, peer: pymerkle.InmemoryTree) -> None:
    assert peer.get_root(size) == ROOTS[size]


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_of_every_tree_is_proven_as_the_peer_proves_it(size: int, peer: pymerkle.InmemoryTree) -> None:
    for index in range(size):
        path = inclusion_proof(LEAVES[:size], index)
        theirs = peer.prove_inclusion(index + 1, size)
        assert path == tuple(theirs.path[1:])
        assert verify_inclusion(LEAVES[index], index, size, theirs.path[1:], ROOTS[size])
        theirs.path[1:] = list(path)
        theirs.verify(LEAVES[index], ROOTS[size], index=index + 1, size=size, algorithm="sha256")


@pytest.mark.parametrize("size", SIZES)
def test_what_the_peer_says_of_two_trees_verifies_here(size: int, peer: pymerkle.InmemoryTree) -> None:
    for old_size in range(1, size):
        path = in_the_form_of_the_rfc(peer.prove_consistency(old_size, size), old_size)
        assert path == consistency_proof(LEAVES[:size], old_size)
        assert verify_consistency(old_size, ROOTS[old_size], size, ROOTS[size], path)


@pytest.mark.parametrize("size", SIZES)
def test_the_peer_resolves_our_consistency_proofs_to_both_of_its_roots(size: int, peer: pymerkle.InmemoryTree) -> None:
    for old_size in range(1, size):
        path = list(consistency_proof(LEAVES[:size], old_size))
        if old_size.bit_count() == 1:
            path.insert(0, peer.get_root(old_size))
        sides = [int(right) for right in turns(old_size - 1, size)][-len(path) + 1 :]
        theirs = pymerkle.proof.MerkleProof("sha256", security=True, size=size, rule=[*sides, 0], path=path)
        assert theirs.compute_root() == peer.get_root(size)
        within = [path[0], *(node for node, left in zip(path[1:], sides, strict=True) if left)]
        assert peer.hash_fold(within) == peer.get_root(old_size)


def in_the_form_of_the_rfc(proof: pymerkle.ConsistencyProof, old_size: int) -> Path:
    """Fold what the peer gives in smaller parts: the subtree behind the older tree, down to its first leaf.

    It also names a subtree that begins the log, which the RFC leaves to the verifier.
    """
    behind = proof.subset.index(1)
    folded = pymerkle.proof.MerkleProof("sha256", security=True, size=0, rule=proof.rule, path=proof.path[:behind])
    named = () if old_size.bit_count() == 1 else (proof.path[behind],)
    return (*named, folded.compute_root(), *proof.path[behind + 1 :])


@pytest.mark.parametrize("size", [*range(34), 63, 64, 65, MOST])
def test_what_a_frontier_and_the_leaves_behind_it_prove_is_what_all_leaves_prove(size: int) -> None:
    whole = [inclusion_proof(LEAVES[:size], index) for index in range(size)]
    older = [consistency_proof(LEAVES[:size], old_size) for old_size in range(size + 1)]
    for known in range(size + 1):
        before, behind = FRONTIERS[known], LEAVES[known:size]
        assert [inclusion_proof(behind, index, before) for index in range(known, size)] == whole[known:]
        assert [consistency_proof(behind, old_size, before) for old_size in range(known, size + 1)] == older[known:]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 9, 13, 31, 32, 33])
def test_no_other_path_leaf_place_or_root_passes_for_an_inclusion(size: int) -> None:
    for index in range(size):
        path = inclusion_proof(LEAVES[:size], index)
        assert not any(verify_inclusion(LEAVES[index], index, size, each, ROOTS[size]) for each in wrong(path))
        assert not verify_inclusion(LEAVES[399], index, size, path, ROOTS[size])
        assert not verify_inclusion(LEAVES[index], index, size, path, ROOTS[size + 1])
        places = set(range(-1, size + 2)) - {index}
        assert not any(verify_inclusion(LEAVES[index], place, size, path, ROOTS[size]) for place in places)


@pytest.mark.parametrize("size", range(1, 34))
def test_a_path_that_goes_on_above_the_root_proves_nothing_whatever_lies_there(size: int) -> None:
    above = node_hash(LEAVES[399], ROOTS[size])
    for index in range(size):
        path = (*inclusion_proof(LEAVES[:size], index), LEAVES[399])
        assert not verify_inclusion(LEAVES[index], index, size, path, above)
        assert not verify_inclusion(LEAVES[index], index, size, path, node_hash(ROOTS[size], LEAVES[399]))
    for old_size in range(1, size):
        path = (*consistency_proof(LEAVES[:size], old_size), LEAVES[399])
        old = node_hash(LEAVES[399], ROOTS[old_size])
        assert not verify_consistency(old_size, old, size, above, path)


@pytest.mark.parametrize("size", range(1, 34))
def test_a_path_fits_other_sizes_only_where_leaf_and_root_lie_in_them_alike(size: int) -> None:
    # The path alone does not bind the size: the checkpoint does, which states size and root together.
    for index, other in itertools.product(range(size), range(40)):
        path = inclusion_proof(LEAVES[:size], index)
        passed = other != size and verify_inclusion(LEAVES[index], index, other, path, ROOTS[size])
        assert not passed or turns(index, other) == turns(index, size)


def turns(index: int, size: int) -> list[bool]:
    """Tell, from the leaf up, on which side each sibling stands (RFC 9162 section 2.1.3.1)."""
    found: list[bool] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        found.append(index >= middle)
        start, end = (middle, end) if index >= middle else (start, middle)
    return found[::-1]


@pytest.mark.parametrize("size", [2, 3, 4, 7, 8, 9, 13, 31, 32, 33])
def test_no_other_path_size_or_root_passes_for_a_consistency(size: int) -> None:
    for old_size in range(1, size):
        path = consistency_proof(LEAVES[:size], old_size)
        old, new = ROOTS[old_size], ROOTS[size]
        assert not any(verify_consistency(old_size, old, size, new, each) for each in wrong(path))
        assert not verify_consistency(old_size, ROOTS[399], size, new, path)
        assert not verify_consistency(old_size, old, size, ROOTS[399], path)
        others = set(range(-1, size + 2)) - {old_size}
        assert not any(verify_consistency(other, old, size, new, path) for other in others)


def test_the_empty_tree_begins_every_tree_and_no_path_is_needed() -> None:
    for size in range(4):
        assert consistency_proof(LEAVES[:size], 0) == ()
        assert verify_consistency(0, ROOTS[0], size, ROOTS[size], ())
        assert not verify_consistency(0, ROOTS[1], size, ROOTS[size], ())
        assert not verify_consistency(0, ROOTS[0], size, ROOTS[size], [LEAVES[0]])
    assert not verify_consistency(0, ROOTS[0], 0, ROOTS[1], ())


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_a_tree_begins_itself_and_no_other_of_its_size(size: int) -> None:
    assert consistency_proof(LEAVES[:size], size) == ()
    assert verify_consistency(size, ROOTS[size], size, ROOTS[size], ())
    assert not verify_consistency(size, ROOTS[size], size, ROOTS[size], [LEAVES[0]])
    assert not verify_consistency(size, ROOTS[size], size, ROOTS[size + 1], ())


def test_a_later_tree_without_a_path_is_no_continuation() -> None:
    assert not verify_consistency(3, ROOTS[3], 5, ROOTS[5], ())
    assert not verify_consistency(4, ROOTS[4], 5, ROOTS[5], ())
    assert not verify_consistency(5, ROOTS[5], 3, ROOTS[3], consistency_proof(LEAVES[:5], 3))


@pytest.mark.parametrize("index", [-1, 2, 10])
def test_a_leaf_outside_of_the_known_ones_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="leaf"):
        inclusion_proof(LEAVES[3:10], index, FRONTIERS[3])


@pytest.mark.parametrize("old_size", [-1, 2, 11])
def test_a_size_outside_of_the_known_ones_is_refused(old_size: int) -> None:
    with pytest.raises(ValueError, match="size"):
        consistency_proof(LEAVES[3:10], old_size, FRONTIERS[3])


@given(
    st.integers(1, 399).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1), st.integers(0, size)))
)
def test_larger_trees_prove_leaves_and_beginnings_from_any_frontier(sizes: tuple[int, int, int]) -> None:
    size, index, known = sizes
    known = min(known, index)
    before, behind = FRONTIERS[known], LEAVES[known:size]
    path = inclusion_proof(behind, index, before)
    assert verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])
    assert verify_consistency(index, ROOTS[index], size, ROOTS[size], consistency_proof(behind, index, before))
    assert not any(verify_inclusion(LEAVES[index], index, size, each, ROOTS[size]) for each in wrong(path))


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=12), st.integers(0, 400), st.integers(0, 400))
def test_a_path_of_chance_proves_nothing(path: Sequence[bytes], number: int, size: int) -> None:
    assert not path or not verify_inclusion(LEAVES[0], number, size, path, ROOTS[10])
    assert not path or not verify_consistency(number, ROOTS[1], size, ROOTS[10], path)

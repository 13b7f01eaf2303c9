"""Which anchors a bundle gets: those behind its opening digest, up to the first behind its closing one."""

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from functions.evidence_pipeline.anchor_file import AnchorFiles, TreeHead
from shared.audit.anchor_leaf import anchor_leaf
from shared.audit.canonical import canonical
from shared.audit.merkle import Frontier
from shared.audit.merkle_proof import verify_inclusion
from shared.evidence.vault import LockedBucket, anchor_key, anchor_leaves_key

LOG, ORIGIN = "local", "muniment.example/local/acme"
HEAD = TreeHead(3, base64.b64encode(b"r" * 32).decode())
KID = "a" * 64
LEAF = anchor_leaf(ORIGIN, HEAD.size, HEAD.root)


class Anchors:
    """A vault that holds nothing but anchors, by their keys."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.dates_read: set[str] = set()

    def put(self, at: str, kid: str = KID, *, leaves: Sequence[bytes] = (LEAF,), token: bytes | None = None) -> None:
        date = at[:10]
        root = base64.b64encode(Frontier().extend(leaves).root()).decode()
        self.objects[anchor_key(LOG, date)] = canonical({"at": at, "kid": kid, "root": root, "size": len(leaves)})
        self.objects[f"{anchor_key(LOG, date)}.sig"] = b"signature"
        self.objects[anchor_leaves_key(LOG, date)] = json.dumps({"leaves": [leaf.hex() for leaf in leaves]}).encode()
        if token is not None:
            self.objects[anchor_key(LOG, date).replace(".json", ".json.tsr")] = token

    def listed(self, prefix: str, after: str) -> Iterator[str]:
        return iter(sorted(key for key in self.objects if key.startswith(prefix) and key > after))

    def read(self, key: str) -> bytes:
        self.dates_read.add(key.rpartition("/")[2][:10])
        return self.objects[key]


def contents(anchors: Anchors, span: tuple[str, str], heads: Sequence[TreeHead] = (HEAD,)) -> dict[str, bytes]:
    """Give the files that a bundle of this span gets, by the names behind the folder of anchors."""
    files = AnchorFiles(cast("LockedBucket", cast("Any", anchors)), LOG).collect(ORIGIN, heads, span, {KID})
    return {
        file.path.removeprefix("integrity/anchors/"): zlib.decompressobj(-zlib.MAX_WBITS).decompress(piece.body)
        for file in files
        for piece in file.pieces
        if isinstance(piece.body, bytes)
    }


def collected(anchors: Anchors, span: tuple[str, str]) -> list[str]:
    """Name the dates of the anchors that a bundle of this span gets."""
    return [name[:10] for name in contents(anchors, span) if name.endswith(".proof.json")]


@pytest.mark.parametrize(
    ("at", "there"),
    [("T11:59:59.999Z", False), ("T12:00:00.000Z", False), ("T12:00:00.001Z", True)],
    ids=["before", "same", "behind"],
)
def test_anchor_of_the_opening_s_day_is_there_only_if_it_came_behind_the_opening(at: str, *, there: bool) -> None:
    """What was anchored up to the opening digest is that of the bundle before."""
    anchors = Anchors()
    anchors.put(f"2026-09-22{at}")
    anchors.put("2026-09-23T12:00:01.000Z")
    span = "2026-09-22T12:00:00.000Z", "2026-09-23T12:00:00.000Z"
    assert collected(anchors, span) == [*(["2026-09-22"] if there else []), "2026-09-23"]


def test_first_anchor_behind_the_closing_is_the_last() -> None:
    anchors = Anchors()
    for day in range(21, 27):
        anchors.put(f"2026-09-{day}T12:00:00.000Z")
    span = "2026-09-22T12:00:00.000Z", "2026-09-24T11:00:00.000Z"
    assert collected(anchors, span) == ["2026-09-23", "2026-09-24"]
    assert collected(anchors, (span[0], "2026-09-24T12:00:00.000Z")) == ["2026-09-23", "2026-09-24", "2026-09-25"]


def test_no_anchor_is_read_that_cannot_be_of_the_span() -> None:
    """One for each day that the log has lasted: a bundle of a quarter must not read those of years."""
    anchors = Anchors()
    for day in range(10, 28):
        anchors.put(f"2026-09-{day}T12:00:00.000Z")
    collected(anchors, ("2026-09-22T13:00:00.000Z", "2026-09-24T13:00:00.000Z"))
    assert anchors.dates_read == {f"2026-09-{day}" for day in range(22, 26)}


def test_anchor_by_another_key_stands_in_the_place_of_none() -> None:
    anchors = Anchors()
    anchors.put("2026-09-23T12:00:00.000Z", kid="b" * 64)
    anchors.put("2026-09-24T12:00:00.000Z")
    assert collected(anchors, ("2026-09-22T12:00:00.000Z", "2026-09-24T11:00:00.000Z")) == ["2026-09-24"]


def test_anchor_has_its_time_stamp_with_it_where_it_has_one() -> None:
    anchors = Anchors()
    anchors.put("2026-09-23T12:00:00.000Z", token=b"stamped")
    anchors.put("2026-09-24T12:00:00.000Z")
    files = contents(anchors, ("2026-09-22T12:00:00.000Z", "2026-09-24T11:00:00.000Z"))
    assert {name: body for name, body in files.items() if name.endswith(".tsr")} == {"2026-09-23.json.tsr": b"stamped"}
    assert files["2026-09-23.json.sig"] == b"signature"


def test_proof_leads_from_the_tree_head_that_the_anchor_holds_to_its_root() -> None:
    anchors, later = Anchors(), TreeHead(9, base64.b64encode(b"s" * 32).decode())
    leaf = anchor_leaf(ORIGIN, later.size, later.root)
    anchors.put("2026-09-23T12:00:00.000Z", leaves=(b"1" * 32, leaf, b"2" * 32))
    files = contents(anchors, ("2026-09-22T12:00:00.000Z", "2026-09-23T11:00:00.000Z"), (HEAD, later))
    proof, anchor = (json.loads(files[f"2026-09-23.{end}"]) for end in ("proof.json", "json"))
    assert (proof["tree"], proof["index"], proof["leaves"]) == ({"size": later.size, "root": later.root}, 1, 3)
    path = [bytes.fromhex(node) for node in proof["path"]]
    assert verify_inclusion(leaf, 1, 3, path, base64.b64decode(anchor["root"]))


def test_anchor_that_holds_nothing_of_the_log_is_left_out_and_leaves_that_are_not_its_own_end_the_export() -> None:
    anchors, span = Anchors(), ("2026-09-22T12:00:00.000Z", "2026-09-23T11:00:00.000Z")
    anchors.put("2026-09-23T12:00:00.000Z", leaves=(b"1" * 32,))
    assert contents(anchors, span) == {}
    anchors.objects[anchor_leaves_key(LOG, "2026-09-23")] = json.dumps({"leaves": [LEAF.hex()]}).encode()
    with pytest.raises(RuntimeError, match="are not its own"):
        contents(anchors, span)

"""The daily anchor: once a date, over all logs, chained, and what of it goes into a bundle."""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions.evidence_pipeline.anchor_file import AnchorFiles, TreeHead
from functions.evidence_pipeline.bundle_file import BundleFile
from functions.evidence_pipeline.integrity_file import IntegrityFiles
from shared.audit.canonical import canonical
from shared.audit.merkle import Frontier, leaf_hash
from shared.audit.merkle_proof import verify_inclusion
from shared.evidence.signer import genuine
from tests.functions.archive import Archive, fresh_tenant
from tests.functions.company import AFTER_Q3, archive, with_history
from tests.functions.key_ring import HOUR, START, Ring, new_ring, planted
from tests.functions.kill_points import KillSwitch, every_state, killed, undisturbed
from tests.functions.opened_bundle import bundle_of

DAY = 86_400
FIRST, SECOND, FOURTH = "2026-09-21", "2026-09-22", "2026-09-24"

__all__ = ["archive"]


@pytest.fixture
def ring(archive: Archive) -> Ring:
    ring = new_ring(archive, tenants=2)
    ring.hour(START + HOUR)
    return ring


def document(ring: Ring, date: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ring.read(f"anchor/v1/local/{date}.json"))
    return found


def leaf_of(ring: Ring, tenant: str, number: int = -1) -> str:
    row = ring.rows(tenant)[number]
    origin = hashlib.sha256(f"muniment.example/local/{tenant}".encode()).hexdigest()
    return leaf_hash(canonical({"origin_sha256": origin, "size": row["tree_size"], "root": row["root"]})).hex()


def in_order(tenants: list[str]) -> list[str]:
    return sorted(tenants, key=lambda tenant: hashlib.sha256(f"muniment.example/local/{tenant}".encode()).hexdigest())


def test_an_anchor_is_the_root_over_the_last_tree_heads_of_all_logs(ring: Ring) -> None:
    assert ring.anchor(START + HOUR) == FIRST
    leaves = [leaf_of(ring, tenant) for tenant in in_order(ring.tenants)]
    root = Frontier().extend(map(bytes.fromhex, leaves)).root()
    assert document(ring, FIRST) == {
        "type": "anchor",
        "v": 1,
        "log": "local",
        "date": FIRST,
        "at": "2026-09-21T15:13:20.000Z",
        "prev": None,
        "size": 2,
        "root": base64.b64encode(root).decode(),
        "software": {"version": ring.archive.environ["SOFTWARE_VERSION"]},
        "kid": ring.kids()[0],
    }
    assert json.loads(ring.read(f"anchor/v1/local/{FIRST}.leaves.json")) == {"leaves": leaves}
    body, signature = (ring.read(f"anchor/v1/local/{FIRST}.json{ending}") for ending in ("", ".sig"))
    assert genuine(ring.signers()[0].public_der, body, signature)
    assert canonical(document(ring, FIRST)) == body


def test_there_is_one_anchor_a_date_and_a_missed_day_is_absent(ring: Ring) -> None:
    days = (0, 0, 1, 3)
    assert [ring.anchor(START + HOUR + day * DAY) for day in days] == [FIRST, None, SECOND, FOURTH]
    for date, before in ((SECOND, FIRST), (FOURTH, SECOND)):
        body = ring.read(f"anchor/v1/local/{before}.json")
        assert document(ring, date)["prev"] == {"date": before, "sha256": hashlib.sha256(body).hexdigest()}


def test_the_chain_goes_on_after_months_without_a_run(ring: Ring) -> None:
    ring.anchor(START + HOUR)
    planted(ring, "anchor/v1/local/2027-01-01.leaves.json", b"{}")  # of a run that got no further
    assert ring.anchor(START + 200 * DAY) is not None
    (later,) = [key for key in ring.objects("anchor/v1/local/2027-") if key.endswith("json.sig")]
    assert json.loads(ring.read(later.removesuffix(".sig")))["prev"]["date"] == FIRST


def test_a_clock_that_runs_backwards_reorders_nothing(ring: Ring) -> None:
    ring.anchor(START + 2 * DAY)
    before = ring.objects()
    assert ring.anchor(START + DAY) is None
    assert ring.objects() == before


def test_logs_that_have_signed_nothing_are_not_anchored(archive: Archive) -> None:
    ring = new_ring(archive)
    assert ring.anchor(START) is None
    assert ring.objects() == []
    ring.hour(START + HOUR)
    ring.tenants.append(fresh_tenant("keys"))
    ring.anchor(START + HOUR)
    assert document(ring, FIRST)["size"] == 1


def test_an_anchor_is_finished_wherever_the_run_was_killed_though_the_logs_move_on(archive: Archive) -> None:
    def signed() -> Ring:
        ring = new_ring(archive, tenants=2)
        ring.hour(START + HOUR)
        return ring

    calls = undisturbed(lambda switch: signed().anchor(START + HOUR, switch))
    _, *states = every_state(calls)
    assert len(states) == 4  # leaves, anchor, public key, signature
    for switch in states:
        ring = signed()
        killed(switch, lambda ring=ring, switch=switch: ring.anchor(START + HOUR, switch))  # type: ignore[misc]
        leaves = ring.read(f"anchor/v1/local/{FIRST}.leaves.json")
        late = fresh_tenant("keys")
        ring.tenants.append(late)
        for tenant in ring.tenants:
            ring.archive.write(tenant, START + HOUR + 60)
        ring.hour(START + 2 * HOUR)
        assert ring.anchor(START + 2 * HOUR) == (None if switch is states[-1] else FIRST)
        assert ring.read(f"anchor/v1/local/{FIRST}.leaves.json") == leaves
        root = Frontier().extend(bytes.fromhex(leaf) for leaf in json.loads(leaves)["leaves"]).root()
        assert document(ring, FIRST)["root"] == base64.b64encode(root).decode()
        signature = ring.read(f"anchor/v1/local/{FIRST}.json.sig")
        assert genuine(ring.signers()[0].public_der, ring.read(f"anchor/v1/local/{FIRST}.json"), signature)


LEAVES: dict[str, Callable[[list[str]], object]] = {
    "one more": lambda leaves: leaves.append("00" * 32),
    "another": lambda leaves: leaves.__setitem__(1, "00" * 32),
    "one twice": lambda leaves: leaves.insert(0, leaves[0]),
    "in another order": lambda leaves: leaves.reverse(),
    "none": lambda leaves: leaves.clear(),
}


@pytest.mark.parametrize("forgery", LEAVES.values(), ids=LEAVES)
def test_planted_leaves_are_not_anchored(ring: Ring, forgery: Callable[[list[str]], object]) -> None:
    leaves = [leaf_of(ring, tenant) for tenant in in_order(ring.tenants)]
    forgery(leaves)
    planted(ring, f"anchor/v1/local/{FIRST}.leaves.json", canonical({"leaves": leaves}))
    with pytest.raises(RuntimeError, match="is not ours"):
        ring.anchor(START + HOUR)
    assert ring.objects(f"anchor/v1/local/{FIRST}.json") == []


FORGERIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another root": lambda one: one.update(root=base64.b64encode(b"f" * 32).decode()),
    "another size": lambda one: one.update(size=3),
    "of the future": lambda one: one.update(at="2099-01-01T00:00:00.000Z"),
    "of another day": lambda one: one.update(at="2026-09-20T00:00:00.000Z"),
    "another chain": lambda one: one.update(prev={"date": "2026-09-20", "sha256": "0" * 64}),
    "a member more": lambda one: one.update(note="trust me"),
    "at no instant": lambda one: one.update(at="2026-09-21T15"),
    "software with free text": lambda one: one["software"].update(says="trust me"),
    "software of no version": lambda one: one["software"].update(version=["1"]),
    "software that is none": lambda one: one.update(software="1"),
    "by a key of nobody": lambda one: one.update(kid="0" * 64),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_a_planted_anchor_is_not_signed(ring: Ring, forgery: Callable[[dict[str, Any]], object]) -> None:
    honest = honest_anchor(ring)
    forgery(honest)
    planted(ring, f"anchor/v1/local/{FIRST}.json", canonical(honest))
    with pytest.raises(RuntimeError, match="is not ours"):
        ring.anchor(START + HOUR)
    assert [key for key in ring.objects("anchor/") if key.endswith(".sig")] == []


def honest_anchor(ring: Ring) -> dict[str, Any]:
    anchorer = ring.anchorer(START + HOUR)
    leaves = [bytes.fromhex(leaf_of(ring, tenant)) for tenant in in_order(ring.tenants)]
    return anchorer._document(FIRST, "2026-09-21T15:13:20.000Z", None, leaves)


def test_the_untouched_anchor_would_have_been_signed(ring: Ring) -> None:
    planted(ring, f"anchor/v1/local/{FIRST}.json", canonical(honest_anchor(ring)))
    assert ring.anchor(START + HOUR) == FIRST


def test_an_anchor_that_is_not_ours_is_not_built_upon(ring: Ring) -> None:
    planted(ring, f"anchor/v1/local/{FIRST}.json", canonical(honest_anchor(ring)))
    planted(ring, f"anchor/v1/local/{FIRST}.json.sig", b"0\x06\x02\x01\x01\x02\x01\x01")
    with pytest.raises(RuntimeError, match=f"{FIRST}.json lies in the vault and is not ours"):
        ring.anchor(START + DAY)
    assert document(ring, SECOND)["prev"] is None
    assert ring.anchor(START + 3 * DAY) == FOURTH
    assert document(ring, FOURTH)["prev"]["date"] == SECOND


PLANTED: dict[str, bytes | None] = {"a signature alone": None, "no anchor": b"[]", "another date": b"first"}


@pytest.mark.parametrize("body", PLANTED.values(), ids=PLANTED)
def test_a_planted_anchor_of_the_future_is_told_of_and_holds_up_nothing(ring: Ring, body: bytes | None) -> None:
    ring.anchor(START + HOUR)
    future, first = "anchor/v1/local/2099-01-01.json", f"anchor/v1/local/{FIRST}.json"
    planted(ring, f"{future}.sig", ring.read(f"{first}.sig"))
    if body is not None:
        planted(ring, future, ring.read(first) if body == b"first" else body)
    for date, day in ((SECOND, 1), (FOURTH, 3)):
        with pytest.raises(RuntimeError, match=f"anchored {date}, but .*2099-01-01.json"):
            ring.anchor(START + HOUR + day * DAY)
        assert ring.anchor(START + HOUR + day * DAY) is None
    assert document(ring, SECOND)["prev"]["date"] == FIRST
    assert document(ring, FOURTH)["prev"]["date"] == SECOND


@pytest.mark.parametrize(
    ("replaced_at", "signed"), [("2026-09-21T15:13:20.000Z", False), ("2026-09-21T15:13:20.001Z", True)]
)
def test_a_replaced_key_finishes_only_what_it_had_begun(ring: Ring, replaced_at: str, *, signed: bool) -> None:
    planted(ring, f"anchor/v1/local/{FIRST}.json", canonical(honest_anchor(ring)))  # made at 15:13:20.000
    ring.add_key()
    anchorer = ring.anchorer(START + 2 * HOUR, replaced_at=replaced_at)
    if signed:
        assert anchorer.anchor(ring.tenants) == FIRST
    else:
        with pytest.raises(RuntimeError, match="is not ours"):
            anchorer.anchor(ring.tenants)


def test_the_key_in_force_signs_the_anchor_and_the_chain_goes_over_to_it(ring: Ring) -> None:
    ring.anchor(START + HOUR)
    ring.add_key()
    ring.hour(START + DAY)
    assert ring.anchor(START + DAY) == SECOND
    assert [document(ring, date)["kid"] for date in (FIRST, SECOND)] == ring.kids()


# --- in a bundle ------------------------------------------------------------------------------------------------------


def bundled(ring: Ring, tenant: str, opening: int, closing: int) -> dict[str, bytes]:
    """Give path and content of the anchor files of a bundle between two digests."""
    rows = ring.rows(tenant)
    plan = {
        "tenant": {"id": tenant},
        "opening": rows[opening - 1] if opening else None,
        "frontier": [],
        "digests": rows[max(opening, 1) - 1 : closing],
        "later_heads": [(row["tree_size"], row["root"]) for row in rows[closing:]],
    }
    files, _ = IntegrityFiles(ring.vault(KillSwitch()), "local", 1).collect(plan)
    return {file.path: content(file) for file in files if file.path.startswith("integrity/anchors/")}


def content(file: BundleFile) -> bytes:
    """Inflate what stands in the archive as one piece that others could follow."""
    body = file.pieces[0].body
    assert isinstance(body, bytes)
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body)


def test_a_bundle_has_the_anchors_between_its_digests_and_the_first_behind(ring: Ring) -> None:
    tenant = ring.tenants[0]
    for day in range(1, 6):
        ring.archive.write(tenant, START + day * DAY)
        ring.hour(START + day * DAY + HOUR)
        ring.anchor(START + day * DAY + HOUR + 1)
    found = bundled(ring, tenant, opening=2, closing=4)  # digests 2 and 4 stand on the 22nd and 24th
    dates = [path.split("/")[2] for path in found if path.endswith(".proof.json")]
    assert dates == [f"2026-09-{day}.proof.json" for day in (22, 23, 24)]
    assert [path.partition(".")[2] for path in found][:3] == ["json", "json.sig", "proof.json"]
    sizes = {row["tree_size"]: row["root"] for row in ring.rows(tenant)}
    for date in ("2026-09-22", "2026-09-23", "2026-09-24"):
        body = json.loads(found[f"integrity/anchors/{date}.json"])
        proof = json.loads(found[f"integrity/anchors/{date}.proof.json"])
        assert (proof["type"], proof["v"], proof["date"], proof["leaves"]) == ("anchor-proof", 1, date, body["size"])
        assert proof["tree"] == {"size": proof["tree"]["size"], "root": sizes[proof["tree"]["size"]]}
        origin = hashlib.sha256(proof["origin"].encode()).hexdigest()
        leaf = leaf_hash(canonical({"origin_sha256": origin, **proof["tree"]}))
        path, root = [bytes.fromhex(node) for node in proof["path"]], base64.b64decode(body["root"])
        assert verify_inclusion(leaf, proof["index"], proof["leaves"], path, root)


def test_a_bundle_tells_nothing_of_the_other_tenants(ring: Ring) -> None:
    ring.anchor(START + HOUR + 1)
    own, *others = ring.tenants
    found = bundled(ring, own, opening=0, closing=1)
    assert len(found) == 3
    whole = b"".join(found.values()).decode(errors="replace")
    for other in others:
        assert other not in whole
        assert hashlib.sha256(f"muniment.example/local/{other}".encode()).hexdigest() not in whole


def test_an_anchor_of_before_the_log_began_is_in_no_bundle_of_it(ring: Ring) -> None:
    ring.anchor(START + HOUR + 1)
    late = fresh_tenant("keys")
    ring.archive.write(late, START)  # an event older than the anchor, signed later
    ring.tenants.append(late)
    ring.hour(START + 2 * HOUR)
    assert bundled(ring, late, opening=0, closing=1) == {}


def test_an_anchor_by_a_key_that_the_bundle_does_not_know_is_left_out(ring: Ring) -> None:
    ring.add_key()
    ring.hour(START + DAY)
    ring.anchor(START + DAY + 1)
    assert bundled(ring, ring.tenants[0], opening=0, closing=1) == {}
    assert len(bundled(ring, ring.tenants[0], opening=0, closing=2)) == 3


def test_leaves_that_are_not_those_of_the_anchor_end_the_export(ring: Ring) -> None:
    ring.anchor(START + HOUR + 1)
    planted(ring, f"anchor/v1/local/{FIRST}.leaves.json", canonical({"leaves": ["00" * 32]}))
    span = ("2026-09-21T00:00:00.000Z", "2026-09-22T00:00:00.000Z")
    with pytest.raises(RuntimeError, match="are not its own"):
        list(AnchorFiles(ring.vault(KillSwitch()), "local").collect("x", [TreeHead(1, "")], span, ring.kids()))


def test_the_pipeline_puts_an_anchor_into_a_bundle_that_verifies(archive: Archive, tmp_path: Path) -> None:
    company = with_history(archive, 2)
    ledger_key = archive.environ["LEDGER_KEY_ID"]
    ring = Ring(archive, archive.vault_name, [ledger_key], [company.tenant])
    assert ring.anchor(AFTER_Q3 + 200) == "2026-10-01"
    bundle = bundle_of(company, tmp_path)
    paths = [file["path"] for file in bundle.manifest["files"] if "/anchors/" in file["path"]]
    endings = ("json", "json.sig", "proof.json")
    assert paths == [f"integrity/anchors/2026-10-01.{ending}" for ending in endings]
    code, report = bundle.verified()
    assert code == 0, report

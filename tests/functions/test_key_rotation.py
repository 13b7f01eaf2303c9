"""The ledger's key changes: both keys say so, every log passes from one to the next, and no key signs after it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from functions.audit_digest.rotation import KeyRotation
from functions.audit_seal import flow
from functions.evidence_pipeline.integrity_file import IntegrityFiles
from shared.audit.canonical import Json, canonical
from shared.evidence.signer import Signer
from tests.evidence.ledger_keys import Key
from tests.functions.archive import Archive, SetClock, fresh_tenant
from tests.functions.company import archive
from tests.functions.key_ring import HOUR, START, Ring, digester_of, new_ring, planted
from tests.functions.kill_points import KillSwitch, every_state, killed, undisturbed

__all__ = ["archive"]


@pytest.fixture
def ring(archive: Archive) -> Ring:
    return new_ring(archive)


def kids_of(digests: Sequence[dict[str, Any]]) -> list[str]:
    return [digest["kid"] for digest in digests]


def test_another_key_takes_over_with_one_statement_and_one_event(ring: Ring) -> None:
    (tenant,) = ring.tenants
    assert ring.hour(START + HOUR) == [1]
    ring.add_key()
    assert [ring.hour(START + number * HOUR) for number in range(2, 6)] == [[2], [3], [None], [None]]
    first, second = ring.kids()
    assert kids_of(ring.digests(tenant)) == [first, second, second]
    ring.everything_holds(tenant)
    statement = hashlib.sha256(ring.read(f"keys/{second}.rotation.json")).hexdigest()
    assert ring.changes(tenant) == [{"role": "ledger", "previous": first, "next": second, "statement": statement}]


def test_an_idle_log_passes_to_the_new_key_at_once(ring: Ring) -> None:
    (tenant,) = ring.tenants
    assert [ring.hour(START + number * HOUR) for number in range(1, 4)] == [[1], [None], [None]]
    ring.add_key()
    assert ring.hour(START + 4 * HOUR) == [2]
    assert kids_of(ring.digests(tenant)) == ring.kids()


def test_no_tree_head_is_signed_by_two_keys(ring: Ring) -> None:
    (tenant,) = ring.tenants
    ring.hour(START + HOUR)
    ring.add_key()
    assert ring.run(START + 2 * HOUR) == [None]  # the sealer stands still: the tree is the one of the last digest
    assert ring.hour(START + 3 * HOUR) == [2]
    assert [digest["tree"]["size"] for digest in ring.digests(tenant)] == [1, 2]
    ring.everything_holds(tenant)


def test_two_keys_at_once_take_over_one_after_the_other(archive: Archive) -> None:
    ring = new_ring(archive, tenants=2)
    ring.hour(START + HOUR)
    ring.add_key()
    ring.add_key()
    for number in range(2, 7):
        ring.hour(START + number * HOUR)
    for tenant in ring.tenants:
        assert list(dict.fromkeys(kids_of(ring.digests(tenant)))) == ring.kids()
        assert [change["next"] for change in ring.changes(tenant)] == ring.kids()[1:]
        ring.everything_holds(tenant)


def test_a_log_that_cannot_be_signed_holds_back_the_key_after_the_next(archive: Archive) -> None:
    ring = new_ring(archive, tenants=2)
    ring.hour(START + HOUR)
    ring.add_key()
    ring.add_key()
    asleep = ring.tenants.pop()
    ring.hour(START + 2 * HOUR)
    ring.tenants.append(asleep)
    ring.run(START + 3 * HOUR)  # not sealed: nothing that the next key could sign
    assert len([key for key in ring.objects("keys/") if key.endswith(".rotation.json")]) == 1
    for number in range(4, 9):
        ring.hour(START + number * HOUR)
    assert list(dict.fromkeys(kids_of(ring.digests(asleep)))) == ring.kids()
    ring.everything_holds(asleep)


def test_a_log_that_begins_after_a_change_knows_the_new_key_alone(ring: Ring) -> None:
    ring.hour(START + HOUR)
    ring.add_key()
    ring.hour(START + 2 * HOUR)
    late = fresh_tenant("keys")
    ring.archive.write(late, START + 2 * HOUR)
    ring.tenants.append(late)
    ring.hour(START + 3 * HOUR)
    assert kids_of(ring.digests(late)) == ring.kids()[1:]
    assert ring.changes(late) == []


def test_a_change_is_healed_wherever_the_run_is_killed(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "SEGMENT_BYTES", 1)  # a segment for each event

    def changing() -> Ring:
        ring = new_ring(archive)
        ring.hour(START + HOUR)
        ring.add_key()
        (tenant,) = ring.tenants
        archive.write(tenant, START + HOUR + 1)
        ring.seal()
        return ring

    def job(ring: Ring, switch: KillSwitch) -> None:
        ring.run(START + 2 * HOUR, switch)
        ring.anchor(START + 2 * HOUR, switch)

    whole = changing()
    assert len(whole.objects(f"log/v1/local/{whole.tenants[0]}/1/seg/")) > 2
    calls = undisturbed(lambda switch: job(whole, switch))
    states = list(every_state(calls))
    # Nothing; public keys, statement, two signatures; digest, signature, tree head, key, the commit; the anchor's four.
    assert len(states) == 15
    for switch in states:
        ring = changing()
        killed(switch, lambda ring=ring, switch=switch: job(ring, switch))  # type: ignore[misc]
        for number in (3, 4):
            ring.hour(START + number * HOUR)
            ring.anchor(START + number * HOUR)
        (tenant,) = ring.tenants
        assert list(dict.fromkeys(kids_of(ring.digests(tenant)))) == ring.kids(), switch
        assert [row["no"] for row in ring.rows(tenant)] == [digest["no"] for digest in ring.digests(tenant)]
        assert len(ring.changes(tenant)) == 1, switch
        assert ring.objects("anchor/") == whole.objects("anchor/"), "one a day, and whole"
        ring.everything_holds(tenant)


def test_what_the_earlier_key_began_is_finished_with_it(ring: Ring) -> None:
    (tenant,) = ring.tenants
    ring.hour(START + HOUR)
    ring.archive.write(tenant, START + HOUR + 1)
    ring.seal()
    switch = KillSwitch()
    ring.run(START + 2 * HOUR, switch)  # signs 2 undisturbed, to learn where its body is put
    body_put = switch.calls.index("put_object")
    ring.archive.write(tenant, START + 2 * HOUR + 1)
    ring.seal()
    dying = KillSwitch(body_put, "after")
    killed(dying, lambda: ring.run(START + 3 * HOUR, dying))
    ring.add_key()
    for number in range(4, 7):
        ring.hour(START + number * HOUR)
    first, second = ring.kids()
    assert kids_of(ring.digests(tenant))[:4] == [first, first, first, second]
    assert len(ring.changes(tenant)) == 1
    ring.everything_holds(tenant)


def test_a_first_digest_of_the_earlier_key_is_finished_with_it(archive: Archive) -> None:
    ring = new_ring(archive)
    ring.seal()
    calls = undisturbed(lambda switch: new_sealed(archive).run(START + HOUR, switch))
    dying = KillSwitch(calls.index("put_object"), "after")
    killed(dying, lambda: ring.run(START + HOUR, dying))
    ring.add_key()
    for number in range(2, 5):
        ring.hour(START + number * HOUR)
    assert list(dict.fromkeys(kids_of(ring.digests(ring.tenants[0])))) == ring.kids()
    ring.everything_holds(ring.tenants[0])


def new_sealed(archive: Archive) -> Ring:
    ring = new_ring(archive)
    ring.seal()
    return ring


def test_the_earlier_key_signs_nothing_once_it_was_replaced(ring: Ring) -> None:
    ring.hour(START + HOUR)
    ring.add_key()
    ring.hour(START + 2 * HOUR)
    before = ring.objects()
    with pytest.raises(RuntimeError, match="was replaced"):
        ring.hour(START + 3 * HOUR, known=1)
    assert [key for key in ring.objects() if key not in before and "/seg/" not in key] == []

    signed: list[str] = []

    class Watched:
        """KMS, and which keys sign."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ring.archive.kms, name)

        def sign(self, **asked: Any) -> Any:
            signed.append(asked["KeyId"])
            return ring.archive.kms.sign(**asked)

    vault = ring.vault(KillSwitch())
    signers = tuple(Signer(Watched(), key_id) for key_id in ring.key_ids)  # type: ignore[arg-type]  # stands for KMS
    keys = KeyRotation(vault, signers, "local", SetClock(START + 4 * HOUR)).keys(lambda _: True)
    digester = ring.archive.digester(SetClock(START + 4 * HOUR), vault=vault)
    assert replace(digester, signer=keys.in_force, replaced=keys.replaced).sign(ring.tenants[0]) is not None
    assert set(signed) == {ring.key_ids[1]}


def test_a_configuration_that_lost_the_key_of_the_last_digest_signs_nothing(ring: Ring) -> None:
    ring.hour(START + HOUR)
    stranger = replace(ring, key_ids=[ring.archive._signing_key()])
    ring.archive.write(ring.tenants[0], START + HOUR + 1)
    with pytest.raises(RuntimeError, match="which nobody took over from"):
        stranger.hour(START + 2 * HOUR)
    assert len(ring.digests(ring.tenants[0])) == 1


def test_another_successor_than_the_stated_one_is_refused(ring: Ring) -> None:
    ring.hour(START + HOUR)
    ring.add_key()
    ring.hour(START + 2 * HOUR)
    ring.key_ids[1] = ring.archive._signing_key()
    with pytest.raises(RuntimeError, match="another key than the configured one"):
        ring.hour(START + 3 * HOUR)


STATEMENTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "of another log": lambda one: one.update(log="prod"),
    "of the future": lambda one: one.update(at="2099-01-01T00:00:00.000Z"),
    "with a member more": lambda one: one.update(note="trust me"),
    "of another kind": lambda one: one.update(type="digest"),
}


@pytest.mark.parametrize("forgery", STATEMENTS.values(), ids=STATEMENTS)
def test_a_planted_statement_is_not_signed(ring: Ring, forgery: Callable[[dict[str, Any]], Any]) -> None:
    ring.hour(START + HOUR)
    ring.add_key()
    first, second = ring.kids()
    at = "2026-09-21T14:13:20.000Z"
    statement: dict[str, Json] = {
        "type": "key-rotation",
        "v": 1,
        "log": "local",
        "previous": first,
        "next": second,
        "at": at,
    }
    forgery(statement)
    planted(ring, f"keys/{second}.rotation.json", canonical(statement))
    with pytest.raises(RuntimeError, match="is not ours"):
        ring.hour(START + 2 * HOUR)
    assert not [key for key in ring.objects("keys/") if key.endswith(".sig")]
    assert len(ring.digests(ring.tenants[0])) == 1


def test_the_untouched_statement_would_have_been_adopted(ring: Ring) -> None:
    ring.hour(START + HOUR)
    ring.add_key()
    first, second = ring.kids()
    at = "2026-09-21T14:13:20.000Z"
    statement: dict[str, Json] = {
        "type": "key-rotation",
        "v": 1,
        "log": "local",
        "previous": first,
        "next": second,
        "at": at,
    }
    planted(ring, f"keys/{second}.rotation.json", canonical(statement))
    assert ring.hour(START + 2 * HOUR) == [2]
    ring.everything_holds(ring.tenants[0])


UNSIGNED: dict[str, Callable[[str, Key], bytes]] = {
    "a statement": lambda kid, evil: canonical({"previous": kid, "next": evil.kid}),
    "no statement": lambda *_: b"[]",
    "no JSON": lambda *_: b"{",
    "one without its members": lambda *_: b"{}",
}


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("body", UNSIGNED.values(), ids=UNSIGNED)
def test_a_planted_change_that_the_key_did_not_sign_stops_nobody(
    ring: Ring, body: Callable[[str, Key], bytes], *, signed: bool
) -> None:
    ring.hour(START + HOUR)
    (kid,), evil = ring.kids(), Key()
    statement = body(kid, evil)
    planted(ring, f"keys/{evil.kid}.rotation.json", statement)
    if signed:  # by the planter's own key, twice
        planted(ring, f"keys/{evil.kid}.pem", evil.pem)
        for side in ("previous", "next"):
            planted(ring, f"keys/{evil.kid}.rotation.json.{side}.sig", evil.sign(statement))
    assert ring.hour(START + 2 * HOUR) == [None]
    assert ring.hour(START + 30 * HOUR) == [2]


@pytest.mark.parametrize("name", ["its own", "another"])
def test_a_change_that_the_key_signed_stops_it_only_with_the_key_that_took_over(ring: Ring, name: str) -> None:
    ring.hour(START + HOUR)
    (signer,), following = ring.signers(), Key()
    statement = canonical({"previous": signer.kid, "next": following.kid})
    path = f"keys/{following.kid}.rotation.json"
    planted(ring, path, statement)
    planted(ring, f"keys/{following.kid}.pem", following.pem if name == "its own" else Key().pem)
    planted(ring, f"{path}.previous.sig", signer.sign(statement))
    planted(ring, f"{path}.next.sig", following.sign(statement))
    if name == "another":
        assert ring.hour(START + 30 * HOUR) == [2]
    else:
        with pytest.raises(RuntimeError, match="was replaced"):
            ring.hour(START + 30 * HOUR)


@pytest.mark.parametrize("ending", ["previous", "next"])
def test_a_planted_signature_of_a_statement_is_noticed(ring: Ring, ending: str) -> None:
    ring.hour(START + HOUR)
    ring.add_key()
    planted(ring, f"keys/{ring.kids()[1]}.rotation.json.{ending}.sig", b"0\x06\x02\x01\x01\x02\x01\x01")
    with pytest.raises(RuntimeError, match="is not ours"):
        ring.hour(START + 2 * HOUR)
    assert len(ring.digests(ring.tenants[0])) == 1


@pytest.mark.parametrize("key", ["digest/000000000001.json.sig", "checkpoint/000000000001"])
def test_a_planted_signature_of_a_digest_is_noticed(ring: Ring, key: str) -> None:
    (tenant,) = ring.tenants
    planted(ring, f"log/v1/local/{tenant}/1/{key}", b"junk")
    with pytest.raises(RuntimeError, match="is not ours"):
        ring.hour(START + HOUR)
    assert ring.rows(tenant) == []


def test_a_planted_public_key_is_noticed(ring: Ring) -> None:
    planted(ring, f"keys/{ring.kids()[0]}.pem", b"-----BEGIN PUBLIC KEY-----\n")
    with pytest.raises(RuntimeError, match="is not ours"):
        ring.hour(START + HOUR)


def test_a_planted_digest_of_another_key_is_not_signed(ring: Ring) -> None:
    (tenant,) = ring.tenants
    ring.hour(START + HOUR)
    ring.add_key()
    ring.hour(START + 2 * HOUR)
    ring.archive.write(tenant, START + 2 * HOUR + 1)
    ring.seal()
    digester = digester_of(ring, START + 3 * HOUR)
    honest = digester._statement(tenant, digester._since(tenant), START + 3 * HOUR)
    planted(ring, f"log/v1/local/{tenant}/1/digest/000000000003.json", canonical(honest | {"kid": ring.kids()[0]}))
    with pytest.raises(RuntimeError, match="is not ours"):
        ring.run(START + 3 * HOUR)


def plan_of(ring: Ring) -> dict[str, Any]:
    rows = ring.rows(ring.tenants[0])
    return {
        "tenant": {"id": ring.tenants[0]},
        "opening": None,
        "frontier": [],
        "closing": rows[-1],
        "digests": rows,
    }


def test_a_bundle_holds_every_key_and_every_change(ring: Ring) -> None:
    ring.hour(START + HOUR)
    for number in (2, 4):
        ring.add_key()
        ring.hour(START + number * HOUR)
    files, kids = IntegrityFiles(ring.vault(KillSwitch()), "local", 1).collect(plan_of(ring))
    assert kids == ring.kids()
    assert [file.path for file in files if file.path.startswith("keys/")] == [
        f"keys/{kids[0]}.pem",
        *(
            f"keys/{kid}{ending}"
            for kid in kids[1:]
            for ending in (".pem", ".rotation.json", ".rotation.json.previous.sig", ".rotation.json.next.sig")
        ),
    ]


def test_a_bundle_reads_what_was_signed_by_version(ring: Ring) -> None:
    (tenant,) = ring.tenants
    ring.hour(START + HOUR)
    honest = IntegrityFiles(ring.vault(KillSwitch()), "local", 1).collect(plan_of(ring))[0]
    for key in ("digest/000000000001.json.sig", "checkpoint/000000000001"):
        planted(ring, f"log/v1/local/{tenant}/1/{key}", b"a newer version")
    later = IntegrityFiles(ring.vault(KillSwitch()), "local", 1).collect(plan_of(ring))[0]
    assert later == honest


def test_rows_of_before_the_versions_were_noted_still_serve(ring: Ring) -> None:
    ring.hour(START + HOUR)
    plan = plan_of(ring)
    honest = IntegrityFiles(ring.vault(KillSwitch()), "local", 1).collect(plan)[0]
    new = {"kid", "sig_version_id", "checkpoint_version_id"}
    plan["digests"] = [{name: value for name, value in row.items() if name not in new} for row in plan["digests"]]
    assert IntegrityFiles(ring.vault(KillSwitch()), "local", 1).collect(plan)[0] == honest

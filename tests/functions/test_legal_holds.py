"""Legal holds: whoever is held cannot be erased, not even at the same moment, and everything of it is on the record."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.legal_holds import flow
from functions.legal_holds.handler import handler
from tests.functions.erasing import erase, erased, finish, hold, holding, holds, leave, owner_and_leaver, place, release
from tests.functions.estate import Estate, MovableClock, Person, call, event
from tests.functions.invitations import invited
from tests.functions.signed_in import SignedIn
from tests.functions.staff_calls import administrator
from tests.functions.test_erasure import salt_of
from tests.functions.test_factor_change_races import Interrupted, commit, every_call, interrupted, number

__all__ = ["interrupted"]


@pytest.fixture
def owner(estate: Estate, tenant: str) -> SignedIn:
    return administrator(estate, tenant)


@pytest.fixture
def left(estate: Estate, owner: SignedIn) -> Person:
    """Give somebody who has left."""
    person = estate.new_person(owner.person.tenant, "member")
    leave(owner, person)
    return person


def actions(estate: Estate, tenant: str) -> list[str]:
    return [name for name in estate.actions(tenant) if name.startswith(("LEGAL", "PII", "ACCESS_DENIED"))]


def test_list_takes_no_parameters(owner: SignedIn) -> None:
    document = event("GET /api/legal-holds", query="limit=1", bearer=owner.access_token)
    refused = call(handler, document)
    assert (refused.status, refused.body["errors"][0]["pointer"]) == (400, "/limit")


@pytest.mark.parametrize("scope", ["tenant", "staff"])
def test_nobody_of_its_scope_is_erased_until_it_is_released(
    estate: Estate, owner: SignedIn, left: Person, scope: str
) -> None:
    placed = hold(owner, left.staff_id if scope == "staff" else None, case="LIT-7")
    assert placed.status == 201, placed.text
    refused = erase(owner, left.staff_id)
    assert (refused.status, refused.code) == (409, "legal_hold")
    assert salt_of(estate, left.tenant, left.staff_id) is not None
    assert release(owner, placed.body["hold_id"]).status == 200
    assert erase(owner, left.staff_id).status == 200
    expected = ["LEGAL_HOLD_PLACED", "ACCESS_DENIED", "LEGAL_HOLD_RELEASED", "PII_ERASED"]
    assert actions(estate, left.tenant) == expected


def test_every_hold_must_be_released_and_another_person_s_keeps_nobody_else(
    estate: Estate, owner: SignedIn, left: Person
) -> None:
    other = estate.new_person(left.tenant, "member")
    hold(owner, other.staff_id)
    first, second = hold(owner, left.staff_id), hold(owner, left.staff_id)
    release(owner, first.body["hold_id"])
    assert erase(owner, left.staff_id).code == "legal_hold"
    release(owner, second.body["hold_id"])
    assert erase(owner, left.staff_id).status == 200


def test_hold_of_everybody_keeps_the_invited_too(estate: Estate, owner: SignedIn) -> None:
    invited(owner, "grace@acme.example")
    hold(owner)
    tenant = owner.person.tenant
    (row,) = (row for row in estate.partition("invites", "tenant", tenant) if "staff_id" in row)
    assert erase(owner, row["staff_id"]).code == "legal_hold"
    assert salt_of(estate, tenant, row["staff_id"]) is not None


def test_hold_is_told_with_its_scope_and_case_and_why_only_sealed(
    estate: Estate, owner: SignedIn, left: Person
) -> None:
    hold_id = hold(owner, left.staff_id, case="LIT-7").body["hold_id"]
    release(owner, hold_id)
    placed, released = (each for each in estate.events(left.tenant) if each["action"].startswith("LEGAL"))
    for told in (placed, released):
        assert told["targets"] == [{"type": "user", "id": left.staff_id}, {"type": "legal_hold", "id": hold_id}]
        assert told["meta"] == {"hold_id": hold_id, "scope": "staff", "case": "LIT-7"}
        assert [(entry["of"], entry["sub"]) for entry in told["pii"]] == [
            ("actor", owner.person.staff_id),
            ("target", left.staff_id),
        ]
    assert [each["change"] for each in (placed, released)] == [
        {"before": None, "after": {"status": "ACTIVE"}},
        {"before": {"status": "ACTIVE"}, "after": {"status": "RELEASED"}},
    ]
    assert "bonus" not in repr(estate.events(left.tenant))
    assert "settled" not in repr(estate.events(left.tenant))


def test_released_holds_stay_in_the_list_and_lose_their_reasons_with_the_person(
    estate: Estate, owner: SignedIn, left: Person, clock: MovableClock
) -> None:
    placed = hold(owner, left.staff_id, reason="a quarrel with Quux-Hold").body
    released = release(owner, placed["hold_id"]).body
    assert (released["status"], released["release_reason"], released["reason"]) == (
        "RELEASED",
        "settled",
        "a quarrel with Quux-Hold",
    )
    assert holds(owner) == [released]
    assert erase(owner, left.staff_id).status == 200
    finish(clock)
    (after,) = holds(owner)
    assert after == {**released, "reason": "[erased]", "release_reason": "[erased]"}
    assert holding(estate, "quux-hold") == []


def test_hold_is_released_once(owner: SignedIn, left: Person) -> None:
    hold_id = hold(owner, left.staff_id).body["hold_id"]
    assert release(owner, hold_id).status == 200
    assert (release(owner, hold_id).status, release(owner, hold_id).code) == (409, "already_used")
    assert [release(owner, nothing).status for nothing in ("01J0000000000000000000000A", "scope#tenant")] == [404, 404]


def test_hold_names_a_person_where_it_is_of_one_and_nobody_otherwise(owner: SignedIn, left: Person) -> None:
    why = {"reason": "a dispute"}
    for body in (
        {"scope": "tenant", "staff_id": left.staff_id, **why},
        {"scope": "staff", **why},
        {"scope": "staff", "staff_id": "u#gate", **why},
        {"scope": "all", **why},
        {"scope": "tenant", "reason": "  "},
        {"scope": "tenant"},
    ):
        assert (place(owner, body).status, place(owner, body).code) == (400, "invalid_request"), body
    assert hold(owner, "u_unknown").status == 404
    assert hold(owner, owner.person.staff_id).status == 201


def test_whoever_was_erased_cannot_be_held(estate: Estate, owner: SignedIn) -> None:
    person = estate.new_person(owner.person.tenant, "member")
    erased(owner, person)
    assert hold(owner, person.staff_id).status == 404
    assert holds(owner) == []


def test_scope_takes_only_so_many_holds(owner: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "MAX_ACTIVE", 2)
    placed = [hold(owner) for _ in range(3)]
    assert [one.status for one in placed] == [201, 201, 409]
    release(owner, placed[0].body["hold_id"])
    assert hold(owner).status == 201


def test_hold_of_everybody_that_is_placed_before_the_commit_of_an_erasure_comes_first(
    estate: Estate, owner: SignedIn, left: Person, interrupted: Interrupted
) -> None:
    refused = interrupted(lambda: erase(owner, left.staff_id), commit, lambda: hold(owner))
    assert refused is not None
    assert refused.code == "legal_hold"
    assert salt_of(estate, left.tenant, left.staff_id) is not None


def test_hold_that_is_placed_at_any_call_of_an_erasure_comes_first_or_is_refused(
    estate: Estate, interrupted: Interrupted
) -> None:
    """Whatever the moment: nobody is erased whom a hold keeps that was answered with 201 before."""

    def run(wanted: int) -> bool:
        owner, person = owner_and_leaver(estate)
        placed: list[int] = []
        answer = interrupted(
            lambda: erase(owner, person.staff_id),
            number(wanted),
            lambda: placed.append(hold(owner, person.staff_id).status),
        )
        if answer is None:
            return False
        kept = salt_of(estate, person.tenant, person.staff_id) is not None
        assert (answer.status, kept) == ((409, True) if placed == [201] else (200, False))
        return True

    assert every_call(run) >= 4


def test_holds_and_an_erasure_at_once_are_one_or_the_other(estate: Estate) -> None:
    for _ in range(3):
        owner, person = owner_and_leaver(estate)
        with ThreadPoolExecutor(3) as pool:
            held = [pool.submit(hold, owner, person.staff_id) for _ in range(2)]
            gone = pool.submit(erase, owner, person.staff_id).result().status
        assert {one.result().status for one in held} <= {201, 404}
        first = next(name for name in actions(estate, person.tenant) if name != "ACCESS_DENIED")
        assert gone == (409 if first == "LEGAL_HOLD_PLACED" else 200)
        assert len(holds(owner)) == [one.result().status for one in held].count(201)

"""Access reviews: what was looked at stays as it was, nobody answers for himself, and an answer is carried out."""

import csv
import hashlib
import json
from typing import Any

import pytest

from functions.access_reviews import population
from functions.access_reviews.handler import sweep
from shared.audit.canonical import canonical
from shared.store.wire import Unavailable, Wire
from tests.functions.erasing import erased, finish, holding
from tests.functions.estate import Estate, MovableClock, Person, me
from tests.functions.reviewing import ALL, BEGIN, DAY, EXPORT, LIST, ONE, asked, attest, begun, decide, on, one, review
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.staff_calls import DEACTIVATE, ROLE, administrator, ask, gate


@pytest.fixture
def owner(estate: Estate, tenant: str) -> SignedIn:
    return administrator(estate, tenant)


@pytest.fixture
def second(estate: Estate, owner: SignedIn) -> SignedIn:
    """Give another owner: nobody reviews himself."""
    return administrator(estate, owner.person.tenant)


@pytest.fixture
def admin(estate: Estate, owner: SignedIn) -> Person:
    return estate.new_person(owner.person.tenant, "admin")


def told(estate: Estate, tenant: str, action: str) -> list[dict[str, Any]]:
    return [each for each in estate.events(tenant) if each["action"] == action]


def test_snapshot_can_be_hashed_again_and_its_hash_stands_in_the_log(
    estate: Estate, owner: SignedIn, second: SignedIn, admin: Person
) -> None:
    estate.new_person(owner.person.tenant, "member")
    session = sign_in(estate, admin)
    answer = review(owner, [owner, second])
    document = one(owner, answer.body["review_id"])
    found = hashlib.sha256(canonical(document["snapshot"])).hexdigest()
    (event,) = told(estate, owner.person.tenant, "ACCESS_REVIEW_CREATED")
    assert found == answer.body["snapshot_sha256"] == event["meta"]["snapshot_sha256"]
    assert event["meta"]["population"] == document["snapshot"]["population"] == 3
    assert event["id"] == answer.body["created_event"]
    people = {person["staff_id"]: person for person in document["snapshot"]["people"]}
    assert sorted(people) == sorted([owner.person.staff_id, second.person.staff_id, admin.staff_id])
    shown = people[admin.staff_id]
    assert (shown["role"], shown["status"], shown["sessions"], shown["mfa"]) == ("admin", "ACTIVE", 1, False)
    assert shown["last_seen"] is not None
    assert session.person.email not in json.dumps(document)


def test_snapshot_and_decisions_say_what_was_then_whatever_comes_later(
    owner: SignedIn, second: SignedIn, admin: Person
) -> None:
    review_id = begun(owner, [owner, second])
    before = one(owner, review_id)["snapshot"]
    ask(owner, ROLE, admin.staff_id, {"role": "auditor"})
    assert one(owner, review_id)["snapshot"] == before


def test_whoever_gets_administrative_access_since_is_told_with_the_event_that_granted_it(
    estate: Estate, owner: SignedIn, second: SignedIn, admin: Person
) -> None:
    member = estate.new_person(owner.person.tenant, "member")
    review_id = begun(owner, [owner, second])
    assert one(owner, review_id)["delta"] == []
    ask(owner, ROLE, member.staff_id, {"role": "admin"})
    ask(owner, ROLE, admin.staff_id, {"role": "owner"})
    delta = {person["staff_id"]: person for person in one(owner, review_id)["delta"]}
    assert sorted(delta) == sorted([member.staff_id, admin.staff_id])
    changes = told(estate, owner.person.tenant, "USER_ROLE_CHANGED")
    assert [delta[event["targets"][0]["id"]]["granted_by_event"] for event in changes] == [e["id"] for e in changes]
    assert all(person["granted_at"] for person in delta.values())


@pytest.mark.parametrize(
    ("decision", "scope", "role", "status", "action"),
    [
        ("revoke", "administrators", "member", "ACTIVE", "USER_ROLE_CHANGED"),
        ("revoke", "everybody", "admin", "DEACTIVATED", "USER_DEACTIVATED"),
        ("modify", "administrators", "auditor", "ACTIVE", "USER_ROLE_CHANGED"),
    ],
)
def test_what_takes_access_is_done_in_the_commit_that_says_it(
    estate: Estate,
    owner: SignedIn,
    second: SignedIn,
    admin: Person,
    decision: str,
    scope: str,
    role: str,
    status: str,
    action: str,
) -> None:
    session, tenant = sign_in(estate, admin), owner.person.tenant
    review_id = begun(owner, [owner, second], scope)
    more = {"role": role} if decision == "modify" else {}
    answer = decide(owner, review_id, admin.staff_id, decision, "has left the team Quux", **more)
    assert answer.status == 200, answer.text
    assert (gate(estate, admin)["role"], gate(estate, admin)["status"]) == (role, status)
    assert gate(estate, admin)["session_version"] == 2
    assert me(session.access_token).status == 401
    *_, decided, changed, ended = estate.events(tenant)
    assert [each["action"] for each in (decided, changed, ended)] == [
        "ACCESS_REVIEW_ITEM_DECIDED",
        action,
        "SESSION_INVALIDATED",
    ]
    assert answer.body["events"] == decided["meta"]["events"] == [changed["id"], ended["id"]]
    assert answer.body["event_id"] == decided["id"]
    assert decided["change"] == {"before": {"role": "admin"}, "after": {"role": role}}
    assert decided["actor"]["step_up"] == "challenge-rbac_admin"
    assert decided["meta"]["result"] == "changed"
    assert [(entry["of"], entry["sub"]) for entry in decided["pii"]] == [
        ("actor", owner.person.staff_id),
        ("target", admin.staff_id),
    ]
    assert "Quux" not in repr(estate.events(tenant))


def test_who_keeps_access_keeps_the_sessions_and_no_proof_is_asked_for(
    estate: Estate, owner: SignedIn, second: SignedIn, admin: Person
) -> None:
    session, review_id = sign_in(estate, admin), begun(owner, [owner, second])
    owner.change_row(grants={})
    refused = decide(owner, review_id, admin.staff_id, "revoke")
    assert (refused.status, refused.code) == (401, "insufficient_user_authentication")
    answer = decide(owner, review_id, admin.staff_id, "keep")
    assert (answer.status, answer.body["result"], answer.body["events"]) == (200, "kept", [])
    assert me(session.access_token).status == 200
    (event,) = told(estate, owner.person.tenant, "ACCESS_REVIEW_ITEM_DECIDED")
    assert event["actor"]["step_up"] is None


def test_nobody_decides_about_himself_and_nobody_but_a_reviewer_decides(
    estate: Estate, owner: SignedIn, second: SignedIn, admin: Person
) -> None:
    stranger = administrator(estate, owner.person.tenant)
    review_id = begun(owner, [owner, second])
    himself = decide(owner, review_id, owner.person.staff_id, "keep")
    assert (himself.status, himself.code) == (403, "self_review")
    other = decide(stranger, review_id, admin.staff_id, "keep")
    assert (other.status, other.code) == (403, "not_reviewer")
    assert attest(stranger, review_id).code == "not_reviewer"
    denied = told(estate, owner.person.tenant, "ACCESS_DENIED")
    assert [event["reason"] for event in denied] == ["ONESELF", "NOT_REVIEWER", "NOT_REVIEWER"]
    assert one(owner, review_id)["decisions"] == []


def test_decision_stands_and_a_second_one_is_refused(owner: SignedIn, second: SignedIn, admin: Person) -> None:
    review_id = begun(owner, [owner, second])
    assert decide(owner, review_id, admin.staff_id, "keep").status == 200
    again = decide(second, review_id, admin.staff_id, "revoke")
    assert (again.status, again.code) == (409, "already_used")
    assert [each["decision"] for each in one(owner, review_id)["decisions"]] == ["keep"]


def test_rules_of_all_measures_hold_here_too(estate: Estate, owner: SignedIn, second: SignedIn) -> None:
    """Nobody takes what he does not hold himself, and a tenant keeps an owner; nothing is decided by a refusal."""
    junior = administrator(estate, owner.person.tenant, "admin")
    review_id = begun(owner, [junior, second, owner])
    beyond = decide(junior, review_id, owner.person.staff_id, "revoke")
    assert (beyond.status, beyond.code) == (403, "permission_denied")
    raised = decide(second, review_id, junior.person.staff_id, "modify", role="admin")
    assert (raised.status, raised.body["errors"][0]["pointer"]) == (400, "/role")
    assert gate(estate, owner.person)["role"] == "owner"
    assert one(owner, review_id)["decisions"] == []
    assert decide(second, review_id, owner.person.staff_id, "revoke").status == 200
    last = decide(junior, review_id, second.person.staff_id, "modify", role="auditor")
    assert last.status == 403


def test_role_that_has_changed_since_must_be_named_to_be_decided_about(
    owner: SignedIn, second: SignedIn, admin: Person
) -> None:
    review_id = begun(owner, [owner, second])
    ask(owner, ROLE, admin.staff_id, {"role": "owner"})
    refused = decide(owner, review_id, admin.staff_id, "keep")
    assert (refused.status, refused.code) == (409, "changed_since_snapshot")
    assert (refused.body["snapshot_role"], refused.body["role"]) == ("admin", "owner")
    assert decide(owner, review_id, admin.staff_id, "keep", seen_role="admin").status == 409
    answer = decide(owner, review_id, admin.staff_id, "keep", seen_role="owner")
    assert (answer.status, answer.body["role_before"]) == (200, "owner")


def test_access_that_is_gone_already_is_said_to_be_so(
    estate: Estate, owner: SignedIn, second: SignedIn, admin: Person
) -> None:
    lowered, gone = (estate.new_person(owner.person.tenant, "admin") for _ in range(2))
    review_id = begun(owner, [owner, second])
    ask(owner, ROLE, lowered.staff_id, {"role": "member"})
    ask(owner, DEACTIVATE, admin.staff_id)
    erased(owner, gone)
    for person in (lowered, admin, gone):
        answer = decide(owner, review_id, person.staff_id, "revoke")
        assert (answer.status, answer.body["result"], answer.body["events"]) == (200, "already_removed", [])
    assert (answer.body["status_after"], answer.body["reason"]) == ("ERASED", None)
    assert told(estate, owner.person.tenant, "ACCESS_REVIEW_ITEM_DECIDED")[-1]["meta"]["result"] == "already_removed"


def test_attestation_closes_a_review_when_all_are_decided_and_after_that_nothing_changes(
    estate: Estate, owner: SignedIn, second: SignedIn, admin: Person, clock: MovableClock
) -> None:
    tenant, review_id = owner.person.tenant, begun(owner, [owner, second])
    clock.offset += 40
    decide(owner, review_id, admin.staff_id, "revoke")
    clock.offset += 60
    decide(owner, review_id, second.person.staff_id, "keep")
    early = attest(owner, review_id)
    assert (early.status, early.code) == (409, "review_incomplete")
    decide(second, review_id, owner.person.staff_id, "keep")
    late = estate.new_person(tenant, "admin")
    answer = attest(owner, review_id)
    assert (answer.status, answer.body["status"]) == (200, "ATTESTED")
    (event,) = told(estate, tenant, "ACCESS_REVIEW_ATTESTED")
    meta, document = event["meta"], one(owner, review_id)
    assert (meta["population"], meta["decided"]) == (3, 3)
    assert (meta["decisions"], meta["results"]) == ({"revoke": 1, "keep": 2}, {"changed": 1, "kept": 2})
    assert meta["seconds_per_decision"]["least"] in {40, 41}
    assert meta["seconds_per_decision"]["most"] in {100, 101}
    assert meta["delta"] == [late.staff_id]
    assert meta["snapshot_sha256"] == document["review"]["snapshot_sha256"]
    plain = [{name: value for name, value in each.items() if name != "reason"} for each in document["decisions"]]
    assert hashlib.sha256(canonical(plain)).hexdigest() == meta["decisions_sha256"]
    assert (attest(second, review_id).code, decide(owner, review_id, admin.staff_id, "keep").code) == (
        "already_used",
        "already_used",
    )
    ask(owner, DEACTIVATE, late.staff_id)
    assert [person["staff_id"] for person in one(owner, review_id)["delta"]] == [late.staff_id]


def test_snapshot_that_somebody_changed_in_the_table_is_not_attested(
    estate: Estate, owner: SignedIn, second: SignedIn
) -> None:
    review_id = begun(owner, [owner, second])
    decide(owner, review_id, second.person.staff_id, "keep")
    decide(second, review_id, owner.person.staff_id, "keep")
    key = {"tenant": owner.person.tenant, "item": f"item#{review_id}#{second.person.staff_id}"}
    estate.change_row("access_reviews", key, {"person.role": "member"})
    assert attest(owner, review_id).status == 500
    assert told(estate, owner.person.tenant, "ACCESS_REVIEW_ATTESTED") == []


def test_overdue_review_is_told_once_and_can_still_be_decided(
    estate: Estate, owner: SignedIn, second: SignedIn, admin: Person, clock: MovableClock
) -> None:
    review_id, tenant = review(owner, [owner, second], days=0).body["review_id"], owner.person.tenant
    sweep({}, None)
    assert told(estate, tenant, "ACCESS_REVIEW_OVERDUE") == []
    clock.offset += DAY
    for _ in range(2):
        sweep({}, None)
    (event,) = told(estate, tenant, "ACCESS_REVIEW_OVERDUE")
    assert (event["outcome"], event["meta"]["review_id"], event["meta"]["decided"]) == ("failure", review_id, 0)
    late = sign_in(estate, owner.person)
    late.prove("rbac_admin")
    found = one(late, review_id)["review"]
    assert (found["overdue"], found["status"]) == (True, "OPEN")
    assert decide(late, review_id, admin.staff_id, "keep").body["late"] is True


def test_attested_review_is_never_overdue(
    estate: Estate, owner: SignedIn, second: SignedIn, clock: MovableClock
) -> None:
    review_id = review(owner, [owner, second], days=0).body["review_id"]
    decide(owner, review_id, second.person.staff_id, "keep")
    decide(second, review_id, owner.person.staff_id, "keep")
    attest(owner, review_id)
    clock.offset += DAY
    sweep({}, None)
    assert told(estate, owner.person.tenant, "ACCESS_REVIEW_OVERDUE") == []


def test_reason_goes_with_the_erased_person_and_the_hashes_can_still_be_made(
    estate: Estate, owner: SignedIn, second: SignedIn, admin: Person, clock: MovableClock
) -> None:
    review_id = begun(owner, [owner, second])
    decide(owner, review_id, admin.staff_id, "revoke", "quarrels with Quux-Review")
    assert one(owner, review_id)["decisions"][0]["reason"] == "quarrels with Quux-Review"
    erased(owner, admin)
    finish(clock)
    document = one(owner, review_id)
    assert document["decisions"][0]["reason"] == "[erased]"
    assert holding(estate, "quux-review") == []
    found = hashlib.sha256(canonical(document["snapshot"])).hexdigest()
    assert found == document["review"]["snapshot_sha256"]


def test_export_has_a_row_for_everybody_and_counts_the_decisions(
    owner: SignedIn, second: SignedIn, admin: Person
) -> None:
    review_id = begun(owner, [owner, second])
    decide(owner, review_id, admin.staff_id, "keep", "=HYPERLINK(1)")
    answer = asked(owner, EXPORT, query="format=csv", review_id=review_id)
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert (answer.headers["X-Population"], answer.headers["X-Decisions"]) == ("3", "1")
    assert {row["staff_id"]: row["decision"] for row in rows} == {
        admin.staff_id: "keep",
        owner.person.staff_id: "",
        second.person.staff_id: "",
    }
    (kept,) = (row for row in rows if row["decision"])
    assert (kept["reason"], kept["decided_by"]) == ("'=HYPERLINK(1)", owner.person.staff_id)
    whole = asked(owner, EXPORT, review_id=review_id).body
    assert whole["counts"] == {"population": 3, "decided": 1, "complete": False}
    assert asked(owner, EXPORT, query="format=xml", review_id=review_id).status == 400


def test_role_goes_with_the_decision_modify_alone(owner: SignedIn, second: SignedIn, admin: Person) -> None:
    review_id = begun(owner, [owner, second])
    for decision, more in (("keep", {"role": "admin"}), ("revoke", {"role": "auditor"}), ("modify", {})):
        answer = decide(owner, review_id, admin.staff_id, decision, **more)
        assert (answer.status, answer.body["errors"][0]["pointer"]) == (400, "/role"), decision
    assert one(owner, review_id)["decisions"] == []


def test_reviewers_can_decide_and_none_is_alone_with_himself(estate: Estate, owner: SignedIn, second: SignedIn) -> None:
    member, left = (estate.new_person(owner.person.tenant, role) for role in ("member", "admin"))
    ask(owner, DEACTIVATE, left.staff_id)
    mine = owner.person.staff_id
    for reviewers in ([], [mine], [mine, mine], [mine, member.staff_id], [mine, left.staff_id], [mine, "a#gate"], "x"):
        answer = asked(owner, BEGIN, {"scope": "administrators", "reviewers": reviewers, "due": on(1)})
        assert (answer.status, answer.code) == (400, "invalid_request"), reviewers
    unknown = asked(owner, BEGIN, {"scope": "administrators", "reviewers": [mine, "u_nobody"], "due": on(1)})
    assert unknown.status == 404
    for due in (on(-1), on(400), "2026-02-30"):
        body = {"scope": "administrators", "reviewers": [mine, second.person.staff_id], "due": due}
        assert asked(owner, BEGIN, body).status == 400, due
    assert asked(owner, ALL).body == {"reviews": [], "truncated": False}
    assert estate.partition("access_reviews", "tenant", owner.person.tenant) == []


def test_population_that_cannot_be_read_or_written_whole_makes_no_review(
    estate: Estate, owner: SignedIn, second: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = Wire.call, list[str]()

    def broken(wire: Wire, operation: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
        calls.append(operation)
        if len(calls) == fails_at:
            raise Unavailable("DynamoDB is away")
        return original(wire, operation, request, **more)

    monkeypatch.setattr(Wire, "call", broken)
    fails_at = 0
    assert review(owner, [owner, second]).status == 201
    made = len(calls)
    assert made >= 7, calls
    for fails_at in range(1, made + 1):
        calls.clear()
        assert review(owner, [owner, second]).status in {201, 503}, fails_at
    fails_at = 0
    reviews = asked(owner, ALL).body["reviews"]
    assert len(reviews) == len(told(estate, owner.person.tenant, "ACCESS_REVIEW_CREATED"))
    assert all(one(owner, each["review_id"])["snapshot"]["population"] == 2 for each in reviews)


def test_more_people_than_a_list_holds_are_refused(
    owner: SignedIn, second: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(population, "MAX_PEOPLE", 1)
    assert (review(owner, [owner, second]).status, review(owner, [owner, second]).code) == (409, "too_many_people")
    assert asked(owner, LIST).code == "too_many_people"


def test_people_beyond_one_transaction_are_in_the_snapshot(
    estate: Estate, owner: SignedIn, second: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.store.access_reviews.MAX_ITEMS", 2)
    for _ in range(3):
        estate.new_person(owner.person.tenant, "member")
    review_id = begun(owner, [owner, second], "everybody")
    assert len(one(owner, review_id)["snapshot"]["people"]) == 5


def test_review_that_is_not_there_is_not_found(owner: SignedIn) -> None:
    for review_id in ("01J0000000000000000000000A", "x#y"):
        assert asked(owner, ONE, review_id=review_id).status == 404
        assert decide(owner, review_id, owner.person.staff_id, "keep").status == 404
        assert attest(owner, review_id).status == 404

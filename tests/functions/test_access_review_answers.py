"""What a review may say of somebody: no more than is so when it is attested, and by nobody who holds less than he."""

import csv

import pytest

from functions.access_reviews import population
from tests.functions.estate import Estate, Person
from tests.functions.reviewing import EXPORT, asked, attest, begun, decide, one, review
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.staff_calls import DEACTIVATE, REACTIVATE, ROLE, administrator, ask


@pytest.fixture
def owner(estate: Estate, tenant: str) -> SignedIn:
    return administrator(estate, tenant)


@pytest.fixture
def second(estate: Estate, owner: SignedIn) -> SignedIn:
    return administrator(estate, owner.person.tenant)


@pytest.fixture
def admin(estate: Estate, owner: SignedIn) -> Person:
    return estate.new_person(owner.person.tenant, "admin")


def reviewed(owner: SignedIn, second: SignedIn) -> str:
    """Begin a review in which both owners keep what they have."""
    review_id = begun(owner, [owner, second])
    assert decide(owner, review_id, second.person.staff_id, "keep").status == 200
    assert decide(second, review_id, owner.person.staff_id, "keep").status == 200
    return review_id


@pytest.mark.parametrize("how", ["revoked", "modified", "gone-already", "reactivated"])
def test_whoever_has_again_what_was_decided_away_is_told_with_the_attestation(
    estate: Estate, owner: SignedIn, second: SignedIn, admin: Person, how: str
) -> None:
    review_id, staff_id = reviewed(owner, second), admin.staff_id
    if how == "reactivated":
        ask(owner, DEACTIVATE, staff_id)
    if how == "gone-already":
        ask(owner, ROLE, staff_id, {"role": "member"})
    decision = "modify" if how == "modified" else "revoke"
    more = {"role": "auditor"} if how == "modified" else {}
    assert decide(owner, review_id, staff_id, decision, **more).status == 200
    assert one(owner, review_id)["delta"] == []
    if how == "reactivated":
        assert ask(owner, REACTIVATE, staff_id).status == 200
    else:
        assert ask(owner, ROLE, staff_id, {"role": "admin"}).status == 200
    assert attest(owner, review_id).status == 200
    document = one(owner, review_id)
    (told,) = document["delta"]
    assert (told["staff_id"], document["delta_total"]) == (staff_id, 1)
    changes = [event["id"] for event in estate.events(admin.tenant) if event["action"] == "USER_ROLE_CHANGED"]
    assert told["granted_by_event"] == (changes[-1] if changes else None)
    (event,) = [each for each in estate.events(admin.tenant) if each["action"] == "ACCESS_REVIEW_ATTESTED"]
    assert event["meta"]["delta"] == [staff_id]
    assert event["meta"]["taken_at"] == document["snapshot"]["taken_at"]


def test_role_that_a_decision_gave_is_no_delta(owner: SignedIn, second: SignedIn, admin: Person) -> None:
    review_id = begun(owner, [owner, second])
    assert decide(owner, review_id, admin.staff_id, "modify", role="owner").status == 200
    assert one(owner, review_id)["delta"] == []


def test_nobody_vouches_for_somebody_who_holds_more(
    estate: Estate, owner: SignedIn, second: SignedIn, admin: Person
) -> None:
    junior = administrator(estate, admin.tenant, "admin")
    refused = review(owner, [junior, owner])
    assert (refused.status, refused.body["errors"][0]["pointer"]) == (400, "/reviewers")
    review_id = begun(owner, [junior, owner, second])
    for staff_id in (owner.person.staff_id, second.person.staff_id):
        answer = decide(junior, review_id, staff_id, "keep")
        assert (answer.status, answer.code) == (403, "permission_denied")
    denied = [each for each in estate.events(admin.tenant) if each["action"] == "ACCESS_DENIED"]
    assert [(each["reason"], each["meta"]["role"]) for each in denied] == [("ROLE_BEYOND_OWN", "owner")] * 2
    assert decide(junior, review_id, admin.staff_id, "keep").status == 200
    assert decide(second, review_id, owner.person.staff_id, "keep").status == 200


def test_last_owner_is_kept_by_others_who_may_change_roles(estate: Estate, owner: SignedIn) -> None:
    first, other = (administrator(estate, owner.person.tenant, "admin") for _ in range(2))
    review_id = begun(owner, [first, other])
    assert decide(first, review_id, owner.person.staff_id, "revoke").status == 403
    assert decide(first, review_id, owner.person.staff_id, "keep").status == 200


def test_why_is_told_to_those_alone_who_may_see_the_people(
    estate: Estate, owner: SignedIn, second: SignedIn, admin: Person
) -> None:
    auditor = sign_in(estate, estate.new_person(admin.tenant, "auditor"))
    review_id = begun(owner, [owner, second])
    decide(owner, review_id, admin.staff_id, "keep", "suffers from Quux")
    assert "Quux" in asked(owner, EXPORT, query="format=csv", review_id=review_id).text
    (told,) = one(auditor, review_id)["decisions"]
    assert (told["decision"], told["decided_by"], told["reason"]) == ("keep", owner.person.staff_id, None)
    for form in ("csv", "json"):
        assert "Quux" not in asked(auditor, EXPORT, query=f"format={form}", review_id=review_id).text
    rows = csv.DictReader(asked(auditor, EXPORT, query="format=csv", review_id=review_id).text.splitlines())
    assert [row["decision"] for row in rows if row["staff_id"] == admin.staff_id] == ["keep"]


def test_more_people_since_than_are_listed_are_counted_and_the_review_is_attested(
    estate: Estate, owner: SignedIn, second: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(population, "MAX_DELTA", 1)
    review_id = reviewed(owner, second)
    for _ in range(3):
        estate.new_person(owner.person.tenant, "admin")
    monkeypatch.setattr(population, "MAX_PEOPLE", 2)
    assert attest(owner, review_id).status == 200
    document = one(owner, review_id)
    assert (len(document["delta"]), document["delta_total"]) == (1, 3)
    (event,) = [each for each in estate.events(owner.person.tenant) if each["action"] == "ACCESS_REVIEW_ATTESTED"]
    assert (len(event["meta"]["delta"]), event["meta"]["delta_total"]) == (1, 3)

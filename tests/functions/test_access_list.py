"""The access list: who has administrative access at this moment, and since which event."""

import csv

import pytest

from shared.store.tenant_staff import profile_key
from tests.functions.estate import Estate
from tests.functions.impersonating import impersonate, proven
from tests.functions.reviewing import LIST, asked
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.staff_calls import DEACTIVATE, ROLE, administrator, ask


@pytest.fixture
def owner(estate: Estate, tenant: str) -> SignedIn:
    return administrator(estate, tenant)


def people(session: SignedIn, query: str = "") -> dict[str, dict[str, object]]:
    answer = asked(session, LIST, query=query)
    assert answer.status == 200, answer.text
    assert answer.body["total"] == len(answer.body["people"])
    return {one["staff_id"]: one for one in answer.body["people"]}


def test_lists_administrators_or_everybody_who_was_not_erased(estate: Estate, owner: SignedIn) -> None:
    tenant = owner.person.tenant
    admin, member, left = (estate.new_person(tenant, role) for role in ("admin", "member", "admin"))
    ask(owner, DEACTIVATE, left.staff_id)
    assert set(people(owner)) == {owner.person.staff_id, admin.staff_id}
    everybody = people(owner, "scope=all")
    assert set(everybody) == {owner.person.staff_id, admin.staff_id, member.staff_id, left.staff_id}
    assert (everybody[left.staff_id]["status"], everybody[left.staff_id]["sessions"]) == ("DEACTIVATED", 0)
    sign_in(estate, member)
    estate.change_gate(member, "status", "DEACTIVATED")  # whatever became of the session
    assert people(owner, "scope=all")[member.staff_id]["sessions"] == 0


def test_tells_factors_sessions_and_how_the_role_was_granted(estate: Estate, owner: SignedIn) -> None:
    person = estate.new_person(owner.person.tenant, "member", totp=True)
    provisioned = people(owner, "scope=all")[person.staff_id]
    assert (provisioned["granted_by_event"], provisioned["sessions"], provisioned["last_seen"]) == (None, 0, None)
    assert provisioned["granted_at"] is not None
    ask(owner, ROLE, person.staff_id, {"role": "admin"})
    sign_in(estate, person)
    (granted,) = (event for event in estate.events(person.tenant) if event["action"] == "USER_ROLE_CHANGED")
    found = people(owner)[person.staff_id]
    assert (found["granted_by_event"], found["mfa"], found["factors"]) == (granted["id"], True, ["password", "totp"])
    assert (found["sessions"], found["last_seen"] is not None) == (1, True)
    assert "STAFF_MANAGE" in str(found["permissions"])


def test_session_in_somebodys_name_is_not_his(estate: Estate, owner: SignedIn) -> None:
    target = estate.new_person(owner.person.tenant, "admin")
    impersonate(proven(estate, owner.person), target)
    found = people(owner)[target.staff_id]
    assert (found["sessions"], found["last_seen"]) == (0, None)


def test_note_of_another_role_says_nothing_of_this_one(estate: Estate, owner: SignedIn) -> None:
    """A restore corrects the role alone."""
    estate.change_gate(owner.person, "role", "admin")
    found = people(administrator(estate, owner.person.tenant))[owner.person.staff_id]
    assert (found["granted_at"], found["granted_by_event"]) == (None, None)


def test_whoever_has_a_gate_is_listed_even_without_a_profile(estate: Estate, owner: SignedIn) -> None:
    admin = estate.new_person(owner.person.tenant, "admin")
    estate.delete("tenant_staff", profile_key(admin.tenant, admin.staff_id))
    assert people(owner)[admin.staff_id]["name"] is None


def test_auditor_gets_ids_and_administrators_get_names(estate: Estate, owner: SignedIn) -> None:
    auditor = sign_in(estate, estate.new_person(owner.person.tenant, "auditor"))
    mine = owner.person.staff_id
    assert (people(owner)[mine]["email"], people(owner)[mine]["name"]) == (owner.person.email, "Ada Example")
    assert not {"email", "name"} & set(people(auditor)[mine])
    assert owner.person.email not in asked(auditor, LIST, query="format=csv").text


def test_csv_has_the_rows_of_the_json_and_no_formula(estate: Estate, owner: SignedIn) -> None:
    person = owner.person
    estate.change_row("tenant_staff", profile_key(person.tenant, person.staff_id), {"name": "=1+1"})
    answer = asked(owner, LIST, query="scope=all&format=csv")
    (row,) = csv.DictReader(answer.text.splitlines())
    assert (row["staff_id"], row["name"], row["mfa"]) == (person.staff_id, "'=1+1", "false")
    assert answer.headers["X-Total-Count"] == "1"
    for query in ("scope=some", "format=xml", "limit=1"):
        assert asked(owner, LIST, query=query).status == 400

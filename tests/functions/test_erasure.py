"""Erasing people: what goes, what stays, who may, and what it says."""

import secrets
from typing import Any

import pytest

from functions.erasure import flow
from functions.erasure.handler import sweep
from shared.runtime.data_key import DataKeys
from shared.store.attribute import Row
from shared.store.condition import equals
from shared.store.item import get, query, write
from shared.store.outbox import security_alert
from shared.store.subject_keys import address_digest, new_salt_item, subject_key
from shared.store.tenants import get_tenant
from tests.functions.erasing import REASON, erase, erased, finish, holding, leave
from tests.functions.estate import Estate, MovableClock, Person, Place, login, refresh
from tests.functions.impersonating import impersonate
from tests.functions.invitations import accept, invite, invited, joined, listed
from tests.functions.route_objects import an_authenticator, an_identity
from tests.functions.signed_in import sign_in
from tests.functions.staff_calls import EVERYBODY, ONE, REACTIVATE, ROLE, administrator, ask, gate, owners


def salt_of(estate: Estate, tenant: str, subject: str) -> Row | None:
    return get(estate.dynamodb, estate.prefix + "subject_keys", subject_key(tenant, subject))


def the_erasure(estate: Estate, tenant: str) -> dict[str, Any]:
    (event,) = (each for each in estate.events(tenant) if each["action"] == "PII_ERASED")
    return event


def erasure_row(estate: Estate, tenant: str) -> Row:
    (row,) = query(estate.dynamodb, estate.prefix + "erasures", equals("tenant", tenant))
    return row


def test_no_table_holds_anything_of_a_person_who_was_erased(estate: Estate, tenant: str, clock: MovableClock) -> None:
    """Everything that can be held of somebody comes to be by the product's own routes, and goes."""
    owner = administrator(estate, tenant)
    email, name, address = "zelda.quux@acme.example", "Zelda Quux", "192.0.2.77"
    invited(owner, email, name=name)  # replaced by the next one
    token = invited(owner, email, name=name)
    person = joined(accept(token, place=Place(address=address, country="NZ", user_agent="Zeldabrowser/9")), email)
    assert (
        login(person, password="seven quiet herons at dusk", place=Place(address=address, country="NZ")).status == 200
    )
    session, other = sign_in(estate, person), administrator(estate, tenant)
    an_identity(session)
    an_authenticator(session)
    other.prove("impersonate")
    impersonate(other, person, reason="Zelda Quux cannot print", ticket="ZQ-1")
    abroad = Place(address="192.0.2.78", country="KI", user_agent="Zeldabrowser/9")
    login(person, password="seven quiet herons at dusk", device="another", place=abroad)
    login(person, password="wrong", place=abroad)
    (digest,) = (
        row["item"] for row in estate.partition("tenant_staff", "tenant", tenant) if "identity#" in row["item"]
    )
    leave(owner, person)
    estate.dynamodb.call("PutItem", dict(alert_to(estate, person).request))
    markers = [email, name, "zelda", address, "192.0.2.78", digest, person.staff_id + "#history", "zq-alert"]
    assert {table for marker in markers for table in holding(estate, marker)} >= {
        *("tenant_staff", "invites", "impersonations", "outbox", "user_sessions")
    }
    response = erase(owner, person.staff_id)
    assert (response.status, response.body["completed"]) == (200, False)
    assert holding(estate, email) == ["invites"], "profile and address go in the commit itself"
    sweep({}, None)
    assert erasure_row(estate, tenant)["status"] == "OPEN", "an alert was not delivered yet"
    for row in estate.partition("outbox", "tenant", tenant):
        key = {"tenant": tenant, "effect_id": row["effect_id"]}
        estate.change_row("outbox", key, {"status": "DELIVERED"})
    finish(clock)
    assert {marker: holding(estate, marker) for marker in markers} == {marker: [] for marker in markers}
    assert holding(estate, "ZQ-1") == ["audit_logs"], "a ticket is an id"
    left = {row["item"] for row in estate.partition("tenant_staff", "tenant", tenant) if person.staff_id in repr(row)}
    assert left == {f"{person.staff_id}#gate"}
    assert estate.session_rows(person) == []
    assert [row for row in estate.rows("step_up_challenges") if person.staff_id in row["owner"]] == []
    assert set(holding(estate, person.staff_id)) == {
        *("tenant_staff", "refresh_tokens", "audit_logs", "outbox", "impersonations", "erasures")
    }, "ids stay, where they expire or are evidence"
    assert erase(owner, person.staff_id).body == {**response.body, "completed": True}


def alert_to(estate: Estate, person: Person) -> Any:
    return security_alert(
        estate.prefix + "outbox",
        person.tenant,
        person.staff_id,
        "session_blocked",
        estate.clock(),
        incident="i",
        detected_at=estate.clock(),
        detail={"score": 99, "reasons": ["zq-alert"]},
    )


def test_event_tells_who_did_it_and_what_went_and_nothing_of_the_person(estate: Estate, tenant: str) -> None:
    owner, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    response = erased(owner, person)
    event = the_erasure(estate, tenant)
    assert event["id"] == response.body["event_id"]
    assert (event["targets"], event["resource"]) == (
        [{"type": "user", "id": person.staff_id}],
        f"tenant_staff/{person.staff_id}",
    )
    assert (event["actor"]["id"], event["actor"]["step_up"]) == (owner.person.staff_id, "challenge-rbac_admin")
    assert event["change"] == {"before": {"status": "DEACTIVATED"}, "after": {"status": "ERASED"}}
    assert event["meta"] == {
        "subjects": [person.staff_id],
        "erased": {"salts": 1, "profiles": 1, "factors": 1, "histories": 0, "identities": 0, "invites": 0},
    }
    assert {entry["sub"] for entry in event["pii"]} == {owner.person.staff_id}
    assert REASON not in repr(estate.events(tenant))


def test_what_the_owner_wrote_opens_under_his_own_salt(estate: Estate, tenant: str) -> None:
    owner = administrator(estate, tenant)
    erased(owner, estate.new_person(tenant, "member"))
    event, row = the_erasure(estate, tenant), get_tenant(estate.dynamodb, estate.prefix + "tenants", tenant)
    salt = salt_of(estate, tenant, owner.person.staff_id)
    assert row is not None
    assert salt is not None
    keys = DataKeys(estate.sealer).personal_data(tenant, row["data_key_sealed"])
    told = {entry["of"]: keys.disclose(salt["salt"], entry, event["id"]).values for entry in event["pii"]}
    assert told["target"] == {"reason": REASON}
    assert set(told["actor"]) == {"ip", "user_agent"}


def test_erasing_again_is_answered_alike_and_told_once(estate: Estate, tenant: str) -> None:
    owner, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    first = erased(owner, person)
    assert erase(owner, person.staff_id, "again").body == first.body
    assert estate.actions(tenant).count("PII_ERASED") == 1


def test_person_is_deactivated_before_he_is_erased(estate: Estate, tenant: str) -> None:
    owner, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    assert (erase(owner, person.staff_id).status, erase(owner, person.staff_id).code) == (409, "still_active")
    assert salt_of(estate, tenant, person.staff_id) is not None


def test_nobody_erases_himself_and_the_last_owner_is_told_so(estate: Estate, tenant: str) -> None:
    owner = administrator(estate, tenant)
    assert (erase(owner, owner.person.staff_id).status, erase(owner, owner.person.staff_id).code) == (409, "last_owner")
    administrator(estate, tenant)
    response = erase(owner, owner.person.staff_id)
    assert (response.status, response.code) == (403, "permission_denied")
    refusals = [each for each in estate.events(tenant) if each["action"] == "ACCESS_DENIED"]
    assert [each["reason"] for each in refusals] == ["LAST_OWNER", "LAST_OWNER", "ONESELF"]
    assert salt_of(estate, tenant, owner.person.staff_id) is not None


@pytest.mark.parametrize("staff_id", ["u_00000000", "u#gate", "roles", "unknown"])
def test_nobody_is_erased_under_an_id_that_is_nobodys(estate: Estate, tenant: str, staff_id: str) -> None:
    assert erase(administrator(estate, tenant), staff_id).status == 404
    assert "PII_ERASED" not in estate.actions(tenant)


def test_an_erased_owner_is_no_owner(estate: Estate, tenant: str) -> None:
    owner, other = administrator(estate, tenant), estate.new_person(tenant, "owner")
    erased(owner, other)
    assert owners(estate, tenant) == (1, 1)
    assert erase(owner, owner.person.staff_id).code == "last_owner"


def test_nobody_comes_back_from_an_erasure(estate: Estate, tenant: str, clock: MovableClock) -> None:
    owner, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    session = sign_in(estate, person)
    erased(owner, person)
    for route in (REACTIVATE, ROLE):
        assert ask(owner, route, person.staff_id).status == 404
    assert login(person).code == "invalid_credentials"
    assert refresh(session.refresh_token).code == "invalid_grant"
    finish(clock)
    assert refresh(session.refresh_token).code == "invalid_grant"
    assert gate(estate, person)["status"] == "ERASED"


def test_same_address_may_be_invited_again_and_is_somebody_new(
    estate: Estate, tenant: str, clock: MovableClock
) -> None:
    owner = administrator(estate, tenant)
    before = joined(accept(invited(owner, "grace@acme.example")), "grace@acme.example")
    erased(owner, before)
    token = invited(owner, "grace@acme.example", name="Grace")
    finish(clock)
    assert [one["status"] for one in listed(owner)] == ["OPEN"], "the invite of somebody new is none of the erased"
    after = joined(accept(token), "grace@acme.example")
    assert after.staff_id != before.staff_id
    assert salt_of(estate, tenant, after.staff_id) is not None


def test_list_shows_an_erased_person_as_an_id_without_a_person(estate: Estate, tenant: str) -> None:
    owner, person = administrator(estate, tenant), estate.new_person(tenant, "admin", totp=True)
    erased(owner, person)
    shown = {one["staff_id"]: one for one in ask(owner, EVERYBODY).body["staff"]}
    assert set(shown) == {owner.person.staff_id, person.staff_id}
    assert shown[person.staff_id] == {
        "staff_id": person.staff_id,
        "name": None,
        "email": None,
        "role": None,
        "status": "ERASED",
        "created_at": None,
        "last_sign_in_at": None,
        "must_enrol": False,
        "factors": {"totp": False, "passkeys": 0, "recovery_codes_left": 0},
    }
    version = gate(estate, person)["session_version"]
    alone = ask(owner, ONE, person.staff_id)
    assert (alone.status, alone.body) == (200, {**shown[person.staff_id], "session_version": version, "sessions": []})


def test_erased_person_of_another_tenant_is_nobody(estate: Estate, tenant: str) -> None:
    owner, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    erased(owner, person)
    stranger = administrator(estate, estate.new_tenant())
    assert ask(stranger, ONE, person.staff_id).status == 404
    assert ask(owner, ONE, "u_00000000").status == 404


def test_invites_to_his_address_lose_their_salts_although_their_rows_have_expired(estate: Estate, tenant: str) -> None:
    owner = administrator(estate, tenant)
    for _ in range(3):
        token = invited(owner, "grace@acme.example")
    person = joined(accept(token), "grace@acme.example")
    old = [row for row in estate.partition("invites", "tenant", tenant) if row.get("status") == "REVOKED"]
    estate.delete("invites", {"tenant": tenant, "invite_id": old[0]["invite_id"]})  # as its ttl does
    assert {salt_of(estate, tenant, row["staff_id"]) is None for row in old} == {False}
    erased(owner, person)
    assert [salt_of(estate, tenant, row["staff_id"]) for row in old] == [None, None]
    subjects = the_erasure(estate, tenant)["meta"]["subjects"]
    assert sorted(subjects) == sorted([person.staff_id, *(row["staff_id"] for row in old)])


def test_more_invites_than_a_commit_takes_are_erased_in_several(
    estate: Estate, tenant: str, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = f"grace.{secrets.token_hex(4)}@acme.example"
    owner = administrator(estate, tenant)
    for _ in range(5):
        token = invited(owner, email)
    person = joined(accept(token), email)
    leave(owner, person)
    monkeypatch.setattr(flow, "_SALTS", 2)
    assert erase(owner, person.staff_id).status == 200
    events = [each for each in estate.events(tenant) if each["action"] == "PII_ERASED"]
    assert [len(each["meta"]["subjects"]) for each in events] == [2, 2, 1]
    assert [each["change"]["after"]["status"] for each in events] == ["DEACTIVATED", "DEACTIVATED", "ERASED"]
    finish(clock)
    assert holding(estate, email) == []


def test_as_many_salts_as_one_commit_takes_fit_into_it(estate: Estate, tenant: str) -> None:
    owner = administrator(estate, tenant)
    person = joined(accept(invited(owner, "grace@acme.example")), "grace@acme.example")
    more = {"salt": b"0" * 32, "address": address_digest(tenant, "grace@acme.example")}
    for number in range(flow._SALTS):
        estate.change_row("subject_keys", subject_key(tenant, f"older{number}"), more)
    erased(owner, person)
    events = [each for each in estate.events(tenant) if each["action"] == "PII_ERASED"]
    assert [len(each["meta"]["subjects"]) for each in events] == [flow._SALTS, 1]
    assert not [row for row in estate.partition("subject_keys", "tenant", tenant) if "address" in row]


def test_whoever_was_invited_and_never_came_is_erased_and_cannot_come_any_more(
    estate: Estate, tenant: str, clock: MovableClock
) -> None:
    email = f"grace.{secrets.token_hex(4)}@acme.example"
    owner = administrator(estate, tenant)
    token = invited(owner, email, name="Grace Quux")
    (row,) = (row for row in estate.partition("invites", "tenant", tenant) if "staff_id" in row)
    response = erase(owner, row["staff_id"])
    assert response.status == 200, response.text
    assert salt_of(estate, tenant, row["staff_id"]) is None
    assert accept(token).code == "invalid_grant"
    finish(clock)
    assert {marker: holding(estate, marker) for marker in ("grace quux", email)} == {
        "grace quux": [],
        email: [],
    }
    assert invite(owner, email).status == 201


def test_invite_whose_row_has_expired_is_known_by_its_salt(estate: Estate, tenant: str) -> None:
    owner = administrator(estate, tenant)
    invited(owner, "grace@acme.example")
    (row,) = (row for row in estate.partition("invites", "tenant", tenant) if "staff_id" in row)
    estate.delete("invites", {"tenant": tenant, "invite_id": row["invite_id"]})
    assert erase(owner, row["staff_id"]).status == 200
    assert salt_of(estate, tenant, row["staff_id"]) is None


def test_older_invite_of_somebody_who_came_goes_with_him_alone(estate: Estate, tenant: str) -> None:
    owner = administrator(estate, tenant)
    invited(owner, "grace@acme.example")
    person = joined(accept(invited(owner, "grace@acme.example")), "grace@acme.example")
    (old,) = (row for row in estate.partition("invites", "tenant", tenant) if row.get("status") == "REVOKED")
    response = erase(owner, old["staff_id"])
    assert (response.status, response.code) == (409, "already_used")
    assert salt_of(estate, tenant, person.staff_id) is not None


def test_salt_of_somebody_who_is_there_stays_whatever_stands_beside_it(estate: Estate, tenant: str) -> None:
    owner, person, other = administrator(estate, tenant), *(estate.new_person(tenant, "member") for _ in range(2))
    digest = address_digest(tenant, person.email)
    estate.change_row("subject_keys", subject_key(tenant, other.staff_id), {"address": digest})
    erased(owner, person)
    assert salt_of(estate, tenant, other.staff_id) is not None
    assert the_erasure(estate, tenant)["meta"]["subjects"] == [person.staff_id]


def test_salt_is_made_once_and_never_overwritten(estate: Estate, tenant: str) -> None:
    """The roles that make salts may put rows: that they take none away rests on the condition of the one put."""
    table = estate.prefix + "subject_keys"
    salt, first = new_salt_item(table, tenant, "somebody")
    assert write(estate.dynamodb, first)
    for email in (None, "grace@acme.example"):
        assert not write(estate.dynamodb, new_salt_item(table, tenant, "somebody", email)[1])
    kept = salt_of(estate, tenant, "somebody")
    assert kept is not None
    assert kept["salt"] == salt

"""The list of people, and one of them: what is told, page by page, and nothing besides."""

import pytest

from shared.store.tenant_staff import identity_key, linked_identity, people_of
from tests.functions.estate import Estate, Person, login, step_up
from tests.functions.passkey_calls import registered, secured
from tests.functions.signed_in import sign_in
from tests.functions.staff_calls import DEACTIVATE, EVERYBODY, ONE, administrator, ask

KNOWN = {
    "staff_id",
    "name",
    "email",
    "role",
    "status",
    "created_at",
    "last_sign_in_at",
    "must_enrol",
    "factors",
}


def test_list_tells_of_everybody_in_the_tenant_and_of_nobody_else(estate: Estate, tenant: str) -> None:
    session = administrator(estate, tenant, "admin")
    people = [session.person, *(estate.new_person(tenant, role, totp=True) for role in ("owner", "member", "auditor"))]
    estate.new_person(estate.new_tenant(), "owner")
    answer = ask(session, EVERYBODY)
    assert answer.status == 200
    assert answer.body["next_cursor"] is None
    told = {one["staff_id"]: one for one in answer.body["staff"]}
    assert set(told) == {person.staff_id for person in people}
    for person in people:
        one = told[person.staff_id]
        assert set(one) == KNOWN
        assert (one["email"], one["role"], one["status"]) == (person.email, person.role, "ACTIVE")
        factors = {"totp": person.totp_secret is not None, "passkeys": 0, "recovery_codes_left": 0}
        assert (one["name"], one["factors"], one["must_enrol"]) == ("Ada Example", factors, False)
        assert (one["created_at"].endswith("Z"), one["last_sign_in_at"]) == (True, None)
    for secret in ("argon2", "secret", "hash", "sealed"):
        assert secret not in answer.text


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 500])
def test_pages_give_everybody_once_and_in_order(estate: Estate, tenant: str, limit: int) -> None:
    session = administrator(estate, tenant)
    people = {session.person.staff_id, *(estate.new_person(tenant, "member", totp=True).staff_id for _ in range(6))}
    found: list[str] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        page = ask(session, EVERYBODY, query=f"limit={limit}{cursor and f'&cursor={cursor}'}").body
        assert 1 <= len(page["staff"]) <= limit
        found += [one["staff_id"] for one in page["staff"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert found == sorted(people)
    assert pages == -(-len(people) // limit)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=501", "/limit"),
        ("limit=x", "/limit"),
        ("cursor=u_1%23gate", "/cursor"),
        ("cursor=", "/cursor"),
        ("tenant=other", "/tenant"),
    ],
)
def test_query_that_makes_no_sense_is_refused(estate: Estate, tenant: str, query: str, pointer: str) -> None:
    answer = ask(administrator(estate, tenant), EVERYBODY, query=query)
    assert (answer.code, [error["pointer"] for error in answer.body["errors"]]) == ("invalid_request", [pointer])


def test_one_person_takes_no_query(estate: Estate, tenant: str) -> None:
    session = administrator(estate, tenant)
    assert ask(session, ONE, session.person.staff_id, query="ended=true").code == "invalid_request"


def test_cursor_of_nobody_goes_on_behind_where_he_would_be(estate: Estate, tenant: str) -> None:
    session = administrator(estate, tenant)
    assert ask(session, EVERYBODY, query="cursor=zzz").body == {"staff": [], "next_cursor": None}
    assert len(ask(session, EVERYBODY, query="cursor=a").body["staff"]) == 1


def test_one_person_is_told_with_factors_and_live_sessions(estate: Estate, tenant: str) -> None:
    session, person = administrator(estate, tenant), estate.new_person(tenant, "admin", totp=True)
    bearer = secured(estate, person, login(person).body["access_token"])
    registered(bearer)
    step_up("factors/recovery-codes", None, bearer)
    ended, live = sign_in(estate, person, device="phone"), sign_in(estate, person)
    ended.change_row(status="REVOKED", revoke_reason="logout", ended_at=1)
    sign_in(estate, person).change_row(idle_expires_at=int(estate.clock()))
    sign_in(estate, person).change_row(session_version=0)
    answer = ask(session, ONE, person.staff_id)
    assert answer.status == 200
    assert set(answer.body) == KNOWN | {"session_version", "sessions"}
    assert answer.body["factors"] == {"totp": True, "passkeys": 1, "recovery_codes_left": 10}
    assert answer.body["last_sign_in_at"] is not None
    assert answer.body["session_version"] == 1
    told = answer.body["sessions"]
    assert len(told) == 2, "that of the login, and the other one that lives"
    assert live.session_id in {one["session_id"] for one in told}
    assert set(told[0]) == {
        *("session_id", "created_at", "last_seen_at", "idle_expires_at", "absolute_expires_at"),
        *("acr", "country", "agent", "device", "impersonation"),
    }
    assert live.row()["current_hash"] not in answer.text


def test_deactivated_person_is_listed_without_a_session(estate: Estate, tenant: str) -> None:
    session, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    sign_in(estate, person)
    ask(session, DEACTIVATE, person.staff_id)
    one = ask(session, ONE, person.staff_id).body
    assert (one["status"], one["sessions"], one["session_version"]) == ("DEACTIVATED", [], 2)
    estate.change_gate(person, "session_version", 1)
    assert ask(session, ONE, person.staff_id).body["sessions"] == []


def test_views_write_nothing(estate: Estate, tenant: str, person: Person) -> None:
    session = administrator(estate, tenant)
    before = len(estate.events(tenant))
    ask(session, EVERYBODY)
    ask(session, ONE, person.staff_id)
    assert len(estate.events(tenant)) == before


def test_rows_that_are_of_nobody_are_not_read(estate: Estate, tenant: str) -> None:
    """Identities, addresses and counts grow with the tenant; a page of people costs what its people are."""
    person = estate.new_person(tenant, "owner")
    table = estate.prefix + "tenant_staff"
    link = linked_identity(table, identity_key(tenant, "0" * 64), person.staff_id, "c_1", 0)
    estate.dynamodb.call("PutItem", dict(link.request))
    read = {row["item"].partition("#")[0] for row in people_of(estate.dynamodb, table, tenant)}
    there = {row["item"].partition("#")[0] for row in estate.partition("tenant_staff", "tenant", tenant)}
    assert (read, there - read) == ({person.staff_id}, {"email", "identity", "roles"})

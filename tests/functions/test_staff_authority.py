"""Who may do what to whom: never more than one holds, never to oneself, never to the last owner, never elsewhere."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.domain.permission import ROLES, covers
from shared.store.tenant_staff import owners_key
from tests.functions.estate import Estate, Person
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.staff_calls import (
    DEACTIVATE,
    EVERYBODY,
    MEASURES,
    ONE,
    REACTIVATE,
    RESET,
    ROLE,
    SIGN_OUT,
    administrator,
    ask,
    effects,
    gate,
    owners,
)
from tests.functions.test_factor_change_races import Interrupted, commit, interrupted

__all__ = ["interrupted"]


def rows_of(estate: Estate, tenant: str) -> list[dict[str, Any]]:
    return estate.partition("tenant_staff", "tenant", tenant)


@pytest.mark.parametrize("route", [SIGN_OUT, DEACTIVATE, RESET, ROLE])
@pytest.mark.parametrize("target", ROLES)
def test_admin_acts_on_nobody_who_holds_more(estate: Estate, tenant: str, route: str, target: str) -> None:
    session, person = administrator(estate, tenant, "admin"), estate.new_person(tenant, target)
    before = gate(estate, person)
    answer = ask(session, route, person.staff_id, {"role": "auditor"} if route == ROLE else None)
    if covers("admin", target):
        assert answer.status == 200
        return
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert gate(estate, person) == before
    assert effects(estate, tenant) == []
    event = estate.events(tenant)[-1]
    assert (event["action"], event["outcome"], event["reason"]) == ("ACCESS_DENIED", "denied", "ROLE_BEYOND_OWN")
    assert (event["meta"], event["targets"]) == ({"role": target}, [{"type": "user", "id": person.staff_id}])
    assert event["actor"]["id"] == session.person.staff_id


def test_nobody_gives_a_role_that_he_does_not_cover(estate: Estate, tenant: str) -> None:
    session, person = administrator(estate, tenant, "admin"), estate.new_person(tenant, "member")
    assert ask(session, ROLE, person.staff_id, {"role": "owner"}).code == "permission_denied"
    assert estate.events(tenant)[-1]["meta"] == {"role": "owner"}
    assert gate(estate, person)["role"] == "member"
    assert ask(administrator(estate, tenant), ROLE, person.staff_id, {"role": "owner"}).status == 200


@pytest.mark.parametrize("role", ["admin", "owner"])
@pytest.mark.parametrize("route", MEASURES)
def test_nobody_acts_on_himself(estate: Estate, tenant: str, route: str, role: str) -> None:
    estate.new_person(tenant, "owner")
    session = administrator(estate, tenant, role)
    before = gate(estate, session.person)
    answer = ask(session, route, session.person.staff_id)
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert estate.events(tenant)[-1]["reason"] == "ONESELF"
    assert gate(estate, session.person) == before


@pytest.mark.parametrize("route", [ROLE, DEACTIVATE])
def test_last_owner_stays(estate: Estate, tenant: str, route: str) -> None:
    session = administrator(estate, tenant)
    ask(session, DEACTIVATE, estate.new_person(tenant, "owner").staff_id)
    before = gate(estate, session.person)
    answer = ask(session, route, session.person.staff_id)
    assert (answer.status, answer.code) == (409, "last_owner")
    event = estate.events(tenant)[-1]
    assert (event["action"], event["reason"]) == ("ACCESS_DENIED", "LAST_OWNER")
    assert gate(estate, session.person) == before


@pytest.mark.parametrize("route", [ROLE, DEACTIVATE])
def test_count_of_owners_is_a_condition_of_the_commit(
    estate: Estate, tenant: str, interrupted: Interrupted, route: str
) -> None:
    """Whatever was read: a count that says otherwise at the commit stops it."""
    session, person = administrator(estate, tenant), estate.new_person(tenant, "owner")
    late = interrupted(
        lambda: ask(session, route, person.staff_id),
        commit,
        lambda: estate.change_row("tenant_staff", owners_key(tenant), {"active": 1}),
    )
    assert late is not None
    assert late.code == "last_owner"
    assert (gate(estate, person)["role"], gate(estate, person)["status"]) == ("owner", "ACTIVE")


def test_owners_are_counted_whatever_becomes_of_them(estate: Estate, tenant: str) -> None:
    session, person = administrator(estate, tenant), estate.new_person(tenant, "owner")
    assert owners(estate, tenant) == (2, 2)
    for route, body, counted in (
        (DEACTIVATE, None, 1),
        (ROLE, {"role": "admin"}, 1),  # a deactivated owner was not counted
        (ROLE, {"role": "owner"}, 1),
        (REACTIVATE, None, 2),
        (ROLE, {"role": "member"}, 1),
        (ROLE, {"role": "owner"}, 2),
        (SIGN_OUT, None, 2),
        (RESET, None, 2),
    ):
        assert ask(session, route, person.staff_id, body).status == 200, route
        assert owners(estate, tenant) == (counted, counted), route


@pytest.mark.parametrize("role", ["member", "auditor"])
@pytest.mark.parametrize("route", [EVERYBODY, ONE, *MEASURES])
def test_roles_without_the_permission_are_refused(estate: Estate, tenant: str, route: str, role: str) -> None:
    session, person = administrator(estate, tenant, role), estate.new_person(tenant, "member")
    assert ask(session, route, None if route == EVERYBODY else person.staff_id).code == "permission_denied"
    assert estate.events(tenant)[-1]["reason"] == "PERMISSION_MISSING"


@pytest.mark.parametrize("route", [ROLE, DEACTIVATE, REACTIVATE, RESET])
def test_change_takes_a_fresh_proof(estate: Estate, tenant: str, route: str) -> None:
    session, person = sign_in(estate, estate.new_person(tenant, "owner")), estate.new_person(tenant, "member")
    answer = ask(session, route, person.staff_id)
    assert (answer.code, answer.body["purpose"]) == ("insufficient_user_authentication", "rbac_admin")


def of_another_tenant(estate: Estate) -> str:
    return estate.new_person(estate.new_tenant(), "member").staff_id


NOBODY: dict[str, Callable[[Estate], str]] = {
    "somebody of another tenant": of_another_tenant,
    "nobody": lambda _: "u_nobody",
    "a row that is no person": lambda _: "roles",
    "half a key": lambda _: "u_1#gate",
    "an address": lambda _: "ada@acme.example",
    "nothing": lambda _: "",
    "far too long": lambda _: "u" * 2_000,
}


@pytest.mark.parametrize("named", NOBODY)
@pytest.mark.parametrize("route", [ONE, *MEASURES])
def test_whoever_is_not_of_the_tenant_is_not_there(estate: Estate, tenant: str, route: str, named: str) -> None:
    session = administrator(estate, tenant)
    staff_id = NOBODY[named](estate)
    before = len(estate.events(tenant)), rows_of(estate, tenant)
    answer = ask(session, route, staff_id)
    assert (answer.status, answer.code, answer.body["detail"]) == (
        404,
        "not_found",
        "Nobody of your tenant has this id.",
    )
    assert (len(estate.events(tenant)), rows_of(estate, tenant)) == before


def test_profile_that_is_gone_leaves_nobody(estate: Estate, tenant: str) -> None:
    session, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    estate.delete("tenant_staff", {"tenant": tenant, "item": f"{person.staff_id}#profile"})
    assert ask(session, SIGN_OUT, person.staff_id).code == "not_found"


WRONG_ROLES: list[Any] = ["root", "", "OWNER", None, 1, ["owner"], "owner "]
WRONG_REASONS: list[Any] = ["", "   \n ", "x" * 501, None, 7, "\ud800"]


@pytest.mark.parametrize("role", WRONG_ROLES, ids=str)
def test_role_that_does_not_exist_is_no_request(estate: Estate, tenant: str, role: Any) -> None:
    session, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    answer = ask(session, ROLE, person.staff_id, {"role": role})
    assert (answer.code, answer.body["errors"][0]["pointer"]) == ("invalid_request", "/role")
    assert gate(estate, person)["role"] == "member"


@pytest.mark.parametrize("reason", WRONG_REASONS, ids=lambda reason: repr(reason)[:12])
def test_measure_without_a_reason_is_no_request(estate: Estate, tenant: str, reason: Any) -> None:
    session, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    answer = ask(session, DEACTIVATE, person.staff_id, {"reason": reason})
    assert (answer.code, answer.body["errors"][0]["pointer"]) == ("invalid_request", "/reason")
    assert ask(session, SIGN_OUT, person.staff_id, {}).code == "invalid_request"
    assert ask(session, RESET, person.staff_id, {"reason": "x", "force": True}).code == "invalid_request"
    assert gate(estate, person)["session_version"] == 1


def test_reason_of_500_characters_of_any_kind_is_taken(estate: Estate, tenant: str) -> None:
    session, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    assert ask(session, SIGN_OUT, person.staff_id, {"reason": "\u00fc\n" * 250}).status == 200


def second_administrator(estate: Estate, tenant: str) -> tuple[SignedIn, Person]:
    session = administrator(estate, tenant, "admin")
    return session, session.person


def test_administrator_acts_on_an_equal(estate: Estate, tenant: str) -> None:
    session, (other, person) = administrator(estate, tenant, "admin"), second_administrator(estate, tenant)
    assert ask(session, DEACTIVATE, person.staff_id).status == 200
    assert ask(other, REACTIVATE, session.person.staff_id).code == "invalid_token"

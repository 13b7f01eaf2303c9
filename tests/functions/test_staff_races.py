"""Measures that meet, each other and what they stop: real threads, and an interruption at every call."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.step_up.handler import handler as step_up_handler
from tests.functions.estate import (
    Estate,
    MovableClock,
    Person,
    Place,
    Response,
    call,
    event,
    login,
    me,
    refresh,
    step_up,
)
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.staff_calls import DEACTIVATE, RESET, ROLE, administrator, ask, gate, owners
from tests.functions.test_factor_change_races import (
    Interrupted,
    commit,
    every_call,
    interrupted,
    number,
    without_totp,
)
from tests.functions.test_step_up import code_of, enrol

__all__ = ["interrupted"]

ROUNDS = 4


def at_once(*acts: Callable[[], Response]) -> list[Response]:
    with ThreadPoolExecutor(len(acts)) as pool:
        return [each.result() for each in [pool.submit(act) for act in acts]]


def lives(session: SignedIn) -> list[int]:
    return [me(session.access_token).status, refresh(session.refresh_token).status]


@pytest.mark.parametrize("route", [ROLE, DEACTIVATE])
def test_of_two_owners_who_unmake_each_other_one_stays(estate: Estate, route: str) -> None:
    for _ in range(ROUNDS):
        tenant = estate.new_tenant()
        one, other = administrator(estate, tenant), administrator(estate, tenant)
        answers = at_once(
            lambda one=one, other=other: ask(one, route, other.person.staff_id),  # type: ignore[misc]
            lambda one=one, other=other: ask(other, route, one.person.staff_id),  # type: ignore[misc]
        )
        assert sorted(answer.status for answer in answers) == [200, 401]
        assert owners(estate, tenant) == (1, 1)
        loser = one if answers[0].status == 401 else other
        assert lives(loser) == [401, 401]


@pytest.mark.parametrize("route", [ROLE, DEACTIVATE])
def test_owner_who_is_unmade_at_any_call_unmakes_nobody_any_more(
    estate: Estate, interrupted: Interrupted, route: str
) -> None:
    def run(wanted: int) -> bool:
        tenant = estate.new_tenant()
        one, other = administrator(estate, tenant), administrator(estate, tenant)
        first: list[Response] = []
        late = interrupted(
            lambda: ask(one, route, other.person.staff_id),
            number(wanted),
            lambda: first.append(ask(other, route, one.person.staff_id)),
        )
        if late is None:
            return False
        assert (first[0].status, late.code) == (200, "invalid_token")
        assert owners(estate, tenant) == (1, 1)
        assert gate(estate, other.person)["status"] == "ACTIVE"
        return True

    assert every_call(run) >= 3


def test_of_three_owners_who_unmake_one_another_in_a_ring_one_stays(estate: Estate, tenant: str) -> None:
    ring = [administrator(estate, tenant) for _ in range(3)]
    pairs = [(ring[at], ring[(at + 1) % 3]) for at in range(3)]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda pair: ask(pair[0], ROLE, pair[1].person.staff_id), pairs))
    counted, there = owners(estate, tenant)
    assert counted == there >= 1
    assert there == 3 - [answer.status for answer in answers].count(200)


def acts_of(estate: Estate, session: SignedIn, kind: str) -> Callable[[], Response]:
    """Prepare an act of a person that his deactivation meets."""
    person = session.person
    if kind == "refresh":
        return lambda: refresh(session.refresh_token)
    if kind == "login":
        return lambda: login(person)
    if kind == "answer to a step-up":
        asked = step_up("step-up/challenges", {"purpose": "data_export"}, session.access_token).body["challenge_id"]
        body = {"challenge_id": asked, "code": code_of(person, estate.clock())}
        return lambda: step_up("step-up/verify", body, session.access_token)
    login(person)
    waiting = login(person, device="elsewhere", place=Place(country="FR")).body["challenge_id"]
    body = {"challenge_id": waiting, "code": code_of(person, estate.clock())}
    return lambda: call(step_up_handler, event("POST /api/auth/step-up/verify", body))


KINDS = ("refresh", "login", "answer to a step-up", "answer to a risk")


def opened(answers: list[Response]) -> list[tuple[str, str | None]]:
    bodies = [answer.body for answer in answers if answer.status == 200]
    return [(body["access_token"], body.get("refresh_token")) for body in bodies if "access_token" in body]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_meets_a_deactivation_outlives_it(
    estate: Estate, tenant: str, clock: MovableClock, kind: str
) -> None:
    del clock
    session = administrator(estate, tenant)
    for _ in range(ROUNDS):
        person = estate.new_person(tenant, "member", totp=True)
        live = sign_in(estate, person)
        act = acts_of(estate, live, kind)
        done, met = at_once(lambda person=person: ask(session, DEACTIVATE, person.staff_id), act)  # type: ignore[misc]
        assert done.status == 200
        assert met.status in {200, 401, 410}, met.text
        assert lives(live) == [401, 401]
        for access, text in opened([met]):
            assert me(access).status == 401
            assert text is None or refresh(text).status == 401


@pytest.mark.parametrize("kind", KINDS)
def test_deactivation_at_any_call_of_an_act_stops_it(
    estate: Estate, tenant: str, interrupted: Interrupted, kind: str
) -> None:
    session = administrator(estate, tenant)

    def run(wanted: int) -> bool:
        person = estate.new_person(tenant, "member", totp=True)
        act = acts_of(estate, sign_in(estate, person), kind)
        answer = interrupted(act, number(wanted), lambda: ask(session, DEACTIVATE, person.staff_id))
        if answer is None:
            return False
        assert answer.status in {401, 410}, answer.text
        return True

    assert every_call(run) >= 1


def test_role_change_and_deactivation_of_one_person_both_count(estate: Estate, tenant: str) -> None:
    session, other = administrator(estate, tenant), administrator(estate, tenant)
    for _ in range(ROUNDS):
        person = estate.new_person(tenant, "admin", totp=True)
        answers = at_once(
            lambda person=person: ask(session, ROLE, person.staff_id),  # type: ignore[misc]
            lambda person=person: ask(other, DEACTIVATE, person.staff_id),  # type: ignore[misc]
        )
        assert [answer.status for answer in answers] == [200, 200]
        row = gate(estate, person)
        assert (row["role"], row["status"], row["session_version"]) == ("member", "DEACTIVATED", 3)
        actions = [line["action"] for line in estate.events(tenant) if line["targets"][:1] == [told(person)]]
        assert (actions.count("USER_ROLE_CHANGED"), actions.count("USER_DEACTIVATED")) == (1, 1)


def told(person: Person) -> dict[str, str]:
    return {"type": "user", "id": person.staff_id}


def test_deactivated_twice_at_once_is_deactivated_once(estate: Estate, tenant: str) -> None:
    session, other = administrator(estate, tenant), administrator(estate, tenant)
    person = estate.new_person(tenant, "member")
    answers = at_once(
        lambda: ask(session, DEACTIVATE, person.staff_id), lambda: ask(other, DEACTIVATE, person.staff_id)
    )
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert estate.actions(tenant).count("USER_DEACTIVATED") == 1


def test_nobody_becomes_an_administrator_on_a_factor_that_goes_meanwhile(
    estate: Estate, tenant: str, interrupted: Interrupted
) -> None:
    session = administrator(estate, tenant)

    def run(wanted: int) -> bool:
        person = estate.new_person(tenant, "member", totp=True)
        live = sign_in(estate, person)
        live.prove("account_security")
        gone: list[Response] = []
        answer = interrupted(
            lambda: ask(session, ROLE, person.staff_id, {"role": "admin"}),
            number(wanted),
            lambda: gone.append(without_totp(live.access_token)),
        )
        if answer is None:
            return False
        assert (answer.status, gone[0].status) == (200, 204)
        assert answer.body["must_enrol"] is True
        assert gate(estate, person)["must_enrol"] is True
        return True

    assert every_call(run) >= 3


def test_nobody_must_enrol_what_he_has_enrolled_meanwhile(
    estate: Estate, tenant: str, interrupted: Interrupted
) -> None:
    session = administrator(estate, tenant)

    def run(wanted: int) -> bool:
        person = estate.new_person(tenant, "member")
        live = sign_in(estate, person)
        answer = interrupted(
            lambda: ask(session, ROLE, person.staff_id, {"role": "admin"}),
            number(wanted),
            lambda: enrol(live.access_token, estate.clock()),
        )
        if answer is None:
            return False
        assert (answer.status, answer.body["must_enrol"]) == (200, False)
        assert "must_enrol" not in gate(estate, person)
        return True

    assert every_call(run) >= 3


def test_reset_leaves_nothing_of_what_is_enrolled_meanwhile(
    estate: Estate, tenant: str, interrupted: Interrupted
) -> None:
    session = administrator(estate, tenant)

    def run(wanted: int) -> bool:
        person = estate.new_person(tenant, "member")
        live = sign_in(estate, person)
        answer = interrupted(
            lambda: ask(session, RESET, person.staff_id),
            number(wanted),
            lambda: enrol(live.access_token, estate.clock()),
        )
        if answer is None:
            return False
        assert answer.status == 200
        items = {row["item"] for row in estate.partition("tenant_staff", "tenant", tenant)}
        assert f"{person.staff_id}#factor#totp" not in items
        return True

    assert every_call(run) >= 3


def test_administrator_who_is_deactivated_before_the_commit_changes_nothing(
    estate: Estate, tenant: str, interrupted: Interrupted
) -> None:
    owner, admin = administrator(estate, tenant), administrator(estate, tenant, "admin")
    person = estate.new_person(tenant, "member")
    late = interrupted(
        lambda: ask(admin, DEACTIVATE, person.staff_id),
        commit,
        lambda: ask(owner, DEACTIVATE, admin.person.staff_id),
    )
    assert late is not None
    assert late.code == "invalid_token"
    assert gate(estate, person)["status"] == "ACTIVE"

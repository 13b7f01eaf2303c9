"""What ends an impersonation: the next request is refused, and the sweep says why, once."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.impersonation import standing
from functions.impersonation.handler import _sweep as wired
from functions.impersonation.handler import sweep
from functions.sessions.handler import handler as sessions_handler
from shared.domain.impersonation import Impersonator
from shared.domain.session import Standing
from shared.runtime.access_token import Bearer
from shared.store.impersonations import active_of
from shared.store.tenants import tenant_key
from shared.store.user_sessions import session_of
from shared.store.wire import Unavailable, Wire
from tests.functions.conftest import Calls
from tests.functions.estate import Estate, MovableClock, call, event, me
from tests.functions.impersonating import REASON, Impersonating, begin, impersonate, proven
from tests.functions.signed_in import END, LOGOUT, LOGOUT_ALL, SignedIn, issuer_of, sign_in
from tests.functions.test_introspection import ask


@pytest.fixture
def acting(estate: Estate, tenant: str) -> Impersonating:
    actor = proven(estate, estate.new_person(tenant, "admin"))
    return impersonate(actor, estate.new_person(tenant, "member"), mode="write")


def gate(whose: str, **values: Any) -> Callable[[Impersonating], None]:
    def change(acting: Impersonating) -> None:
        person = acting.target if whose == "target" else acting.actor.person
        for name, value in values.items():
            acting.estate.change_gate(person, name, value)

    return change


def gone(table: str, whose: str) -> Callable[[Impersonating], None]:
    def take(acting: Impersonating) -> None:
        person = acting.target if whose == "target" else acting.actor.person
        keys = {
            "user_sessions": {
                "owner": f"{person.tenant}#{person.staff_id}",
                "session_id": acting.impersonation_id if whose == "target" else acting.actor.session_id,
            },
            "tenant_staff": {"tenant": person.tenant, "item": f"{person.staff_id}#gate"},
        }
        acting.estate.delete(table, keys[table])

    return take


def setting(value: str) -> Callable[[Impersonating], None]:
    return lambda acting: acting.estate.change_settings(acting.target.tenant, {"impersonation": value})


def by_target(acting: Impersonating) -> None:
    assert sign_in(acting.estate, acting.target).calls(END, ends=acting.impersonation_id).status == 204


def out_everywhere(acting: Impersonating) -> None:
    assert acting.actor.calls(LOGOUT_ALL, {"keep_current": True}).status == 200


def past(limit: str) -> Callable[[Impersonating], None]:
    return lambda acting: acting.actor.change_row(**{f"{limit}_expires_at": int(acting.estate.clock())})


DEATHS: Mapping[str, tuple[str, Callable[[Impersonating], None]]] = {
    "actor is deactivated": ("actor_lost_rights", gate("actor", status="DEACTIVATED", session_version=2)),
    "actor is no administrator any more": ("actor_lost_rights", gate("actor", role="auditor")),
    "actor is gone": ("actor_lost_rights", gone("tenant_staff", "actor")),
    "actor logs out": ("actor_session_ended", lambda acting: _status(acting.actor.calls(LOGOUT), 204)),
    "actor leaves all sessions but this one": ("actor_session_ended", out_everywhere),
    "actor changes the password": ("actor_session_ended", gate("actor", session_version=2)),
    "session of the actor is deleted": ("actor_session_ended", gone("user_sessions", "actor")),
    "session of the actor is idle too long": ("actor_session_ended", past("idle")),
    "session of the actor comes to its end": ("actor_session_ended", past("absolute")),
    "session of the actor is of another version": (
        "actor_session_ended",
        lambda acting: acting.actor.change_row(session_version=9),
    ),
    "its session is of another version": (
        "target_ended",
        lambda acting: acting.estate.change_row("user_sessions", acting.key, {"session_version": 9}),
    ),
    "target is deactivated": ("target_changed", gate("target", status="DEACTIVATED", session_version=2)),
    "target becomes an administrator": ("target_changed", gate("target", role="admin")),
    "target becomes an owner": ("target_changed", gate("target", role="owner")),
    "target is logged out everywhere": ("target_changed", gate("target", session_version=2)),
    "target is gone": ("target_changed", gone("tenant_staff", "target")),
    "target ends it": ("target_ended", by_target),
    "its session is deleted": ("target_ended", gone("user_sessions", "target")),
    "tenant switches it off": ("switched_off", setting("off")),
    "tenant lets people read only": ("switched_off", setting("read")),
}
# The request is refused, and the impersonation is not over: it may count again.
PAUSES: Mapping[str, Callable[[Impersonating], None]] = {
    "actor owes a proof": lambda acting: acting.actor.change_row(
        pending_challenge={"challenge_id": "c", "expires_at": 1, "methods": ["totp"]}
    ),
    "actor has no second factor any more": gate("actor", must_enrol=True),
    "tenant is suspended": lambda acting: acting.estate.change_row(
        "tenants", tenant_key(acting.target.tenant), {"status": "SUSPENDED"}
    ),
}


def _status(response: Any, status: int) -> None:
    assert response.status == status


def ends(acting: Impersonating) -> list[dict[str, Any]]:
    events = acting.estate.events(acting.target.tenant)
    return [line for line in events if line["action"] == "IMPERSONATION_ENDED"]


def swept(acting: Impersonating) -> int:
    return wired().sweep(acting.target.tenant)


@pytest.mark.parametrize("death", DEATHS)
def test_next_request_is_refused_and_the_sweep_says_why_once(acting: Impersonating, death: str) -> None:
    cause, happens = DEATHS[death]
    assert (acting.me().status, swept(acting)) == (200, 0)
    happens(acting)
    answer = acting.me()
    assert (answer.status, answer.code) == (401, "invalid_token")
    assert "X-Impersonated-By" not in answer.headers
    assert ask(acting.token).body == {"active": False}
    assert (swept(acting), swept(acting)) == (1, 0)
    (line,) = ends(acting)
    assert (line["reason"], line["on_behalf_of"]) == (cause, None), "the sweep acts in nobody's name"
    assert {"type": "user", "id": acting.target.staff_id} in line["targets"]
    assert (line["actor"]["type"], line["actor"]["id"]) == ("system", "impersonation_sweep")
    assert line["meta"]["impersonator"] == acting.actor.person.staff_id
    assert acting.me().status == 401


@pytest.mark.parametrize("pause", PAUSES)
def test_what_may_pass_refuses_the_request_and_ends_nothing(acting: Impersonating, pause: str) -> None:
    PAUSES[pause](acting)
    assert acting.me().code == "invalid_token"
    assert ask(acting.token).body == {"active": False}
    assert swept(acting) == 0


def test_expired_impersonation_is_told_with_what_was_asked(estate: Estate, tenant: str, clock: MovableClock) -> None:
    actor = proven(estate, estate.new_person(tenant, "admin"))
    acting = impersonate(actor, estate.new_person(tenant, "member"), minutes=5)
    for _ in range(3):
        acting.me()
    assert call(sessions_handler, event(LOGOUT, bearer=acting.token)).code == "impersonation_forbidden_action"
    clock.offset = 290
    assert (acting.me().status, swept(acting)) == (200, 0)
    clock.offset = 700
    assert acting.me().status == 401
    assert swept(acting) == 1
    (line,) = ends(acting)
    assert (line["reason"], line["meta"]["seconds"]) == ("expired", 300)
    assert (line["meta"]["requests"], line["meta"]["denied"]) == (5, 1)
    record = estate.partition("impersonations", "tenant", tenant)[0]
    assert (record["item"], record["cause"], record["requests"]) == (acting.impersonation_id, "expired", 5)
    assert record["ended_at"] == record["expires_at"]
    assert record["ttl"] > record["ended_at"]


def test_two_sweeps_at_once_tell_an_end_once(acting: Impersonating) -> None:
    DEATHS["target is deactivated"][1](acting)
    barrier = threading.Barrier(4)

    def one() -> int:
        barrier.wait()
        return swept(acting)

    with ThreadPoolExecutor(4) as pool:
        told = [future.result() for future in [pool.submit(one) for _ in range(4)]]
    assert sorted(told) == [0, 0, 0, 1]
    assert len(ends(acting)) == 1
    mails = [row for row in acting.estate.partition("outbox", "tenant", acting.target.tenant) if row["kind"] == "mail"]
    assert len(mails) == 1


def test_sweep_that_crashes_between_any_two_calls_is_finished_by_the_next(
    acting: Impersonating, monkeypatch: pytest.MonkeyPatch
) -> None:
    DEATHS["actor is gone"][1](acting)
    original, number = Wire.call, 0
    for crash in range(1, 9):
        number = 0

        def broken(wire: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> Any:
            nonlocal number
            number += 1
            if number == crash:  # noqa: B023 - called within this turn of the loop
                raise Unavailable("injected: the sweep dies here")
            return original(wire, operation, request, deadline=deadline)

        with monkeypatch.context() as patch:
            patch.setattr(Wire, "call", broken)
            try:
                swept(acting)
            except Unavailable:
                continue
            break
    assert crash > 3, "it was killed at every call of a run"
    assert len(ends(acting)) == 1


def test_sweep_of_all_tenants_serves_the_others_when_one_fails(
    acting: Impersonating, monkeypatch: pytest.MonkeyPatch
) -> None:
    DEATHS["target is deactivated"][1](acting)
    original = wired().sweep
    elsewhere = acting.estate.new_tenant()

    def failing(tenant: str) -> int:
        if tenant == elsewhere:
            raise Unavailable("injected")
        return original(tenant) if tenant == acting.target.tenant else 0

    monkeypatch.setattr(type(wired()), "sweep", lambda _self, tenant: failing(tenant))
    with pytest.raises(ExceptionGroup):
        sweep({}, None)
    assert len(ends(acting)) == 1


def test_idle_tenant_costs_the_sweep_one_query(estate: Estate, tenant: str, calls: Calls) -> None:
    wired()
    calls.clear()
    assert wired().sweep(tenant) == 0
    assert calls.operations() == ["Query"]
    assert estate.actions(tenant) == []


def test_many_open_ones_are_judged_in_few_reads(
    estate: Estate, tenant: str, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 4 * standing._TOGETHER + 1 <= 100, "what one batch takes"
    member = estate.new_person(tenant, "member")
    monkeypatch.setattr("functions.impersonation.standing._TOGETHER", 2)
    people = [impersonate(proven(estate, estate.new_person(tenant, "admin")), member) for _ in range(3)]
    estate.change_gate(people[2].actor.person, "status", "DEACTIVATED")
    calls.clear()
    assert wired().sweep(tenant) == 1
    assert calls.operations().count("BatchGetItem") == 2
    assert [acting.me().status for acting in people] == [200, 200, 401]


def test_those_in_which_a_person_takes_part_are_found_from_both_sides(acting: Impersonating) -> None:
    estate, tenant = acting.estate, acting.target.tenant
    table = estate.prefix + "impersonations"
    for person in (acting.actor.person, acting.target):
        (row,) = active_of(estate.dynamodb, table, tenant, person.staff_id)
        assert row["impersonation_id"] == acting.impersonation_id
    assert active_of(estate.dynamodb, table, tenant, "u_nobody") == []
    acting.finish()
    assert active_of(estate.dynamodb, table, tenant, acting.target.staff_id) == []


def test_services_are_told_who_acts_and_how(acting: Impersonating) -> None:
    told = ask(acting.token).body
    assert told["active"] is True
    assert told["act"] == {"sub": acting.actor.person.staff_id, "sid": acting.actor.session_id}
    assert told["impersonation"] == {"mode": "write", "reason": REASON}
    assert (told["sub"], told["permissions"]) == (acting.target.staff_id, [])
    plain = ask(acting.actor.access_token).body
    assert "act" not in plain
    assert "impersonation" not in plain


def forged(acting: Impersonating, **changed: Any) -> str:
    """Mint a token for the impersonation's session that says something else than its row."""
    session = acting.session()
    worth = sign_in(acting.estate, acting.target)
    bearer = Bearer(
        acting.target.tenant,
        acting.target.staff_id,
        acting.impersonation_id,
        session["session_version"],
        1,
        _standing(worth),
        acting_of(acting),
    )
    return issuer_of(acting.estate).mint(bearer._replace(**changed), int(acting.estate.clock()))


def acting_of(acting: Impersonating) -> Impersonator:
    return Impersonator(acting.actor.person.staff_id, acting.actor.session_id)


def _standing(session: SignedIn) -> Standing:
    return session_of(session.row()).standing(session.person.role)


def test_token_and_session_must_name_the_same_real_person(acting: Impersonating) -> None:
    other = sign_in(acting.estate, acting.actor.person)
    second = sign_in(acting.estate, acting.estate.new_person(acting.target.tenant, "owner"))
    right = acting_of(acting)
    assert me(forged(acting)).status == 200
    for wrong in (
        None,
        right._replace(session_id=other.session_id),
        right._replace(staff_id=second.person.staff_id, session_id=second.session_id),
        right._replace(staff_id=acting.target.staff_id),
    ):
        assert me(forged(acting, act=wrong)).status == 401, wrong


def test_act_in_the_token_of_somebodys_own_session_makes_it_worth_nothing(acting: Impersonating) -> None:
    own_session = sign_in(acting.estate, acting.target)
    assert me(forged(acting, session_id=own_session.session_id)).status == 401
    assert me(own_session.access_token).status == 200


def test_session_of_an_impersonation_is_nobodys_hand_to_impersonate_with(
    acting: Impersonating,
) -> None:
    """Nothing makes such a row; were it there, it would count for nothing."""
    nested = {"act": {"staff_id": "u_x", "session_id": "s", "session_version": 1, "mode": "read", "reason": "r"}}
    acting.actor.change_row(**nested)
    assert acting.me().status == 401


def test_impersonation_begins_no_other(acting: Impersonating, tenant: str, estate: Estate) -> None:
    member = estate.new_person(tenant, "member")
    answer = begin(SignedIn(estate, acting.target, acting.impersonation_id, acting.token, ""), member.staff_id)
    assert (answer.status, answer.code) == (403, "impersonation_forbidden_action")
    line = estate.events(tenant)[-1]
    assert (line["action"], line["reason"]) == ("ACCESS_DENIED", "IMPERSONATION")
    assert (line["actor"]["id"], line["on_behalf_of"]) == (acting.actor.person.staff_id, acting.target.staff_id)
    assert line["meta"] == {"mode": "write", "impersonation_id": acting.impersonation_id}
    assert answer.headers["X-Impersonated-By"] == acting.actor.person.staff_id


def test_introspection_counts_no_request(acting: Impersonating) -> None:
    ask(acting.token)
    assert acting.session()["requests"] == 0

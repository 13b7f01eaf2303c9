"""What changes between the decision and the commit: with real threads, and held at the commit for certain."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from shared.audit.event import Actor, Draft, new_event_id, system_context
from shared.store.condition import equals
from shared.store.impersonation_ends import End, EndTables, ended
from shared.store.item import update
from shared.store.tenant_staff import gate_key
from shared.store.transaction import Acting, Committed, Refuted
from shared.store.wire import Wire
from tests.functions.estate import Estate, Person, Response
from tests.functions.impersonating import Impersonating, begin, impersonate, proven
from tests.functions.signed_in import LOGOUT, SignedIn

RACES = 8


@pytest.fixture
def actor(estate: Estate, tenant: str) -> SignedIn:
    return proven(estate, estate.new_person(tenant, "admin"))


@pytest.fixture
def member(estate: Estate, tenant: str) -> Person:
    return estate.new_person(tenant, "member")


@contextmanager
def held_at_the_commit(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> Iterator[None]:
    """Do `meanwhile` when everything has been read and decided, and nothing is committed."""
    original = Wire.call
    done: list[bool] = []

    def call(wire: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        if operation == "TransactWriteItems" and not done:
            done.append(True)
            meanwhile()
        return original(wire, operation, request, deadline=deadline)

    with monkeypatch.context() as patch:
        patch.setattr(Wire, "call", call)
        yield
    assert done, "the commit was reached"


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_target_who_is_promoted_before_the_commit_is_not_impersonated(
    estate: Estate, tenant: str, actor: SignedIn, member: Person, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    with held_at_the_commit(monkeypatch, lambda: estate.change_gate(member, "role", role)):
        answer = begin(actor, member.staff_id)
    assert (answer.status, answer.code) == (403, "permission_denied")
    line = estate.events(tenant)[-1]
    assert (line["action"], line["reason"]) == ("IMPERSONATION_DENIED", "TARGET_ROLE")
    assert estate.session_rows(member) == []
    assert estate.partition("impersonations", "tenant", tenant) == []


def test_target_who_leaves_his_version_before_the_commit_is_impersonated_under_the_next(
    estate: Estate, actor: SignedIn, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_at_the_commit(monkeypatch, lambda: estate.change_gate(member, "session_version", 2)):
        acting = impersonate(actor, member)
    assert acting.session()["session_version"] == 2
    assert acting.me().status == 200


@pytest.mark.parametrize(
    ("name", "value"), [("status", "DEACTIVATED"), ("role", "member"), ("role", "owner"), ("session_version", 2)]
)
def test_actor_who_is_not_what_he_was_at_the_commit_begins_nothing(
    estate: Estate, tenant: str, actor: SignedIn, member: Person, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    with held_at_the_commit(monkeypatch, lambda: estate.change_gate(actor.person, name, value)):
        answer = begin(actor, member.staff_id)
    assert (answer.status, answer.code) == (401, "invalid_token")
    assert estate.partition("impersonations", "tenant", tenant) == []


def test_tenant_that_switches_it_off_before_the_commit_has_it_off(
    estate: Estate, tenant: str, actor: SignedIn, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_at_the_commit(monkeypatch, lambda: estate.change_settings(tenant, {"impersonation": "off"})):
        answer = begin(actor, member.staff_id)
    assert answer.status == 403
    assert estate.events(tenant)[-1]["reason"] == "SWITCHED_OFF"


def test_end_that_comes_between_two_beginnings_is_told_once(
    estate: Estate, tenant: str, actor: SignedIn, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = impersonate(actor, member)
    with held_at_the_commit(monkeypatch, lambda: first.finish(actor.access_token)):
        second = impersonate(actor, member)
    assert second.me().status == 200
    assert estate.actions(tenant).count("IMPERSONATION_ENDED") == 1


def test_end_that_was_told_is_told_no_second_time_and_never_takes_the_next_one_away(
    estate: Estate, tenant: str, actor: SignedIn, member: Person
) -> None:
    first = impersonate(actor, member)
    row = first.open_row()
    assert row is not None
    second = impersonate(actor, member)
    tables = EndTables(*(estate.prefix + name for name in ("impersonations", "user_sessions", "outbox")))
    late = End("expired", Actor("system", "test"), system_context("test", "c"), estate.clock())

    def refuted(end: End) -> set[str]:
        items, event = ended(tables, row, None, end)
        outcome = estate.ledger.commit(tenant, items, [event])
        assert isinstance(outcome, Refuted)
        return {label.partition("#")[0] for label in outcome.failed}

    assert refuted(late._replace(replaced=True)) == {"impersonation_record"}
    estate.delete("impersonations", {"tenant": tenant, "item": first.impersonation_id})
    assert refuted(late) == {"impersonation"}
    assert second.open_row() is not None


def test_target_who_ends_it_before_the_end_is_committed_is_the_one_who_ended_it(
    estate: Estate, tenant: str, actor: SignedIn, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = impersonate(actor, member)
    revoked = {"status": "REVOKED", "revoke_reason": "user_ended", "ended_at": int(estate.clock())}
    with held_at_the_commit(monkeypatch, lambda: estate.change_row("user_sessions", acting.key, revoked)):
        assert acting.finish(actor.access_token).status == 204
    assert estate.events(tenant)[-1]["reason"] == "target_ended"


def promoted(estate: Estate, person: Person) -> bool:
    """Make somebody an owner as an administrator's transaction does."""
    key = gate_key(person.tenant, person.staff_id)
    table = estate.prefix + "tenant_staff"
    item = update(table, key, equals("role", "member"), set_={"role": "owner"}, label="gate")
    return isinstance(estate.ledger.commit(person.tenant, [item], [noted(estate)]), Committed)


def noted(estate: Estate) -> Draft:
    now = estate.clock()
    return Draft(new_event_id(now), "ACCESS_DENIED", "denied", Actor("system", "test"), "test", {})


def both(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[Any, Any]:
    barrier = threading.Barrier(2)

    def waiting(act: Callable[[], Any]) -> Any:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(2) as pool:
        futures: list[Future[Any]] = [pool.submit(waiting, act) for act in (one, other)]
        return futures[0].result(), futures[1].result()


def test_beginning_against_a_promotion_never_leaves_an_owner_impersonated(estate: Estate, tenant: str) -> None:
    for _ in range(RACES):
        actor, member = proven(estate, estate.new_person(tenant, "admin")), estate.new_person(tenant, "member")
        answer, done = both(partial(begin, actor, member.staff_id), partial(promoted, estate, member))
        assert done
        assert isinstance(answer, Response)
        if answer.status == 201:
            acting = Impersonating(actor, member, "", answer.body["access_token"])
            assert acting.me().status == 401, "what was begun before counts for nothing after"
        else:
            assert answer.status in {403, 503}


def test_beginning_against_the_actors_logout_leaves_nothing_that_counts(estate: Estate, tenant: str) -> None:
    member = estate.new_person(tenant, "member")
    for _ in range(RACES):
        actor = proven(estate, estate.new_person(tenant, "admin"))
        answer, out = both(partial(begin, actor, member.staff_id), partial(actor.calls, LOGOUT))
        if out.status == 204 and answer.status == 201:
            assert Impersonating(actor, member, "", answer.body["access_token"]).me().status == 401
        else:
            assert answer.status in {201, 401, 503}


def test_two_beginnings_at_once_leave_one(estate: Estate, tenant: str) -> None:
    member, other = estate.new_person(tenant, "member"), estate.new_person(tenant, "auditor")
    for _ in range(RACES):
        actor = proven(estate, estate.new_person(tenant, "admin"))
        answers = both(partial(begin, actor, member.staff_id), partial(begin, actor, other.staff_id))
        begun = [answer for answer in answers if answer.status == 201]
        alive = [Impersonating(actor, member, "", one.body["access_token"]).me().status for one in begun]
        assert alive.count(200) == 1


STALE: dict[str, Callable[[Impersonating], None]] = {
    "the actor was deactivated": lambda acting: acting.estate.change_gate(acting.actor.person, "status", "DEACTIVATED"),
    "the actor has another role": lambda acting: acting.estate.change_gate(acting.actor.person, "role", "member"),
    "the actor left his version": lambda acting: acting.estate.change_gate(acting.actor.person, "session_version", 9),
    "the actor logged out": lambda acting: acting.actor.change_row(status="REVOKED"),
    "the actor owes a proof": lambda acting: acting.actor.change_row(pending_challenge={"challenge_id": "c"}),
    "the target was deactivated": lambda acting: acting.estate.change_gate(acting.target, "status", "DEACTIVATED"),
    "the target has another role": lambda acting: acting.estate.change_gate(acting.target, "role", "owner"),
    "the impersonation has ended": lambda acting: acting.estate.change_row(
        "user_sessions", acting.key, {"status": "REVOKED"}
    ),
}


def hands_of(acting: Impersonating) -> Acting:
    actor, target = acting.actor, acting.target
    by = Acting(target.tenant, actor.person.staff_id, actor.session_id, 1, actor.person.role)
    return Acting(target.tenant, target.staff_id, acting.impersonation_id, 1, target.role, by)


@pytest.mark.parametrize("stale", STALE)
def test_act_in_flight_commits_nothing_on_what_is_true_no_more(
    estate: Estate, actor: SignedIn, member: Person, stale: str
) -> None:
    acting = impersonate(actor, member, mode="write")
    hands = hands_of(acting)
    assert isinstance(estate.ledger.commit(member.tenant, [], [noted(estate)], acting=hands), Committed)
    STALE[stale](acting)
    outcome = estate.ledger.commit(member.tenant, [], [noted(estate)], acting=hands)
    assert isinstance(outcome, Refuted)
    assert set(outcome.failed) <= {"acting_session", "acting_gate", "impersonator_session", "impersonator_gate"}


def test_refusal_in_anothers_name_is_told_only_while_both_stand(
    estate: Estate, tenant: str, actor: SignedIn, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = impersonate(actor, member)
    mine = SignedIn(estate, member, acting.impersonation_id, acting.token, "")
    with held_at_the_commit(monkeypatch, lambda: estate.change_gate(actor.person, "status", "DEACTIVATED")):
        assert mine.calls(LOGOUT).code == "invalid_token"
    assert "ACCESS_DENIED" not in estate.actions(tenant)
    assert acting.session()["denied"] == 0

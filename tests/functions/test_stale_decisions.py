"""A decision made on rows that have changed since does not commit: each clause, by its own race."""

from dataclasses import replace
from typing import Any

import pytest

from shared.audit.event import Actor, Draft, new_event_id
from shared.domain.step_up import PURPOSES, Failures, Grant
from shared.store.item import Item, get
from shared.store.second_factors import factors_of, failed_factor, used_recovery_code
from shared.store.session_ends import Ending, expired_session, logged_out, reuse_revoked
from shared.store.step_up_challenges import answered, missed, read_challenge
from shared.store.tenant_staff import gate_of, unchanged_gate
from shared.store.transaction import Acting, Committed, Refuted
from shared.store.user_sessions import (
    consumed_grant,
    family_of,
    granted,
    owner_of,
    replayed,
    session_key,
    session_of,
    touch,
)
from tests.functions.estate import Estate, Person, login, refresh
from tests.functions.test_step_up import challenge, code_of, enrol, verify


class Bench:
    """One signed-in person, and commits of single items."""

    def __init__(self, estate: Estate, person: Person) -> None:
        self.estate, self.person = estate, person
        self.tokens: dict[str, Any] = login(person).body
        session_id = self.tokens["session"]["session_id"]
        self.key = session_key(person.tenant, person.staff_id, session_id)
        self.acting = Acting(person.tenant, person.staff_id, session_id, 1, person.role)

    def table(self, name: str) -> str:
        return self.estate.prefix + name

    def row(self) -> dict[str, Any]:
        row = get(self.estate.dynamodb, self.table("user_sessions"), self.key)
        assert row is not None
        return row

    def commits(self, item: Item, *, acting: bool = False) -> bool:
        now = self.estate.clock()
        draft = Draft(
            event_id=new_event_id(now),
            action="STEP_UP_REQUIRED",
            outcome="success",
            actor=Actor("system", "test"),
            resource="test",
            context={},
        )
        outcome = self.estate.ledger.commit(self.person.tenant, [item], [draft], acting=self.acting if acting else None)
        assert isinstance(outcome, Committed | Refuted)
        return isinstance(outcome, Committed)


@pytest.fixture
def bench(estate: Estate, tenant: str) -> Bench:
    return Bench(estate, estate.new_person(tenant, totp=True))


def test_replay_counts_once_for_each_count_that_was_read(bench: Bench) -> None:
    refresh(bench.tokens["refresh_token"])
    family, now = family_of(bench.row(), "admin"), int(bench.estate.clock())
    item = replayed(bench.table("user_sessions"), bench.key, family, now)
    assert [bench.commits(item), bench.commits(item)] == [True, False]


def test_replay_of_a_successor_that_was_rotated_is_refuted(bench: Bench) -> None:
    successor = refresh(bench.tokens["refresh_token"]).body["refresh_token"]
    family = family_of(bench.row(), "admin")
    refresh(successor)
    assert not bench.commits(replayed(bench.table("user_sessions"), bench.key, family, int(bench.estate.clock())))


def test_reuse_does_not_end_the_family_of_the_current_token(bench: Bench) -> None:
    current, now = bench.row()["current_hash"], int(bench.estate.clock())
    ending = Ending("reuse_detected", "incident-1", now, 86_400)
    assert not bench.commits(reuse_revoked(bench.table("user_sessions"), bench.key, current, ending))
    assert bench.row()["status"] == "ACTIVE"
    assert bench.commits(reuse_revoked(bench.table("user_sessions"), bench.key, "an older one", ending))
    assert bench.row()["revoke_reason"] == "reuse_detected"


def test_session_ends_by_its_limit_or_its_owner_once_and_before_its_limit_not_at_all(bench: Bench) -> None:
    table, row = bench.table("user_sessions"), bench.row()
    assert not bench.commits(expired_session(table, bench.key, "idle", row["idle_expires_at"] - 1))
    late = expired_session(table, bench.key, "idle", row["idle_expires_at"])
    assert [bench.commits(late), bench.commits(late)] == [True, False]
    assert not bench.commits(logged_out(table, bench.acting, row["idle_expires_at"]), acting=True)
    assert bench.row()["revoke_reason"] == "idle_expired"


def test_grant_of_a_voided_challenge_is_refuted(bench: Bench) -> None:
    bearer = bench.tokens["access_token"]
    old, new = challenge(bearer)["challenge_id"], challenge(bearer)["challenge_id"]
    session = session_of(bench.row())
    for challenge_id, wins in ((old, False), (new, True), (new, False)):
        grant = Grant("data_export", int(bench.estate.clock()), "totp", challenge_id)
        item = granted(bench.table("user_sessions"), bench.acting, grant, session.standing("admin"))
        assert bench.commits(item, acting=True) is wins


def test_consuming_a_grant_that_was_replaced_or_has_aged_is_refuted(bench: Bench) -> None:
    bearer, now = bench.tokens["access_token"], int(bench.estate.clock())
    verify(bearer, challenge(bearer)["challenge_id"], code=code_of(bench.person, now))
    grant, purpose = session_of(bench.row()).grants["data_export"], PURPOSES["data_export"]
    table = bench.table("user_sessions")
    replaced = replace(grant, challenge_id="an older one")
    assert not bench.commits(consumed_grant(table, bench.acting, replaced, purpose, now), acting=True)
    assert not bench.commits(consumed_grant(table, bench.acting, grant, purpose, grant.at + 300), acting=True)
    assert bench.commits(consumed_grant(table, bench.acting, grant, purpose, grant.at + 299), acting=True)


def test_wrong_answer_is_counted_once_for_each_count_that_was_read(bench: Bench) -> None:
    before, table = Failures(), bench.table("tenant_staff")
    person = bench.person
    item = failed_factor(table, person.tenant, person.staff_id, before, before.after_one_more(1_000))
    assert [bench.commits(item), bench.commits(item)] == [True, False]


def test_challenge_is_answered_or_missed_once_for_each_count_that_was_read(bench: Bench) -> None:
    table = bench.table("step_up_challenges")
    challenge_id = challenge(bench.tokens["access_token"])["challenge_id"]
    stored = read_challenge(bench.estate.dynamodb, table, challenge_id)
    assert stored is not None
    asked, now = stored.challenge, int(bench.estate.clock())
    assert asked.owner == owner_of(bench.person.tenant, bench.person.staff_id)
    assert bench.commits(missed(table, asked))
    assert not bench.commits(missed(table, asked))
    assert not bench.commits(answered(table, asked, now))
    assert not bench.commits(answered(table, replace(asked, tries=1), asked.expires_at))
    assert bench.commits(answered(table, replace(asked, tries=1), now))
    assert not bench.commits(answered(table, replace(asked, tries=1), now))
    assert not bench.commits(missed(table, replace(asked, tries=1)))


def test_recovery_code_is_crossed_out_once(estate: Estate, person: Person) -> None:
    bench = Bench(estate, person)
    enrol(bench.tokens["access_token"], estate.clock())
    table, key = bench.table("tenant_staff"), {"tenant": person.tenant, "item": f"{person.staff_id}#factor#recovery"}
    row = get(estate.dynamodb, table, key)
    assert row is not None
    before = factors_of({row["item"]: row}, person.staff_id, None).recovery
    item = used_recovery_code(table, person.tenant, person.staff_id, before, 2, 1_000)
    assert [bench.commits(item), bench.commits(item)] == [True, False]
    after = get(estate.dynamodb, table, key)
    assert after is not None
    assert [number for number, code in enumerate(after["codes"]) if code["used_at"]] == [2]


@pytest.mark.parametrize(("name", "value"), [("status", "DEACTIVATED"), ("role", "member"), ("session_version", 2)])
def test_gate_that_changed_in_any_way_refutes(bench: Bench, name: str, value: str | int) -> None:
    person, table = bench.person, bench.table("tenant_staff")
    row = get(bench.estate.dynamodb, table, {"tenant": person.tenant, "item": f"{person.staff_id}#gate"})
    item = unchanged_gate(table, person.tenant, person.staff_id, gate_of(row))
    assert bench.commits(item)
    bench.estate.change_gate(person, name, value)
    assert not bench.commits(item)


def test_touch_of_a_session_that_has_ended_writes_nothing(bench: Bench) -> None:
    session, now = session_of(bench.row()), int(bench.estate.clock()) + 61
    table, dynamodb = bench.table("user_sessions"), bench.estate.dynamodb
    refresh(bench.tokens["refresh_token"])
    before = bench.row()
    assert touch(dynamodb, table, bench.acting, session, 1, now), "it was tried"
    assert bench.row() == before, "the generation had moved on"

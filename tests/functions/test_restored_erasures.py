"""Tables that were restored to before an erasure or a legal hold: what was erased stays so, what was held is held."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from functions.erasure import flow
from functions.housekeeping.handler import handler as housekeeping
from infra.restoration import erasures as restored_erasures
from infra.restoration.holds import Holds
from infra.restoration.operation import Operation
from infra.restoration.tenant_rows import TenantRows
from shared.audit.moment import rfc3339
from shared.domain.restoration import Hold
from shared.store.attribute import Row
from shared.store.item import Item
from tests.functions.catastrophe import Deployment, deployment, place
from tests.functions.company import report
from tests.functions.erasing import erase, erased, finish, hold, holds, leave, release
from tests.functions.estate import Person, Place, login, me
from tests.functions.invitations import accept, invited, joined
from tests.functions.route_objects import an_authenticator, an_identity
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.staff_calls import administrator, gate
from tests.functions.test_erasure import salt_of

__all__ = ["deployment", "place"]
PASSWORD = "seven quiet herons at dusk"


class Firm:
    """A tenant with an owner; `since` is the instant that its tables are restored to."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment, self.estate = deployment, deployment.estate
        self.tenant = self.estate.new_tenant()
        self.owner = administrator(self.estate, self.tenant)

    def remember(self) -> None:
        self.snapshot, self.since = self.deployment.snapshot(), time.time()

    def restore(self, *kept: str) -> str:
        """Seal, lose all tables but `kept`, restore them as they were, and run the restore; gives the old table."""
        self.deployment.seal(self.tenant)
        self.deployment.put_back({name: rows for name, rows in self.snapshot.items() if name not in kept})
        old, before = self.deployment.next_epoch(), self.deployment.snapshot()
        assert self.deployment.restore(rfc3339(self.since), reason="state_restored", apply=False) == 0
        assert self.deployment.snapshot() == before
        assert self.deployment.restore(rfc3339(self.since), reason="state_restored") == 0, self.deployment.said
        assert not [line for line in self.deployment.said if "REFUSED" in line]
        self.deployment.let_in()
        return old

    def deliver(self) -> None:
        """Let the bus have heard of every alert, as it has within seconds: before that, nobody's last row goes."""
        for row in self.rows("outbox"):
            key = {"tenant": self.tenant, "effect_id": row["effect_id"]}
            self.estate.change_row("outbox", key, {"status": "DELIVERED"})

    def rows(self, table: str) -> list[Row]:
        return [row for row in self.deployment.rows(table) if row.get("tenant") == self.tenant]

    def holding(self, marker: str) -> list[str]:
        tables = self.deployment.snapshot()
        return [name for name, rows in tables.items() if any(marker.casefold() in repr(row).casefold() for row in rows)]


@pytest.fixture
def firm(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Firm:
    monkeypatch.setattr("shared.edge.wiring.CLOCK", deployment.estate.clock)
    return Firm(deployment)


def a_life(firm: Firm, email: str) -> tuple[Person, SignedIn]:
    """Invite somebody twice, and let him join, sign in, enrol and link an identity."""
    invited(firm.owner, email, name="Zelda Quux")
    token = invited(firm.owner, email, name="Zelda Quux")
    person = joined(accept(token, place=Place(address="192.0.2.77", country="NZ", user_agent="Zeldabrowser/9")), email)
    session = sign_in(firm.estate, person)
    an_identity(session)
    an_authenticator(session)
    return person, session


@pytest.mark.parametrize("kept", [(), ("erasures",)], ids=["with its order", "with the order done"])
def test_whoever_was_erased_cannot_sign_in_and_is_nowhere_after_the_sweep(firm: Firm, kept: tuple[str, ...]) -> None:
    email = f"zelda.{secrets.token_hex(4)}@acme.example"
    person, session = a_life(firm, email)
    (digest,) = (row["item"] for row in firm.rows("tenant_staff") if row["item"].startswith("identity#"))
    firm.remember()
    told = erased(firm.owner, person)
    firm.deliver()
    finish(firm.estate.clock)
    if kept:
        assert [row["status"] for row in firm.rows("erasures")] == ["DONE"]
    old = firm.restore(*kept)
    assert login(person, password=PASSWORD).status == 401
    assert me(session.access_token).status == 401
    assert gate(firm.estate, person)["status"] == "ERASED"
    assert salt_of(firm.estate, firm.tenant, person.staff_id) is None
    left = {row["item"] for row in firm.rows("tenant_staff") if person.staff_id in repr(row)}
    assert left == {f"{person.staff_id}#gate"}, "before any sweep has run"
    assert firm.holding(email) == ["invites"]
    (row,) = firm.rows("erasures")
    assert (row["status"], row["event_id"], len(row["subjects"])) == ("OPEN", told.body["event_id"], 2)
    firm.deliver()
    finish(firm.estate.clock)
    markers = [email, "zelda", "192.0.2.77", digest]
    assert {marker: firm.holding(marker) for marker in markers} == {marker: [] for marker in markers}
    assert firm.rows("erasures")[0]["status"] == "DONE"
    says_erased(firm, old, person)


def says_erased(firm: Firm, old: str, person: Person) -> None:
    """Ask functions that are deployed with the epoch before for what the log says of him."""
    firm.deployment.sign(firm.tenant, time.time() + 60)
    firm.deployment._use(1, old)
    firm.deployment.sign(firm.tenant, time.time() + 60)
    owner = administrator(firm.estate, firm.tenant)
    owner.prove("data_export")
    today = rfc3339(time.time())[:10]
    answer = report("cc6/access-logs", f"from={today}&to={today}&limit=500", owner.access_token)
    assert answer.status == 200, answer.text
    names = {row["actor_email"] for row in answer.body["evidence"] if row["actor_id"] == person.staff_id}
    assert names - {None} == {"[erased]"}, "what names nobody has nothing to say"


def test_erasure_that_takes_several_commits_is_replayed_whole(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    email = f"grace.{secrets.token_hex(4)}@acme.example"
    for _ in range(5):
        token = invited(firm.owner, email)
    person = joined(accept(token), email)
    subjects = [row["staff_id"] for row in firm.rows("invites") if "staff_id" in row]
    firm.remember()
    leave(firm.owner, person)
    monkeypatch.setattr(flow, "_SALTS", 2)
    monkeypatch.setattr(restored_erasures, "_TOGETHER", 3)
    assert erase(firm.owner, person.staff_id).status == 200
    firm.restore()
    assert {salt_of(firm.estate, firm.tenant, one) for one in subjects} == {None}
    measures = [event["meta"].get("measures", [""])[0] for event in firm.deployment.events(firm.tenant)]
    assert measures.count("salts") == 2
    assert sorted(firm.rows("erasures")[0]["subjects"]) == sorted(subjects)


def test_erasure_that_was_not_ended_tombstones_nobody(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    email = f"grace.{secrets.token_hex(4)}@acme.example"
    first = invited(firm.owner, email)
    invited(firm.owner, email)
    token = invited(firm.owner, email)
    person = joined(accept(token), email)
    assert accept(first).code == "invalid_grant"
    subjects = [row["staff_id"] for row in firm.rows("invites") if row.get("staff_id") not in {None, person.staff_id}]
    leave(firm.owner, person)
    firm.remember()
    monkeypatch.setattr(flow, "_SALTS", 1)
    monkeypatch.setattr(flow, "_ATTEMPTS", 1)  # the process ends behind the first of three commits
    assert erase(firm.owner, person.staff_id).status == 503
    firm.restore()
    assert gate(firm.estate, person)["status"] == "DEACTIVATED"
    assert salt_of(firm.estate, firm.tenant, person.staff_id) is not None
    gone = [salt_of(firm.estate, firm.tenant, one) is None for one in subjects]
    assert sorted(gone) == [False, True], "what was taken goes again, and no more"
    assert firm.rows("erasures") == []


def test_erasure_of_whoever_never_came_that_was_not_ended_takes_again_what_it_took(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        invited(firm.owner, "grace@acme.example")
    subjects = [row["staff_id"] for row in firm.rows("invites") if "staff_id" in row]
    firm.remember()
    monkeypatch.setattr(flow, "_SALTS", 1)
    monkeypatch.setattr(flow, "_ATTEMPTS", 1)
    assert erase(firm.owner, subjects[0]).status == 503
    gone = {one for one in subjects if salt_of(firm.estate, firm.tenant, one) is None}
    firm.restore()
    assert len(gone) == 1
    assert {one for one in subjects if salt_of(firm.estate, firm.tenant, one) is None} == gone


def test_whoever_never_came_or_joined_since_is_erased_again_and_may_not_come(firm: Firm) -> None:
    token = invited(firm.owner, "grace@acme.example", name="Grace Quux")
    (invite,) = (row for row in firm.rows("invites") if "staff_id" in row)
    other = invited(firm.owner, "hopper@acme.example", name="Hopper Quux")
    firm.remember()
    assert erase(firm.owner, invite["staff_id"]).status == 200
    person = joined(accept(other), "hopper@acme.example")
    erased(firm.owner, person)
    firm.restore()
    for staff_id, key in ((invite["staff_id"], token), (person.staff_id, other)):
        assert salt_of(firm.estate, firm.tenant, staff_id) is None
        assert accept(key).code == "invalid_grant"
        (row,) = (row for row in firm.rows("tenant_staff") if row["item"] == f"{staff_id}#gate")
        assert (row["status"], row["epoch"]) == ("ERASED", firm.deployment.epoch)
        told = [event["meta"]["measures"] for event in firm.deployment.events(firm.tenant) if staff_id in repr(event)]
        assert told == [["erased"]]
    assert not [line for line in firm.deployment.said if "invite him again" in line]
    finish(firm.estate.clock)
    assert [firm.holding(marker) for marker in ("grace", "hopper", "quux")] == [[], [], []]


def test_invite_that_had_expired_when_he_was_erased_goes_as_well(firm: Firm) -> None:
    email = f"grace.{secrets.token_hex(4)}@acme.example"
    invited(firm.owner, email)
    (forgotten,) = (row for row in firm.rows("invites") if "staff_id" in row)
    person = joined(accept(invited(firm.owner, email)), email)
    firm.remember()
    firm.deployment.put_back(
        {
            name: [row for row in firm.snapshot[name] if forgotten["staff_id"] not in repr(row)]
            for name in ("invites", "subject_keys")
        }
    )
    erased(firm.owner, person)
    firm.restore()
    assert salt_of(firm.estate, firm.tenant, forgotten["staff_id"]) is None
    finish(firm.estate.clock)
    assert firm.holding(email) == []


def test_restore_that_breaks_off_behind_the_erasures_is_ended_by_the_next(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = joined(accept(invited(firm.owner, "grace@acme.example")), "grace@acme.example")
    firm.remember()
    erased(firm.owner, person)
    with monkeypatch.context() as patch:
        patch.setattr(TenantRows, "correct", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            firm.restore()
    assert firm.deployment.restore(rfc3339(firm.since), reason="state_restored") == 0, firm.deployment.said
    assert not [line for line in firm.deployment.said if "REFUSED" in line or "invite him again" in line]
    told = [event["targets"][0]["id"] for event in firm.deployment.events(firm.tenant)]
    assert told.count(person.staff_id) == told.count(firm.owner.person.staff_id) == 1, "each is corrected once"
    assert gate(firm.estate, person)["status"] == "ERASED"


def test_address_that_is_somebody_elses_stays_his(firm: Firm) -> None:
    email = f"grace.{secrets.token_hex(4)}@acme.example"
    person = joined(accept(invited(firm.owner, email)), email)
    erased(firm.owner, person)
    finish(firm.estate.clock)
    successor = joined(accept(invited(firm.owner, email)), email)
    firm.remember()  # a moment later: the erasure lies in the margin before the restore point, and is told once more
    firm.restore()
    assert login(successor, password=PASSWORD).status == 200
    assert salt_of(firm.estate, firm.tenant, successor.staff_id) is not None
    assert gate(firm.estate, person)["status"] == "ERASED"


@pytest.mark.parametrize("scope", ["tenant", "staff"])
def test_hold_that_was_placed_since_keeps_people_again(firm: Firm, scope: str) -> None:
    person = firm.estate.new_person(firm.tenant, "member")
    leave(firm.owner, person)
    firm.remember()
    placed = hold(firm.owner, person.staff_id if scope == "staff" else None, case="LIT-7")
    assert placed.status == 201
    firm.restore()
    owner = administrator(firm.estate, firm.tenant)
    assert erase(owner, person.staff_id).code == "legal_hold"
    (row,) = holds(owner)
    same = ("hold_id", "status", "scope", "staff_id", "case", "placed_by")
    assert {name: row[name] for name in same} == {name: placed.body[name] for name in same}
    assert row["reason"] == "[restored: the log holds the reason]"
    assert release(owner, row["hold_id"]).status == 200
    assert erase(owner, person.staff_id).status == 200


def test_holds_of_one_scope_are_what_the_log_says_and_what_it_does_not_tell_of_stays(firm: Firm) -> None:
    person = firm.estate.new_person(firm.tenant, "member")
    leave(firm.owner, person)
    untouched, ended = (hold(firm.owner, person.staff_id).body["hold_id"] for _ in range(2))
    firm.remember()
    new, passing = (hold(firm.owner, person.staff_id).body["hold_id"] for _ in range(2))
    for one in (ended, passing):
        assert release(firm.owner, one).status == 200
    firm.restore()
    owner = administrator(firm.estate, firm.tenant)
    found: dict[str, Any] = {row["hold_id"]: row["status"] for row in holds(owner)}
    assert found == {untouched: "ACTIVE", ended: "RELEASED", new: "ACTIVE", passing: "RELEASED"}
    assert erase(owner, person.staff_id).code == "legal_hold"
    release(owner, untouched)
    assert erase(owner, person.staff_id).code == "legal_hold"
    release(owner, new)
    assert erase(owner, person.staff_id).status == 200


def hold_changes(firm: Firm, **told: Hold) -> Mapping[str, tuple[Item, ...]]:
    tables = SimpleNamespace(legal_holds=firm.deployment.name("legal_holds"))
    operation = cast("Operation", SimpleNamespace(dynamodb=firm.estate.dynamodb, tables=tables))
    return dict(Holds(operation, firm.tenant).changes(told))


def test_no_scope_is_held_by_a_hold_that_was_released_or_keeps_somebody_else(firm: Firm) -> None:
    person, other = (firm.estate.new_person(firm.tenant, "member").staff_id for _ in range(2))
    ended, elsewhere = hold(firm.owner, person).body["hold_id"], hold(firm.owner, other).body["hold_id"]
    assert release(firm.owner, ended).status == 200
    placed = Hold(person, None, placed=("u_x", rfc3339(time.time())))
    changes = hold_changes(firm, **{ended: placed, elsewhere: placed}, h_new=placed)
    assert changes.keys() == {"hold/h_new", f"hold_scope/{person}"}
    (scope,) = changes[f"hold_scope/{person}"]
    assert "h_new" in repr(scope)
    assert not any(one in repr(scope) for one in (ended, elsewhere))


def test_holds_that_the_tables_have_as_the_log_says_stay_as_they_are(firm: Firm) -> None:
    person, other = (firm.estate.new_person(firm.tenant, "member").staff_id for _ in range(2))
    held, ended = (hold(firm.owner, one).body["hold_id"] for one in (person, other))
    word = ("u_x", rfc3339(time.time()))
    assert hold_changes(firm, **{held: Hold(person, None, placed=word)}) == {}
    assert hold_changes(firm, h_unknown=Hold(person, None, released=word)) == {}
    released = {ended: Hold(other, None, released=word)}
    (item,) = hold_changes(firm, **released)[f"hold/{ended}"]
    assert item.request["ConditionExpression"], "a release that comes between is not written over"
    firm.estate.change_row("legal_holds", {"tenant": firm.tenant, "hold_id": ended}, {"status": "RELEASED"})
    assert hold_changes(firm, **released).keys() == {f"hold_scope/{other}"}, "as the first half of the work leaves it"


def test_hold_that_was_released_and_the_erasure_behind_it_are_both_replayed(firm: Firm) -> None:
    person = firm.estate.new_person(firm.tenant, "member")
    leave(firm.owner, person)
    held = hold(firm.owner, person.staff_id).body["hold_id"]
    firm.remember()
    release(firm.owner, held)
    assert erase(firm.owner, person.staff_id).status == 200
    firm.restore()
    finish(firm.estate.clock)
    assert gate(firm.estate, person)["status"] == "ERASED"
    (row,) = holds(administrator(firm.estate, firm.tenant))
    assert (row["status"], row["reason"], row["release_reason"]) == ("RELEASED", "[erased]", "[erased]")


def test_retention_is_told_again_by_the_housekeeping_where_the_restored_tenant_had_not_told_it(firm: Firm) -> None:
    firm.remember()
    housekeeping({}, None)
    assert "RETENTION_CHANGED" in firm.estate.actions(firm.tenant)
    firm.restore()
    assert [event["action"] for event in firm.deployment.events(firm.tenant)][-1] == "RETENTION_CHANGED"
    housekeeping({}, None)
    assert [event["action"] for event in firm.deployment.events(firm.tenant)].count("RETENTION_CHANGED") == 1

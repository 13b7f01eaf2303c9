"""An erasure beside everything else: whatever comes between its calls, and wherever it breaks off."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.erasure.handler import sweep
from shared.evidence.evidence_row import Discloser
from shared.evidence.segment import parse
from shared.runtime.data_key import DataKeys
from shared.store.subject_keys import salts_of
from shared.store.tenant_staff import gate_key
from shared.store.tenants import get_tenant
from shared.store.wire import Unavailable, Wire
from tests.functions.erasing import erase, finish, leave, owner_and_leaver, owner_and_member
from tests.functions.estate import Estate, MovableClock, Person, login, me, refresh
from tests.functions.invitations import accept, invited
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.staff_calls import DEACTIVATE, REACTIVATE, ROLE, administrator, ask, gate
from tests.functions.test_erasure import salt_of
from tests.functions.test_factor_change_races import Interrupted, commit, every_call, interrupted, number

__all__ = ["interrupted"]


def gone(owner: SignedIn, person: Person) -> None:
    """Deactivate and erase somebody, whatever is under way."""
    leave(owner, person)
    response = erase(owner, person.staff_id)
    assert response.status == 200, response.text


def only_invited(estate: Estate, tenant: str) -> str:
    """Name the one person whom a tenant has invited."""
    (staff_id,) = (row["staff_id"] for row in estate.partition("invites", "tenant", tenant) if "staff_id" in row)
    return str(staff_id)


def assert_nothing_left(estate: Estate, person: Person) -> None:
    mine = [row for row in estate.partition("tenant_staff", "tenant", person.tenant) if person.staff_id in repr(row)]
    assert [(row["item"], row["status"]) for row in mine] == [(f"{person.staff_id}#gate", "ERASED")]
    assert estate.session_rows(person) == []
    assert salt_of(estate, person.tenant, person.staff_id) is None


def test_sign_in_that_an_erasure_overtakes_at_any_call_leaves_nothing(
    estate: Estate, clock: MovableClock, interrupted: Interrupted
) -> None:
    def run(wanted: int) -> bool:
        owner, person = owner_and_member(estate)
        answer = interrupted(lambda: login(person), number(wanted), lambda: gone(owner, person))
        if answer is None:
            return False
        assert answer.status != 200 or me(answer.body["access_token"]).status == 401
        finish(clock)
        assert_nothing_left(estate, person)
        return True

    assert every_call(run) >= 4


def test_refresh_that_an_erasure_overtakes_at_any_call_leaves_nothing(
    estate: Estate, clock: MovableClock, interrupted: Interrupted
) -> None:
    def run(wanted: int) -> bool:
        owner, person = owner_and_member(estate)
        session = sign_in(estate, person)
        answer = interrupted(lambda: refresh(session.refresh_token), number(wanted), lambda: gone(owner, person))
        if answer is None:
            return False
        assert answer.status == 401
        finish(clock)
        assert_nothing_left(estate, person)
        return True

    assert every_call(run) >= 2


def test_event_that_is_written_with_a_salt_which_is_gone_by_then_tells_nothing(
    estate: Estate, tenant: str, interrupted: Interrupted
) -> None:
    """The writer holds the salt in memory: its line is sealed under a key that nobody can derive any more."""
    owner, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    table = estate.environ["AUDIT_LOGS_TABLE"]
    interrupted(
        lambda: login(person, password="wrong"),
        lambda _, asked: any(item.get("Put", {}).get("TableName") == table for item in asked.get("TransactItems", ())),
        lambda: gone(owner, person),
    )
    lines = estate.partition("audit_logs", "log_lane", f"{tenant}#1#0")
    (event,) = (parse(row["line"].encode()) for row in lines if '"AUTH_LOGIN_FAILED"' in row["line"])
    assert [entry["sub"] for entry in event.members["pii"]] == [person.staff_id]
    row = get_tenant(estate.dynamodb, estate.prefix + "tenants", tenant)
    assert row is not None
    keys = DataKeys(estate.sealer).personal_data(tenant, row["data_key_sealed"])
    salts = salts_of(estate.dynamodb, estate.prefix + "subject_keys", tenant)
    assert Discloser(keys, salts).disclose(event) == [{"of": "actor", "erased": True}]


def test_invite_that_is_accepted_at_any_call_of_an_erasure_makes_a_person_or_nobody(
    estate: Estate, interrupted: Interrupted
) -> None:
    def run(wanted: int) -> bool:
        owner = administrator(estate, estate.new_tenant())
        tenant, token = owner.person.tenant, invited(owner)
        staff_id = only_invited(estate, tenant)
        accepted: list[int] = []
        answer = interrupted(
            lambda: erase(owner, staff_id), number(wanted), lambda: accepted.append(accept(token).status)
        )
        if answer is None:
            return False
        there = salt_of(estate, tenant, staff_id) is not None
        expected = (409, "still_active", True) if accepted == [200] else (200, None, False)
        assert (answer.status, answer.body.get("code"), there) == expected
        return True

    assert every_call(run) >= 4


def test_erasure_that_overtakes_an_acceptance_at_any_call_leaves_nobody_without_a_salt(
    estate: Estate, interrupted: Interrupted
) -> None:
    def run(wanted: int) -> bool:
        owner = administrator(estate, estate.new_tenant())
        tenant, token = owner.person.tenant, invited(owner)
        staff_id = only_invited(estate, tenant)
        erasures: list[int] = []
        answer = interrupted(
            lambda: accept(token), number(wanted), lambda: erasures.append(erase(owner, staff_id).status)
        )
        if answer is None:
            return False
        assert (answer.status, salt_of(estate, tenant, staff_id) is None) in {(401, True), (200, False)}
        assert erasures == ([200] if answer.status == 401 else [409])
        return True

    assert every_call(run) >= 4


def invited_twice(estate: Estate) -> tuple[SignedIn, str, str, str]:
    """Give an owner, the token of the newer of two invites to one address, and the ids of the older and the newer."""
    owner = administrator(estate, estate.new_tenant())
    invited(owner)
    token = invited(owner)
    rows = estate.partition("invites", "tenant", owner.person.tenant)
    ids = {row["status"]: row["staff_id"] for row in rows if "staff_id" in row}
    return owner, token, ids["REVOKED"], ids["OPEN"]


def test_newer_invite_that_is_accepted_before_the_commit_of_the_older_one_s_erasure_keeps_its_salt(
    estate: Estate, interrupted: Interrupted
) -> None:
    owner, token, older, newer = invited_twice(estate)
    accepted: list[int] = []
    answer = interrupted(lambda: erase(owner, older), commit, lambda: accepted.append(accept(token).status))
    assert answer is not None
    assert (accepted, answer.code) == ([200], "already_used")
    assert salt_of(estate, owner.person.tenant, newer) is not None


def test_acceptance_that_the_erasure_of_an_older_invite_overtakes_makes_nobody(
    estate: Estate, interrupted: Interrupted
) -> None:
    owner, token, older, newer = invited_twice(estate)
    tenant, erasures = owner.person.tenant, list[int]()
    answer = interrupted(lambda: accept(token), commit, lambda: erasures.append(erase(owner, older).status))
    assert answer is not None
    assert (answer.status, erasures) == (401, [200])
    assert {salt_of(estate, tenant, one) for one in (older, newer)} == {None}
    gates = [row for row in estate.partition("tenant_staff", "tenant", tenant) if row["item"].endswith("#gate")]
    assert {row["status"] for row in gates if owner.person.staff_id not in row["item"]} == {"ERASED"}
    assert not [row for row in estate.partition("tenant_staff", "tenant", tenant) if "profile" in row["item"]][1:]


def test_person_who_joins_by_an_invite_that_was_not_read_is_the_one_to_erase(
    estate: Estate, tenant: str, interrupted: Interrupted
) -> None:
    """His id is none of those whose gates the commit holds: his address is."""
    owner = administrator(estate, tenant)
    invited(owner)
    older = only_invited(estate, tenant)
    answer = interrupted(lambda: erase(owner, older), commit, lambda: accept(invited(owner)))
    assert answer is not None
    assert answer.code == "already_used"
    assert salt_of(estate, tenant, older) is not None


def test_salt_that_is_there_again_behind_a_tombstone_goes_again(estate: Estate) -> None:
    """As after a restore: the salts are older than the tombstone that a replay of the log has made."""
    owner, _, older, newer = invited_twice(estate)
    tenant = owner.person.tenant
    tombstone = {"status": "ERASED", "role": "", "session_version": 1}
    estate.change_row("tenant_staff", gate_key(tenant, newer), tombstone)
    assert erase(owner, older).status == 200
    assert {salt_of(estate, tenant, one) for one in (older, newer)} == {None}


def test_person_who_is_let_in_again_at_any_call_of_an_erasure_stays_or_is_nobody(
    estate: Estate, interrupted: Interrupted
) -> None:
    def run(wanted: int) -> bool:
        owner, person = owner_and_leaver(estate)
        between: list[int] = []
        answer = interrupted(
            lambda: erase(owner, person.staff_id),
            number(wanted),
            lambda: between.append(ask(owner, REACTIVATE, person.staff_id).status),
        )
        if answer is None:
            return False
        kept = salt_of(estate, person.tenant, person.staff_id) is not None
        assert (kept, gate(estate, person)["status"]) == ((True, "ACTIVE") if between == [200] else (False, "ERASED"))
        assert answer.status == (409 if kept else 200)
        return True

    assert every_call(run) >= 4


def test_role_that_changes_before_the_commit_is_decided_anew(
    estate: Estate, tenant: str, interrupted: Interrupted
) -> None:
    owner, person = administrator(estate, tenant), estate.new_person(tenant, "auditor")
    leave(owner, person)
    answer = interrupted(lambda: erase(owner, person.staff_id), commit, lambda: ask(owner, ROLE, person.staff_id))
    assert answer is not None
    assert (answer.status, gate(estate, person)["role"]) == (200, "member")
    assert interrupted.commits >= 2


def test_owner_who_is_unmade_before_the_commit_erases_nobody(
    estate: Estate, tenant: str, interrupted: Interrupted
) -> None:
    owner, other = administrator(estate, tenant), administrator(estate, tenant)
    person = estate.new_person(tenant, "member")
    leave(owner, person)
    answer = interrupted(
        lambda: erase(owner, person.staff_id), commit, lambda: ask(other, DEACTIVATE, owner.person.staff_id)
    )
    assert answer is not None
    assert answer.code == "invalid_token"
    assert salt_of(estate, tenant, person.staff_id) is not None
    assert "PII_ERASED" not in estate.actions(tenant)


def test_two_owners_who_erase_somebody_at_once_erase_him_once(estate: Estate, tenant: str) -> None:
    one, other = administrator(estate, tenant), administrator(estate, tenant)
    person = estate.new_person(tenant, "member")
    leave(one, person)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda owner: erase(owner, person.staff_id), [one, other] * 2))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["event_id"] for answer in answers}) == 1
    assert estate.actions(tenant).count("PII_ERASED") == 1


def test_owners_who_erase_each_other_leave_one(estate: Estate, tenant: str) -> None:
    one, other = administrator(estate, tenant), administrator(estate, tenant)

    def against(pair: tuple[SignedIn, SignedIn]) -> int:
        ask(pair[0], DEACTIVATE, pair[1].person.staff_id)
        return erase(pair[0], pair[1].person.staff_id).status

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(against, [(one, other), (other, one)]))
    assert answers == [200, 401]


Broken = Callable[[int, Callable[[], Any]], bool]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Broken:
    """Run an act that is killed at its call of that number; False when it had no such call."""

    def run(wanted: int, act: Callable[[], Any]) -> bool:
        original, seen = Wire.call, 0

        def dying(
            wire: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None
        ) -> dict[str, Any]:
            nonlocal seen
            seen += 1
            if seen > wanted:
                raise Unavailable("killed")
            return original(wire, operation, request, deadline=deadline)

        with monkeypatch.context() as patch:
            patch.setattr(Wire, "call", dying)
            try:
                act()
            except ExceptionGroup:
                assert seen > wanted
            except Unavailable:
                assert seen > wanted
        return seen > wanted

    return run


def test_sweep_that_is_killed_at_any_call_is_finished_by_the_next_one(
    estate: Estate, clock: MovableClock, tenant: str, broken: Broken
) -> None:
    """One person with everything; each run gets one call further than the one before."""
    owner = administrator(estate, tenant)
    token = invited(owner, f"grace@{tenant}.example", name="Grace")
    accept(token)
    staff_id = only_invited(estate, tenant)
    person = Person(tenant, staff_id, f"grace@{tenant}.example", "member")
    sign_in(estate, person)
    gone(owner, person)
    finish_others(clock, estate, tenant)
    clock.offset += 400
    killed = 0
    while broken(killed, lambda: sweep({}, None)):
        killed += 1
        assert killed < 60
    assert killed >= 8
    assert_nothing_left(estate, person)
    (row,) = estate.partition("erasures", "tenant", tenant)
    assert row["status"] == "DONE"


def finish_others(clock: MovableClock, estate: Estate, tenant: str) -> None:
    """Let the sweep be done with whoever other tests have erased: their calls are not those that are counted."""
    (row,) = estate.partition("erasures", "tenant", tenant)
    key = {"tenant": tenant, "staff_id": row["staff_id"]}
    estate.change_row("erasures", key, {"status": "NOT_YET"})
    deliver(estate)
    finish(clock)
    estate.change_row("erasures", key, {"status": "OPEN"})


def deliver(estate: Estate, tenant: str | None = None) -> None:
    """Let nothing wait for the delivery of an alert, of one tenant or of all."""
    rows = estate.rows("outbox") if tenant is None else estate.partition("outbox", "tenant", tenant)
    for other in rows:
        if other["status"] == "PENDING":
            key_of_effect = {name: other[name] for name in ("tenant", "effect_id")}
            estate.change_row("outbox", key_of_effect, {"status": "DELIVERED"})


def test_erasure_that_is_killed_at_any_call_is_done_with_its_event_or_not_at_all(
    estate: Estate, broken: Broken
) -> None:
    killed = 0
    while True:
        owner, person = owner_and_leaver(estate)
        if not broken(killed, lambda owner=owner, person=person: erase(owner, person.staff_id)):  # type: ignore[misc]
            break
        told = estate.actions(person.tenant).count("PII_ERASED")
        assert (salt_of(estate, person.tenant, person.staff_id) is None) == bool(told)
        assert erase(owner, person.staff_id).status == 200
        assert estate.actions(person.tenant).count("PII_ERASED") == 1
        killed += 1
    assert killed >= 4


def test_erasure_waits_for_an_impersonation_whose_end_is_not_told_and_scans_nothing_meanwhile(
    estate: Estate, clock: MovableClock, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    gone(owner, person)
    key = {"tenant": tenant, "item": "imp_1"}
    open_ended = {"target": person.staff_id, "reason": "cannot print", "ticket": "T-1", "actor": "u_1"}
    estate.change_row("impersonations", key, open_ended)
    scanned: list[str] = []
    original = Wire.call

    def noting(wire: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        if operation == "Scan":
            scanned.append(request["TableName"].removeprefix(estate.prefix))
        return original(wire, operation, request, deadline=deadline)

    others = [row for row in estate.rows("erasures") if row["status"] == "OPEN" and row["tenant"] != tenant]
    for other in others:  # theirs are not the scans that are counted
        estate.change_row("erasures", {name: other[name] for name in ("tenant", "staff_id")}, {"status": "DONE"})
    monkeypatch.setattr(Wire, "call", noting)
    deliver(estate, tenant)
    finish(clock)
    assert "step_up_challenges" not in scanned
    (kept,) = estate.partition("impersonations", "tenant", tenant)
    assert (kept["reason"], kept["ticket"]) == ("cannot print", "T-1")
    assert [row["status"] for row in estate.partition("erasures", "tenant", tenant)] == ["OPEN"]
    estate.change_row("impersonations", key, {"ended_at": 1})
    finish(clock)
    assert scanned.count("step_up_challenges") == 1
    (overwritten,) = estate.partition("impersonations", "tenant", tenant)
    assert (overwritten["reason"], "ticket" in overwritten) == ("[erased]", False)
    assert [row["status"] for row in estate.partition("erasures", "tenant", tenant)] == ["DONE"]

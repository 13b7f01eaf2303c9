"""Expired sessions and tokens are revoked with their reason, once, and stay; a run may die anywhere."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from functions.cleanup.flow import Cleanup, Counts
from functions.cleanup.handler import handler
from functions.cleanup.settings import Settings
from shared.runtime.settings import from_environment
from shared.store.item import batch_get, update
from shared.store.transaction import Ledger
from shared.store.wire import JsonService, Unavailable
from tests.functions.conftest import Calls
from tests.functions.estate import Estate, MovableClock, Person
from tests.functions.held_session import ABSOLUTE_SECONDS, IDLE_SECONDS, Held, hold

HOUR = 3_600


def cleanup(estate: Estate, dynamodb: JsonService | None = None, late: float = 0.0) -> Cleanup:
    """Give a cleanup whose clock is `late` seconds ahead."""
    service = dynamodb or estate.dynamodb
    settings = from_environment(Settings, estate.environ)

    def clock() -> float:
        return estate.clock() + late

    return Cleanup(service, Ledger(service, settings, estate.clock), settings, clock)


def cleaned(estate: Estate, tenant: str, **how: Any) -> Counts | None:
    """Clean one tenant, as its row is now."""
    (row,) = estate.partition("tenants", "tenant", tenant)
    made = cleanup(estate, **how)
    return made.clean(tenant, row.get("cleaned_at"), made.clock() + 60)


def job_events(estate: Estate, tenant: str) -> list[dict[str, Any]]:
    return [event for event in estate.events(tenant) if event["actor"]["id"] == "cleanup"]


@pytest.fixture
def now(estate: Estate) -> int:
    return int(estate.clock())


def test_session_beyond_its_idle_limit_ends_with_its_token_and_its_event_and_stays(
    estate: Estate, person: Person, now: int
) -> None:
    held = hold(estate, person, now - IDLE_SECONDS)
    before, token_before = held.row(estate), held.token_row(estate)
    assert cleaned(estate, person.tenant) == Counts(1, 1, 0, 1)
    row = held.row(estate)
    assert (row["status"], row["revoke_reason"]) == ("EXPIRED", "idle_expired")
    assert "review_at" not in row
    assert row["ttl"] == before["ttl"] == held.opened_at + ABSOLUTE_SECONDS + 30 * 86_400
    assert held.token_row(estate) == {**token_before, "revoke_reason": "idle_expired"}
    started, ended, completed = job_events(estate, person.tenant)
    assert (started["action"], completed["action"]) == ("CLEANUP_JOB_STARTED", "CLEANUP_JOB_COMPLETED")
    assert (ended["action"], ended["reason"]) == ("SESSION_INVALIDATED", "expired")
    assert ended["targets"] == [
        {"type": "user", "id": person.staff_id},
        {"type": "session", "id": held.session_id},
    ]
    run_id = started["meta"]["run_id"]
    assert ended["meta"]["run_id"] == completed["meta"]["run_id"] == run_id
    done = {**completed["meta"]}
    assert done.pop("seconds") >= 0
    assert done == {
        "run_id": run_id,
        "sessions_examined": 1,
        "sessions_expired": 1,
        "sessions_stamped": 0,
        "tokens_revoked": 1,
        "finished": True,
    }


def test_absolute_limit_is_told_apart_from_the_idle_one(estate: Estate, person: Person, now: int) -> None:
    held = hold(estate, person, now - ABSOLUTE_SECONDS)
    cleaned(estate, person.tenant)
    assert held.row(estate)["revoke_reason"] == "absolute_expired"


def test_session_of_a_version_that_was_left_behind_is_stamped_for_the_record(
    estate: Estate, person: Person, now: int
) -> None:
    held = hold(estate, person, now - IDLE_SECONDS)
    estate.change_gate(person, "session_version", 2)
    assert cleaned(estate, person.tenant) == Counts(1, 0, 1, 1)
    row = held.row(estate)
    assert (row["status"], row["revoke_reason"]) == ("REVOKED", "session_version")
    assert [event["reason"] for event in job_events(estate, person.tenant)] == [None, "session_version", None]


def test_session_in_use_is_looked_at_again_when_its_idle_limit_passes_and_nothing_is_said_of_it(
    estate: Estate, person: Person, now: int
) -> None:
    held = hold(estate, person, now - IDLE_SECONDS)
    used(estate, held, now - 60)
    assert cleaned(estate, person.tenant) == Counts(1, 0, 0, 0)
    row = held.row(estate)
    assert (row["status"], row["review_at"]) == ("ACTIVE", row["idle_expires_at"])
    assert [event["action"] for event in job_events(estate, person.tenant)] == [
        "CLEANUP_JOB_STARTED",
        "CLEANUP_JOB_COMPLETED",
    ]
    assert cleaned(estate, person.tenant) is None, "it is no longer due"
    assert cleaned(estate, person.tenant, late=IDLE_SECONDS) == Counts(1, 1, 0, 1)


def used(estate: Estate, held: Held, at: int) -> None:
    """Move the idle limit as a rotation does: the review stays where it is."""
    table = estate.environ["USER_SESSIONS_TABLE"]
    key = {"owner": f"{held.person.tenant}#{held.person.staff_id}", "session_id": held.session_id}
    limit = min(at + IDLE_SECONDS, held.opened_at + ABSOLUTE_SECONDS)
    estate.dynamodb.call("UpdateItem", dict(update(table, key, set_={"idle_expires_at": limit}).request))


def revoked(estate: Estate, held: Held, _: int) -> None:
    """End a session for another reason, and leave it in the index."""
    table = estate.environ["USER_SESSIONS_TABLE"]
    key = {"owner": f"{held.person.tenant}#{held.person.staff_id}", "session_id": held.session_id}
    changes = {"status": "REVOKED", "revoke_reason": "high_risk"}
    estate.dynamodb.call("UpdateItem", dict(update(table, key, set_=changes).request))


@pytest.mark.parametrize(("meanwhile", "becomes"), [(used, "ACTIVE"), (revoked, "REVOKED")])
def test_session_that_changes_between_reading_and_ending_is_left_alone(
    estate: Estate,
    person: Person,
    now: int,
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: Callable[[Estate, Held, int], None],
    becomes: str,
) -> None:
    lives, dies = (hold(estate, person, now - IDLE_SECONDS) for _ in range(2))
    original = Ledger.commit

    def commit(self: Ledger, tenant: str, items: Any, events: Any, **how: Any) -> Any:
        if events[0].action == "SESSION_INVALIDATED":
            meanwhile(estate, lives, now)
        return original(self, tenant, items, events, **how)

    monkeypatch.setattr(Ledger, "commit", commit)
    assert cleaned(estate, person.tenant) == Counts(2, 1, 0, 1)
    assert lives.row(estate)["status"] == becomes
    assert dies.row(estate)["status"] == "EXPIRED"
    ended = [event for event in job_events(estate, person.tenant) if event["action"] == "SESSION_INVALIDATED"]
    assert [event["targets"][1]["id"] for event in ended] == [dies.session_id]


def test_security_retention_is_not_shortened(estate: Estate, person: Person, now: int) -> None:
    held = hold(estate, person, now - IDLE_SECONDS)
    table, ttl = estate.environ["USER_SESSIONS_TABLE"], now + 180 * 86_400
    key = {"owner": f"{person.tenant}#{person.staff_id}", "session_id": held.session_id}
    changes = {"status": "REVOKED", "revoke_reason": "reuse_detected", "ttl": ttl}
    estate.dynamodb.call("UpdateItem", dict(update(table, key, set_=changes).request))
    assert cleaned(estate, person.tenant) == Counts(1, 0, 0, 0)
    row = held.row(estate)
    assert (row["status"], row["revoke_reason"], row["ttl"]) == ("REVOKED", "reuse_detected", ttl)
    assert "review_at" not in row, "it has ended: there is nothing to review"


def test_session_whose_token_row_is_gone_ends_all_the_same(estate: Estate, person: Person, now: int) -> None:
    held, other = (hold(estate, person, now - IDLE_SECONDS) for _ in range(2))
    estate.delete("refresh_tokens", {"token_hash": held.token_hash})
    assert cleaned(estate, person.tenant) == Counts(2, 2, 0, 1)
    assert held.row(estate)["status"] == other.row(estate)["status"] == "EXPIRED"


def test_many_sessions_end_in_few_commits_and_are_found_without_a_scan(
    estate: Estate, person: Person, now: int, calls: Calls
) -> None:
    sessions = [hold(estate, person, now - IDLE_SECONDS) for _ in range(65)]
    calls.clear()
    assert cleaned(estate, person.tenant) == Counts(65, 65, 0, 65)
    made = calls.operations()
    assert made.count("TransactWriteItems") == 5  # the beginning, 30 + 20, 15, the end
    assert "Scan" not in made
    assert {held.row(estate)["status"] for held in sessions} == {"EXPIRED"}
    deleting = [item for _, request in calls for item in request.get("TransactItems", ()) if "Delete" in item]
    assert not deleting
    assert "DeleteItem" not in made


def test_quiet_tenant_is_told_of_once_an_hour(estate: Estate, person: Person) -> None:
    assert cleaned(estate, person.tenant) == Counts()
    assert cleaned(estate, person.tenant) is None
    assert cleaned(estate, person.tenant, late=HOUR) == Counts()
    assert [event["action"] for event in job_events(estate, person.tenant)] == [
        "CLEANUP_JOB_STARTED",
        "CLEANUP_JOB_COMPLETED",
    ] * 2


def test_of_two_runs_at_once_one_does_the_work(estate: Estate, person: Person, now: int) -> None:
    hold(estate, person, now - IDLE_SECONDS)
    made = cleanup(estate)
    assert made.clean(person.tenant, None, made.clock() + 60) == Counts(1, 1, 0, 1)
    hold(estate, person, now - IDLE_SECONDS)
    assert made.clean(person.tenant, None, made.clock() + 60) is None, "it read the row before the other run began"


class Mortal:
    """The wire, until its calls are used up; `after` lets the last one take effect before the process dies."""

    def __init__(self, dynamodb: JsonService, calls: int, *, after: bool) -> None:
        self._dynamodb = dynamodb
        self._left = calls
        self._after = after

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        self._left -= 1
        if self._left < 0 or (self._left == 0 and not self._after):
            raise Died
        answer = self._dynamodb.call(operation, request, deadline=deadline)
        if self._left == 0:
            raise Died
        return answer


class Died(BaseException):
    """The process is gone: nothing in it can react to that."""


@pytest.mark.parametrize("died", ["before it took effect", "after it took effect"])
def test_run_that_dies_at_any_call_is_finished_by_the_next_and_no_session_ends_twice(
    estate: Estate, new_person: Callable[[], Person], now: int, died: str
) -> None:
    def company() -> tuple[Person, list[Held]]:
        person = new_person()
        sessions = [hold(estate, person, now - age) for age in (IDLE_SECONDS, IDLE_SECONDS, IDLE_SECONDS)]
        used(estate, sessions[0], now - 60)
        return person, sessions

    for calls in itertools.count(1):
        person, sessions = company()
        try:
            cleaned(estate, person.tenant, dynamodb=Mortal(estate.dynamodb, calls, after=died.startswith("after")))
        except Died:
            cleaned(estate, person.tenant)
        else:
            assert calls > 6, "the run makes more calls than that"
            return
        assert [held.row(estate)["status"] for held in sessions] == ["ACTIVE", "EXPIRED", "EXPIRED"]
        reasons = [held.token_row(estate).get("revoke_reason") for held in sessions]
        assert reasons == [None, "idle_expired", "idle_expired"]
        events = [event["action"] for event in job_events(estate, person.tenant)]
        assert events.count("SESSION_INVALIDATED") == 2
        ended = [event["targets"][1]["id"] for event in job_events(estate, person.tenant) if event["targets"]]
        assert sorted(ended) == sorted(held.session_id for held in sessions[1:])
        # What died began and did not complete; what followed did both, unless all was done already.
        assert 0 <= events.count("CLEANUP_JOB_STARTED") - events.count("CLEANUP_JOB_COMPLETED") <= 1


@pytest.fixture
def new_person(estate: Estate) -> Callable[[], Person]:
    return lambda: estate.new_person(estate.new_tenant())


def test_tenant_whose_log_takes_no_writes_does_not_stop_the_others(
    estate: Estate, new_person: Callable[[], Person], now: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = new_person(), new_person()
    held = hold(estate, sound, now - IDLE_SECONDS)
    hold(estate, broken, now - IDLE_SECONDS)
    original = Ledger.commit

    def commit(self: Ledger, tenant: str, items: Any, events: Any, **how: Any) -> Any:
        if tenant == broken.tenant:
            raise Unavailable("injected")
        return original(self, tenant, items, events, **how)

    monkeypatch.setattr(Ledger, "commit", commit)
    with pytest.raises(ExceptionGroup, match=broken.tenant):
        cleanup(estate).run()
    assert held.row(estate)["status"] == "EXPIRED"


def test_tenant_that_waited_longest_has_the_first_turn_and_time_is_bounded(
    estate: Estate, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned_at = {"lately": 300, "long ago": 100, "never": None, "before": 200}
    turns: list[str] = []

    def clean(_: Cleanup, tenant: str, *_when: object) -> None:
        turns.append(tenant)
        clock.offset += 100

    monkeypatch.setattr(Cleanup, "clean", clean)
    monkeypatch.setattr("functions.cleanup.flow.notes", lambda *_: iter(cleaned_at.items()))
    cleanup(estate).run()
    assert turns == ["never", "long ago", "before"], "240 seconds are over"


def test_run_of_all_tenants_says_what_it_did(estate: Estate, person: Person, now: int) -> None:
    held = hold(estate, person, now - IDLE_SECONDS)
    assert handler({}, None)["sessions_expired"] >= 1
    assert held.row(estate)["status"] == "EXPIRED"
    key = {"tenant": person.tenant}
    ((row,),) = batch_get(estate.dynamodb, {estate.environ["TENANTS_TABLE"]: [key]}).values()
    assert row["cleaned_at"] >= now

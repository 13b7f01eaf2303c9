"""Changes of factors that others come between: at every one of its calls, something else commits first."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.step_up.factors import Desk
from functions.step_up.handler import handler as step_up_handler
from shared.store.histories import history_key
from shared.store.item import get
from shared.store.second_factors import Factors
from shared.store.wire import Wire
from tests.functions.estate import Estate, MovableClock, Person, Response, call, event, login, logout, me, step_up
from tests.functions.passkey_calls import registered, removed, secured
from tests.functions.signed_in import END, sign_in
from tests.functions.test_step_up import code_of

REMOVE_TOTP = "DELETE /api/auth/factors/totp"
_MOST_CALLS = 20

Act = Callable[[], Response]
Interruption = Callable[[str, dict[str, Any]], bool]


class Interrupted:
    """Runs an act, and at the first call that `at` picks something else, from beginning to end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.commits = 0

    def __call__(self, act: Act, at: Interruption, meanwhile: Callable[[], object]) -> Response | None:
        """Give the answer, None when no call was picked."""
        original, picked, inside = Wire.call, False, False

        def interrupting(
            wire: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None
        ) -> dict[str, Any]:
            nonlocal picked, inside
            if not inside:
                self.commits += operation == "TransactWriteItems"
                if not picked and at(operation, request):
                    picked = inside = True
                    meanwhile()
                    inside = False
            return original(wire, operation, request, deadline=deadline)

        with self._monkeypatch.context() as patch:
            patch.setattr(Wire, "call", interrupting)
            answer = act()
        return answer if picked else None


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Interrupted:
    return Interrupted(monkeypatch)


def number(wanted: int) -> Interruption:
    seen = iter(range(_MOST_CALLS))
    return lambda _operation, _request: next(seen) == wanted


def commit(operation: str, _request: dict[str, Any]) -> bool:
    return operation == "TransactWriteItems"


def every_call(run: Callable[[int], bool]) -> int:
    """Run with an interruption at the first call, the second, and so on; gives the number of calls."""
    for wanted in range(_MOST_CALLS):
        if not run(wanted):
            return wanted
    raise AssertionError("there is no end of calls")


def without_totp(bearer: str) -> Response:
    return call(step_up_handler, event(REMOVE_TOTP, bearer=bearer))


def totp_removal(_estate: Estate, _person: Person, bearer: str) -> Act:
    return lambda: without_totp(bearer)


def passkey_removal(_estate: Estate, _person: Person, bearer: str) -> Act:
    key = registered(bearer)
    return lambda: removed(bearer, key.passkey_id)


def new_codes(_estate: Estate, _person: Person, bearer: str) -> Act:
    return lambda: step_up("factors/recovery-codes", None, bearer)


def new_totp(estate: Estate, person: Person, bearer: str) -> Act:
    secret = step_up("factors/totp", None, bearer).body["secret"]
    code = code_of(Person(person.tenant, person.staff_id, person.email, person.role, secret), estate.clock())
    return lambda: step_up("factors/totp/confirm", {"code": code}, bearer)


def history_version(estate: Estate, person: Person) -> int:
    row = get(estate.dynamodb, estate.prefix + "tenant_staff", history_key(person.tenant, person.staff_id))
    return row["version"] if row else 0


@pytest.mark.parametrize("change", [totp_removal, passkey_removal, new_codes, new_totp])
def test_sign_in_at_any_call_of_a_change_is_counted_and_ended(
    estate: Estate,
    tenant: str,
    interrupted: Interrupted,
    change: Callable[[Estate, Person, str], Act],
) -> None:
    def run(wanted: int) -> bool:
        person = estate.new_person(tenant, "member", totp=True)
        bearer = secured(estate, person, login(person).body["access_token"])
        late: list[dict[str, Any]] = []
        act = change(estate, person, bearer)
        answer = interrupted(act, number(wanted), lambda: late.append(login(person, device="phone").body))
        if answer is None:
            return False
        assert answer.status in {200, 204}, answer.text
        assert [me(token).status for token in (bearer, late[0]["access_token"])] == [200, 401]
        line = estate.events(tenant)[-1]
        assert (line["action"], line["meta"]) == ("SESSION_INVALIDATED", {"scope": "others", "sessions": 1})
        assert line["targets"][1]["id"] == late[0]["session"]["session_id"]
        return True

    assert every_call(run) >= 5


def test_sign_ins_that_race_a_removal_are_counted_or_come_after_it(estate: Estate, tenant: str) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    bearer = secured(estate, person, login(person).body["access_token"])
    with ThreadPoolExecutor(5) as pool:
        logins = [pool.submit(login, person, device=f"device-{number}") for number in range(4)]
        gone = pool.submit(without_totp, bearer)
        answers = [each.result() for each in logins]
    assert gone.result().status == 204
    order = [line for line in estate.events(tenant) if line["action"] in {"AUTH_LOGIN_SUCCESS", "MFA_REMOVED"}]
    removal = [line["action"] for line in order].index("MFA_REMOVED")
    after = {line["actor"]["session"] for line in order[removal:] if line["action"] == "AUTH_LOGIN_SUCCESS"}
    for answer in answers:
        if answer.status == 200:
            lives = me(answer.body["access_token"]).status == 200
            assert lives == (answer.body["session"]["session_id"] in after)


def test_two_changes_at_once_conflict_though_no_other_session_and_no_history_is_there(
    estate: Estate, tenant: str, interrupted: Interrupted
) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    session = sign_in(estate, person)
    session.prove("account_security")
    key = registered(session.access_token)
    assert history_version(estate, person) == 0
    interrupted.commits = 0
    gone = interrupted(
        lambda: removed(session.access_token, key.passkey_id),
        commit,
        lambda: step_up("factors/recovery-codes", None, session.access_token),
    )
    assert gone is not None
    assert gone.status == 204
    assert interrupted.commits > 1, "decided anew"
    assert history_version(estate, person) == 2


def test_of_one_factor_removed_in_two_sessions_one_removal_counts_at_every_call(
    estate: Estate, tenant: str, interrupted: Interrupted, clock: MovableClock
) -> None:
    def run(wanted: int) -> bool:
        person = estate.new_person(tenant, "member", totp=True)
        clock.offset += 30
        first = secured(estate, person, login(person).body["access_token"])
        clock.offset += 30
        second = secured(estate, person, login(person, device="phone").body["access_token"])
        before = estate.actions(tenant).count("MFA_REMOVED")
        answers: list[Response] = []
        lost = interrupted(lambda: without_totp(first), number(wanted), lambda: answers.append(without_totp(second)))
        assert estate.actions(tenant).count("MFA_REMOVED") == before + 1
        if lost is None:
            return False
        assert (lost.status, answers[0].status) in {(401, 204), (404, 204)}
        assert [me(token).status for token in (first, second)] == [401, 200]
        return True

    assert every_call(run) >= 5


def test_one_factor_removed_in_two_sessions_at_once_goes_once(estate: Estate, tenant: str, clock: MovableClock) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    first = secured(estate, person, login(person).body["access_token"])
    clock.offset = 30
    second = secured(estate, person, login(person, device="phone").body["access_token"])
    with ThreadPoolExecutor(2) as pool:
        answers = sorted(answer.status for answer in pool.map(without_totp, (first, second)))
    assert answers in ([204, 401], [204, 404]), answers
    assert estate.actions(tenant).count("MFA_REMOVED") == 1
    assert sorted(me(token).status for token in (first, second)) == [200, 401]


def test_session_that_ends_by_itself_meanwhile_ends_once(estate: Estate, tenant: str, interrupted: Interrupted) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    bearer = secured(estate, person, login(person).body["access_token"])
    other = login(person, device="phone").body["access_token"]
    gone = interrupted(lambda: without_totp(bearer), commit, lambda: logout(other))
    assert gone is not None
    assert gone.status == 204
    reasons = [line["reason"] for line in estate.events(tenant) if line["action"] == "SESSION_INVALIDATED"]
    assert reasons == ["logout"]


def test_change_of_a_session_that_is_ended_meanwhile_changes_nothing(
    estate: Estate, tenant: str, interrupted: Interrupted
) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    acting, other = sign_in(estate, person), sign_in(estate, person, device="phone")
    acting.prove("account_security")
    refused = interrupted(
        lambda: without_totp(acting.access_token), commit, lambda: other.calls(END, ends=acting.session_id)
    )
    assert refused is not None
    assert refused.code == "invalid_token"
    assert other.row()["status"] == "ACTIVE"
    assert "MFA_REMOVED" not in estate.actions(tenant)


@pytest.fixture
def half_seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], None]]:
    """Leave a session out of the next so many answers to a Query, as if half of its commit could be seen."""
    original = Wire.call

    def hide(session_id: str, times: int) -> None:
        left = times

        def hiding(
            wire: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None
        ) -> dict[str, Any]:
            nonlocal left
            answer = original(wire, operation, request, deadline=deadline)
            rows = answer.get("Items", [])
            shown = [row for row in rows if row.get("session_id") != {"S": session_id}]
            if operation != "Query" or len(shown) == len(rows) or not left:
                return answer
            left -= 1
            return {**answer, "Items": shown}

        monkeypatch.setattr(Wire, "call", hiding)

    yield hide
    monkeypatch.undo()


@pytest.mark.parametrize(("times", "status", "other"), [(1, 204, 401), (99, 503, 200)])
def test_session_that_only_the_history_shows_yet_is_waited_for(
    estate: Estate, tenant: str, half_seen: Callable[[str, int], None], times: int, status: int, other: int
) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    bearer = secured(estate, person, login(person).body["access_token"])
    late = login(person, device="phone").body
    half_seen(late["session"]["session_id"], times)
    assert without_totp(bearer).status == status
    assert me(late["access_token"]).status == other


def test_last_factor_stays_though_the_removal_of_the_other_was_half_seen(
    estate: Estate, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = estate.new_person(tenant, "admin", totp=True)
    bearer = secured(estate, person, login(person).body["access_token"])
    key = registered(bearer)
    original, read = Desk.factors, []

    def stale_once(desk: Desk, tenant: str, staff_id: str) -> Factors:
        read.append(original(desk, tenant, staff_id))
        return read[0] if len(read) <= 2 else read[-1]

    monkeypatch.setattr(Desk, "factors", stale_once)
    assert removed(bearer, key.passkey_id).status == 204
    assert without_totp(bearer).code == "last_factor"

"""The guard in front of routes that ask for a permission and a fresh proof."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.sessions.settings import Settings
from shared.audit.event import Draft, new_event_id
from shared.domain.step_up import PURPOSES
from shared.edge.guard import Principal
from shared.edge.guarded import guarded
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.runtime.settings import from_environment
from shared.store.transaction import Committed
from shared.store.user_sessions import consumed_grant
from shared.store.wire import Unavailable, Wire
from tests.functions.conftest import Calls
from tests.functions.estate import Estate, MovableClock, Person, Response, call, event, login, step_up
from tests.functions.test_step_up import challenge, code_of, verify

REPORT = "GET /api/compliance/cc6/access-logs"
LIST = "GET /api/compliance/exports"


class GuardedFunction:
    """A function that lets people in and says who they are."""

    def __init__(self, environ: dict[str, str]) -> None:
        settings = from_environment(Settings, environ)
        parts = guarded("guarded", settings)
        self.door, self.guard = parts.door, parts.guard
        self.admitted: list[Principal] = []

    def __call__(self, document: dict[str, object], _context: object) -> dict[str, object]:
        return self.door.answer(document, self._flow)

    def _flow(self, request: Request) -> Reply:
        principal = self.guard.admit(request)
        self.admitted.append(principal)
        return json_reply(200, {"staff_id": principal.acting.staff_id})


def test_every_line_that_a_function_logs_names_it(estate: Estate, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_: Request) -> Reply:
        raise RuntimeError("no answer")

    parts = guarded("somewhere", from_environment(Settings, estate.environ))
    parts.log.info("begun")
    assert parts.door.answer(event(LIST), broken)["statusCode"] == 500
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["concern"] for line in lines] == ["somewhere"] * max(2, len(lines))


@pytest.fixture
def function(estate: Estate) -> GuardedFunction:
    return GuardedFunction(estate.environ)


def ask(function: GuardedFunction, route: str, bearer: str) -> Response:
    return call(function, event(route, bearer=bearer))


def proven(estate: Estate, person: Person) -> str:
    """Log in and verify a data_export step-up; gives the access token."""
    bearer: str = login(person).body["access_token"]
    answer = verify(bearer, challenge(bearer)["challenge_id"], code=code_of(person, estate.clock()))
    raised: str = answer.body["access_token"]
    return raised


@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("auditor", 200), ("member", 403)])
def test_permission_follows_from_the_role(
    estate: Estate, tenant: str, function: GuardedFunction, role: str, status: int
) -> None:
    bearer = login(estate.new_person(tenant, role)).body["access_token"]
    assert ask(function, LIST, bearer).status == status


def test_refused_permission_is_recorded_before_it_is_told(
    estate: Estate, tenant: str, function: GuardedFunction
) -> None:
    member = estate.new_person(tenant, "member")
    response = ask(function, LIST, login(member).body["access_token"])
    assert response.code == "permission_denied"
    line = estate.events(tenant)[-1]
    assert (line["action"], line["outcome"], line["resource"]) == ("ACCESS_DENIED", "denied", LIST)
    assert line["actor"]["id"] == member.staff_id
    assert line["meta"] == {"permission": "SETTINGS_SECURITY_VIEW"}


def test_refusal_that_cannot_be_recorded_is_503(
    estate: Estate, tenant: str, function: GuardedFunction, audit_write_fails: Callable[[], None]
) -> None:
    bearer = login(estate.new_person(tenant, "member")).body["access_token"]
    audit_write_fails()
    assert ask(function, LIST, bearer).status == 503


def test_changed_role_counts_with_the_next_request(estate: Estate, tenant: str, function: GuardedFunction) -> None:
    person = estate.new_person(tenant)
    bearer = login(person).body["access_token"]
    assert ask(function, LIST, bearer).status == 200
    estate.change_gate(person, "role", "member")
    assert ask(function, LIST, bearer).status == 403


def test_route_with_step_up_answers_with_the_challenge_of_rfc_9470(
    estate: Estate, tenant: str, function: GuardedFunction
) -> None:
    bearer = login(estate.new_person(tenant, totp=True)).body["access_token"]
    response = ask(function, REPORT, bearer)
    assert (response.status, response.code) == (401, "insufficient_user_authentication")
    assert response.headers["WWW-Authenticate"].startswith('Bearer error="insufficient_user_authentication"')
    assert response.body["purpose"] == "data_export"
    assert response.body["methods"] == ["totp", "recovery_code", "passkey"]
    assert (response.body["acr_values"], response.body["max_age"]) == ("urn:muniment:aal2", 300)


def test_grant_opens_the_route_for_five_minutes(
    estate: Estate, tenant: str, function: GuardedFunction, clock: MovableClock
) -> None:
    bearer = proven(estate, estate.new_person(tenant, totp=True))
    assert ask(function, REPORT, bearer).status == 200
    clock.offset = 290
    assert ask(function, REPORT, bearer).status == 200
    clock.offset = 301
    assert ask(function, REPORT, bearer).code == "insufficient_user_authentication"


def test_grant_of_another_purpose_does_not_serve(estate: Estate, tenant: str, function: GuardedFunction) -> None:
    person = estate.new_person(tenant, totp=True)
    bearer = login(person).body["access_token"]
    asked = challenge(bearer, "rbac_admin")
    assert verify(bearer, asked["challenge_id"], code=code_of(person, estate.clock())).status == 200
    assert ask(function, REPORT, bearer).code == "insufficient_user_authentication"


def test_single_use_grant_is_consumed_by_one_of_many_acts(
    estate: Estate, tenant: str, function: GuardedFunction
) -> None:
    bearer = proven(estate, estate.new_person(tenant, totp=True))
    assert ask(function, REPORT, bearer).status == 200
    principal = function.admitted[-1]
    acting, grant = principal.acting, principal.grant("data_export")
    table = estate.environ["USER_SESSIONS_TABLE"]

    def act(_: int) -> bool:
        now = estate.clock()
        consumed = consumed_grant(table, acting, grant, PURPOSES["data_export"], int(now))
        draft = Draft(
            event_id=new_event_id(now),
            action="DATA_EXPORT_STARTED",
            outcome="success",
            actor=principal.actor(grant.challenge_id),
            resource="exports/1",
            context={},
        )
        return isinstance(estate.ledger.commit(tenant, [consumed], [draft], acting=acting), Committed)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(act, range(4))) == [False, False, False, True]
    assert ask(function, REPORT, bearer).code == "insufficient_user_authentication"
    assert estate.actions(tenant).count("DATA_EXPORT_STARTED") == 1


def test_check_that_cannot_be_made_is_503_and_lets_nobody_in(
    person: Person, function: GuardedFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer = login(person).body["access_token"]
    assert ask(function, LIST, bearer).status == 200

    def unavailable(*_: object, **__: object) -> None:
        raise Unavailable("injected")

    monkeypatch.setattr(Wire, "call", unavailable)
    response = ask(function, LIST, bearer)
    assert (response.status, response.code) == (503, "auth_unavailable")


def test_token_of_another_tenant_does_not_reach_this_one(estate: Estate, function: GuardedFunction) -> None:
    here, there = estate.new_person(estate.new_tenant()), estate.new_person(estate.new_tenant())
    ask(function, LIST, login(here).body["access_token"])
    ask(function, LIST, login(there).body["access_token"])
    assert [principal.acting.tenant for principal in function.admitted] == [here.tenant, there.tenant]


def test_step_up_route_costs_no_call_beyond_the_check(
    estate: Estate, tenant: str, function: GuardedFunction, calls: Calls
) -> None:
    bearer = proven(estate, estate.new_person(tenant, totp=True))
    ask(function, REPORT, bearer)
    calls.clear()
    ask(function, REPORT, bearer)
    assert calls.operations() == ["BatchGetItem"]


def test_counted_calls_of_every_route_of_step_up(
    estate: Estate, tenant: str, calls: Calls, clock: MovableClock
) -> None:
    person = estate.new_person(tenant, totp=True)
    bearer = login(person).body["access_token"]
    first = challenge(bearer)["challenge_id"]
    verify(bearer, first, code=code_of(person, estate.clock()))
    clock.offset = 31
    step_up("step-up/challenges", {}, bearer)  # refused; reads the origin's secret, which is kept a minute
    calls.clear()
    asked = step_up("step-up/challenges", {"purpose": "data_export"}, bearer).body["challenge_id"]
    assert calls.operations() == ["BatchGetItem", "BatchGetItem", "TransactWriteItems"]
    calls.clear()
    assert verify(bearer, asked, code=code_of(person, clock())).status == 200
    read = ["BatchGetItem", "GetItem", "BatchGetItem"]
    assert calls.operations() == [*read, "Decrypt", "BatchGetItem", "TransactWriteItems"], "the history, once"

"""The authorizer of the adopter's own APIs: who is let in, and that nobody is for a fault."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from functions.authorizer import handler as authorizer
from shared.audit.event import new_event_id
from shared.domain.impersonation import Impersonator, permissions_left
from shared.domain.ip_rule import Network, Rule, network_of
from shared.domain.permission import permissions_of
from shared.domain.session import AAL2, Binding, SessionId, StaffId, Standing, TenantId
from shared.runtime.access_token import Bearer, TokenIssuer
from shared.runtime.signing_keys import KeyRing, Signer
from shared.store.condition import present
from shared.store.impersonations import Beginning, opened_session
from shared.store.impersonations import Person as Someone
from shared.store.ip_rules import StoredRule, rule_written, rules_changed
from shared.store.item import get, update
from shared.store.tenants import tenant_key
from shared.store.wire import ServiceError, Unavailable, Wire
from tests.functions.conftest import Calls
from tests.functions.estate import ORIGIN_SECRET, Estate, MovableClock, Person
from tests.functions.signed_in import LOGOUT, SignedIn, gate_version, issuer_of, sign_in

DENIED = {"isAuthorized": False}


def asked(token: str | None, method: str = "GET", **headers: str) -> dict[str, Any]:
    """Write what API Gateway asks for `GET /orders` of an adopter's API (payload format 2.0)."""
    sent = headers if token is None else {"authorization": f"Bearer {token}", **headers}
    return {
        "version": "2.0",
        "type": "REQUEST",
        "routeKey": f"{method} /orders",
        "rawPath": "/orders",
        "headers": sent,
        "identitySource": [sent.get("authorization", "")],
        "requestContext": {
            "apiId": "abcdef1234",
            "requestId": "the-request",
            "http": {"method": method, "path": "/orders", "sourceIp": "198.51.100.9"},
        },
    }


def decide(token: str | None, method: str = "GET", **headers: str) -> dict[str, Any]:
    return authorizer.handler(asked(token, method, **headers), None)


@pytest.fixture
def session(estate: Estate, person: Person) -> SignedIn:
    return sign_in(estate, person)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], Mapping[str, Any]]:
    """Read the last line of the log."""

    def last() -> Mapping[str, Any]:
        line: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return line

    return last


@pytest.fixture
def unwired() -> Iterator[None]:
    """Let the test read settings of its own."""
    authorizer._wiring.cache_clear()
    yield
    authorizer._wiring.cache_clear()


def suspend(session: SignedIn) -> None:
    estate = session.estate
    table, key = estate.prefix + "tenants", tenant_key(session.person.tenant)
    item = update(table, key, present("tenant"), set_={"status": "SUSPENDED"})
    estate.dynamodb.call("UpdateItem", dict(item.request))


def test_live_token_is_allowed_and_the_api_is_told_who_asks(session: SignedIn) -> None:
    assert decide(session.access_token) == {
        "isAuthorized": True,
        "context": {
            "tenant": session.person.tenant,
            "staff_id": session.person.staff_id,
            "role": session.person.role,
            "permissions": list(permissions_of(session.person.role)),
            "session_id": session.session_id,
            "acr": AAL2,
            "auth_time": session.row()["created_at"],
        },
    }


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_own_hand_may_use_every_method(session: SignedIn, method: str) -> None:
    assert decide(session.access_token, method)["isAuthorized"] is True


def test_role_is_the_one_of_now(estate: Estate, session: SignedIn) -> None:
    estate.change_gate(session.person, "role", "auditor")
    assert decide(session.access_token)["context"]["role"] == "auditor"


def test_logged_out_token_is_refused_by_the_next_request(session: SignedIn) -> None:
    assert decide(session.access_token)["isAuthorized"] is True
    assert session.calls(LOGOUT).status == 204
    assert decide(session.access_token) == DENIED


Change = Callable[[SignedIn], None]
ENDED: Mapping[str, Change] = {
    "the person is deactivated": lambda one: one.estate.change_gate(one.person, "status", "DEACTIVATED"),
    "every session was ended": lambda one: one.estate.change_gate(one.person, "session_version", 2),
    "the session was ended": lambda one: one.change_row(status="ENDED"),
    "it was idle too long": lambda one: one.change_row(idle_expires_at=int(one.estate.clock())),
    "it lasted long enough": lambda one: one.change_row(absolute_expires_at=int(one.estate.clock())),
    "the tenant is suspended": suspend,
}


@pytest.mark.parametrize("change", ENDED.values(), ids=ENDED)
def test_session_that_does_not_count_is_refused(
    session: SignedIn, change: Change, told: Callable[[], Mapping[str, Any]]
) -> None:
    change(session)
    assert decide(session.access_token) == DENIED
    assert told()["outcome"] == "session_ended"


WAITING: Mapping[str, Change] = {
    "for the answer to a challenge": lambda one: one.change_row(
        pending_challenge={"challenge_id": "c", "expires_at": int(one.estate.clock()) + 300, "methods": ["totp"]},
    ),
    "for a first second factor": lambda one: one.estate.change_gate(one.person, "must_enrol", value=True),
}


@pytest.mark.parametrize("change", WAITING.values(), ids=WAITING)
def test_session_that_waits_is_refused(
    session: SignedIn, change: Change, told: Callable[[], Mapping[str, Any]]
) -> None:
    change(session)
    assert decide(session.access_token) == DENIED
    assert told()["outcome"] == "waits"


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": ""}, {"authorization": "Basic YTpi"}, {"authorization": "Bearer"}, {"x-token": "Bearer t"}],
)
def test_request_without_a_bearer_is_refused(headers: dict[str, str], calls: Calls) -> None:
    assert decide(None, **headers) == DENIED
    assert calls.operations() == []


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "\u202e" * 40, "x" * 10_000])
def test_what_is_no_token_is_refused_without_a_look_at_any_row(text: str, calls: Calls) -> None:
    assert decide(text) == DENIED
    assert [operation for operation in calls.operations() if operation != "Query"] == []


def test_two_bearers_are_none(session: SignedIn) -> None:
    both = f"Bearer {session.access_token},Bearer {session.access_token}"
    assert decide(None, authorization=both) == DENIED


def test_headers_are_found_however_they_are_written(session: SignedIn) -> None:
    assert decide(None, Authorization=f"bEARER {session.access_token}")["isAuthorized"] is True


def test_expired_token_is_refused(session: SignedIn, clock: MovableClock) -> None:
    clock.offset += 700
    assert decide(session.access_token) == DENIED


@pytest.mark.parametrize("of", ["issuer", "audience"])
def test_token_of_another_issuer_or_audience_is_refused(estate: Estate, session: SignedIn, of: str) -> None:
    names = {"issuer": estate.environ["ISSUER"], "audience": estate.environ["AUDIENCE"], of: "https://other.example"}
    keys = KeyRing(estate.dynamodb, estate.prefix + "signing_keys", estate.clock)
    issuer = TokenIssuer(Signer(keys, estate.sealer), names["issuer"], names["audience"], 600)
    person = session.person
    now = int(estate.clock())
    standing = Standing(person.role, AAL2, ("pwd",), now, now, now + 600, 600)
    owner = TenantId(person.tenant), StaffId(person.staff_id), SessionId(session.session_id)
    assert decide(issuer.mint(Bearer(*owner, 1, 1, standing), now)) == DENIED


def test_token_that_names_another_tenant_finds_no_session_there(estate: Estate, session: SignedIn) -> None:
    person, now = session.person, int(estate.clock())
    standing = Standing("owner", AAL2, ("pwd",), now, now, now + 600, 600)
    owner = TenantId(estate.new_tenant()), StaffId(person.staff_id), SessionId(session.session_id)
    assert decide(issuer_of(estate).mint(Bearer(*owner, 1, 1, standing), now)) == DENIED


class Impersonation:
    """An administrator's session in a member's name, put into the tables as its beginning commits it."""

    def __init__(self, estate: Estate, tenant: str, mode: str, actor_role: str) -> None:
        self.actor = sign_in(estate, estate.new_person(tenant, role=actor_role))
        self.target = estate.new_person(tenant, role="member")
        now = int(estate.clock())
        actor, target = self.actor.person, self.target
        beginning = Beginning(
            tenant=tenant,
            impersonation_id=new_event_id(now),
            actor=Someone(actor.staff_id, gate_version(estate, actor), actor.role),
            actor_session=self.actor.session_id,
            target=Someone(target.staff_id, gate_version(estate, target), target.role),
            mode=mode,
            reason="support",
            ticket=None,
            notice="immediate",
            started_at=now,
            expires_at=now + 600,
        )
        standing = Standing("member", AAL2, ("pwd",), now, now, now + 600, 600)
        binding = Binding("device", "DE", "198.51.100.0/24", "unknown")
        item = opened_session(estate.prefix + "user_sessions", beginning, binding, standing)
        estate.dynamodb.call("PutItem", dict(item.request))
        owner = TenantId(tenant), StaffId(target.staff_id), SessionId(beginning.impersonation_id)
        act = Impersonator(actor.staff_id, self.actor.session_id)
        bearer = Bearer(*owner, gate_version(estate, target), 1, standing, act)
        self.token = issuer_of(estate).mint(bearer, now)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_in_read_mode_another_persons_view_is_served(estate: Estate, tenant: str, method: str) -> None:
    assert decide(Impersonation(estate, tenant, "read", "admin").token, method)["isAuthorized"] is True


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY", "get"])
def test_in_read_mode_nothing_is_changed_in_anothers_name(
    estate: Estate, tenant: str, method: str, told: Callable[[], Mapping[str, Any]]
) -> None:
    assert decide(Impersonation(estate, tenant, "read", "admin").token, method) == DENIED
    assert told()["outcome"] == "impersonation_reads"


def test_in_anothers_name_the_api_is_told_whose_hand_it_is(estate: Estate, tenant: str) -> None:
    impersonation = Impersonation(estate, tenant, "write", "owner")
    context = decide(impersonation.token, "POST")["context"]
    assert (context["staff_id"], context["role"]) == (impersonation.target.staff_id, "member")
    assert (context["actor"], context["actor_role"]) == (impersonation.actor.person.staff_id, "owner")
    assert context["mode"] == "write"
    assert context["permissions"] == list(permissions_left("member")) != list(permissions_of("member"))


IMPERSONATOR_LOST: Mapping[str, Change] = {
    "is deactivated": lambda one: one.estate.change_gate(one.person, "status", "DEACTIVATED"),
    "is no administrator any more": lambda one: one.estate.change_gate(one.person, "role", "member"),
    "must enrol first": lambda one: one.estate.change_gate(one.person, "must_enrol", value=True),
    "signed out": lambda one: one.change_row(status="ENDED"),
}


@pytest.mark.parametrize("change", IMPERSONATOR_LOST.values(), ids=IMPERSONATOR_LOST)
def test_impersonation_ends_with_the_rights_of_whoever_began_it(estate: Estate, tenant: str, change: Change) -> None:
    impersonation = Impersonation(estate, tenant, "read", "admin")
    assert decide(impersonation.token)["isAuthorized"] is True
    change(impersonation.actor)
    assert decide(impersonation.token) == DENIED


def allow_only(session: SignedIn, cidr: str) -> None:
    """Give the tenant one address rule, as a change of its rules commits it."""
    estate, tenant = session.estate, session.person.tenant
    network = network_of(cidr)
    assert isinstance(network, Network)
    stored = StoredRule(Rule("r_1", network, "allow"), None, session.person.staff_id, 1)
    row = get(estate.dynamodb, estate.prefix + "tenants", tenant_key(tenant))
    assert row is not None
    for item in (
        rule_written(estate.prefix + "ip_rules", tenant, stored, new=True),
        rules_changed(estate.prefix + "tenants", row, [stored.rule]),
    ):
        estate.dynamodb.call("PutItem" if "Item" in item.request else "UpdateItem", dict(item.request))


ELSEWHERE = {"cloudfront-viewer-address": "203.0.113.9:443"}


@pytest.mark.parametrize("cidr", ["198.51.100.0/24", "198.51.100.9/32"])
def test_address_that_the_rules_let_in_is_let_in(session: SignedIn, cidr: str) -> None:
    allow_only(session, cidr)
    assert decide(session.access_token)["isAuthorized"] is True


def test_address_that_the_rules_leave_out_is_refused_and_nothing_is_recorded(
    session: SignedIn, told: Callable[[], Mapping[str, Any]]
) -> None:
    before = session.estate.actions(session.person.tenant)
    assert decide(session.access_token)["isAuthorized"] is True
    allow_only(session, "203.0.113.0/24")
    assert decide(session.access_token) == DENIED
    assert told()["outcome"] == "address"
    assert session.estate.actions(session.person.tenant) == before


@pytest.mark.parametrize(
    "headers", [ELSEWHERE, {**ELSEWHERE, "x-origin-verify": "guessed"}, {"x-forwarded-for": "203.0.113.9"}]
)
def test_address_that_a_caller_writes_is_not_believed(session: SignedIn, headers: dict[str, str]) -> None:
    allow_only(session, "203.0.113.0/24")
    assert decide(session.access_token, **headers) == DENIED


def test_address_is_the_edges_word_where_the_request_came_through_it(session: SignedIn) -> None:
    allow_only(session, "203.0.113.0/24")
    through = {**ELSEWHERE, "x-origin-verify": ORIGIN_SECRET}
    assert decide(session.access_token, **through)["isAuthorized"] is True


def test_rules_that_cannot_be_read_let_nobody_in(session: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    allow_only(session, "198.51.100.0/24")
    original = Wire.call

    def broken(self: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        if str(request.get("TableName", "")).endswith("ip_rules"):
            raise Unavailable("injected")
        return original(self, operation, request, deadline=deadline)

    monkeypatch.setattr(Wire, "call", broken)
    assert decide(session.access_token) == DENIED


FAULTS: Mapping[str, Exception] = {
    "unavailable": Unavailable("injected"),
    "refused": ServiceError("AccessDeniedException", "no", {}),
    "unexpected": KeyError("injected"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_rows_that_cannot_be_read_let_nobody_in(
    session: SignedIn, fault: Exception, monkeypatch: pytest.MonkeyPatch, told: Callable[[], Mapping[str, Any]]
) -> None:
    def broken(*_arguments: object, **_options: object) -> dict[str, Any]:
        raise fault

    monkeypatch.setattr(Wire, "call", broken)
    assert decide(session.access_token) == DENIED
    line = told()
    assert (line["level"], line["metric"], line["fault"]) == ("ERROR", "control_failure", type(fault).__name__)
    assert (line["ControlFailure"], line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) == (1, [[]])


@pytest.mark.parametrize(
    "event", [{}, {"headers": None}, {"requestContext": {}}, {"headers": {"authorization": 7}}, [], None, "text"]
)
def test_event_of_another_form_lets_nobody_in(event: Any, told: Callable[[], Mapping[str, Any]]) -> None:
    assert authorizer.handler(event, None) == DENIED
    assert told()["metric"] == "control_failure"


def test_function_without_its_settings_lets_nobody_in(
    session: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
    unwired: None,  # noqa: ARG001 - settings are read anew
    told: Callable[[], Mapping[str, Any]],
) -> None:
    monkeypatch.delenv("USER_SESSIONS_TABLE")
    assert decide(session.access_token) == DENIED
    assert told()["metric"] == "control_failure"
    monkeypatch.undo()
    assert decide(session.access_token)["isAuthorized"] is True, "the next invocation reads them again"


def test_one_read_decides_and_nothing_is_written(session: SignedIn, calls: Calls) -> None:
    decide(session.access_token)
    before = session.row()
    calls.clear()
    assert decide(session.access_token)["isAuthorized"] is True
    assert calls.operations()[:1] == ["BatchGetItem"]
    assert len(calls) <= 2, "its keys may have been read anew"
    assert session.row() == before


def test_log_line_tells_the_route_and_no_token(session: SignedIn, capsys: pytest.CaptureFixture[str]) -> None:
    decide(session.access_token)
    text = capsys.readouterr().out
    line = json.loads(text.splitlines()[-1])
    assert (line["message"], line["outcome"], line["route"], line["api"], line["request_id"]) == (
        "decided",
        "allowed",
        "GET /orders",
        "abcdef1234",
        "the-request",
    )
    assert session.access_token not in text
    assert "198.51.100.9" not in text

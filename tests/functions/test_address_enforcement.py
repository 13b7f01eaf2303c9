"""Address rules hold wherever somebody is let in, with the next request, and each refusal is on the record."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from functions.refresh.handler import handler as refresh_handler
from functions.sessions.handler import handler as sessions_handler
from shared.audit.personal_data import PersonalData
from shared.domain.impersonation import Impersonator
from shared.domain.ip_rule import CREATION, DELETION
from shared.domain.session import AAL2, SessionId, StaffId, Standing, TenantId
from shared.runtime.access_token import Bearer
from shared.runtime.sealed_secret import data_key_context
from shared.store.subject_keys import salts_of
from shared.store.tenants import get_tenant
from shared.store.wire import ServiceError, Unavailable, Wire
from tests.functions.address_book import HOME, OFFICE, put_rules, sweep, told
from tests.functions.estate import Estate, MovableClock, Person, Place, Response, call, event
from tests.functions.signed_in import ME, SignedIn, issuer_of, sign_in

DENY_OFFICE = ("deny", "203.0.113.0/24")
ENFORCED = "IP_RULE_ENFORCED"


def me_from(session: SignedIn, place: Place) -> Response:
    return call(sessions_handler, event(ME, bearer=session.access_token, place=place))


def refresh_from(session: SignedIn, place: Place) -> Response:
    body = {"refresh_token": session.refresh_token, "device_id": "device-1"}
    return call(refresh_handler, event("POST /api/auth/refresh", body, place=place))


def enforced(estate: Estate, tenant: str) -> list[dict[str, Any]]:
    return told(estate, tenant, ENFORCED)


def addresses_of(estate: Estate, tenant: str) -> list[tuple[str, str]]:
    """Open the sealed address of every refusal: whose salt, and the address."""
    row = get_tenant(estate.dynamodb, estate.prefix + "tenants", tenant)
    assert row is not None
    personal = PersonalData(estate.sealer.open(row["data_key_sealed"], data_key_context(tenant)), tenant)
    salts = salts_of(estate.dynamodb, estate.prefix + "subject_keys", tenant)
    return [
        (entry["sub"], personal.disclose(salts[entry["sub"]], entry, line["id"]).values["ip"])
        for line in enforced(estate, tenant)
        for entry in line["pii"]
    ]


@pytest.fixture
def session(estate: Estate, person: Person) -> SignedIn:
    return sign_in(estate, person)


def refused(response: Response) -> bool:
    if response.status != 403:
        return False
    assert response.code == "ip_denied"
    assert set(response.body) == {"type", "title", "status", "detail", "code", "request_id"}
    assert "rule" not in response.text
    return True


def test_request_from_a_denied_address_is_refused_and_recorded_and_not_seen_in_use(
    estate: Estate, session: SignedIn
) -> None:
    tenant = session.person.tenant
    (rule_id,) = put_rules(estate, tenant, DENY_OFFICE)
    before = session.row()
    assert refused(me_from(session, OFFICE))
    assert session.row() == before
    (line,) = enforced(estate, tenant)
    assert (line["outcome"], line["reason"], line["resource"]) == ("denied", "DENY_RULE", ME)
    assert line["meta"] == {"rule_id": rule_id, "version": 1, "folded": 0}
    assert line["actor"]["id"] == session.person.staff_id
    assert line["context"]["ip_net"] == "203.0.113.0/24"
    assert OFFICE.address not in json.dumps(line)
    assert addresses_of(estate, tenant) == [(session.person.staff_id, OFFICE.address)]
    assert me_from(session, HOME).status == 200


def test_address_that_no_allow_rule_names_is_refused_without_a_rule(estate: Estate, session: SignedIn) -> None:
    put_rules(estate, session.person.tenant, ("allow", "198.51.100.0/24"))
    assert refused(me_from(session, OFFICE))
    assert refused(me_from(session, Place(address="2001:db8::1")))
    first, second = enforced(estate, session.person.tenant)
    assert (first["reason"], "rule_id" in first["meta"]) == ("NOT_ALLOWED", False)
    assert second["context"]["ip_net"] == "2001:db8::/48"
    assert me_from(session, HOME).status == 200


def test_change_counts_with_the_next_request_in_every_environment(estate: Estate, session: SignedIn) -> None:
    tenant = session.person.tenant
    assert me_from(session, OFFICE).status == 200
    put_rules(estate, tenant, DENY_OFFICE)
    assert refused(me_from(session, OFFICE))
    estate.change_row("tenants", {"tenant": tenant}, {"ip_rules_version": 2})
    estate.delete("ip_rules", {"tenant": tenant, "rule_id": enforced(estate, tenant)[0]["meta"]["rule_id"]})
    assert me_from(session, OFFICE).status == 200


def test_late_request_brings_no_old_rules_back(estate: Estate, session: SignedIn) -> None:
    """A row that was read before a change comes after one that was read behind it."""
    tenant = session.person.tenant
    put_rules(estate, tenant, DENY_OFFICE)
    assert refused(me_from(session, OFFICE))
    put_rules(estate, tenant, ("deny", "192.0.2.0/24"))
    assert refused(me_from(session, Place(address="192.0.2.1")))
    estate.change_row("tenants", {"tenant": tenant}, {"ip_rules_version": 1})
    assert refused(me_from(session, Place(address="192.0.2.1")))


def test_pending_rule_ends_by_the_clock_without_a_new_version(
    estate: Estate, session: SignedIn, clock: MovableClock
) -> None:
    now = estate.clock()
    put_rules(
        estate,
        session.person.tenant,
        ("deny", "203.0.113.0/24", CREATION, now + 100),
        ("deny", "192.0.2.0/24", DELETION, now + 100),
    )
    gone, other = Place(address="203.0.113.9"), Place(address="192.0.2.1")
    assert refused(me_from(session, gone))
    assert me_from(session, other).status == 200
    clock.offset = 101
    assert me_from(session, gone).status == 200
    assert refused(me_from(session, other))


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": HOME.address},
        {"x-forwarded-for": f"{HOME.address}, {OFFICE.address}"},
        {"forwarded": f"for={HOME.address}"},
        {"x-real-ip": HOME.address, "true-client-ip": HOME.address, "cf-connecting-ip": HOME.address},
        {"x-client-ip": HOME.address},
    ],
)
def test_headers_that_a_caller_writes_change_no_address(
    estate: Estate, session: SignedIn, headers: dict[str, str]
) -> None:
    put_rules(estate, session.person.tenant, ("allow", HOME.address))
    assert refused(me_from(session, Place(address=OFFICE.address, extra=headers)))
    assert me_from(session, HOME).status == 200


def test_viewer_address_counts_only_beside_the_secret_of_the_edge(estate: Estate, session: SignedIn) -> None:
    put_rules(estate, session.person.tenant, ("allow", HOME.address))
    document = event(ME, bearer=session.access_token, place=HOME)
    document["headers"]["x-origin-verify"] = "made up"
    assert refused(call(sessions_handler, document))  # API Gateway says 127.0.0.1


def test_mapped_address_is_met_by_the_rule_of_its_ipv4_network(estate: Estate, session: SignedIn) -> None:
    put_rules(estate, session.person.tenant, DENY_OFFICE)
    assert refused(me_from(session, Place(address="::ffff:203.0.113.9")))
    assert len(enforced(estate, session.person.tenant)) == 1


def test_refusal_that_cannot_be_recorded_is_503(
    estate: Estate, session: SignedIn, audit_write_fails: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_rules(estate, session.person.tenant, DENY_OFFICE)
    with monkeypatch.context():
        audit_write_fails()
        assert me_from(session, OFFICE).status == 503
        assert me_from(session, HOME).status == 200
    assert estate.partition("ip_denials", "tenant", session.person.tenant) == []


def test_rules_that_cannot_be_read_let_nobody_in(
    estate: Estate, session: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_rules(estate, session.person.tenant, DENY_OFFICE)
    original = Wire.call

    def broken(wire: Wire, operation: str, asked: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        if asked.get("TableName") == estate.prefix + "ip_rules":
            raise Unavailable("injected")
        return original(wire, operation, asked, deadline=deadline)

    with monkeypatch.context() as patch:
        patch.setattr(Wire, "call", broken)
        assert me_from(session, HOME).status == 503
    assert me_from(session, HOME).status == 200


def test_session_that_dies_while_it_is_refused_is_told_that_it_is_dead(
    estate: Estate, session: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_rules(estate, session.person.tenant, DENY_OFFICE)
    pending, original = [lambda: session.change_row(status="REVOKED")], Wire.call

    def call_after(
        wire: Wire, operation: str, asked: dict[str, Any], *, deadline: float | None = None
    ) -> dict[str, Any]:
        if operation == "TransactWriteItems" and pending:
            pending.pop()()
        return original(wire, operation, asked, deadline=deadline)

    with monkeypatch.context() as patch:
        patch.setattr(Wire, "call", call_after)
        assert me_from(session, OFFICE).code == "invalid_token"
    assert enforced(estate, session.person.tenant) == []


def test_session_that_waits_for_a_proof_is_refused_on_the_record_too(estate: Estate, session: SignedIn) -> None:
    put_rules(estate, session.person.tenant, DENY_OFFICE)
    waits = {"challenge_id": "c", "expires_at": int(estate.clock()) + 60, "methods": ["totp"]}
    session.change_row(pending_challenge=waits)
    assert refused(me_from(session, OFFICE))
    assert len(enforced(estate, session.person.tenant)) == 1


def test_erased_person_is_refused_and_nothing_of_the_address_is_kept(estate: Estate, session: SignedIn) -> None:
    tenant = session.person.tenant
    put_rules(estate, tenant, DENY_OFFICE)
    estate.delete("subject_keys", {"tenant": tenant, "subject": session.person.staff_id})
    assert refused(me_from(session, OFFICE))
    assert enforced(estate, tenant)[0]["pii"] == []
    assert salts_of(estate.dynamodb, estate.prefix + "subject_keys", tenant) == {}


def test_rules_of_one_tenant_are_not_those_of_another(estate: Estate, session: SignedIn) -> None:
    other = sign_in(estate, estate.new_person(estate.new_tenant()))
    put_rules(estate, other.person.tenant, ("deny", "0.0.0.0/0"))
    assert me_from(session, OFFICE).status == 200
    assert refused(me_from(other, OFFICE))


def test_refusals_of_an_address_are_one_event_a_minute_with_the_number_of_the_others(
    estate: Estate, session: SignedIn, clock: MovableClock
) -> None:
    put_rules(estate, session.person.tenant, DENY_OFFICE)
    clock.offset = 60 - estate.clock() % 60
    assert [refused(me_from(session, OFFICE)) for _ in range(4)] == [True] * 4
    assert refused(me_from(session, Place(address="203.0.113.10")))
    first, other = enforced(estate, session.person.tenant)
    assert [line["meta"]["folded"] for line in (first, other)] == [0, 0]
    clock.offset += 60
    assert refused(me_from(session, OFFICE))
    again = enforced(estate, session.person.tenant)[2]
    assert (again["meta"]["folded"], again["meta"]["folded_behind"]) == (3, first["id"])
    clock.offset += 60
    assert refused(me_from(session, OFFICE))
    assert enforced(estate, session.person.tenant)[3]["meta"]["folded"] == 0


def test_refusal_that_meets_a_commit_on_its_row_is_counted_and_told_in_no_event_of_its_own(
    estate: Estate, session: SignedIn, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_rules(estate, session.person.tenant, DENY_OFFICE)
    clock.offset = 60 - estate.clock() % 60
    assert refused(me_from(session, OFFICE))
    conflicts, original = [True], Wire.call

    def busy(wire: Wire, operation: str, asked: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        if operation == "UpdateItem" and asked["TableName"] == estate.prefix + "ip_denials" and conflicts:
            conflicts.clear()
            raise ServiceError("TransactionConflictException", "injected", {})
        return original(wire, operation, asked, deadline=deadline)

    with monkeypatch.context() as patch:
        patch.setattr(Wire, "call", busy)
        assert refused(me_from(session, OFFICE))
    assert conflicts == []
    clock.offset += 60
    sweep()
    assert [line["meta"]["folded"] for line in enforced(estate, session.person.tenant)] == [0, 1]


def test_no_refusal_is_lost_or_told_twice_however_many_come_at_once_and_nobody_else_waits(
    estate: Estate, session: SignedIn, clock: MovableClock
) -> None:
    """What is refused and cannot be counted is 503, which lets nobody in; whoever may come is served all the while."""
    put_rules(estate, session.person.tenant, DENY_OFFICE)
    clock.offset = 60 - estate.clock() % 60
    others = [sign_in(estate, session.person) for _ in range(6)]
    with ThreadPoolExecutor(8) as pool:
        flood = [pool.submit(me_from, session, OFFICE) for _ in range(12)]
        served = [pool.submit(refresh_from, other, HOME) for other in others]
        flood += [pool.submit(me_from, session, OFFICE) for _ in range(12)]
        answers = [future.result() for future in flood]
    assert [future.result().status for future in served] == [200] * len(others)
    refusals = sum(refused(answer) for answer in answers if answer.status == 403)
    assert {answer.status for answer in answers} <= {403, 503}
    clock.offset += 60
    sweep()
    lines = enforced(estate, session.person.tenant)
    first, of_the_sweep = lines
    assert (first["meta"]["folded"], of_the_sweep["meta"]["folded"]) == (0, refusals - 1)
    assert estate.partition("ip_denials", "tenant", session.person.tenant) == []


def acting_as(admin: SignedIn, member: SignedIn) -> SignedIn:
    """Let `admin` act in the name of `member`, in a session of the latter."""
    now, staff_id = int(admin.estate.clock()), admin.person.staff_id
    whose = {"staff_id": staff_id, "session_id": admin.session_id, "session_version": 1}
    member.change_row(act={**whose, "mode": "read", "reason": "a question of the person"})
    who = TenantId(member.person.tenant), StaffId(member.person.staff_id), SessionId(member.session_id)
    standing = Standing("member", AAL2, ("pwd", "otp"), now, now, now + 3_600, 28_800, cookie=False)
    bearer = Bearer(*who, 1, 1, standing, Impersonator(staff_id, admin.session_id))
    return replace(member, access_token=issuer_of(admin.estate).mint(bearer, now))


def test_who_acts_in_anothers_name_is_refused_by_his_own_address_and_named(estate: Estate, session: SignedIn) -> None:
    member = sign_in(estate, estate.new_person(session.person.tenant, "member"))
    acting = acting_as(session, member)
    assert me_from(acting, OFFICE).status == 200
    put_rules(estate, session.person.tenant, DENY_OFFICE)
    answer = me_from(acting, OFFICE)
    assert refused(answer)
    (line,) = enforced(estate, session.person.tenant)
    assert (line["actor"]["id"], line["on_behalf_of"]) == (session.person.staff_id, member.person.staff_id)
    assert addresses_of(estate, session.person.tenant) == [(session.person.staff_id, OFFICE.address)]
    assert me_from(acting, HOME).status == 200

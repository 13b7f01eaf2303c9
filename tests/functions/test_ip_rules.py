"""/api/ip-rules: rules are made, confirmed, taken away and tried out, and nobody locks himself out by accident."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, get_ident
from typing import Any

import pytest

from shared.domain.ip_rule import CONFIRM_SECONDS, CREATION, MAX_RULES
from shared.store.wire import Wire
from tests.functions.address_book import (
    CONFIRM,
    CREATE,
    DELETE,
    HOME,
    OFFICE,
    SHOW,
    SIMULATE,
    ask,
    put_rules,
    stored_rules,
    tenant_row,
    told,
)
from tests.functions.estate import Estate, MovableClock, Person, Place
from tests.functions.signed_in import SignedIn, sign_in

ALLOW_HOME = {"cidr": "198.51.100.0/24", "action": "allow"}
DENY_HOME = {"cidr": "198.51.100.0/24", "action": "deny"}
ALLOW_OFFICE = {"cidr": "203.0.113.0/24", "action": "allow"}
DENY_OFFICE = {"cidr": "203.0.113.0/24", "action": "deny"}


@pytest.fixture
def admin(estate: Estate, person: Person) -> SignedIn:
    """Sign an administrator in who has just proved himself for changes."""
    session = sign_in(estate, person)
    session.prove("rbac_admin")
    return session


def make(session: SignedIn, body: dict[str, Any], place: Place = HOME) -> str:
    made = ask(session, CREATE, body, place=place)
    assert made.status == 201, made.text
    return str(made.body["rule_id"])


def test_rule_counts_at_once_waits_to_be_confirmed_and_then_stays(admin: SignedIn, clock: MovableClock) -> None:
    made = ask(admin, CREATE, DENY_OFFICE | {"note": "the old office"})
    assert made.status == 201
    rule_id = made.body["rule_id"]
    assert made.body == {
        "rule_id": rule_id,
        "cidr": "203.0.113.0/24",
        "action": "deny",
        "note": "the old office",
        "status": "provisional",
        "confirm_before": made.body["confirm_before"],
        "created_by": admin.person.staff_id,
        "created_at": made.body["created_at"],
    }
    assert ask(admin, SHOW, place=OFFICE).code == "ip_denied"
    confirmed = ask(admin, CONFIRM, rule=rule_id)
    assert (confirmed.status, confirmed.body["status"], confirmed.body["confirm_before"]) == (200, "active", None)
    clock.offset = CONFIRM_SECONDS + 1
    assert ask(admin, SHOW, place=OFFICE).code == "ip_denied"
    shown = ask(admin, SHOW).body
    assert shown["rules"] == [confirmed.body]
    assert (shown["version"], shown["max_rules"], shown["suspended_at"]) == (2, MAX_RULES, None)
    assert shown["your_address"] == HOME.address
    assert "ip_rules_due" not in tenant_row(admin.estate, admin.person.tenant)


def test_every_change_is_one_event_and_one_message_to_the_bus(admin: SignedIn) -> None:
    rule_id = make(admin, DENY_OFFICE | {"note": "a secret remark"})
    ask(admin, CONFIRM, rule=rule_id)
    ask(admin, DELETE, rule=rule_id)
    ask(admin, CONFIRM, rule=rule_id)
    tenant, estate = admin.person.tenant, admin.estate
    events = [each for each in estate.events(tenant) if each["resource"] == f"ip_rules/{rule_id}"]
    assert [(each["action"], each["reason"]) for each in events] == [
        ("IP_RULE_CREATED", None),
        ("IP_RULE_UPDATED", "CONFIRMED"),
        ("IP_RULE_DELETED", None),
        ("IP_RULE_UPDATED", "CONFIRMED"),
    ]
    sides = [(each["change"]["before"], each["change"]["after"]) for each in events]
    statuses = [tuple(side and side["status"] for side in pair) for pair in sides]
    assert statuses == [(None, "provisional"), ("provisional", "active"), ("active", "deleting"), ("deleting", None)]
    assert {side["cidr"] for pair in sides for side in pair if side} == {"203.0.113.0/24"}
    assert [each["meta"] for each in events] == [{"version": number} for number in (1, 2, 3, 4)]
    assert {each["actor"]["step_up"] for each in events} == {"challenge-rbac_admin"}
    assert "secret remark" not in json.dumps(events)
    messages = estate.partition("outbox", "tenant", tenant)
    assert {message["payload"]["name"] for message in messages} == {"ip_rule_changed"}
    assert sorted(message["payload"]["detail"]["event"] for message in messages) == sorted(
        each["action"] for each in events
    )
    assert "203.0.113" not in json.dumps([message["payload"] for message in messages], default=str)


def test_rule_that_nobody_confirmed_counts_no_longer_though_no_sweep_has_run(
    admin: SignedIn, clock: MovableClock
) -> None:
    rule_id = make(admin, DENY_OFFICE)
    assert ask(admin, SHOW, place=OFFICE).status == 403
    clock.offset = CONFIRM_SECONDS + 1
    assert ask(admin, SHOW, place=OFFICE).body["rules"] == []
    admin.prove("rbac_admin")
    assert ask(admin, CONFIRM, rule=rule_id).code == "confirmation_expired"
    assert ask(admin, DELETE, rule=rule_id).status == 404
    make(admin, DENY_OFFICE)


def test_rule_that_was_taken_away_comes_back_unless_that_is_confirmed(admin: SignedIn, clock: MovableClock) -> None:
    estate, tenant = admin.estate, admin.person.tenant
    (rule_id,) = put_rules(estate, tenant, ("deny", "203.0.113.0/24"))
    gone = ask(admin, DELETE, rule=rule_id)
    assert (gone.status, gone.body["status"]) == (200, "deleting")
    assert ask(admin, SHOW, place=OFFICE).status == 200
    assert ask(admin, DELETE, rule=rule_id).code == "already_used"
    clock.offset = CONFIRM_SECONDS + 1
    assert ask(admin, SHOW, place=OFFICE).status == 403
    assert ask(admin, SHOW).body["rules"][0]["status"] == "active"
    admin.prove("rbac_admin")
    assert ask(admin, CONFIRM, rule=rule_id).code == "confirmation_expired"
    ask(admin, DELETE, rule=rule_id)
    confirmed = ask(admin, CONFIRM, rule=rule_id)
    assert (confirmed.status, confirmed.body) == (
        200,
        {"rule_id": rule_id, "status": "deleted", "confirm_before": None},
    )
    assert stored_rules(estate, tenant) == []
    assert ask(admin, CONFIRM, rule=rule_id).status == 404


def test_unconfirmed_rule_is_withdrawn_at_once(admin: SignedIn) -> None:
    rule_id = make(admin, DENY_OFFICE)
    assert ask(admin, DELETE, rule=rule_id).body["status"] == "deleted"
    assert ask(admin, SHOW, place=OFFICE).body["rules"] == []
    (event,) = told(admin.estate, admin.person.tenant, "IP_RULE_DELETED")
    assert (event["reason"], event["change"]["after"]) == ("WITHDRAWN", None)


def test_confirmed_rule_is_confirmed_once(admin: SignedIn) -> None:
    rule_id = make(admin, DENY_OFFICE)
    assert ask(admin, CONFIRM, rule=rule_id).status == 200
    assert ask(admin, CONFIRM, rule=rule_id).code == "already_used"


@pytest.mark.parametrize("body", [DENY_HOME, ALLOW_OFFICE, {"cidr": "0.0.0.0/0", "action": "deny"}])
def test_rule_that_would_refuse_its_author_is_a_risk_that_he_must_want(
    admin: SignedIn, body: dict[str, Any], clock: MovableClock
) -> None:
    refused = ask(admin, CREATE, body)
    assert (refused.status, refused.code) == (409, "lockout_risk")
    assert ask(admin, CREATE, body | {"confirm": False}).status == 409
    assert stored_rules(admin.estate, admin.person.tenant) == []
    rule_id = make(admin, body | {"confirm": True})
    assert told(admin.estate, admin.person.tenant, "IP_RULE_CREATED")[0]["meta"]["refuses_author"] is True
    # He is out, and cannot confirm it from there; five minutes later he is in again.
    assert ask(admin, CONFIRM, rule=rule_id).code == "ip_denied"
    clock.offset = CONFIRM_SECONDS
    assert ask(admin, SHOW).status == 200


def test_whoever_passes_the_rule_confirms_what_its_author_cannot(estate: Estate, admin: SignedIn) -> None:
    rule_id = make(admin, ALLOW_OFFICE | {"confirm": True})
    other = sign_in(estate, estate.new_person(admin.person.tenant, "owner"))
    other.prove("rbac_admin")
    assert ask(other, CONFIRM, rule=rule_id).code == "ip_denied"
    assert ask(other, CONFIRM, rule=rule_id, place=OFFICE).status == 200


def test_taking_away_the_rule_that_lets_one_in_is_a_risk_too(admin: SignedIn) -> None:
    home, _ = put_rules(admin.estate, admin.person.tenant, ("allow", HOME.address), ("allow", "203.0.113.0/24"))
    assert ask(admin, DELETE, rule=home).code == "lockout_risk"
    assert ask(admin, DELETE, rule=home, query="confirm=false").code == "lockout_risk"
    assert ask(admin, DELETE, rule=home, query="confirm=true").body["status"] == "deleting"
    assert told(admin.estate, admin.person.tenant, "IP_RULE_DELETED")[0]["meta"]["refuses_author"] is True
    assert ask(admin, SHOW).code == "ip_denied"
    assert ask(admin, CONFIRM, rule=home, place=HOME).code == "ip_denied"
    assert ask(admin, CONFIRM, rule=home, place=OFFICE).status == 200


def test_what_is_final_must_hold_when_all_that_waits_is_undone(admin: SignedIn) -> None:
    """Home is let in by a rule that still waits: to make the other one final would lock the author out later."""
    home = make(admin, ALLOW_HOME)
    office = make(admin, ALLOW_OFFICE)
    assert ask(admin, CONFIRM, rule=office).code == "lockout_risk"
    assert ask(admin, CONFIRM, rule=home).status == 200
    assert ask(admin, CONFIRM, rule=office).status == 200


def test_withdrawal_that_would_refuse_its_author_is_refused_whatever_he_says(admin: SignedIn) -> None:
    put_rules(admin.estate, admin.person.tenant, ("allow", "203.0.113.0/24"))
    home = make(admin, ALLOW_HOME, place=OFFICE)
    assert ask(admin, DELETE, rule=home, query="confirm=true").code == "lockout_risk"
    assert ask(admin, DELETE, rule=home, place=OFFICE).body["status"] == "deleted"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/action", "/cidr"]),
        ({"cidr": "203.0.113.0/33", "action": "deny"}, ["/cidr"]),
        ({"cidr": "203.0.113.9/24", "action": "deny"}, ["/cidr"]),
        ({"cidr": "everywhere", "action": "deny"}, ["/cidr"]),
        ({"cidr": "fe80::1%eth0", "action": "deny"}, ["/cidr"]),
        ({"cidr": "203.0.113.0/024", "action": "deny"}, ["/cidr"]),
        ({"cidr": ["203.0.113.0/24"], "action": "deny"}, ["/cidr"]),
        ({"cidr": "", "action": "deny"}, ["/cidr"]),
        ({"cidr": "203.0.113.0/24", "action": "block"}, ["/action"]),
        ({"cidr": "203.0.113.0/24", "action": "deny", "confirm": "true"}, ["/confirm"]),
        ({"cidr": "203.0.113.0/24", "action": "deny", "note": "x" * 201, "scope": "admin"}, ["/note", "/scope"]),
    ],
)
def test_body_that_makes_no_sense_is_refused_with_its_faults(
    admin: SignedIn, body: dict[str, Any], pointers: list[str]
) -> None:
    response = ask(admin, CREATE, body)
    assert (response.status, response.code) == (400, "invalid_request")
    assert sorted(error["pointer"] for error in response.body["errors"]) == pointers


def test_network_is_normalized_where_that_is_asked_for_and_mapped_ones_are_ipv4(admin: SignedIn) -> None:
    made = ask(admin, CREATE, {"cidr": "203.0.113.9/24", "action": "deny", "normalize": True})
    assert made.body["cidr"] == "203.0.113.0/24"
    again = ask(admin, CREATE, {"cidr": "::ffff:203.0.113.0/120", "action": "deny"})
    assert (again.status, again.code) == (409, "rule_exists")
    assert make(admin, {"cidr": "203.0.113.0/25", "action": "deny"})
    assert ask(admin, CREATE, {"cidr": "203.0.113.0/24", "action": "allow"}).code == "lockout_risk"


def test_tenant_has_at_most_so_many_rules(admin: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.ip_rules.change.MAX_RULES", 2)
    for last in (1, 2):
        make(admin, {"cidr": f"192.0.2.{last}", "action": "deny"})
    assert ask(admin, CREATE, {"cidr": "192.0.2.3", "action": "deny"}).code == "rule_limit"


@pytest.mark.parametrize("rule_id", ["r_unknown", "a#b", "", "x" * 65])
def test_rule_that_is_not_there_is_not_found(admin: SignedIn, rule_id: str) -> None:
    for route in (CONFIRM, DELETE):
        response = ask(admin, route, rule=rule_id)
        assert (response.status, response.code) == (404, "not_found")


@pytest.mark.parametrize("query", ["confirm=yes", "confirm=", "force=true"])
def test_delete_takes_one_parameter_that_is_true_or_false(admin: SignedIn, query: str) -> None:
    (rule_id,) = put_rules(admin.estate, admin.person.tenant, ("deny", "203.0.113.0/24"))
    assert ask(admin, DELETE, rule=rule_id, query=query).code == "invalid_request"


def test_rules_of_another_tenant_are_neither_seen_nor_touched_nor_enforced(estate: Estate, admin: SignedIn) -> None:
    other = estate.new_tenant()
    (foreign,) = put_rules(estate, other, ("deny", "198.51.100.0/24"))
    assert ask(admin, SHOW).body["rules"] == []
    assert ask(admin, DELETE, rule=foreign).status == 404
    assert ask(admin, CONFIRM, rule=foreign).status == 404
    assert len(stored_rules(estate, other)) == 1


@pytest.mark.parametrize(("role", "show", "change"), [("member", 403, 403), ("auditor", 200, 403), ("owner", 200, 201)])
def test_roles_see_and_change_what_their_permissions_say(
    estate: Estate, tenant: str, role: str, show: int, change: int
) -> None:
    session = sign_in(estate, estate.new_person(tenant, role))
    session.prove("rbac_admin")
    assert ask(session, SHOW).status == show
    assert ask(session, CREATE, DENY_OFFICE).status == change
    assert ask(session, SIMULATE, DENY_OFFICE).status == (200 if change == 201 else 403)


def test_changes_need_a_fresh_proof_and_showing_and_simulating_do_not(estate: Estate, person: Person) -> None:
    session = sign_in(estate, person)
    (rule_id,) = put_rules(estate, person.tenant, ("deny", "203.0.113.0/24"))
    assert [ask(session, route, body).status for route, body in ((SHOW, None), (SIMULATE, DENY_HOME))] == [200, 200]
    for route, body in ((CREATE, DENY_HOME), (CONFIRM, None), (DELETE, None)):
        refused = ask(session, route, body, rule=rule_id)
        assert (refused.code, refused.body["purpose"]) == ("insufficient_user_authentication", "rbac_admin")


def test_two_administrators_at_once_both_count_and_neither_locks_the_other_out(
    estate: Estate, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each allows his own address alone, on rules that let both in: whoever is second is decided anew."""
    places = [HOME, OFFICE]
    sessions = [sign_in(estate, estate.new_person(tenant, "owner")) for _ in places]
    for session in sessions:
        session.prove("rbac_admin")
    decided, held, original = Barrier(len(places)), set[int](), Wire.call

    def call(wire: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        if operation == "TransactWriteItems" and get_ident() not in held:
            held.add(get_ident())
            decided.wait()
        return original(wire, operation, request, deadline=deadline)

    def allow_own(session: SignedIn, place: Place) -> int:
        return ask(session, CREATE, {"cidr": place.address, "action": "allow"}, place=place).status

    with monkeypatch.context() as patch, ThreadPoolExecutor(len(places)) as pool:
        patch.setattr(Wire, "call", call)
        assert list(pool.map(allow_own, sessions, places)) == [201, 201]
    assert {str(stored.rule.network) for stored in stored_rules(estate, tenant)} == {
        f"{place.address}/32" for place in places
    }
    assert tenant_row(estate, tenant)["ip_rules_version"] == 2
    for session, place in zip(sessions, places, strict=True):
        assert ask(session, SHOW, place=place).status == 200
    assert ask(sessions[0], SHOW, place=Place(address="192.0.2.1")).code == "ip_denied"


def test_whoever_comes_after_a_rule_that_leaves_him_out_is_out_until_it_is_undone(
    estate: Estate, tenant: str, clock: MovableClock
) -> None:
    first, second = (sign_in(estate, estate.new_person(tenant, "owner")) for _ in range(2))
    for session in (first, second):
        session.prove("rbac_admin")
    make(first, ALLOW_HOME)
    assert ask(second, CREATE, ALLOW_OFFICE, place=OFFICE).code == "ip_denied"
    clock.offset = CONFIRM_SECONDS
    assert ask(second, SHOW, place=OFFICE).status == 200


def interrupted(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen between a decision and its commit, once."""
    pending, original = [happens], Wire.call

    def call(wire: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        if operation == "TransactWriteItems" and pending:
            pending.pop()()
        return original(wire, operation, request, deadline=deadline)

    monkeypatch.setattr(Wire, "call", call)


def test_change_is_decided_anew_on_what_another_one_made(admin: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The author was let in by two rules; while he takes one away, the other goes."""
    estate, tenant = admin.estate, admin.person.tenant
    first, _ = put_rules(estate, tenant, ("allow", "198.51.100.0/24"), ("allow", "203.0.113.0/24"))

    with monkeypatch.context() as patch:
        interrupted(patch, lambda: put_rules(estate, tenant, ("deny", HOME.address)))
        assert ask(admin, CREATE, {"cidr": "192.0.2.0/24", "action": "allow"}).code == "lockout_risk"
    assert {str(stored.rule.network) for stored in stored_rules(estate, tenant)} == {
        "198.51.100.0/24",
        "203.0.113.0/24",
        "198.51.100.7/32",
    }
    assert first


def test_confirmation_is_decided_anew_too(admin: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    rule_id = make(admin, DENY_OFFICE)
    estate, tenant = admin.estate, admin.person.tenant
    with monkeypatch.context() as patch:
        interrupted(patch, lambda: put_rules(estate, tenant, ("deny", HOME.address)))
        assert ask(admin, CONFIRM, rule=rule_id).code == "lockout_risk"
    assert {stored.rule.pending for stored in stored_rules(estate, tenant)} == {CREATION, None}


@pytest.mark.parametrize("what", ["tenant", "gate", "session"])
def test_change_of_who_died_between_check_and_commit_changes_nothing(
    admin: SignedIn, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    estate, tenant = admin.estate, admin.person.tenant
    ends: dict[str, Callable[[], None]] = {
        "tenant": lambda: estate.change_row("tenants", {"tenant": tenant}, {"status": "SUSPENDED"}),
        "gate": lambda: estate.change_gate(admin.person, "status", "DEACTIVATED"),
        "session": lambda: admin.change_row(status="REVOKED"),
    }
    with monkeypatch.context() as patch:
        interrupted(patch, ends[what])
        assert ask(admin, CREATE, DENY_OFFICE).code == "invalid_token"
    assert stored_rules(estate, tenant) == []
    assert "ip_rules_version" not in tenant_row(estate, tenant)


def test_change_whose_event_cannot_be_written_is_not_made(
    admin: SignedIn, audit_write_fails: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context():
        audit_write_fails()
        assert ask(admin, CREATE, DENY_OFFICE).status == 503
    assert stored_rules(admin.estate, admin.person.tenant) == []

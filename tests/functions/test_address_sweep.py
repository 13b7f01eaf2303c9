"""The sweep settles what the address rules left open, once; and an operator breaks the glass."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from functions.sessions.handler import handler as sessions_handler
from infra.break_glass import BreakGlass, NoSuchTenant, break_glass_of, main
from infra.naming import camel_case
from infra.operator_access import Access
from shared.domain.ip_rule import CREATION, DELETION
from shared.store.wire import Wire
from tests.functions.address_book import (
    CONFIRM,
    CREATE,
    DELETE,
    HOME,
    OFFICE,
    SHOW,
    ask,
    put_rules,
    stored_rules,
    sweep,
    tenant_row,
    told,
)
from tests.functions.conftest import Calls
from tests.functions.estate import Estate, MovableClock, Person, Response, call, event
from tests.functions.signed_in import ME, SignedIn, sign_in

OPERATOR = "arn:aws:sts::123456789012:assumed-role/Operator/somebody"


@pytest.fixture
def admin(estate: Estate, person: Person) -> SignedIn:
    session = sign_in(estate, person)
    session.prove("rbac_admin")
    return session


def me_from_office(session: SignedIn) -> Response:
    return call(sessions_handler, event(ME, bearer=session.access_token, place=OFFICE))


def test_changes_whose_time_is_up_are_undone_on_the_record_and_the_others_stay(
    estate: Estate, tenant: str, clock: MovableClock
) -> None:
    now = estate.clock()
    made, leaving, later, settled = put_rules(
        estate,
        tenant,
        ("deny", "203.0.113.0/24", CREATION, now + 10),
        ("allow", "198.51.100.0/24", DELETION, now + 10),
        ("deny", "192.0.2.0/24", CREATION, now + 900),
        ("deny", "192.0.2.9", None, 0),
    )
    sweep()
    assert len(stored_rules(estate, tenant)) == 4
    clock.offset = 11
    sweep()
    rules = {stored.rule_id: stored.rule.pending for stored in stored_rules(estate, tenant)}
    assert rules == {leaving: None, later: CREATION, settled: None}
    row = tenant_row(estate, tenant)
    assert (row["ip_rules_version"], row["ip_rules_due"]) == (2, int(now + 900))
    events = {line["targets"][0]["id"]: line for line in told(estate, tenant, "IP_RULE_UPDATED")}
    assert set(events) == {made, leaving}
    assert {(line["reason"], line["actor"]["type"], line["actor"]["id"]) for line in events.values()} == {
        ("REVERTED", "system", "address_sweep")
    }
    assert events[made]["change"]["before"]["status"] == "provisional"
    assert events[made]["change"]["after"] is None
    assert events[leaving]["change"]["before"]["status"] == "deleting"
    assert events[leaving]["change"]["after"] == {"cidr": "198.51.100.0/24", "action": "allow", "status": "active"}
    (message,) = estate.partition("outbox", "tenant", tenant)
    assert sorted(message["payload"]["detail"]["rule_ids"]) == sorted([made, leaving])
    sweep()
    assert len(told(estate, tenant, "IP_RULE_UPDATED")) == 2
    clock.offset = 901
    sweep()
    assert "ip_rules_due" not in tenant_row(estate, tenant)


def test_two_sweeps_at_once_undo_and_tell_once(estate: Estate, admin: SignedIn, clock: MovableClock) -> None:
    tenant = admin.person.tenant
    put_rules(estate, tenant, *(("deny", f"203.0.113.{host}", CREATION, estate.clock() + 60) for host in (9, 10)))
    clock.offset = 60 - estate.clock() % 60 if estate.clock() % 60 > 50 else 0
    assert [me_from_office(admin).status for _ in range(3)] == [403] * 3
    clock.offset += 121
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: sweep(), range(3)))
    sweep()
    assert len(told(estate, tenant, "IP_RULE_UPDATED")) == 2
    assert stored_rules(estate, tenant) == []
    assert [line["meta"]["folded"] for line in told(estate, tenant, "IP_RULE_ENFORCED")] == [0, 2]


def test_confirmation_in_time_wins_over_the_sweep(admin: SignedIn, clock: MovableClock) -> None:
    rule_id = ask(admin, CREATE, {"cidr": OFFICE.address, "action": "deny"}).body["rule_id"]
    assert ask(admin, CONFIRM, rule=rule_id).status == 200
    clock.offset = 301
    sweep()
    assert [stored.rule.pending for stored in stored_rules(admin.estate, admin.person.tenant)] == [None]
    assert [line["reason"] for line in told(admin.estate, admin.person.tenant, "IP_RULE_UPDATED")] == ["CONFIRMED"]


def test_sweep_that_dies_half_way_leaves_the_rest_to_the_next_one(
    estate: Estate,
    admin: SignedIn,
    clock: MovableClock,
    audit_write_fails: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tenant = admin.person.tenant
    put_rules(estate, tenant, ("deny", "203.0.113.0/24", CREATION, estate.clock() + 100))
    clock.offset = 60 - estate.clock() % 60
    assert [me_from_office(admin).status for _ in range(2)] == [403] * 2
    clock.offset += 61
    with monkeypatch.context():
        audit_write_fails()
        with pytest.raises(ExceptionGroup):
            sweep()
    assert len(stored_rules(estate, tenant)) == 1
    monkeypatch.undo()
    clock.offset += 61
    sweep()
    assert stored_rules(estate, tenant) == []
    assert [line["meta"]["folded"] for line in told(estate, tenant, "IP_RULE_ENFORCED")] == [0, 1]


def test_refusals_of_the_running_minute_are_left_and_what_is_told_already_is_dropped(
    estate: Estate, admin: SignedIn, clock: MovableClock
) -> None:
    tenant = admin.person.tenant
    put_rules(estate, tenant, ("deny", "203.0.113.0/24"))
    clock.offset = 60 - estate.clock() % 60
    me_from_office(admin)
    sweep()
    assert len(estate.partition("ip_denials", "tenant", tenant)) == 1
    clock.offset += 60
    sweep()
    assert estate.partition("ip_denials", "tenant", tenant) == []
    assert len(told(estate, tenant, "IP_RULE_ENFORCED")) == 1


def test_end_of_a_burst_tells_what_its_event_told_but_for_the_address(
    estate: Estate, admin: SignedIn, clock: MovableClock
) -> None:
    tenant = admin.person.tenant
    (rule_id,) = put_rules(estate, tenant, ("deny", "203.0.113.0/24"))
    clock.offset = 60 - estate.clock() % 60
    for _ in range(3):
        me_from_office(admin)
    clock.offset += 60
    sweep()
    first, last = told(estate, tenant, "IP_RULE_ENFORCED")
    assert last["meta"] == {"folded": 2, "folded_behind": first["id"], "rule_id": rule_id}
    assert (last["outcome"], last["reason"], last["pii"]) == ("denied", "DENY_RULE", [])
    assert last["context"]["ip_net"] == first["context"]["ip_net"] == "203.0.113.0/24"


def test_refusal_that_comes_while_the_sweep_tells_is_not_lost(
    estate: Estate, admin: SignedIn, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late request counts in the row after the sweep read it: the sweep takes nothing away then."""
    tenant, prefix = admin.person.tenant, estate.prefix
    put_rules(estate, tenant, ("deny", "203.0.113.0/24"))
    clock.offset = 60 - estate.clock() % 60
    for _ in range(2):
        me_from_office(admin)
    (row,) = estate.partition("ip_denials", "tenant", tenant)
    clock.offset += 60
    key = {"tenant": tenant, "source": row["source"]}
    pending, original = [lambda: estate.change_row("ip_denials", key, {"folded": row["folded"] + 1})], Wire.call

    def late(wire: Wire, operation: str, asked: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        if operation == "TransactWriteItems" and pending and prefix + "ip_denials" in str(asked):
            pending.pop()()
        return original(wire, operation, asked, deadline=deadline)

    with monkeypatch.context() as patch:
        patch.setattr(Wire, "call", late)
        sweep()
    assert len(told(estate, tenant, "IP_RULE_ENFORCED")) == 1
    sweep()
    assert told(estate, tenant, "IP_RULE_ENFORCED")[1]["meta"]["folded"] == 2


def test_tenants_with_nothing_open_cost_the_walk_alone(estate: Estate, tenant: str, calls: Calls) -> None:
    put_rules(estate, tenant, ("deny", "203.0.113.0/24"))
    sweep()
    calls.clear()
    sweep()
    assert set(calls.operations()) == {"Scan"}


# --- break-glass ------------------------------------------------------------------------------------------------------


@pytest.fixture
def break_glass(estate: Estate) -> BreakGlass:
    return break_glass_of(access(estate))


def access(estate: Estate) -> Access:
    """Give what the command would find: the outputs of a stack, and somebody's rights."""
    return Access({camel_case(name.lower()): value for name, value in estate.environ.items()}, estate.environ)


def test_operator_suspends_all_rules_on_the_record_and_puts_them_in_force_again(
    estate: Estate, admin: SignedIn, break_glass: BreakGlass
) -> None:
    tenant = admin.person.tenant
    put_rules(estate, tenant, ("deny", "0.0.0.0/0"), ("allow", "192.0.2.1"))
    assert me_from_office(admin).status == 403
    assert break_glass(tenant, OPERATOR, estate.clock())
    assert me_from_office(admin).status == 200
    shown = ask(admin, SHOW, place=OFFICE).body
    assert (shown["suspended_at"] is None, len(shown["rules"])) == (False, 2)
    (line,) = told(estate, tenant, "IP_RULE_UPDATED")
    assert (line["reason"], line["actor"]["type"], line["actor"]["id"]) == ("BREAK_GLASS", "service", OPERATOR)
    assert line["change"] == {"before": {"suspended": False}, "after": {"suspended": True}}
    (message,) = estate.partition("outbox", "tenant", tenant)
    assert message["payload"]["detail"]["reason"] == "BREAK_GLASS"
    assert not break_glass(tenant, OPERATOR, estate.clock()), "it is so already"
    assert break_glass(tenant, OPERATOR, estate.clock(), resume=True)
    assert not break_glass(tenant, OPERATOR, estate.clock(), resume=True)
    assert me_from_office(admin).status == 403
    assert len(told(estate, tenant, "IP_RULE_UPDATED")) == 2


def test_operator_whose_session_bears_an_address_is_on_record_without_it(
    estate: Estate, tenant: str, break_glass: BreakGlass, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_1"
    identity = SimpleNamespace(get_caller_identity=lambda: {"Arn": f"{role}/ada@acme.example"})
    monkeypatch.setattr(Access, "client", lambda _, service: identity if service == "sts" else None)
    assert break_glass(tenant, Access({}, {}).operator(), estate.clock())
    (line,) = told(estate, tenant, "IP_RULE_UPDATED")
    assert line["actor"]["id"] == role
    assert "ada@acme.example" not in str(estate.events(tenant))


def test_suspended_rules_are_repaired_under_the_same_risk_of_a_lockout(
    estate: Estate, admin: SignedIn, break_glass: BreakGlass
) -> None:
    put_rules(estate, admin.person.tenant, ("allow", "192.0.2.1"))
    break_glass(admin.person.tenant, OPERATOR, estate.clock())
    assert ask(admin, CREATE, {"cidr": OFFICE.address, "action": "deny"}).code == "lockout_risk"
    home = ask(admin, CREATE, {"cidr": HOME.address, "action": "allow"})
    assert home.status == 201
    assert ask(admin, CONFIRM, rule=home.body["rule_id"]).status == 200


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_rules_that_both_refuse_the_author_are_taken_away_for_good_one_after_the_other(
    estate: Estate, admin: SignedIn, break_glass: BreakGlass, order: tuple[int, int]
) -> None:
    """While one waits, the other would come back and refuse him: so it would without the change."""
    tenant = admin.person.tenant
    rules = put_rules(estate, tenant, ("deny", "198.51.100.0/24"), ("deny", "198.51.0.0/16"))
    break_glass(tenant, OPERATOR, estate.clock())
    for rule in rules:
        assert ask(admin, DELETE, rule=rule, query="confirm=true").body["status"] == "deleting"
    assert [ask(admin, CONFIRM, rule=rules[each]).status for each in order] == [200, 200]
    assert stored_rules(estate, tenant) == []


def test_unconfirmed_rule_is_withdrawn_though_another_one_refuses_the_author(
    estate: Estate, admin: SignedIn, break_glass: BreakGlass
) -> None:
    put_rules(estate, admin.person.tenant, ("deny", "198.51.0.0/16"))
    break_glass(admin.person.tenant, OPERATOR, estate.clock())
    denied = {"cidr": HOME.address, "action": "deny", "confirm": True}
    rule = ask(admin, CREATE, denied).body["rule_id"]
    assert ask(admin, CONFIRM, rule=rule).code == "lockout_risk"
    assert ask(admin, DELETE, rule=rule).body["status"] == "deleted"


@pytest.mark.parametrize("both", [False, True])
def test_what_is_final_locks_no_author_out_who_would_come_in_without_it(
    estate: Estate,
    admin: SignedIn,
    break_glass: BreakGlass,
    both: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """What refuses him already, as long as it waits, excuses nothing that would refuse him for good."""
    break_glass(admin.person.tenant, OPERATOR, estate.clock())
    denied = {"cidr": HOME.address, "action": "deny", "confirm": True}
    made = [ask(admin, CREATE, denied | {"cidr": cidr}) for cidr in ("198.51.100.0/24", HOME.address)[: 1 + both]]
    assert [ask(admin, CONFIRM, rule=each.body["rule_id"]).code for each in made] == ["lockout_risk"] * (1 + both)


def test_glass_is_broken_though_the_rules_change_meanwhile(
    estate: Estate, tenant: str, break_glass: BreakGlass, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending, original = [lambda: put_rules(estate, tenant, ("deny", "0.0.0.0/0"))], Wire.call

    def between(wire: Wire, operation: str, asked: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        if operation == "TransactWriteItems" and pending:
            pending.pop()()
        return original(wire, operation, asked, deadline=deadline)

    with monkeypatch.context() as patch:
        patch.setattr(Wire, "call", between)
        assert break_glass(tenant, OPERATOR, estate.clock())
    assert tenant_row(estate, tenant)["ip_rules_version"] == 2


def test_glass_of_nobody_breaks_nothing(estate: Estate, break_glass: BreakGlass) -> None:
    with pytest.raises(NoSuchTenant, match="no-such-tenant"):
        break_glass("no-such-tenant", OPERATOR, estate.clock())
    assert "no-such-tenant" not in {row["tenant"] for row in estate.rows("tenants")}


def test_command_finds_the_deployment_and_the_operator_by_itself(
    estate: Estate, tenant: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = access(estate)
    monkeypatch.setattr("infra.break_glass.access_of", lambda *asked: found if asked[:2] == (None, None) else None)
    assert main([tenant], estate.environ, tmp_path) == 0
    assert f"address rules of {tenant} are suspended; on record as arn:aws:" in capsys.readouterr().out
    assert main([tenant, "--resume"], estate.environ, tmp_path) == 0
    assert main(["no-such-tenant"], estate.environ, tmp_path) == 1
    assert capsys.readouterr().err == "there is no tenant no-such-tenant\n"
    assert told(estate, tenant, "IP_RULE_UPDATED")[0]["actor"]["id"].startswith("arn:aws:")


def test_command_without_credentials_or_a_stack_says_so_in_one_line(
    estate: Estate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert main(["acme"], {}, tmp_path) == 1
    assert capsys.readouterr().err == "No AWS credentials or no region: sign in with the AWS CLI and set AWS_REGION.\n"
    at = ["--stack", "NoSuchStack", "--endpoint", estate.environ["AWS_ENDPOINT_URL"]]
    assert main(["acme", *at], {"AWS_REGION": "us-east-1"}, tmp_path) == 1
    told_so = capsys.readouterr().err
    assert "NoSuchStack" in told_so
    assert told_so.count("\n") == 1


def test_rule_that_lets_its_withdrawer_in_is_withdrawn_from_elsewhere_only(estate: Estate, admin: SignedIn) -> None:
    """It would lapse in five minutes, and he with it: that is no reason to let him lock himself out now."""
    put_rules(estate, admin.person.tenant, ("allow", f"{OFFICE.address}/32"))
    allowed = {"cidr": f"{HOME.address}/32", "action": "allow"}
    rule = ask(admin, CREATE, allowed, place=OFFICE).body["rule_id"]
    refused = ask(admin, DELETE, rule=rule, place=HOME)
    assert (refused.status, refused.code) == (409, "lockout_risk")
    assert ask(admin, DELETE, rule=rule, place=OFFICE).body["status"] == "deleted"

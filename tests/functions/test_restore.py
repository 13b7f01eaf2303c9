"""Tables that were lost or restored: what a restore rebuilds, what it begins, and whom it lets in no more."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from functions.step_up.handler import handler as step_up_handler
from infra.restoration.tenant_restore import RestoreRefused
from infra.restore import USAGE, main
from shared.audit.epoch import STARTED
from shared.audit.moment import rfc3339
from shared.domain.ip_rule import DENY
from shared.evidence.segment import unpack
from shared.store.transaction import EpochNotBegun
from shared.store.wire import Wire
from tests.functions.address_book import CONFIRM, CREATE, DELETE, put_rules, stored_rules, tenant_row
from tests.functions.address_book import ask as asked_rules
from tests.functions.catastrophe import Deployment, deployment, place
from tests.functions.estate import PASSWORD, call, event, login, me, refresh
from tests.functions.invitations import accept, invited
from tests.functions.signed_in import CHANGE, sign_in
from tests.functions.staff_calls import DEACTIVATE, ROLE, administrator, ask, gate, owners
from tests.functions.test_password_change import NEW, change, log_in
from tests.functions.test_sso_connections import ONE, made
from tests.functions.test_sso_connections import ask as asked_connections
from tests.functions.test_step_up import challenge, code_of, enrol, verify

SEALS = "audit_seals"
__all__ = ["deployment", "place"]


def signed_past(deployment: Deployment, tenant: str) -> None:
    """Write, seal and sign in turns, so that there are segments behind the last digest as well."""
    start = time.time() - 5_000
    for at in range(4):
        deployment.archive.write(tenant, start + at * 1_000)
        deployment.seal(tenant)
        if at < 3:
            deployment.sign(tenant, start + at * 1_000 + 500)


def test_rows_of_a_lost_bookkeeping_are_written_again_as_the_functions_wrote_them(deployment: Deployment) -> None:
    tenant = deployment.estate.new_tenant()
    signed_past(deployment, tenant)
    before = deployment.rows(SEALS)
    assert {row["seal"].partition("#")[0] for row in before} == {"head", "segment", "digest", "digest_head"}
    deployment.empty(SEALS)
    old = deployment.next_epoch()
    assert deployment.restore(None, old=old) == 0
    assert deployment.rows(SEALS) == before


def test_bookkeeping_that_is_whole_or_older_ends_as_the_vault_has_it(deployment: Deployment) -> None:
    tenant = deployment.estate.new_tenant()
    signed_past(deployment, tenant)
    older = deployment.snapshot(SEALS)
    deployment.archive.write(tenant, time.time() - 100)
    deployment.sign(tenant, time.time() - 50)
    before = deployment.rows(SEALS)
    deployment.put_back(older)
    deployment.next_epoch()
    assert deployment.restore(None) == 0
    assert deployment.rows(SEALS) == before
    assert deployment.restore(None) == 0
    assert f"{tenant}: 0 of {len(before)} rows of audit_seals written" in deployment.said


def test_new_epoch_begins_with_what_was_signed_and_sealed(deployment: Deployment) -> None:
    tenant = deployment.estate.new_tenant()
    signed_past(deployment, tenant)
    rows = {row["seal"]: row for row in deployment.rows(SEALS)}
    deployment.next_epoch()
    with pytest.raises(EpochNotBegun):
        deployment.estate.new_person(tenant)
    assert deployment.restore(None) == 0
    deployment.estate.new_person(tenant)
    first, second = deployment.events(tenant)
    head, digest = rows["head#1"], rows["digest_head#1"]
    known = f"; signed to digest {digest['no']}, complete up to {digest['watermark']}."
    assert any(known in line for line in deployment.said)
    assert (first["action"], first["seq"], first["lane"], first["epoch"]) == (STARTED, 1, "0", 2)
    assert first["meta"]["previous_epoch"] == 1
    assert first["meta"]["digest"] == {"no": digest["no"], "sha256": digest["sha256"]}
    sealed = first["meta"]["sealed"]
    assert (sealed["segment"], sealed["size"], sealed["lanes"]) == (head["segment"], head["tree_size"], head["lanes"])
    assert head["segment"] > digest["segment"]
    assert second["action"] == "USER_PROVISIONED"


def test_what_an_old_table_still_holds_is_sealed_first(deployment: Deployment) -> None:
    tenant = deployment.estate.new_tenant()
    signed_past(deployment, tenant)
    last = deployment.archive.write(tenant, time.time())
    old = deployment.next_epoch()
    assert deployment.restore(None, old=old, reason="table_restored") == 0
    rows = {row["seal"]: row for row in deployment.rows(SEALS)}
    sealed = deployment.events(tenant)[0]["meta"]["sealed"]
    assert sealed["segment"] == rows["head#1"]["segment"] == 5
    packed = deployment.archive.vault.read(rows["segment#1#000000000005"]["key"])
    assert [event.members["id"] for event in unpack(packed)] == [last]


def test_old_table_that_does_not_continue_the_vault_is_left_out_and_said(deployment: Deployment) -> None:
    tenant = deployment.estate.new_tenant()
    signed_past(deployment, tenant)
    deployment.empty("audit_logs")
    deployment.archive.write(tenant, time.time())
    old = deployment.next_epoch()
    assert deployment.restore(None, old=old) == 0
    assert any("NOTHING in the old table continues" in line for line in deployment.said)
    assert deployment.events(tenant)[0]["meta"]["sealed"]["segment"] == 4


def test_without_apply_nothing_is_written(deployment: Deployment) -> None:
    tenant = deployment.estate.new_tenant()
    person = deployment.estate.new_person(tenant)
    signed_past(deployment, tenant)
    deployment.empty(SEALS)
    before = deployment.snapshot()
    deployment.next_epoch()
    assert deployment.restore(rfc3339(time.time() - 1), apply=False) == 0
    assert deployment.snapshot() == before
    assert deployment.rows(SEALS) == []
    assert deployment.events(tenant) == []
    assert f"{tenant}: {person.staff_id} to be corrected: sessions" in deployment.said


class Town:
    """A tenant in which things happened after the restore point; `since` is that point."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment, estate = deployment, deployment.estate
        self.tenant = estate.new_tenant()
        self.boss = administrator(estate, self.tenant)
        self.left, self.lowered, self.newly_passworded, self.quiet = (
            estate.new_person(self.tenant, role) for role in ("admin", "admin", "member", "member")
        )
        self.enrolled = estate.new_person(self.tenant, totp=True)
        self.tokens = {person.staff_id: login(person).body for person in (self.left, self.quiet, self.newly_passworded)}
        self.token = invited(self.boss)
        self.remember()

    def remember(self) -> None:
        """Take the copy that will be restored."""
        self.snapshot = self.deployment.snapshot()
        self.since = time.time()

    def go_on(self) -> None:
        """Do what the restored tables will not know."""
        assert ask(self.boss, DEACTIVATE, self.left.staff_id).status == 200
        assert ask(self.boss, ROLE, self.lowered.staff_id, {"role": "member"}).status == 200
        assert change(self.tokens[self.newly_passworded.staff_id]["access_token"]).status == 200
        assert accept(self.token).status == 200
        self.deployment.seal(self.tenant)

    def lose_and_restore(self) -> None:
        self.deployment.sign(self.tenant, time.time() + 60)
        for table in ("audit_logs", SEALS):
            self.deployment.empty(table)
        self.deployment.put_back(self.snapshot)
        self.deployment.next_epoch()
        assert self.deployment.restore(rfc3339(self.since)) == 0, self.deployment.said


def test_restore_resurrects_nobodys_access(deployment: Deployment) -> None:
    town = Town(deployment)
    estate = deployment.estate
    town.go_on()
    spent = code_of(town.enrolled, estate.clock())
    town.lose_and_restore()
    deployment.let_in()
    for tokens in town.tokens.values():
        assert me(tokens["access_token"]).status == 401
        assert refresh(tokens["refresh_token"]).status == 401
    assert login(town.left).status == 401
    assert gate(estate, town.left)["status"] == "DEACTIVATED"
    assert gate(estate, town.lowered)["role"] == "member"
    assert log_in(town.newly_passworded, PASSWORD).status == 401
    assert log_in(town.newly_passworded, NEW).status == 401  # nobody has it any more: a link by mail makes another
    assert accept(town.token).code == "invalid_grant"
    bearer = login(town.enrolled).body["access_token"]
    assert verify(bearer, challenge(bearer)["challenge_id"], code=spent).status == 401
    assert login(town.quiet).status == 200
    assert owners(estate, town.tenant) == (1, 1)


def test_settings_rules_and_connections_are_what_the_log_says_or_off(deployment: Deployment) -> None:
    town = Town(deployment)
    estate, boss = deployment.estate, town.boss
    kept, removed = put_rules(estate, town.tenant, (DENY, "192.0.2.0/24"), (DENY, "192.0.3.0/24"))
    changed, gone, untouched = (made(boss, name=name) for name in ("changed", "gone", "untouched"))
    town.remember()
    rule = asked_rules(boss, CREATE, {"cidr": "203.0.113.0/24", "action": DENY}).body["rule_id"]
    asked_rules(boss, CONFIRM, rule=rule)
    unconfirmed = asked_rules(boss, CREATE, {"cidr": "203.0.114.0/24", "action": DENY}).body["rule_id"]
    asked_rules(boss, DELETE, rule=removed)
    asked_rules(boss, CONFIRM, rule=removed)
    assert asked_connections(boss, "PATCH", ONE, {"enabled": False}, changed["connection_id"]).status == 200
    assert asked_connections(boss, "DELETE", ONE, None, gone["connection_id"]).status == 204
    assert boss.calls(CHANGE, {"refresh_idle_seconds": 600}).status == 200
    deployment.seal(town.tenant)
    town.lose_and_restore()
    assert {stored.rule_id for stored in stored_rules(estate, town.tenant)} == {kept, rule}
    assert unconfirmed not in {stored.rule_id for stored in stored_rules(estate, town.tenant)}
    connections = {row["connection_id"]: row for row in estate.partition("sso_connections", "tenant", town.tenant)}
    assert {key: row["enabled"] for key, row in connections.items()} == {
        changed["connection_id"]: False,
        untouched["connection_id"]: True,
    }
    assert tenant_row(estate, town.tenant)["policy"] == {"refresh_idle_seconds": 600}
    assert tenant_row(estate, town.tenant)["ip_rules_version"] > 5
    told = [event["meta"] for event in deployment.events(town.tenant) if event["targets"][0]["id"] == town.tenant]
    corrected = {what for meta in told[1:] for what in meta["measures"] if what != "complete"}
    assert corrected, "rules, connections and the settings"
    assert corrected == {line.split()[1] for line in deployment.said if line.endswith(" corrected")}


def test_factors_that_were_replaced_are_trusted_no_more_and_neither_is_the_password(deployment: Deployment) -> None:
    town = Town(deployment)
    estate = deployment.estate
    bearer = login(town.quiet).body["access_token"]
    enrol(bearer, estate.clock())
    town.remember()
    session = sign_in(estate, town.quiet)
    session.prove("account_security")
    answer = call(step_up_handler, event("DELETE /api/auth/factors/totp", bearer=session.access_token))
    assert answer.status == 204, answer.text
    deployment.seal(town.tenant)
    town.lose_and_restore()
    deployment.let_in()
    items = {row["item"] for row in estate.partition("tenant_staff", "tenant", town.tenant)}
    assert f"{town.quiet.staff_id}#factor#totp" not in items
    assert login(town.quiet).status == 401


def test_every_correction_stands_in_the_log_and_the_tenants_row_says_that_all_are_made(deployment: Deployment) -> None:
    town = Town(deployment)
    town.go_on()
    town.lose_and_restore()
    first, *corrections = deployment.events(town.tenant)
    assert first["action"] == STARTED
    assert {event["action"] for event in corrections} == {"RESTORE_CORRECTION"}
    by_person = {event["targets"][0]["id"]: event for event in corrections}
    assert by_person[town.left.staff_id]["meta"]["measures"] == ["sessions", "status"]
    assert by_person[town.lowered.staff_id]["change"]["after"]["role"] == "member"
    assert by_person[town.newly_passworded.staff_id]["meta"]["measures"] == ["sessions", "password"]
    assert corrections[-1]["meta"]["measures"] == ["complete"]
    assert corrections[-1]["meta"]["missing_people"] == 1
    assert town.deployment.restore(rfc3339(town.since)) == 0
    assert deployment.events(town.tenant) == [first, *corrections]


def test_corrections_are_refused_once_people_were_let_in(deployment: Deployment) -> None:
    town = Town(deployment)
    town.go_on()
    deployment.put_back(town.snapshot)
    deployment.next_epoch()
    assert deployment.restore(None) == 0
    assert login(town.quiet).status == 200
    before = deployment.snapshot()
    assert deployment.restore(rfc3339(town.since)) == 1
    assert deployment.snapshot() == before
    assert any("REFUSED" in line and "has events of people" in line for line in deployment.said)


class Killed(BaseException):
    """The operator's machine went away."""


def test_restore_that_is_killed_at_any_write_is_finished_by_the_next_one(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(deployment)
    town.go_on()
    deployment.sign(town.tenant, time.time() + 60)
    seals = deployment.rows(SEALS)
    for table in ("audit_logs", SEALS):
        deployment.empty(table)
    deployment.next_epoch()
    deployment.put_back(town.snapshot)
    original = Wire.call

    def fragile(self: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> Any:
        answer = original(self, operation, request, deadline=deadline)
        if operation in {"PutItem", "TransactWriteItems"}:
            raise Killed
        return answer

    # Each run ends right after its first write, so the next one meets all that lies before as done.
    runs = 0
    with monkeypatch.context() as patch:
        patch.setattr(Wire, "call", fragile)
        while True:
            try:
                assert deployment.restore(rfc3339(town.since)) == 0
                break
            except Killed:
                runs += 1
    assert runs > len(seals) + 6
    assert deployment.rows(SEALS) == seals
    assert_restored(deployment, town)


def assert_restored(deployment: Deployment, town: Town) -> None:
    """Each correction was made once."""
    events = deployment.events(town.tenant)
    targets = [event["targets"][0]["id"] for event in events if "complete" not in event["meta"].get("measures", ())]
    assert len([event for event in events if event["action"] == STARTED]) == 1
    assert len(targets) == len(set(targets)) + 1  # the tenant: its beginning, and its open invite
    assert events[-1]["meta"]["missing_people"] == 1, "whoever was corrected by an earlier run is there"
    gates = {row["item"]: row for row in deployment.rows("tenant_staff") if row["item"].endswith("#gate")}
    assert {row["epoch"] for row in gates.values()} == {2}
    assert all(1_000 < row["session_version"] < 2_000 for row in gates.values())
    assert gates[f"{town.left.staff_id}#gate"]["status"] == "DEACTIVATED"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--reason", "state_restored"],
        ["--reason", "table_lost", "--restored-to", "yesterday"],
        ["--reason", "table_lost", "--restored-to", "2999-01-01T00:00:00.000Z"],
    ],
)
def test_wrong_input_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(arguments, {}, tmp_path) == USAGE
    assert capsys.readouterr().err.count("\n") == 1


def test_deployment_of_the_first_epoch_is_refused(deployment: Deployment) -> None:
    with pytest.raises(RestoreRefused, match="log_epoch 1"):
        deployment.restore(None)


def test_table_of_the_new_epoch_is_not_the_old_one(deployment: Deployment) -> None:
    deployment.next_epoch()
    with pytest.raises(RestoreRefused, match="new epoch"):
        deployment.restore(None, old=deployment.name("audit_logs"))

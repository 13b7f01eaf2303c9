"""A log that begins anew more than once, and a restore that is run again: each past counts, and only once."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from infra.restoration import tenant_restore
from shared.audit.event import Target
from shared.audit.moment import rfc3339
from shared.store.transaction import Ledger, Refuted
from tests.functions.catastrophe import Deployment, deployment, place
from tests.functions.estate import login
from tests.functions.invitations import accept, invited
from tests.functions.staff_calls import DEACTIVATE, ROLE, ask, gate
from tests.functions.test_restore import SEALS, Town, signed_past

__all__ = ["deployment", "place"]


def test_what_every_epoch_since_the_restore_point_tells_is_replayed(deployment: Deployment) -> None:
    town = Town(deployment)
    assert ask(town.boss, DEACTIVATE, town.left.staff_id).status == 200
    deployment.sign(town.tenant, time.time() + 60)
    deployment.next_epoch()
    assert deployment.restore(None) == 0
    deployment.let_in()
    assert ask(town.boss, ROLE, town.lowered.staff_id, {"role": "member"}).status == 200
    deployment.sign(town.tenant, time.time() + 120)
    deployment.put_back(town.snapshot)
    deployment.next_epoch()
    assert deployment.restore(rfc3339(town.since), reason="state_restored") == 0, deployment.said
    assert gate(deployment.estate, town.left)["status"] == "DEACTIVATED"
    assert gate(deployment.estate, town.lowered)["role"] == "member"
    assert deployment.events(town.tenant)[0]["meta"]["previous_epoch"] == 2


def test_table_that_keeps_only_what_is_not_sealed_continues_a_log_whose_bookkeeping_is_lost(
    deployment: Deployment,
) -> None:
    tenant = deployment.estate.new_tenant()
    signed_past(deployment, tenant)
    deployment.sign(tenant, time.time() + 60)
    (head,) = (row for row in deployment.rows(SEALS) if row["seal"] == "head#1")
    deployment.archive.write(tenant, time.time())
    kept = [row for row in deployment.rows("audit_logs") if row["seq"] >= head["lanes"]["0"]["seq"]]
    deployment.put_back({"audit_logs": kept})
    deployment.empty(SEALS)
    old = deployment.next_epoch()
    assert deployment.restore(None, old=old) == 0
    assert f"{tenant}: 1 segments sealed from the old table" in deployment.said
    assert deployment.events(tenant)[0]["meta"]["sealed"]["segment"] == 5


def test_nothing_is_sealed_into_an_epoch_that_has_ended(deployment: Deployment) -> None:
    tenant = deployment.estate.new_tenant()
    signed_past(deployment, tenant)
    old = deployment.next_epoch()
    new = deployment.name("audit_logs")
    assert deployment.restore(None, old=old) == 0
    before, events = deployment.rows(SEALS), deployment.events(tenant)
    deployment._use(1, old)
    deployment.archive.write(tenant, time.time())  # a function that was not stopped
    deployment._use(2, new)
    assert deployment.restore(None, old=old) == 0, deployment.said
    assert (deployment.rows(SEALS), deployment.events(tenant)) == (before, events)


def refused(deployment: Deployment, why: str) -> bool:
    return deployment.restore(None) == 1 and any("REFUSED" in line and why in line for line in deployment.said)


def test_epoch_that_was_begun_is_refused_where_the_past_is_another_one_by_now(deployment: Deployment) -> None:
    tenant = deployment.estate.new_tenant()
    signed_past(deployment, tenant)
    old = deployment.next_epoch()
    new = deployment.name("audit_logs")
    assert deployment.restore(None) == 0
    deployment._use(1, old)
    deployment.archive.write(tenant, time.time())
    deployment.seal(tenant)  # the functions of the epoch before were not stopped
    deployment._use(2, new)
    events = deployment.events(tenant)
    assert refused(deployment, "epoch 2 was begun from another past")
    assert deployment.events(tenant) == events


def test_epoch_that_was_begun_for_one_reason_is_corrected_for_another(deployment: Deployment) -> None:
    town = Town(deployment)
    town.go_on()
    deployment.put_back(town.snapshot)
    deployment.next_epoch()
    assert deployment.restore(None, reason="table_lost") == 0
    assert deployment.restore(rfc3339(town.since), reason="state_restored") == 0, deployment.said
    assert f"{town.tenant}: epoch 2 has begun" in deployment.said
    assert gate(deployment.estate, town.left)["status"] == "DEACTIVATED"


def test_epoch_that_somebody_else_begins_at_the_same_moment_is_refused(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.estate.new_tenant()
    deployment.next_epoch()
    monkeypatch.setattr(Ledger, "commit", lambda *_: Refuted({}))
    assert refused(deployment, "somebody else begins the epoch")


def test_epoch_whose_first_event_is_not_its_beginning_is_refused(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.estate.new_tenant()
    deployment.next_epoch()
    line = '{"action": "AUTH_LOGOUT", "actor": {"type": "user"}, "meta": {}}'
    monkeypatch.setattr(tenant_restore, "log_tail", lambda *_: [SimpleNamespace(line=line)])
    assert refused(deployment, "epoch 2 began without")


def test_what_could_be_sealed_before_the_table_breaks_is_a_part_of_the_past(deployment: Deployment) -> None:
    tenant = deployment.estate.new_tenant()
    signed_past(deployment, tenant)
    for _ in range(2):
        deployment.archive.write(tenant, time.time())
    *_, last = (row for row in deployment.rows("audit_logs") if row["log_lane"] == f"{tenant}#1#0")
    key = {"log_lane": last["log_lane"], "seq": last["seq"]}
    deployment.estate.change_row("audit_logs", key, {"line": "{}"})
    old = deployment.next_epoch()
    assert deployment.restore(None, old=old) == 0
    assert any("NOTHING in the old table continues" in line for line in deployment.said)
    assert deployment.events(tenant)[0]["meta"]["sealed"]["lanes"]["0"]["seq"] == last["seq"] - 1


def test_whoever_joined_since_is_named_and_counted_and_nobody_else_is(deployment: Deployment) -> None:
    town = Town(deployment)
    tokens = [town.token, invited(town.boss, "hopper@acme.example")]
    town.remember()
    for token in tokens:
        assert accept(token).status == 200
    changed = {"targets": (Target("user", "u_unknown"),), "change": {"after": {"role": "member"}}}
    deployment.archive.write(town.tenant, time.time(), "USER_ROLE_CHANGED", **changed)
    deployment.seal(town.tenant)
    town.lose_and_restore()
    said = [line for line in deployment.said if "invite him again" in line]
    assert len(said) == deployment.events(town.tenant)[-1]["meta"]["missing_people"] == 2
    assert not any("u_unknown" in line for line in said)


def test_corrections_are_refused_behind_a_sign_in_that_failed_too(deployment: Deployment) -> None:
    town = Town(deployment)
    deployment.put_back(town.snapshot)
    deployment.next_epoch()
    assert deployment.restore(None) == 0
    assert login(town.quiet, password="not his own").status == 401
    assert deployment.events(town.tenant)[-1]["actor"]["type"] == "anonymous"
    assert deployment.restore(rfc3339(town.since)) == 1
    assert any("has events of people already" in line for line in deployment.said)

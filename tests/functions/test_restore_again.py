"""A log that begins anew more than once, and a restore that is run again: each past counts, and only once."""

from __future__ import annotations

import time

from shared.audit.moment import rfc3339
from tests.functions.catastrophe import Deployment, deployment, place
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

"""Writers that die at random lose nothing that was acknowledged, and a flood leaves the others of a tenant in peace."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.audit.event import Actor, Draft, new_event_id
from shared.store.transaction import Committed, Ledger
from shared.store.wire import JsonService
from tests.functions.archive import Archive, fresh_tenant
from tests.functions.company import archive
from tests.functions.ledger_campaign import Campaign

__all__ = ["archive"]


@pytest.mark.parametrize(("writers", "events", "lanes"), [(12, 300, 64), (6, 90, 2)])
def test_writers_that_die_leave_no_gap_no_fork_and_no_loss_in_the_sealed_log(
    archive: Archive, writers: int, events: int, lanes: int
) -> None:
    campaign = Campaign(archive, writers=writers, lanes=lanes, deaths=3.0)
    told = campaign.run(events, seed=5)
    assert campaign.faults(told) == []
    assert len(told.acknowledged) > events / 2
    assert min(told.ends[end] for end in ("died before it was sent", "environments")) > 0
    opened = {event.lane for event in campaign.sealed()}
    assert 1 < len(opened) <= lanes


class Counted:
    def __init__(self, wire: JsonService) -> None:
        self._wire, self.sent = wire, 0

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        self.sent += operation == "TransactWriteItems"
        return self._wire.call(operation, request, deadline=deadline)


def event(action: str) -> Draft:
    now = time.time()
    return Draft(new_event_id(now), action, "failure", Actor("anonymous", None), resource="test", context={})


def test_a_flood_of_failed_logins_makes_nobody_else_of_the_tenant_contend(archive: Archive) -> None:
    """Six environments fail logins without a pause; what everybody else commits goes through at once."""
    estate, tenant = archive.estate, fresh_tenant("flood")
    settings = replace(estate._ledger_settings(), log_lanes=64)
    calm, over, driven = Counted(estate.dynamodb), threading.Event(), threading.Semaphore(0)
    quiet = Ledger(calm, settings, time.time)
    assert isinstance(quiet.commit(tenant, [], [event("USER_ROLE_CHANGED")]), Committed)

    def flood(_number: int) -> int:
        ledger, failures, settled = Ledger(estate.dynamodb, settings, time.time), 0, False
        while not over.is_set():
            outcome = ledger.commit(tenant, [], [event("AUTH_LOGIN_FAILED")])
            assert isinstance(outcome, Committed)
            failures += 1
            if not settled and outcome.events[0].lane != "0":
                settled = True
                driven.release()
        return failures

    with ThreadPoolExecutor(6) as pool:
        flooding = [pool.submit(flood, number) for number in range(6)]
        try:
            for _ in range(6):
                assert driven.acquire(timeout=30), "somebody stays on lane 0, or fell silent"
            for _ in range(3):  # from where the quiet one is then, the flood is elsewhere
                assert isinstance(quiet.commit(tenant, [], [event("USER_ROLE_CHANGED")]), Committed)
            calm.sent = 0
            for _ in range(20):
                assert isinstance(quiet.commit(tenant, [], [event("USER_ROLE_CHANGED")]), Committed)
        finally:
            over.set()
        assert sum(each.result() for each in flooding) > 40
    assert calm.sent <= 30, "the quiet one lost again and again"

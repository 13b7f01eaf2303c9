"""A company whose past was written by several writers at once, each with its own memory: its log has many lanes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from functions.compliance import handler as compliance
from functions.evidence_bundle import handler as evidence_bundle
from functions.ip_rules import handler as ip_rules
from functions.login import handler as login
from functions.step_up import handler as step_up
from shared.audit.event import Actor, Draft, new_event_id
from shared.store.transaction import Committed, Ledger
from tests.functions.archive import Archive, SetClock, _Unhurried
from tests.functions.company import Company, _close_clients, founded

WRITERS = 4
TURN_SECONDS = 0.01  # so soon after each other that a lost number is contention
_WIRED = (compliance, evidence_bundle, ip_rules, login, step_up)


@contextmanager
def many_lanes() -> Iterator[None]:
    """Wire the functions anew, for logs of 64 lanes, and once more when it ends."""

    def forget() -> None:
        _close_clients()
        for module in _WIRED:
            module._wiring.cache_clear()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOG_LANES", "64")
        forget()
        yield
        forget()


@dataclass
class Contending(Company):
    """Writes event by event with the next one of its writers: each finds its number taken by the one before.

    `at_work` is how many of them write.
    """

    clock: SetClock = field(default_factory=lambda: SetClock(0))
    writers: list[Ledger] = field(default_factory=list)
    at_work: int = WRITERS
    turns: int = 0

    def write(self, at: float, action: str = "AUTH_LOGIN_SUCCESS", **members: Any) -> str:
        self.clock.now = at
        writer = self.writers[self.turns % self.at_work]
        self.turns += 1
        draft = Draft(
            event_id=new_event_id(at),
            action=action,
            outcome="success",
            actor=Actor("user", "u_1", "admin"),
            resource="test",
            context={},
        )._replace(**members)
        assert isinstance(writer.commit(self.tenant, [], [draft]), Committed)
        return draft.event_id

    def burst(self, at: float, count: int) -> list[str]:
        """Write so many sign-ins from `at` on, two at each instant, by people whose salts were kept before."""
        return [self.seen(at + number // 2 * TURN_SECONDS, f"u_{number % 3}") for number in range(count)]

    def staff_anew(self) -> None:
        """Put writers without any memory in the place of those that there are: they begin on lane 0, and contend."""
        settings = replace(self.archive.ledger_settings(), log_lanes=64)
        wire = _Unhurried(self.estate.dynamodb)
        self.writers = [Ledger(wire, settings, self.clock, sleep=lambda _: None) for _ in range(WRITERS)]

    def lanes(self) -> set[str]:
        return {event["lane"] for event in self.estate.events(self.tenant)}


def contending(archive: Archive) -> Contending:
    company = Contending(**vars(founded(archive)))
    company.staff_anew()
    return company

"""Many writers of one tenant that die at random, the real sealer beside them, and what the sealed log must then hold.

A writer is one execution environment: a ledger of its own. Around a commit it may die before the request was sent or
after it took effect, or learn of no answer; then a fresh environment goes on, on lane 0, knowing nothing.
"""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Final

from shared.audit.event import Actor, Draft, new_event_id
from shared.evidence.segment import Event, continued, parse, unpack
from shared.store.audit_logs import LANE_OPENED, log_tail
from shared.store.audit_seals import read_seal_head, segments_after
from shared.store.item import batch_get, put
from shared.store.transaction import Committed, Contended, Ledger
from shared.store.wire import JsonService, Unavailable
from tests.functions.archive import Archive, fresh_tenant

ACTIONS: Final = ("AUTH_LOGIN_FAILED", "AUTH_TOKEN_REFRESH", "AUTH_LOGOUT")
_BATCH: Final = 100


class Died(BaseException):
    """The environment is gone, and with it all that it remembered."""


@dataclass(slots=True)
class Mortal:
    """The wire of one environment: of 100 commits `deaths` end it before, as many after, and as many go unanswered."""

    wire: JsonService
    dice: random.Random
    deaths: float
    ends: Counter[str]

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        fate = self.dice.random() * 100 if operation == "TransactWriteItems" else 100.0
        if fate < self.deaths:
            self.ends["died before it was sent"] += 1
            raise Died
        answer = self.wire.call(operation, request, deadline=deadline)
        if fate < 2 * self.deaths:
            self.ends["died before the answer"] += 1
            raise Died
        if fate < 3 * self.deaths:
            self.ends["answer lost"] += 1
            raise Unavailable("the answer was lost")
        return answer


@dataclass(slots=True)
class Told:
    """What the writers know: ids that were acknowledged, and those of which nobody learned what became."""

    acknowledged: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    seconds: float = 0.0


class Campaign:
    def __init__(self, archive: Archive, *, writers: int, lanes: int = 64, deaths: float = 1.0) -> None:
        self.archive, self.writers, self.deaths = archive, writers, deaths
        self.tenant = fresh_tenant("many")
        self._settings = replace(archive.estate._ledger_settings(), log_lanes=lanes)

    def run(self, events: int, seed: int) -> Told:
        """Write about `events` events, sealing meanwhile; gives what was told."""
        told, done, began = Told(), threading.Event(), time.monotonic()
        with ThreadPoolExecutor(self.writers + 1) as pool:
            sealing = pool.submit(self._seal_until, done)
            share = -(-events // self.writers)
            dice = [random.Random(f"{seed}/{number}") for number in range(self.writers)]  # noqa: S311 - repeatable
            work = [pool.submit(self._write, told, share, each) for each in dice]
            for each in work:
                each.result()
            told.seconds = time.monotonic() - began
            done.set()
            sealing.result()
        while self.archive.sealer().seal(self.tenant):
            pass
        return told

    def _seal_until(self, done: threading.Event) -> None:
        sealer = self.archive.sealer()
        while not done.wait(0.3):
            sealer.seal(self.tenant)

    def _write(self, told: Told, share: int, dice: random.Random) -> None:
        """Write `share` events in one environment after the other; a decision has one to three."""
        ledger, written = self._environment(told, dice), 0
        while written < share:
            drafts = [self._draft(dice) for _ in range(min(share - written, dice.choice((1, 1, 1, 2, 3))))]
            ids = [draft.event_id for draft in drafts]
            written += len(ids)
            thing = put(self.archive.environ["OUTBOX_TABLE"], {"tenant": self.tenant, "effect_id": ids[0]})
            try:
                while True:
                    try:
                        outcome = ledger.commit(self.tenant, [thing], drafts)
                    except Contended:
                        told.ends["contended"] += 1
                        continue
                    break
            except (Died, Unavailable):
                told.unknown += ids
                ledger = self._environment(told, dice)
                continue
            assert isinstance(outcome, Committed)
            assert [event.event_id for event in outcome.events] == ids
            told.acknowledged += ids

    def _environment(self, told: Told, dice: random.Random) -> Ledger:
        told.ends["environments"] += 1
        mortal = Mortal(self.archive.estate.dynamodb, dice, self.deaths, told.ends)
        return Ledger(mortal, self._settings, time.time)

    def _draft(self, dice: random.Random) -> Draft:
        action, actor = dice.choice(ACTIONS), Actor("anonymous", None)
        return Draft(new_event_id(time.time()), action, "failure", actor, resource="campaign", context={})

    def sealed(self) -> list[Event]:
        """Read the log as it stands in the vault, in sealing order."""
        estate = self.archive.estate
        table = self.archive.environ["AUDIT_SEALS_TABLE"]
        rows = segments_after(estate.dynamodb, table, self.tenant, 1, 0)
        return [event for row in rows for event in unpack(self.archive.vault.read(row["key"], row["version_id"]))]

    def faults(self, told: Told) -> list[str]:
        """Say what is wrong: gaps, forks, losses, repetitions, half-written decisions. Raises for a broken chain."""
        estate, sealed = self.archive.estate, self.sealed()
        heads = continued({}, sealed)
        head = read_seal_head(estate.dynamodb, self.archive.environ["AUDIT_SEALS_TABLE"], self.tenant, 1)
        table = log_tail(estate.dynamodb, self.archive.environ["AUDIT_LOGS_TABLE"], self.tenant, 1, {})
        kept = sorted(parse(entry.line.encode()).line for entry in table)
        found = Counter(event.members["id"] for event in sealed if event.action != LANE_OPENED)
        things = self._things([*told.acknowledged, *told.unknown])
        first_of = {event.members["id"] for event in sealed} & set(things)
        return [
            *(f"{one} was acknowledged and stands {found[one]} times" for one in told.acknowledged if found[one] != 1),
            *(f"{one} of unknown outcome stands {found[one]} times" for one in told.unknown if found[one] > 1),
            *(f"{one} was never written by anybody" for one in found.keys() - {*told.acknowledged, *told.unknown}),
            *(
                ["the sealed lines are not those of the table"]
                if kept != sorted(event.line for event in sealed)
                else []
            ),
            *(["the seal row has other heads than the segments"] if head.lanes != heads else []),
            *(f"{one} changed a row and has no event" for one in things if one not in first_of),
        ]

    def _things(self, ids: list[str]) -> list[str]:
        """Read which decisions changed their row; a row bears the id of the first event."""
        table, found = self.archive.environ["OUTBOX_TABLE"], list[str]()
        for begin in range(0, len(ids), _BATCH):
            keys = [{"tenant": self.tenant, "effect_id": one} for one in ids[begin : begin + _BATCH]]
            found += [row["effect_id"] for row in batch_get(self.archive.estate.dynamodb, {table: keys})[table]]
        return found

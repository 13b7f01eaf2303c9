"""`make soak`: the races and the lifecycle machine of the tests with large counts, on every core that there is.

Each worker has an embedded AWS of its own. The work is dealt in rounds, so that a run which the clock ends (`MINUTES`)
has done a like part of everything; the table says what was asked for and what was done. COUNT is how often each kind of
act meets a deactivation; what takes more than one request an act is done less often, in a fixed proportion.
"""

import contextlib
import functools
import importlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

import shared.edge.wiring
from functions.housekeeping.handler import handler as housekeeping
from infra.local.engine_process import EngineProcess
from tests.embedded_aws import running_engine
from tests.functions import signed_in
from tests.functions.estate import KEYS, Estate, MovableClock, in_environment
from tests.functions.lifecycle_world import Wiretap
from tests.functions.quick_hashes import quick_hashes
from tests.soak.lifecycle_machine import lived
from tests.soak.lifecycle_town import Town
from tests.soak.mutations import SIGNED_IN, SIGNING_IN
from tests.soak.races import Arena, Tally
from tests.soak.revocations import against_deactivation, against_the_end_of_a_session, reuse_against_refresh
from tests.soak.token_races import PATIENT, answer_twice_at_once, log_in_at_the_limit, present_at_once, submit_at_once

COUNT: Final = 1_000
MINUTES: Final = 24.0
ROUNDS: Final = 4
STEPS: Final = 50
REPORT: Final = Path(".muniment/soak.json")
CONCERNS: Final = ("evidence_bundle", "login", "password", "refresh", "sessions", "settings", "step_up", "housekeeping")

Runs = Callable[[Arena, Tally], None]


@dataclass(frozen=True, slots=True)
class Campaign:
    """One line of the table: `one` runs one race, in tenants of `policy`; `share` is of COUNT."""

    name: str
    share: float
    one: Runs | None
    policy: Mapping[str, Any] | None = None

    def asked(self, count: int) -> int:
        return max(1, round(count * self.share))


def campaigns() -> list[Campaign]:
    """List everything, what the issue names first."""
    often = dict.fromkeys((*SIGNED_IN, "refresh"), 1.0)
    listed = [
        Campaign(f"deactivation / {kind}", often.get(kind, 0.5), functools.partial(_deactivation, kind=kind))
        for kind in ("refresh", *SIGNED_IN, *(kind for kind in SIGNING_IN if kind != "refresh"))
    ]
    conflicted = functools.partial(_deactivation, kind="refresh", conflicts=0.3)
    listed.append(Campaign("deactivation / refresh, transactions conflict", 0.25, conflicted))
    for how, name in (("", "end of a session"), ("all", "logout of all"), ("all others", "logout of all others")):
        for act in ("refresh", "challenge", "requests"):
            ended = functools.partial(_end_of_a_session, act=act, everywhere=how)
            listed.append(Campaign(f"{name} / {act}", 0.2, ended))
    listed.append(Campaign("reuse / refresh", 0.5, reuse_against_refresh))
    conflicted = functools.partial(reuse_against_refresh, conflicts=0.3)
    listed.append(Campaign("reuse / refresh, transactions conflict", 0.25, conflicted))
    for cookie, mode in ((False, "native"), (True, "cookie")):
        listed.append(
            Campaign(f"50 presenters, {mode}", 0.02, functools.partial(present_at_once, cookie=cookie), PATIENT)
        )
    conflicted = functools.partial(present_at_once, conflicts=0.3)
    listed.append(Campaign("50 presenters, transactions conflict", 0.02, conflicted, PATIENT))
    listed.append(Campaign("50 presenters, eight retries", 0.02, present_at_once))
    for pending, name in ((False, "of sessions"), (True, "of logins")):
        submitted = functools.partial(submit_at_once, pending=pending)
        listed.append(Campaign(f"one code 20 times, challenges {name}", 0.05, submitted))
        twice = functools.partial(answer_twice_at_once, pending=pending)
        listed.append(Campaign(f"two right codes, a challenge {name}", 0.1, twice))
    for action, before in (("evict_oldest", 2), ("deny", 1)):
        policy = {"concurrent_sessions": 2, "session_limit_action": action}
        at_once = functools.partial(log_in_at_the_limit, open_before=before)
        listed.append(Campaign(f"3 logins at the limit, {action}", 0.2, at_once, policy))
    return [*listed, Campaign(f"lives of {STEPS} steps", 0.2, None)]


def _deactivation(arena: Arena, tally: Tally, *, kind: str, conflicts: float = 0.0) -> None:
    against_deactivation(arena, kind, tally, conflicts=conflicts)


def _end_of_a_session(arena: Arena, tally: Tally, *, act: str, everywhere: str) -> None:
    against_the_end_of_a_session(arena, act, tally, everywhere=everywhere)


# --- a worker: one process with one engine; each piece of work has tables of its own


class _Worker:
    engine: EngineProcess


def _begin() -> None:
    """Start the engine of this worker; it ends with the worker."""
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end; the functions log each request
    warnings.simplefilter("ignore", ResourceWarning)  # environments are forgotten with their connections
    stack = contextlib.ExitStack()
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="muniment-soak-"))
    _Worker.engine = stack.enter_context(running_engine(Path(folder)))
    multiprocessing.util.Finalize(None, stack.close, exitpriority=10)


@contextlib.contextmanager
def _estate() -> Iterator[Estate]:
    clock = MovableClock()
    estate = Estate(_Worker.engine.endpoint, clock)
    before = in_environment({**estate.environ, "EXPORTS_BUCKET": "exports", "AWS_DEFAULT_REGION": "us-east-1"})
    handlers = [importlib.import_module(f"functions.{concern}.handler") for concern in CONCERNS]
    with pytest.MonkeyPatch.context() as patch, quick_hashes():
        patch.setattr(shared.edge.wiring, "CLOCK", clock)
        patch.setattr(signed_in, "issuer_of", functools.cache(signed_in.issuer_of))
        for handler in handlers:
            handler._wiring.cache_clear()
        housekeeping({}, None)
        yield estate
    for name in KEYS:
        estate._dynamodb.delete_table(TableName=estate.prefix + name)
    estate.close()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def work(name: str, times: int, ends_at: float) -> Tally:
    """Run one campaign so many times in this worker, or until `ends_at` (Unix seconds)."""
    tally, began = Tally(name), time.monotonic()
    (campaign,) = [each for each in campaigns() if each.name == name]
    if time.time() < ends_at:
        try:
            with _estate() as estate:
                _lives(estate, times, tally) if campaign.one is None else _races(
                    estate, campaign, times, ends_at, tally
                )
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is a line of the report
            tally.violations.append("".join(traceback.format_exception(fault, limit=-6)))
    tally.seconds = time.monotonic() - began
    return tally


def _races(estate: Estate, campaign: Campaign, times: int, ends_at: float, tally: Tally) -> None:
    assert campaign.one is not None
    with Wiretap(estate.prefix).listening() as tap:
        arena = Arena(estate, tap)
        arena.use(campaign.policy or {})
        while tally.races < times and time.time() < ends_at:
            campaign.one(arena, tally)
        arena.pool.shutdown()


def _lives(estate: Estate, times: int, tally: Tally) -> None:
    Town.reached.clear()
    with lived(estate) as machine:
        chosen = settings(
            max_examples=times,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(machine, settings=chosen)
    tally.races += times
    tally.outcomes.update(Town.reached)


# --- the whole


def main() -> int:
    count, minutes = int(os.environ.get("COUNT") or COUNT), float(os.environ.get("MINUTES") or MINUTES)
    began, listed = time.time(), campaigns()
    workers = max(1, min(4, os.cpu_count() or 1))
    print(f"soak: {count} races of each kind, {workers} workers, at most {minutes:g} minutes", flush=True)
    tallies = {each.name: Tally(each.name) for each in listed}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_begin) as pool:
        running = [
            pool.submit(work, each.name, times, began + 60 * minutes)
            for number in range(ROUNDS)
            for each in listed
            if (times := _of_round(each.asked(count), number))
        ]
        for done in as_completed(running):
            _add(tallies, done.result())
    asked = {each.name: each.asked(count) for each in listed}
    _print(list(tallies.values()), asked, time.time() - began)
    return _write(list(tallies.values()), asked, count, time.time() - began)


def _of_round(asked: int, number: int) -> int:
    """Deal `asked` races to the rounds; few go to the first ones."""
    return asked // ROUNDS + (number < asked % ROUNDS)


def _add(tallies: Mapping[str, Tally], done: Tally) -> None:
    tally = tallies[done.name]
    tally.races += done.races
    tally.seconds += done.seconds
    tally.outcomes.update(done.outcomes)
    for violation in done.violations:
        print(f"VIOLATION {done.name}: {violation}", flush=True)
    tally.violations += done.violations


def _print(tallies: Sequence[Tally], asked: Mapping[str, int], seconds: float) -> None:
    width = max(len(tally.name) for tally in tallies)
    print(f"\n{'what':{width}}  {'done':>6}  {'asked':>6}  {'violations':>10}  {'seconds':>8}  outcomes")
    for tally in tallies:
        outcomes = ", ".join(f"{name} {number}" for name, number in tally.outcomes.most_common(4))
        numbers = f"{tally.races:>6}  {asked[tally.name]:>6}  {len(tally.violations):>10}  {tally.seconds:>8.1f}"
        print(f"{tally.name:{width}}  {numbers}  {outcomes}")
    violations, done = sum(len(tally.violations) for tally in tallies), sum(tally.races for tally in tallies)
    print(f"\n{done} of {sum(asked.values())} races in {seconds / 60:.1f} minutes, {violations} violations")


def _write(tallies: Sequence[Tally], asked: Mapping[str, int], count: int, seconds: float) -> int:
    rows = [{**asdict(tally), "asked": asked[tally.name], "outcomes": dict(tally.outcomes)} for tally in tallies]
    violated = any(tally.violations for tally in tallies)
    cut_short = any(tally.races < asked[tally.name] for tally in tallies)
    report = {"count": count, "seconds": round(seconds, 1), "complete": not cut_short, "campaigns": rows}
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"{REPORT} holds the figures" + (", cut short by the clock" if cut_short else ""))
    return int(violated)


if __name__ == "__main__":
    sys.exit(main())

"""Races with real threads: nothing of what was revoked commits after the revocation, and one thing is used once.

Small counts; `make soak` runs the same races a thousand times each.
"""

import functools
import os
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from functions.evidence_bundle import handler as evidence_bundle
from tests.functions.estate import Estate
from tests.functions.lifecycle_world import Wiretap
from tests.soak.mutations import SIGNED_IN, SIGNING_IN
from tests.soak.races import Arena, Tally
from tests.soak.revocations import against_deactivation, against_the_end_of_a_session, reuse_against_refresh
from tests.soak.token_races import (
    PATIENT,
    answer_twice_at_once,
    log_in_at_the_limit,
    present_at_once,
    submit_at_once,
)

RACES: Final = 12
MOST_ROUNDS: Final = 10
FEW: Final = 3  # of what takes twenty or fifty requests a race


@pytest.fixture(scope="module")
def bundle_function(estate: Estate) -> Iterator[None]:  # noqa: ARG001 - its environment is there
    """Give the bundle's function the members of its environment that the estate has none of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPORTS_BUCKET", "exports")
        patch.setenv("AWS_DEFAULT_REGION", os.environ["AWS_REGION"])
        _forget_the_bundle_function()
        yield
        _forget_the_bundle_function()


def _forget_the_bundle_function() -> None:
    if evidence_bundle._wiring.cache_info().currsize:
        evidence_bundle._wiring()[1].s3.close()
        evidence_bundle._wiring.cache_clear()


@pytest.fixture
def arena(estate: Estate) -> Iterator[Arena]:
    with Wiretap(estate.prefix).listening() as tap:
        arena = Arena(estate, tap)
        yield arena
        arena.pool.shutdown()


def held(times: int, race: Callable[[Tally], None]) -> Tally:
    """Run a race so many times; none may have broken a rule."""
    tally = Tally("")
    for _ in range(times):
        race(tally)
    assert tally.violations == []
    return tally


@pytest.mark.usefixtures("bundle_function")
@pytest.mark.parametrize("kind", [*SIGNED_IN, *SIGNING_IN])
def test_nothing_of_a_deactivated_person_commits_after_the_deactivation(arena: Arena, kind: str) -> None:
    race = functools.partial(against_deactivation, arena, kind)
    tally, rounds = held(RACES, race), 1
    while tally.outcomes["came before"] == sum(tally.outcomes.values()):  # who is first is chance: none has met yet
        assert rounds < MOST_ROUNDS, "none was stopped"
        tally, rounds = held(RACES, race), rounds + 1


def test_refresh_against_deactivation_also_where_transactions_conflict(arena: Arena) -> None:
    held(RACES, functools.partial(against_deactivation, arena, "refresh", conflicts=0.3))


@pytest.mark.parametrize("everywhere", ["", "all", "all others"])
@pytest.mark.parametrize("act", ["refresh", "challenge", "requests"])
def test_nothing_of_an_ended_session_commits_or_is_let_in_after_its_end(
    arena: Arena, act: str, everywhere: str
) -> None:
    held(RACES // 2, functools.partial(against_the_end_of_a_session, arena, act, everywhere=everywhere))


@pytest.mark.parametrize("conflicts", [0.0, 0.3])
def test_no_refresh_commits_after_a_reuse_was_detected(arena: Arena, conflicts: float) -> None:
    held(RACES, functools.partial(reuse_against_refresh, arena, conflicts=conflicts))


@pytest.mark.parametrize("cookie", [False, True])
@pytest.mark.parametrize("conflicts", [0.0, 0.3])
def test_fifty_presenters_of_one_token_make_one_generation(arena: Arena, cookie: bool, conflicts: float) -> None:  # noqa: FBT001 - parametrized
    arena.use(PATIENT)
    held(1, functools.partial(present_at_once, arena, cookie=cookie, conflicts=conflicts))


def test_more_presenters_than_retries_have_no_second_successor_either(arena: Arena) -> None:
    held(1, functools.partial(present_at_once, arena))


@pytest.mark.parametrize("pending", [False, True])
def test_code_that_is_submitted_twenty_times_at_once_is_accepted_once(arena: Arena, pending: bool) -> None:  # noqa: FBT001 - parametrized
    held(FEW, functools.partial(submit_at_once, arena, pending=pending))


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("pending", [False, True])
def test_challenge_that_is_answered_rightly_twice_takes_one_answer(arena: Arena, pending: bool) -> None:  # noqa: FBT001 - parametrized
    held(FEW, functools.partial(answer_twice_at_once, arena, pending=pending))


@pytest.mark.parametrize(("action", "open_before"), [("evict_oldest", 2), ("deny", 1)])
def test_logins_at_once_never_make_more_sessions_than_the_limit(arena: Arena, action: str, open_before: int) -> None:
    arena.use({"concurrent_sessions": 2, "session_limit_action": action})
    held(FEW, functools.partial(log_in_at_the_limit, arena, open_before=open_before))

"""The whole lifecycle of two people's sessions, through the real handlers, against a small model and the tables.

Held after each step, whatever it was:
- one token has at most one successor, and each generation of a session one text, however often it is handed out;
- once an answer said that something was revoked, no token of it works any more, access or refresh;
- rows change in commits with events that name whom it was about (`lifecycle_world.UNAUDITED` lists what may not), and
  the lane is a chain without a gap;
- a refusal leaves everything but the counters of attempts and the log as it was, unless the refusal is itself an act:
  a reuse, a block, an expiry, a challenge, a counted wrong answer;
- a challenge is answered at most once, and nobody has more sessions than the limit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import functions.login.handler
import functions.password.handler
import functions.refresh.handler
import functions.sessions.handler
import functions.step_up.handler
from shared.domain.step_up import TOTP_STEP_SECONDS
from tests.functions.estate import Estate
from tests.functions.lifecycle_world import Wiretap, deactivate, reactivate
from tests.soak.lifecycle_acts import Acts
from tests.soak.lifecycle_model import SESSION_LIMIT, Held, Spot

HANDLERS: Final = (
    functions.login.handler,
    functions.password.handler,
    functions.refresh.handler,
    functions.sessions.handler,
    functions.step_up.handler,
)
MOST_SESSIONS: Final = 14
HOMES = st.builds(Spot, st.sampled_from(("laptop", "laptop", "phone")), st.sampled_from(("DE", "DE", "FR")))
STRANGE = st.sampled_from(
    (
        Spot("a thief's", "DE", "curl/8.5"),
        Spot("a thief's", "DE", "curl/8.5.0 (on another network)"),
        Spot("laptop", "DE", "curl/8.5.0 (on another network)"),
        Spot("a thief's", "FR"),
        Spot("laptop", "FR"),
        Spot("laptop", "DE", "Mozilla/5.0 (Windows NT 10.0) Chrome/130"),
    )
)
CRASHES = st.sampled_from((None,) * 11 + ("before", "after"))
RIGHT = st.sampled_from((True,) * 5 + (False,))
SECONDS = st.sampled_from((1, 1, 5, 12, 31, 31, 31, 61, 130, 301, 700, 3_600))
PICKS = st.integers(0, 63)
ENDS = st.sampled_from(("log out", "log out", "end", "end", "everywhere", "keep", "keep", "password", "no"))


class Lifecycle(RuleBasedStateMachine):
    estate: ClassVar[Estate]

    def __init__(self) -> None:
        super().__init__()
        tap = Wiretap(self.estate.prefix)
        self.listening = tap.listening()
        self.listening.__enter__()
        self.town = Acts(self.estate, tap)
        self.living: set[Held] = set()

    def teardown(self) -> None:
        self.listening.__exit__(None, None, None)
        self.estate.clock.offset = 0.0

    def pick(self, number: int) -> Held | None:
        """Give one of the sessions, mostly one that lives."""
        living = [each for each in self.town.held if each.lives(self.town.now)]
        held = living if living and number % 8 else self.town.held
        return held[number // 8 % len(held)] if held else None

    @invariant()
    def rows_are_what_the_model_says_and_the_dead_stay_dead(self) -> None:
        self.town.agree()
        for held in [each for each in self.living if each.dead]:
            self.town.bury(held)
            self.town.reached["buried"] += 1
        self.living = {each for each in self.town.held if not each.dead}
        assert all(len(self.town.alive(member)) <= SESSION_LIMIT for member in self.town.members)

    @initialize()
    def both_are_signed_in(self) -> None:
        for member in self.town.members:
            self.town.log_in(member, Spot("laptop"), None)

    @rule(number=st.sampled_from((0, 0, 1)), spot=HOMES, crash=CRASHES)
    def logs_in(self, number: int, spot: Spot, crash: str | None) -> None:
        if len(self.town.held) < MOST_SESSIONS:
            self.town.log_in(self.town.members[number], spot, crash)

    @rule(pick=PICKS, right=RIGHT, crash=CRASHES)
    def answers_the_challenge_of_a_login(self, pick: int, right: bool, crash: str | None) -> None:  # noqa: FBT001 - drawn
        asked = [each for each in self.town.asked if each.version]
        if asked:
            self.town.answer_login(asked[-1 - pick % min(3, len(asked))], crash, right=right)

    @rule(pick=PICKS, times=st.sampled_from((1, 1, 2, 3)), crash=CRASHES)
    def refreshes(self, pick: int, times: int, crash: str | None) -> None:
        held = self.pick(pick)
        for _ in range(times if held is not None else 0):
            assert held is not None
            self.town.present(held, held.newest, held.spot, crash)

    @rule(pick=PICKS, crash=CRASHES)
    def asks_again_for_a_lost_answer(self, pick: int, crash: str | None) -> None:
        held = self.pick(pick)
        if held is not None and held.generation - 1 in held.tokens:
            self.town.present(held, held.generation - 1, held.spot, crash)

    @rule(pick=PICKS, crash=CRASHES)
    def presents_an_old_token(self, pick: int, crash: str | None) -> None:
        held = self.pick(pick)
        if held is not None:
            self.town.present(held, min(held.tokens), held.spot, crash)

    @rule(pick=PICKS, spot=STRANGE, back=st.sampled_from((0, 0, 1, 1)), later=st.sampled_from((0, 12)), crash=CRASHES)
    def somebody_else_presents_it(self, pick: int, spot: Spot, back: int, later: int, crash: str | None) -> None:
        held = self.pick(pick)
        self.town.wait(later)  # out of the window in which every retry is harmless
        if held is not None and held.newest - back in held.tokens:
            self.town.present(held, held.newest - back, spot, crash)

    @rule(pick=PICKS, right=RIGHT, crash=CRASHES)
    def answers_the_challenge_of_a_refresh(self, pick: int, right: bool, crash: str | None) -> None:  # noqa: FBT001 - drawn
        waiting = [each for each in self.town.held if each.pending is not None]
        held = waiting[pick % len(waiting)] if waiting else None
        if held is not None and held.pending is not None:
            self.town.answer_refresh(held, held.pending, crash, right=right)

    @rule(pick=PICKS)
    def uses_the_access_token(self, pick: int) -> None:
        held = self.pick(pick)
        if held is not None:
            self.town.use(held)

    @rule(pick=PICKS, crash=CRASHES)
    def asks_for_a_challenge(self, pick: int, crash: str | None) -> None:
        held = self.pick(pick)
        if held is not None:
            self.town.ask(held, crash)

    @rule(pick=PICKS, right=RIGHT, crash=CRASHES)
    def answers_a_challenge(self, pick: int, right: bool, crash: str | None) -> None:  # noqa: FBT001 - drawn
        asked = [each for each in self.town.held if each.asked]
        if asked:
            held = asked[pick % len(asked)]
            self.town.answer(held, held.asked[-1 - (pick % 8 == 0 and len(held.asked) > 1)], crash, right=right)

    @rule(pick=PICKS)
    def an_answer_is_given_again(self, pick: int) -> None:
        """Answer what was answered, with a code that is still good."""
        of_logins = [each for each in self.town.asked if each.answered and each.version]
        of_sessions = [(held, each) for held in self.town.held for each in held.asked if each.answered]
        self.town.wait(TOTP_STEP_SECONDS if of_logins or of_sessions else 0)
        if of_logins and (pick % 2 or not of_sessions):
            self.town.answer_login(of_logins[pick // 2 % len(of_logins)], None, right=True)
        elif of_sessions:
            held, asked = of_sessions[pick // 2 % len(of_sessions)]
            self.town.answer(held, asked, None, right=True)

    @rule(pick=PICKS, other=PICKS, how=ENDS, crash=CRASHES)
    def ends_something(self, pick: int, other: int, how: str, crash: str | None) -> None:
        held, target = self.pick(pick), self.pick(other)
        if held is None or target is None:
            return
        if how == "log out":
            self.town.log_out(held, crash)
        elif how == "end":
            self.town.end(held, target, crash)
        elif how in {"everywhere", "keep"}:
            self.town.log_out_everywhere(held, crash, keep=how == "keep")
        elif how == "password":
            self.town.change_password(held, crash)

    @rule(number=st.sampled_from((0, 1)), spot=HOMES, away=st.booleans())
    def is_deactivated(self, number: int, spot: Spot, away: bool) -> None:  # noqa: FBT001 - drawn
        member = self.town.members[number]
        if not away:
            return
        self.town.administer(deactivate, member)
        member.active, member.version = False, member.version + 1
        self.town.agree()
        self.rows_are_what_the_model_says_and_the_dead_stay_dead()
        self.town.log_in(member, spot, None)
        self.town.administer(reactivate, member)
        member.active = True

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        self.town.wait(seconds)

    @rule(long=st.sampled_from((0, 0, 0, 30_000, 90_000)))
    def a_night_passes(self, long: int) -> None:
        self.town.wait(long)


@contextmanager
def lived(estate: Estate) -> Iterator[type[Lifecycle]]:
    """Give the machine for one estate; environments that have seen other times are forgotten afterwards."""

    class Here(Lifecycle):
        pass

    Here.estate = estate
    try:
        yield Here
    finally:
        for module in HANDLERS:
            module._wiring.cache_clear()

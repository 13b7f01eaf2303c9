"""Any order of refreshes, retries, thefts and time: one successor a token, and reuse ends everything."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.domain.refresh_token import (
    Assess,
    Challenge,
    Expire,
    Family,
    Gate,
    Presented,
    Reject,
    Replay,
    RetryPolicy,
    RevokeFamily,
    Rotate,
    decide,
)
from shared.domain.session import AAL1, ACTIVE, EXPIRED, REVOKED, Binding, Standing, idle_expiry

POLICY = RetryPolicy(concurrency_window_seconds=10, lost_response_window_seconds=3_600, max_replays=3)
IDLE, ABSOLUTE = 7_200, 20_000
START = 1_000_000
LAPTOP = Binding("laptop", "DE", "198.51.100.0/24", "Firefox/Linux")


class RefreshMachine(RuleBasedStateMachine):
    """The store in memory: each rule is one transaction. Tokens are named by their generation."""

    tokens = Bundle("tokens")

    @initialize(target=tokens)
    def login(self) -> str:
        self.now = START
        self.successors: dict[str, set[str]] = {}
        self.issued = {"t1"}
        self.alarms = 0
        self.gate = Gate(ACTIVE, 1)
        standing = Standing("member", AAL1, ("pwd",), START, START, START + ABSOLUTE, 28_800)
        self.family = Family(
            status=ACTIVE,
            session_version=1,
            current_hash="t1",
            parent_hash=None,
            generation=1,
            confirmed_generation=1,
            rotated_at=START,
            replay_count=0,
            sealed=False,
            binding=LAPTOP,
            standing=standing,
            idle_expires_at=START + IDLE,
        )
        return "t1"

    def present(self, token: str, device: str = "laptop") -> str | None:
        """Do what the flow does; gives the token that is answered, if one is."""
        family = self.family
        presented = Presented(token, LAPTOP._replace(device_hash=device))
        decision = decide(presented, family, self.gate, self.now, POLICY)
        if isinstance(decision, Assess):  # another device, in this model: a challenge that nobody answers
            decision = decide(presented, family, self.gate, self.now, POLICY, "STEP_UP_REQUIRED")
            assert decision == Challenge(None)
        if isinstance(decision, Rotate):
            return self._rotate(token)
        if isinstance(decision, Replay):
            self.family = family._replace(replay_count=family.replay_count + 1)
            assert token == family.parent_hash
            return family.current_hash
        if isinstance(decision, Expire):
            self.family = family._replace(status=EXPIRED)
        if isinstance(decision, RevokeFamily) and token in self.issued:
            self.alarms += 1
            self.family = family._replace(status=REVOKED, sealed=False)
            self.gate = self.gate._replace(session_version=self.gate.session_version + 1)
        return None

    def _rotate(self, token: str) -> str:
        family = self.family
        child = f"t{family.generation + 1}"
        self.issued.add(child)
        self.family = family._replace(
            current_hash=child,
            parent_hash=token,
            generation=family.generation + 1,
            confirmed_generation=family.generation,
            rotated_at=self.now,
            replay_count=0,
            sealed=True,
            idle_expires_at=idle_expiry(self.now, IDLE, family.standing.absolute_expires_at),
        )
        return child

    @rule(target=tokens, token=tokens)
    def refresh(self, token: str) -> str:
        was_current = token == self.family.current_hash
        answered = self.present(token)
        if answered is None:
            return token
        self.successors.setdefault(token, set()).add(answered)
        assert was_current or answered == self.family.current_hash, "a replay never gives a spent token"
        return answered

    @rule(token=tokens)
    def refresh_from_another_device(self, token: str) -> None:
        before = self.family
        answered = self.present(token, "thief")
        assert answered is None
        if token == before.current_hash and before.status == ACTIVE and self.now < before.idle_expires_at:
            assert self.family == before, "the current token elsewhere consumes nothing"

    @precondition(lambda self: self.family.generation > 2)
    @rule()
    def present_a_grandparent(self) -> None:
        alive = self._alive()
        assert self.present(f"t{self.family.generation - 2}") is None
        if alive:
            assert self.family.status == REVOKED

    @rule()
    def present_a_forgery(self) -> None:
        before = self.family
        assert self.present("never issued") is None
        assert self.family._replace(status=before.status) == before
        assert self.family.status in {before.status, EXPIRED}

    @rule(seconds=st.sampled_from([1, 9, 11, 3_599, 3_601, 7_201]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def successor_is_seen_in_use(self) -> None:
        self.family = self.family._replace(confirmed_generation=self.family.generation)

    @rule()
    def everything_is_logged_out(self) -> None:
        self.gate = self.gate._replace(session_version=self.gate.session_version + 1)
        assert self.present(self.family.current_hash) is None

    def _alive(self) -> bool:
        family = self.family
        limits = min(family.idle_expires_at, family.standing.absolute_expires_at)
        return family.status == ACTIVE and self.gate.session_version == 1 and self.now < limits

    @invariant()
    def no_token_ever_has_two_successors(self) -> None:
        assert all(len(answered) == 1 for answered in getattr(self, "successors", {}).values())

    @invariant()
    def one_reuse_is_one_alarm(self) -> None:
        assert getattr(self, "alarms", 0) <= 1

    @invariant()
    def nothing_lives_after_its_end(self) -> None:
        if hasattr(self, "family") and not self._alive():
            decision = decide(Presented(self.family.current_hash, LAPTOP), self.family, self.gate, self.now, POLICY)
            assert isinstance(decision, Reject | Expire)


TestRefreshMachine = RefreshMachine.TestCase
TestRefreshMachine.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)

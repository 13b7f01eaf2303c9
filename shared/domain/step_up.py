"""Step-up: which purposes exist, how fresh and how often a proof counts, and which code spends which time step.

Rules of this module
- A grant serves the purpose that it was given for and no other; `single_use` ones are consumed by the act itself.
- A challenge lives `CHALLENGE_SECONDS` and takes `CHALLENGE_TRIES` wrong answers or one right one; a new one voids it.
- Beyond that a person has `FACTOR_FAILURES` wrong codes within `FACTOR_WINDOW_SECONDS`, over all challenges, so that
  asking for new challenges buys no guesses; each lock in a row is longer. The budget is not shared with passwords, and
  only an answered challenge counts: whoever has neither a session nor the password can lock nobody out.
- After `CONSECUTIVE_FAILURES` wrong codes in a row the authenticator is disabled until a recovery code, a passkey or an
  administrator helps (NIST SP 800-63B section 3.2.2). A passkey cannot be guessed: no lock of codes touches it.
- A TOTP code is accepted in its own time step and the next, once (RFC 6238 section 5.2, NIST SP 800-63B 3.1.4.2).
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.domain.session import AAL2

CHALLENGE_SECONDS: Final = 300
CHALLENGE_TRIES: Final = 5
ENROLMENT_SECONDS: Final = 600
FACTOR_FAILURES: Final = 10
FACTOR_WINDOW_SECONDS: Final = 3600
FACTOR_WARNING: Final = 5  # wrong codes of one window after which the person is told
CONSECUTIVE_FAILURES: Final = 100
LOCK_SECONDS: Final = 3600  # the first lock; each further one without a right answer in between is twice as long
LONGEST_LOCK_SECONDS: Final = 86_400
TOTP_STEP_SECONDS: Final = 30
TOTP_DIGITS: Final = 6
RECOVERY_CODES: Final = 10

TOTP: Final = "totp"
RECOVERY_CODE: Final = "recovery_code"
PASSKEY: Final = "passkey"
METHODS: Final = (TOTP, RECOVERY_CODE, PASSKEY)
# RFC 8176 knows "otp" and "pop" (proof of possession of a key); "rc" is ours.
METHOD_REFERENCES: Final[Mapping[str, str]] = {TOTP: "otp", RECOVERY_CODE: "rc", PASSKEY: "pop"}


@dataclass(frozen=True, slots=True)
class Purpose:
    name: str
    max_age_seconds: int
    single_use: bool
    acr: str = AAL2


PURPOSES: Final[Mapping[str, Purpose]] = {
    purpose.name: purpose
    for purpose in (
        Purpose("data_export", 300, single_use=True),
        Purpose("account_security", 300, single_use=False),
        Purpose("rbac_admin", 300, single_use=False),
        Purpose("impersonate", 60, single_use=False),
    )
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A verified step-up as the session row keeps it under its purpose; `at` in Unix seconds."""

    purpose: str
    at: int
    factor: str
    challenge_id: str


def fresh(grant: Grant | None, purpose: Purpose, now: float) -> bool:
    """Tell whether `grant` still serves; a grant from the future (skewed clocks) serves as one from now."""
    return grant is not None and grant.purpose == purpose.name and now < grant.at + purpose.max_age_seconds


@dataclass(frozen=True, slots=True)
class Challenge:
    """One question put to one session; `outcome` stays None until it was answered rightly."""

    challenge_id: str
    owner: str
    session_id: str
    purpose: str
    tries: int
    expires_at: int
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Open:
    """The challenge takes an answer."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Expired, voided by a newer one, or never put to this session: the asker cannot tell which."""


@dataclass(frozen=True, slots=True)
class Used:
    """Answered before; the grant is on the session already."""


@dataclass(frozen=True, slots=True)
class Locked:
    """No more answers for `retry_after_seconds`."""

    retry_after_seconds: int


def challenge_state(
    challenge: Challenge | None, owner: str, session_id: str, now: float
) -> Open | Gone | Used | Locked:
    """Say whether `challenge` takes an answer from this session at `now`."""
    if challenge is None or (challenge.owner, challenge.session_id) != (owner, session_id):
        return Gone()
    if challenge.outcome is not None:
        return Used()
    if now >= challenge.expires_at:
        return Gone()
    if challenge.tries >= CHALLENGE_TRIES:
        return Locked(max(1, int(challenge.expires_at - now)))
    return Open()


@dataclass(frozen=True, slots=True)
class Failures:
    """Wrong codes of one person over all challenges; a right answer of any kind forgets them.

    `count` since `since` (the window), `streak` since the last right answer, `locks` in a row, the last one until
    `locked_until` (Unix seconds).
    """

    count: int = 0
    since: int = 0
    streak: int = 0
    locks: int = 0
    locked_until: int = 0

    def after_one_more(self, now: int) -> "Failures":
        expired = self.count == 0 or now >= self.since + FACTOR_WINDOW_SECONDS
        count, since = (1, now) if expired else (self.count + 1, self.since)
        if count < FACTOR_FAILURES:
            return Failures(count, since, self.streak + 1, self.locks, self.locked_until)
        # The window begins anew when the lock ends.
        delay = min(LOCK_SECONDS << min(self.locks, 8), LONGEST_LOCK_SECONDS)
        return Failures(0, now, self.streak + 1, self.locks + 1, now + delay)

    def lock(self, now: float) -> Locked | None:
        """Give the lock that the budget imposes at `now`, if it is spent."""
        return Locked(max(1, int(self.locked_until - now))) if now < self.locked_until else None

    @property
    def disabled(self) -> bool:
        """Whether the authenticator takes no code any more, however long one waits."""
        return self.streak >= CONSECUTIVE_FAILURES


def spent_step(code: str, now: float, last_step: int, code_at: Callable[[int], str]) -> int | None:
    """Find the time step that `code` proves: the current or the previous one, above `last_step`; None: a wrong code.

    `code_at` gives the right code of a step. A code that was accepted before is a wrong code.
    """
    current = int(now) // TOTP_STEP_SECONDS
    found = None
    for step in (current, current - 1):  # both are always compared: the time taken says nothing
        if hmac.compare_digest(code_at(step).encode(), code.encode("utf-8", "replace")) and step > last_step:
            found = step if found is None else found
    return found

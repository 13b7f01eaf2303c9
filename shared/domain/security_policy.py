"""The security settings of a tenant: what may be set, between which bounds, and what applies where nothing is.

Rules of this module
- A setting that a tenant has not made is the deployment's, and where the deployment has none, the default below.
- Numbers are whole and bounded; names of signals and modes are those of the risk policy. What a tenant may not do by
  any setting: an idle limit beyond the absolute one, or a threshold that asks for a step-up above the one that blocks.
- Lifetimes count for sessions that are opened from then on: a session keeps the limits it was opened with. Everything
  else counts within `FRESH_SECONDS` of its change.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from shared.domain.impersonation import MAX_MINUTES, NOTICES, SETTING

FRESH_SECONDS: Final = 30  # how long an execution environment may go on with settings that it has read
ADMINISTRATORS: Final = frozenset({"owner", "admin"})
_HOUR, _DAY = 3_600, 86_400


class Number(NamedTuple):
    """A whole-number setting; durations are seconds."""

    name: str
    about: str
    default: int
    least: int
    most: int


class Choice(NamedTuple):
    name: str
    about: str
    options: tuple[str, ...]  # the first is the default


NUMBERS: Final = (
    Number("refresh_idle_seconds", "Idle limit of a session", 8 * _HOUR, 300, 30 * _DAY),
    Number("refresh_absolute_seconds", "Absolute limit of a session with a second factor", _DAY, 900, _DAY),
    Number("single_factor_absolute_seconds", "Absolute limit of a session without one", _DAY, 900, 30 * _DAY),
    Number("administrator_absolute_seconds", "Absolute limit of owners and admins", 12 * _HOUR, 900, _DAY),
    Number("concurrency_window_seconds", "W1: parallel retries get the same successor", 10, 0, 60),
    Number("lost_response_window_seconds", "W2: a retry after a lost answer gets it", _DAY, 0, _DAY),
    Number("max_replays", "Retries of one rotation", 8, 1, 32),
    Number("concurrent_sessions", "Sessions that a person may have at once", 5, 1, 50),
    Number("step_up_score", "Risk score from which a step-up is asked for", 60, 1, 99),
    Number("block_score", "Risk score from which the sign-in is blocked", 90, 2, 100),
    Number("impersonation_minutes", "Longest impersonation, in minutes", MAX_MINUTES, 1, MAX_MINUTES),
)
CHOICES: Final = (
    Choice("reuse_scope", "What the reuse of a refresh token ends", ("user", "family")),
    Choice("session_limit_action", "What a sign-in beyond the limit does", ("evict_oldest", "deny")),
    Choice("impersonation", "What administrators may do in another person's name", SETTING),
    Choice("impersonation_notice", "When that person is told of it", NOTICES),
)
STRICT_PRESET: Final[Mapping[str, int]] = {"concurrency_window_seconds": 0, "lost_response_window_seconds": 0}


class SecurityPolicy(NamedTuple):
    """The settings in force for one tenant; of `risk_weights` and `risk_modes` only what differs from the policy's own.

    `version` grows with each change of the tenant's settings.
    """

    version: int
    refresh_idle_seconds: int
    refresh_absolute_seconds: int
    single_factor_absolute_seconds: int
    administrator_absolute_seconds: int
    concurrency_window_seconds: int
    lost_response_window_seconds: int
    max_replays: int
    concurrent_sessions: int
    step_up_score: int
    block_score: int
    impersonation_minutes: int
    reuse_scope: str
    session_limit_action: str
    impersonation: str
    impersonation_notice: str
    risk_weights: Mapping[str, int]
    risk_modes: Mapping[str, str]

    def absolute_seconds(self, role: str, *, second_factor: bool) -> int:
        """Give the absolute limit of a session of `role` that opens with or without a second factor."""
        limit = self.refresh_absolute_seconds if second_factor else self.single_factor_absolute_seconds
        return min(limit, self.administrator_absolute_seconds) if role in ADMINISTRATORS else limit


def policy_of(own: Mapping[str, Any], version: int, deployment: Mapping[str, int]) -> SecurityPolicy:
    """Unite a tenant's `own` settings (validated when they were made) with those of the deployment."""
    made: dict[str, Any] = {
        number.name: int(own.get(number.name, deployment.get(number.name, number.default))) for number in NUMBERS
    }
    made |= {choice.name: str(own.get(choice.name, choice.options[0])) for choice in CHOICES}
    return SecurityPolicy(
        version=version,
        **made,
        risk_weights=dict(own.get("risk_weights", {})),
        risk_modes=dict(own.get("risk_modes", {})),
    )

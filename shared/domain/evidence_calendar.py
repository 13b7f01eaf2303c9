"""The evidence calendar: what evidence is due of each day, week, month and quarter, and what became of it.

Rules of this module
- Days are those of UTC, weeks run from Monday to Sunday (ISO 8601), quarters are those of the calendar year.
- A period belongs to the range in which its last day lies: of two ranges that abut, one has it.
- A tenant owes the evidence of every period that holds at least one whole day of its calendar (`applies`).
- `due` lies behind the end of the period: until then its last events are sealed, signed and collected.
- A quarter is reviewed by a snapshot that was taken within it, or behind it before the review is due (`reviews`).
- A waiver excuses what was not collected, as long as it counts. It never hides what was collected.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple

from shared.domain.access_review import SCOPES

Cadence = Literal["daily", "weekly", "monthly", "quarterly"]
Proof = Literal["heartbeat", "bundle", "review", "cleanup"]

UPCOMING: Final = "upcoming"
OPEN: Final = "open"
COLLECTED: Final = "collected"
COLLECTED_LATE: Final = "collected_late"
MISSED: Final = "missed"
FAILED: Final = "failed"
WAIVED: Final = "waived"
NOT_APPLICABLE: Final = "not_applicable"

BEFORE_BEGINNING: Final = "before_beginning"
NOT_SIMULATED: Final = "not_simulated"
NO_COLLECTION_EXISTED: Final = "no_collection_existed"

CANARY: Final = "AUDIT_CANARY"
CLEANED: Final = "CLEANUP_JOB_COMPLETED"
ATTESTED: Final = "ACCESS_REVIEW_ATTESTED"
MOST_WAIVED_DAYS: Final = 365
LATE_DAYS: Final = 35  # behind its due instant nothing of a period is asked for any more: what is missed stays so

_DAY: Final = timedelta(days=1)
_WEEK_DAYS: Final = 7
_MONTHS_OF_QUARTER: Final = 3
_YEAR_MONTHS: Final = 12
_GRACE_DAYS: Final[dict[Cadence, int]] = {"daily": 1, "weekly": 2, "monthly": 5, "quarterly": 15}


class Period(NamedTuple):
    """Both days are included."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        return _midnight(self.first)

    @property
    def end_exclusive(self) -> datetime:
        return _midnight(self.last + _DAY)


class Obligation(NamedTuple):
    """`proof` says what collects it; `actions` are the stream whose heartbeat it is."""

    id: str
    title: str
    section: str
    tsc: tuple[str, ...]
    cadence: Cadence
    proof: Proof
    actions: tuple[str, ...] = ()

    def due(self, period: Period) -> datetime:
        return period.end_exclusive + _GRACE_DAYS[self.cadence] * _DAY


OBLIGATIONS: Final[tuple[Obligation, ...]] = (
    Obligation(
        "login-daily",
        "Sign-ins are recorded",
        "CC6",
        ("CC6.1", "CC7.2"),
        "daily",
        "heartbeat",
        ("AUTH_LOGIN_SUCCESS", "AUTH_LOGIN_FAILED"),
    ),
    Obligation(
        "refresh-daily",
        "Token rotation and reuse are recorded",
        "CC6",
        ("CC6.1", "CC7.3"),
        "daily",
        "heartbeat",
        ("AUTH_TOKEN_REFRESH", "REFRESH_TOKEN_REUSED"),
    ),
    Obligation(
        "session-invalidation-daily",
        "Ended sessions are recorded",
        "CC7",
        ("CC6.1", "CC6.3"),
        "daily",
        "heartbeat",
        ("SESSION_INVALIDATED",),
    ),
    Obligation(
        "step-up-daily",
        "Further proofs are recorded",
        "CC7",
        ("CC6.1", "CC6.6"),
        "daily",
        "heartbeat",
        ("STEP_UP_REQUIRED", "STEP_UP_VERIFIED", "STEP_UP_FAILED", "STEP_UP_LOCKED"),
    ),
    Obligation(
        "impersonation-daily",
        "Impersonation is recorded",
        "CC6",
        ("CC6.3", "CC7.2"),
        "daily",
        "heartbeat",
        ("IMPERSONATION_STARTED", "IMPERSONATION_ENDED", "IMPERSONATION_DENIED"),
    ),
    Obligation(
        "ip-enforcement-daily",
        "Enforced address rules are recorded",
        "CC7",
        ("CC6.6", "CC7.2"),
        "daily",
        "heartbeat",
        ("IP_RULE_ENFORCED",),
    ),
    Obligation("cc6-access-weekly", "Changes of access", "CC6", ("CC6.2", "CC6.3"), "weekly", "bundle"),
    Obligation("cc7-security-weekly", "Security events", "CC7", ("CC7.2", "CC7.4"), "weekly", "bundle"),
    Obligation("cc8-incidents-monthly", "Incidents and what was done", "CC8", ("CC7.3", "CC7.4"), "monthly", "bundle"),
    Obligation(
        "cc9-monitoring-monthly", "Monitoring and the log's integrity", "CC9", ("CC7.2", "CC4.1"), "monthly", "bundle"
    ),
    Obligation("bundle-quarterly", "The evidence bundle", "CC9", ("CC4.1", "CC2.1"), "quarterly", "bundle"),
    Obligation(
        "access-review-quarterly",
        "The list of administrators was reviewed",
        "CC6",
        ("CC6.2", "CC6.3"),
        "quarterly",
        "review",
    ),
    Obligation("cleanup-quarterly", "The cleanup ran on every day", "CC9", ("CC6.1", "CC5.2"), "quarterly", "cleanup"),
)
BY_ID: Final = {obligation.id: obligation for obligation in OBLIGATIONS}
HEARTBEATS: Final = tuple(each for each in OBLIGATIONS if each.proof == "heartbeat")
WATCHED: Final = frozenset({CANARY, CLEANED, ATTESTED}.union(*(each.actions for each in HEARTBEATS)))


class Collected(NamedTuple):
    at: datetime
    on_time: bool


class Known(NamedTuple):
    """What is known of an obligation in one period; `failed`: its last attempt was in vain."""

    collected: Collected | None = None
    waived_until: datetime | None = None
    failed: bool = False


def first_day(begun: datetime) -> date:
    """Give the first whole day of a calendar that begins at an instant."""
    return begun.date() if begun == _midnight(begun.date()) else begun.date() + _DAY


def period_of(cadence: Cadence, day: date) -> Period:
    """Give the period that `day` lies in."""
    if cadence == "daily":
        return Period(day, day)
    if cadence == "weekly":
        monday = day - day.weekday() * _DAY
        return Period(monday, monday + (_WEEK_DAYS - 1) * _DAY)
    months = 1 if cadence == "monthly" else _MONTHS_OF_QUARTER
    month = (day.month - 1) // months * months + 1
    after = month + months
    end = date(day.year + 1, 1, 1) if after > _YEAR_MONTHS else date(day.year, after, 1)
    return Period(date(day.year, month, 1), end - _DAY)


def periods(cadence: Cadence, first: date, last: date) -> Iterator[Period]:
    """Give the periods whose last day lies in a range, both ends included, in order."""
    period = period_of(cadence, first)
    while period.last <= last:
        yield period
        period = period_of(cadence, period.last + _DAY)


def schedule(first: date, last: date) -> Iterator[tuple[Obligation, Period]]:
    """Give all that belongs to a range, by obligation and then by time."""
    for obligation in OBLIGATIONS:
        for period in periods(obligation.cadence, first, last):
            yield obligation, period


def applies(period: Period, since: date) -> bool:
    """Tell whether a calendar whose first whole day is `since` has a day of this period."""
    return since <= period.last


def why_not_applicable(period: Period, simulated: Period | None) -> str:
    """Say why nothing is owed of a period that the calendar in force does not reach.

    Before that calendar, one may have been kept of `simulated` days: within them nothing is owed but what was
    collected, and behind them nothing ran that could have collected anything.
    """
    if simulated is None or period.last < simulated.first:
        return BEFORE_BEGINNING
    return NOT_SIMULATED if period.last <= simulated.last else NO_COLLECTION_EXISTED


def status_of(obligation: Obligation, period: Period, since: date, known: Known, now: datetime) -> str:
    if known.collected is not None:
        return COLLECTED if known.collected.on_time else COLLECTED_LATE
    if not applies(period, since):
        return NOT_APPLICABLE
    if known.waived_until is not None and now < known.waived_until:
        return WAIVED
    if now >= obligation.due(period):
        return MISSED
    if known.failed:
        return FAILED
    return UPCOMING if now < period.start else OPEN


def on_time(obligation: Obligation, period: Period, at: datetime) -> bool:
    """Tell whether evidence that is collected at an instant is in time: the due instant itself is too late."""
    return at < obligation.due(period)


def reviews(obligation: Obligation, period: Period, scope: str, taken_at: datetime) -> bool:
    """Tell whether a snapshot says who had access in this period: when it was attested does not make it younger."""
    return scope in SCOPES and period.start <= taken_at < obligation.due(period)


def settled(obligation: Obligation, period: Period, status: str, now: datetime) -> bool:
    """Tell whether nothing will change any more: it was collected, or missed so long ago that it stays missed."""
    if status in {COLLECTED, COLLECTED_LATE, NOT_APPLICABLE}:
        return True
    return status == MISSED and now >= obligation.due(period) + LATE_DAYS * _DAY


def coverage(statuses: Iterable[str]) -> int | None:
    """Give how many of a hundred due obligations were collected, late ones included; None where none was due.

    What was waived, was never applicable or is not due yet counts neither way. It is rounded down: only all is 100.
    """
    counted = [status for status in statuses if status in {COLLECTED, COLLECTED_LATE, MISSED}]
    gathered = sum(status != MISSED for status in counted)
    return 100 * gathered // len(counted) if counted else None


def waiver_fault(until: datetime, now: datetime) -> str | None:
    """Say what is wrong with the end of a waiver."""
    if until <= now:
        return "A waiver ends in the future."
    if until > now + (MOST_WAIVED_DAYS + 1) * _DAY:
        return f"A waiver ends within {MOST_WAIVED_DAYS} days."
    return None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

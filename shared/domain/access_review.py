"""Access reviews: who is looked at, who may answer, and what an answer means by now. Pure rules.

Rules of this module
- Whoever is not ACTIVE has no access: he is in no snapshot, and an answer about him finds it removed already.
- Nobody answers for himself or for more than he holds, so each person needs a reviewer who is somebody else and may.
- An answer speaks of the role that the snapshot shows. Where the person has another one by now, the reviewer must name
  that one (`seen_role`), so that nobody keeps or takes what he has not seen.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from shared.domain.permission import administers, covers
from shared.domain.session import ACTIVE

ADMINISTRATORS: Final = "administrators"
EVERYBODY: Final = "everybody"
SCOPES: Final = (ADMINISTRATORS, EVERYBODY)

KEEP: Final = "keep"
REVOKE: Final = "revoke"
MODIFY: Final = "modify"
DECISIONS: Final = (KEEP, REVOKE, MODIFY)
OWNER: Final = "owner"
WITHOUT_ACCESS: Final = "member"  # the role that is left to whoever loses administrative access

# What came of an answer.
KEPT: Final = "kept"
CHANGED: Final = "changed"
ALREADY_REMOVED: Final = "already_removed"

# What the rows say of somebody by now.
REMOVED: Final = "removed"
OTHER: Final = "other"
SAME: Final = "same"

LONGEST_DAYS: Final = 366


def in_scope(scope: str, status: str, role: str) -> bool:
    """Tell whether somebody has the access that a review of `scope` looks at."""
    return status == ACTIVE and (scope == EVERYBODY or administers(role))


def by_now(scope: str, shown_role: str, seen_role: str | None, status: str, role: str) -> str:
    """Compare a person with the `shown_role` of the snapshot, or with the one that the reviewer says he has seen."""
    if not in_scope(scope, status, role):
        return REMOVED
    return SAME if role == (seen_role or shown_role) else OTHER


def grown(scope: str, known: tuple[str, str], status: str, role: str) -> bool:
    """Tell whether somebody has access of `scope` that he had not by the status and role that are `known` of him.

    They are what the snapshot shows, and of whoever was decided about what the decision left to him.
    """
    if not in_scope(scope, status, role):
        return False
    return not (in_scope(scope, *known) and covers(known[1], role))


def may_answer(reviewer: str, subject: str, *, last_owner: bool) -> bool:
    """Tell whether a reviewer of one role answers for a person of another.

    Nobody vouches for what he does not hold. Of the last owner there is nobody else who could: others who may change
    roles say that he keeps his, which nobody can take from him anyway.
    """
    return last_owner or covers(reviewer, subject)


def unreviewable(population: Mapping[str, str], reviewers: Mapping[str, str]) -> list[str]:
    """Name those of the population whom no reviewer but themselves may answer for; all are given with their roles."""
    last_owner = list(population.values()).count(OWNER) == 1
    return [
        subject
        for subject, role in population.items()
        if not any(
            may_answer(theirs, role, last_owner=last_owner and role == OWNER)
            for reviewer, theirs in reviewers.items()
            if reviewer != subject
        )
    ]


def due_at(day: str, now: float) -> int | None:
    """Give the instant (Unix seconds) at which the last `day` of a review is over, in UTC.

    None for what is no day, a day that is over, or one more than a year ahead.
    """
    try:
        end = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    seconds = int(end.timestamp())
    return seconds if now < seconds <= now + LONGEST_DAYS * 86_400 else None

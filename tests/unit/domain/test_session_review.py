"""What cleanup decides about one session."""

from dataclasses import replace

import pytest

from shared.domain.session_review import (
    End,
    Forget,
    Leave,
    Left,
    LookAgain,
    Reviewed,
    ReviewedGate,
    Verdict,
    review,
)

SESSION = Reviewed("ACTIVE", 3, idle_expires_at=1_000, absolute_expires_at=5_000, review_at=500)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (499, Leave()),
        (500, LookAgain(1_000)),
        (999, LookAgain(1_000)),
        (1_000, End("EXPIRED", "idle_expired")),
        (5_000, End("EXPIRED", "absolute_expired")),
    ],
)
def test_session_ends_when_a_limit_has_passed_and_is_looked_at_again_until_then(now: int, verdict: Verdict) -> None:
    assert review(SESSION, ReviewedGate(3), now) == verdict


def test_session_whose_version_was_left_behind_was_ended_by_somebody_whatever_its_limits_say() -> None:
    for now in (500, 1_000, 5_000):
        assert review(SESSION, ReviewedGate(4), now) == End("REVOKED", "session_version")


@pytest.mark.parametrize("status", ["EXPIRED", "REVOKED"])
def test_session_that_has_ended_is_not_ended_again(status: str) -> None:
    assert review(replace(SESSION, status=status), ReviewedGate(4), 5_000) == Forget()


def test_session_that_the_index_still_lists_is_left_alone() -> None:
    assert review(replace(SESSION, review_at=None), ReviewedGate(4), 5_000) == Leave()
    assert review(replace(SESSION, review_at=5_001), ReviewedGate(4), 5_000) == Leave()


def test_session_of_a_person_without_a_gate_ends_by_its_limits() -> None:
    assert review(SESSION, None, 999) == LookAgain(1_000)
    assert review(SESSION, None, 1_000) == End("EXPIRED", "idle_expired")


def test_gate_that_was_read_before_the_session_ends_nothing() -> None:
    assert review(SESSION, ReviewedGate(2), 500) == LookAgain(1_000)


def test_session_that_an_incident_ended_is_stamped_with_it_and_no_other_version_is() -> None:
    left = Left(3, "high_risk", "i1")
    assert review(SESSION, ReviewedGate(4, left), 500) == End("REVOKED", "high_risk", "i1")
    assert review(SESSION, ReviewedGate(5, replace(left, session_version=4)), 500) == End("REVOKED", "session_version")

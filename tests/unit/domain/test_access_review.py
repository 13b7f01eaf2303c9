"""Access reviews: whose access is looked at, what an answer means by now, and until when."""

import pytest

from shared.domain.access_review import (
    ADMINISTRATORS,
    EVERYBODY,
    OTHER,
    REMOVED,
    SAME,
    by_now,
    due_at,
    grown,
    in_scope,
    unreviewable,
)

NOON = 1_795_003_200  # 2026-11-18T12:00:00Z


@pytest.mark.parametrize(
    ("scope", "status", "role", "expected"),
    [
        (ADMINISTRATORS, "ACTIVE", "owner", True),
        (ADMINISTRATORS, "ACTIVE", "admin", True),
        (ADMINISTRATORS, "ACTIVE", "auditor", False),
        (ADMINISTRATORS, "ACTIVE", "member", False),
        (ADMINISTRATORS, "DEACTIVATED", "owner", False),
        (ADMINISTRATORS, "ACTIVE", "emperor", False),
        (EVERYBODY, "ACTIVE", "member", True),
        (EVERYBODY, "DEACTIVATED", "member", False),
        (EVERYBODY, "ERASED", "", False),
        (EVERYBODY, "MISSING", "", False),
    ],
)
def test_access_is_that_of_the_active(*, scope: str, status: str, role: str, expected: bool) -> None:
    assert in_scope(scope, status, role) is expected


@pytest.mark.parametrize(
    ("scope", "shown", "seen", "status", "role", "expected"),
    [
        (ADMINISTRATORS, "admin", None, "ACTIVE", "admin", SAME),
        (ADMINISTRATORS, "admin", None, "ACTIVE", "owner", OTHER),
        (ADMINISTRATORS, "admin", "owner", "ACTIVE", "owner", SAME),
        (ADMINISTRATORS, "admin", "owner", "ACTIVE", "admin", OTHER),
        (ADMINISTRATORS, "admin", None, "ACTIVE", "member", REMOVED),
        (ADMINISTRATORS, "admin", "member", "ACTIVE", "member", REMOVED),
        (ADMINISTRATORS, "admin", None, "DEACTIVATED", "admin", REMOVED),
        (EVERYBODY, "admin", None, "ACTIVE", "member", OTHER),
        (EVERYBODY, "member", None, "DEACTIVATED", "member", REMOVED),
        (EVERYBODY, "member", None, "ERASED", "", REMOVED),
    ],
)
def test_answer_speaks_of_the_role_that_was_seen(
    scope: str, shown: str, seen: str | None, status: str, role: str, expected: str
) -> None:
    assert by_now(scope, shown, seen, status, role) == expected


@pytest.mark.parametrize(
    ("population", "reviewers", "expected"),
    [
        (["owner1", "admin1"], ["owner1"], ["owner1"]),
        (["admin1"], ["owner1"], []),
        (["owner1", "owner2"], ["owner1", "owner2"], []),
        ([], ["owner1"], []),
        (["owner1", "admin1"], ["admin1", "admin2"], []),  # the last owner: nobody could take it from him
        (["owner1", "owner2", "admin1"], ["admin1", "admin2"], ["owner1", "owner2"]),
        (["owner1", "owner2", "admin1"], ["owner1", "admin1"], ["owner1"]),
        (["owner1", "emperor1"], ["admin1", "owner1"], ["emperor1"]),
    ],
)
def test_everybody_needs_a_reviewer_besides_himself_who_holds_as_much(
    population: list[str], reviewers: list[str], expected: list[str]
) -> None:
    asked, answering = ({one: one[:-1] for one in people} for people in (population, reviewers))
    assert unreviewable(asked, answering) == expected


@pytest.mark.parametrize(
    ("scope", "known", "status", "role", "expected"),
    [
        (ADMINISTRATORS, ("ACTIVE", "admin"), "ACTIVE", "admin", False),
        (ADMINISTRATORS, ("ACTIVE", "admin"), "ACTIVE", "owner", True),
        (ADMINISTRATORS, ("ACTIVE", "owner"), "ACTIVE", "admin", False),
        (ADMINISTRATORS, ("ACTIVE", "member"), "ACTIVE", "admin", True),
        (ADMINISTRATORS, ("DEACTIVATED", "admin"), "ACTIVE", "admin", True),
        (ADMINISTRATORS, ("ACTIVE", "admin"), "DEACTIVATED", "owner", False),
        (EVERYBODY, ("", ""), "ACTIVE", "member", True),
        (EVERYBODY, ("ACTIVE", "member"), "ACTIVE", "auditor", True),
        (EVERYBODY, ("ACTIVE", "auditor"), "ACTIVE", "member", False),
    ],
)
def test_access_has_grown_beyond_what_is_known(
    *, scope: str, known: tuple[str, str], status: str, role: str, expected: bool
) -> None:
    assert grown(scope, known, status, role) is expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-11-18", NOON + 43_200),  # today counts until it is over
        ("2026-11-17", None),
        ("2026-11-19", NOON + 43_200 + 86_400),
        ("2027-11-18", NOON + 43_200 + 365 * 86_400),
        ("2027-11-19", None),
        ("2028-02-29", None),
        ("2026-02-30", None),
        ("9999-12-31", None),
    ],
)
def test_review_is_due_when_its_last_day_is_over(day: str, expected: int | None) -> None:
    assert due_at(day, NOON) == expected

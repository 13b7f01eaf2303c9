"""Answers that meet: each other, a change of the same person, and the attestation. One wins, never both."""

from functions.access_reviews.handler import sweep
from shared.store.access_reviews import review_key
from tests.functions.estate import Estate, MovableClock, Response
from tests.functions.reviewing import DAY, attest, begun, decide, one
from tests.functions.signed_in import SignedIn
from tests.functions.staff_calls import ROLE, administrator, ask, gate
from tests.functions.test_factor_change_races import Interrupted, commit, every_call, interrupted, number
from tests.functions.test_staff_races import at_once

__all__ = ["interrupted"]

ROUNDS = 3


def company(estate: Estate) -> tuple[SignedIn, SignedIn]:
    tenant = estate.new_tenant()
    return administrator(estate, tenant), administrator(estate, tenant)


def count(estate: Estate, tenant: str, action: str) -> int:
    return estate.actions(tenant).count(action)


def test_of_two_answers_about_one_person_one_stands(estate: Estate) -> None:
    for _ in range(ROUNDS):
        first, second = company(estate)
        admin = estate.new_person(first.person.tenant, "admin")
        review_id = begun(first, [first, second])

        def answer(
            who: SignedIn, decision: str, review_id: str = review_id, staff_id: str = admin.staff_id
        ) -> Response:
            return decide(who, review_id, staff_id, decision)

        answers = at_once(
            lambda first=first, answer=answer: answer(first, "keep"),  # type: ignore[misc]
            lambda second=second, answer=answer: answer(second, "revoke"),  # type: ignore[misc]
        )
        assert sorted(each.status for each in answers) == [200, 409]
        (stands,) = one(first, review_id)["decisions"]
        assert gate(estate, admin)["role"] == ("admin" if stands["decision"] == "keep" else "member")
        assert count(estate, admin.tenant, "ACCESS_REVIEW_ITEM_DECIDED") == 1
        assert count(estate, admin.tenant, "USER_ROLE_CHANGED") == (stands["decision"] == "revoke")
        assert one(first, review_id)["review"]["decided"] == 1


def test_answer_and_a_change_of_role_at_once_come_one_after_the_other(estate: Estate) -> None:
    for _ in range(ROUNDS):
        first, second = company(estate)
        admin = estate.new_person(first.person.tenant, "admin")
        review_id, staff_id = begun(first, [first, second]), admin.staff_id
        kept, changed = at_once(
            lambda first=first, a=review_id, b=staff_id: decide(first, a, b, "keep"),  # type: ignore[misc]
            lambda second=second, staff_id=staff_id: ask(second, ROLE, staff_id, {"role": "owner"}),  # type: ignore[misc]
        )
        assert changed.status == 200
        names = estate.actions(admin.tenant)
        if kept.status == 200:
            assert names.index("ACCESS_REVIEW_ITEM_DECIDED") < names.index("USER_ROLE_CHANGED")
        else:
            assert (kept.status, kept.code) == (409, "changed_since_snapshot")
            assert "ACCESS_REVIEW_ITEM_DECIDED" not in names


def test_change_of_role_at_any_call_of_an_answer_is_seen_or_comes_later(
    estate: Estate, interrupted: Interrupted
) -> None:
    """Nobody keeps a role that the reviewer has not seen."""

    def run(wanted: int) -> bool:
        first, second = company(estate)
        admin = estate.new_person(first.person.tenant, "admin")
        review_id = begun(first, [first, second])
        answer = interrupted(
            lambda: decide(first, review_id, admin.staff_id, "keep"),
            number(wanted),
            lambda: ask(second, ROLE, admin.staff_id, {"role": "owner"}),
        )
        if answer is None:
            return False
        assert (answer.status, answer.code) == (409, "changed_since_snapshot")
        return True

    assert every_call(run) >= 5


def test_attestation_at_any_call_of_the_last_answer_finds_it_missing(estate: Estate, interrupted: Interrupted) -> None:
    """What was attested has every answer in it, and none comes behind."""
    early = set[str]()

    def run(wanted: int) -> bool:
        first, second = company(estate)
        review_id = begun(first, [first, second])
        decide(second, review_id, first.person.staff_id, "keep")
        met: list[Response] = []
        answer = interrupted(
            lambda: decide(first, review_id, second.person.staff_id, "keep"),
            number(wanted),
            lambda: met.append(attest(second, review_id)),
        )
        if answer is None:
            return False
        assert answer.status == 200
        early.add(met[0].code)
        assert attest(second, review_id).status == 200
        return True

    assert every_call(run) >= 5
    assert early == {"review_incomplete"}


def test_attestation_is_held_to_as_many_answers_as_people(estate: Estate, interrupted: Interrupted) -> None:
    first, second = company(estate)
    review_id, tenant = begun(first, [first, second]), first.person.tenant
    decide(second, review_id, first.person.staff_id, "keep")
    decide(first, review_id, second.person.staff_id, "keep")

    def one_less() -> None:
        estate.change_row("access_reviews", review_key(tenant, review_id), {"decided": 1})

    refused = interrupted(lambda: attest(first, review_id), commit, one_less)
    assert refused is not None
    assert refused.status == 409
    assert count(estate, tenant, "ACCESS_REVIEW_ATTESTED") == 0


def test_of_sweeps_at_once_one_tells_that_a_review_is_overdue(
    estate: Estate, interrupted: Interrupted, clock: MovableClock
) -> None:
    first, second = company(estate)
    begun(first, [first, second])
    clock.offset += 9 * DAY

    def swept() -> Response:
        sweep({}, None)
        return Response(200, {}, "{}", {})

    interrupted(swept, commit, lambda: sweep({}, None))
    assert count(estate, first.person.tenant, "ACCESS_REVIEW_OVERDUE") == 1


def test_of_attestations_at_once_one_is_told(estate: Estate) -> None:
    for _ in range(ROUNDS):
        first, second = company(estate)
        review_id = begun(first, [first, second])
        decide(second, review_id, first.person.staff_id, "keep")
        decide(first, review_id, second.person.staff_id, "keep")
        answers = at_once(
            lambda first=first, review_id=review_id: attest(first, review_id),  # type: ignore[misc]
            lambda second=second, review_id=review_id: attest(second, review_id),  # type: ignore[misc]
        )
        assert sorted(each.status for each in answers) == [200, 409]
        assert count(estate, first.person.tenant, "ACCESS_REVIEW_ATTESTED") == 1

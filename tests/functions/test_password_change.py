"""POST /api/auth/password."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.login.handler import handler as login_handler
from functions.password.handler import handler
from shared.domain.throttle import FREE_FAILURES
from shared.edge.viewer import Viewer, viewer_of
from shared.store.throttles import login_keys
from shared.store.wire import Wire
from tests.functions.conftest import Calls
from tests.functions.estate import (
    ORIGIN_SECRET,
    PASSWORD,
    Estate,
    MovableClock,
    Person,
    Place,
    Response,
    call,
    event,
    login,
    me,
    refresh,
)
from tests.functions.post_office import PostOffice, post
from tests.functions.test_hot_imports import HEAVY, loaded_by

__all__ = ["post"]

ROUTE = "POST /api/auth/password"
NEW = "seven quiet herons at dusk"


def change(bearer: str, current: str = PASSWORD, new: str = NEW, place: Place | None = None) -> Response:
    return call(handler, event(ROUTE, {"current": current, "new": new}, bearer=bearer, place=place))


def signed_in(person: Person) -> dict[str, Any]:
    response = login(person)
    assert response.status == 200, response.text
    return response.body


def log_in(person: Person, password: str) -> Response:
    body = {"tenant": person.tenant, "email": person.email, "password": password, "device_id": "device-1"}
    return call(login_handler, event("POST /api/auth/login", body))


def tries(estate: Estate, person: Person, place: Place) -> int:
    """Read how many attempts on a person are counted for the network of `place`."""
    bucket = login_keys(person.tenant, person.email, viewer(place)).to_read(estate.clock())[0]["bucket"]
    return next(int(row["tries"]) for row in estate.rows("throttles") if row["bucket"] == bucket)


def viewer(place: Place) -> Viewer:
    return viewer_of(place.headers(), "127.0.0.1", Secrets(), required=True)


class Secrets:
    def values(self) -> list[str]:
        return [ORIGIN_SECRET]


def password_row(estate: Estate, person: Person) -> dict[str, Any]:
    item = f"{person.staff_id}#factor#password"
    (row,) = [row for row in estate.rows("tenant_staff") if row["item"] == item and row["tenant"] == person.tenant]
    return row


def test_change_answers_with_new_tokens_of_the_same_session(person: Person) -> None:
    tokens = signed_in(person)
    response = change(tokens["access_token"])
    assert response.status == 200, response.text
    assert response.body["session"]["session_id"] == tokens["session"]["session_id"]
    assert me(response.body["access_token"]).status == 200
    assert refresh(response.body["refresh_token"]).status == 200


def test_from_the_change_on_the_new_password_opens_and_the_old_one_does_not(person: Person) -> None:
    change(signed_in(person)["access_token"])
    assert login(person).status == 401
    assert log_in(person, NEW).status == 200


def test_all_other_sessions_die_with_the_old_password_and_so_do_the_old_tokens_of_this_one(person: Person) -> None:
    other, this = signed_in(person), signed_in(person)
    assert change(this["access_token"]).status == 200
    for tokens in (other, this):
        assert me(tokens["access_token"]).status == 401
        assert refresh(tokens["refresh_token"]).status == 401


def test_change_is_recorded_and_the_person_is_told_without_any_password(
    estate: Estate, person: Person, post: PostOffice
) -> None:
    change(signed_in(person)["access_token"])
    changed, ended = estate.events(person.tenant)[-2:]
    assert (changed["action"], changed["outcome"]) == ("PASSWORD_CHANGED", "success")
    assert (ended["action"], ended["reason"]) == ("SESSION_INVALIDATED", "password_changed")
    assert ended["change"] == {"before": {"session_version": 1}, "after": {"session_version": 2}}
    assert [entry["sub"] for entry in changed["pii"]] == [person.staff_id]
    mails = [mail for mail in post.mails_to(person) if mail.subject == "Your password was changed"]
    assert len(mails) == 1
    assert "Country: DE" in mails[0].text
    assert NEW not in mails[0].text


def test_wrong_current_password_changes_nothing_and_is_recorded(estate: Estate, person: Person) -> None:
    tokens = signed_in(person)
    before = password_row(estate, person)
    response = change(tokens["access_token"], current="not it")
    assert (response.status, response.code) == (401, "invalid_credentials")
    assert password_row(estate, person) == before
    assert me(tokens["access_token"]).status == 200
    line = estate.events(person.tenant)[-1]
    assert (line["action"], line["outcome"], line["reason"]) == ("PASSWORD_CHANGED", "failure", "WRONG_PASSWORD")


@pytest.mark.parametrize(
    ("new", "reasons"),
    [
        ("short", ["too_short"]),
        ("x" * 300, ["too_long"]),
        ("1qaz2wsx3edc4rfv", ["common"]),
        ("AcmeGmbH-2026-login", ["contains_context_word"]),
        (PASSWORD, ["unchanged"]),
    ],
)
def test_unfit_new_password_is_refused_with_its_reasons_and_costs_no_attempt(
    estate: Estate, person: Person, new: str, reasons: list[str]
) -> None:
    tokens = signed_in(person)
    before = estate.everything()
    response = change(tokens["access_token"], new=new)
    assert (response.status, response.code) == (422, "password_rejected")
    assert response.body["reasons"] == reasons
    assert estate.everything() == before


def test_shorter_password_suffices_beside_a_second_factor(estate: Estate, tenant: str) -> None:
    alone, strong = estate.new_person(tenant), estate.new_person(tenant, totp=True)
    assert change(signed_in(alone)["access_token"], new="herons-7x!").status == 422
    assert change(signed_in(strong)["access_token"], new="herons-7x!").status == 200


def test_new_password_is_kept_exactly_as_it_was_sent(person: Person) -> None:
    spaced = "  Seven Quiet Herons at dusk "
    assert change(signed_in(person)["access_token"], new=spaced).status == 200
    assert log_in(person, spaced.strip()).status == 401
    assert log_in(person, spaced.lower()).status == 401
    assert log_in(person, spaced).status == 200


def test_stolen_session_guesses_no_faster_than_a_stranger(person: Person) -> None:
    bearer, place = signed_in(person)["access_token"], Place()
    answers = [change(bearer, current=f"guess {number}", place=place) for number in range(FREE_FAILURES + 2)]
    assert [answer.status for answer in answers[:FREE_FAILURES]] == [401] * FREE_FAILURES
    assert 429 in [answer.status for answer in answers[FREE_FAILURES:]]
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.code == "rate_limited"
    assert int(refused.headers["Retry-After"]) >= 1


def test_right_password_clears_the_count_of_its_network(estate: Estate, person: Person, clock: MovableClock) -> None:
    tokens, place = signed_in(person), Place()
    for number in range(FREE_FAILURES):
        change(tokens["access_token"], current=f"guess {number}", place=place)
    clock.offset += 2
    assert change(tokens["access_token"], place=place).status == 200
    assert tries(estate, person, place) == 0


def test_twenty_wrong_guesses_at_once_count_each_for_itself_or_are_told_to_wait(estate: Estate, person: Person) -> None:
    bearer, place = signed_in(person)["access_token"], Place()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: change(bearer, current=f"guess {n}", place=place), range(20)))
    wrong = sum(answer.status == 401 for answer in answers)
    assert {answer.status for answer in answers} <= {401, 429}
    assert 1 <= wrong <= FREE_FAILURES + 3, "of many at once no more get through than one after the other"
    failures = [line for line in estate.events(person.tenant) if line["reason"] == "WRONG_PASSWORD"]
    assert len(failures) == wrong
    assert tries(estate, person, place) == wrong


def test_of_two_changes_at_once_one_wins(person: Person) -> None:
    bearer = signed_in(person)["access_token"]
    news = ["seven quiet herons at dusk", "eleven loud geese at dawn"]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda new: change(bearer, new=new), news))
    assert sorted(answer.status for answer in answers) == [200, 401]
    winner = next(new for new, answer in zip(news, answers, strict=True) if answer.status == 200)
    assert log_in(person, winner).status == 200


def test_change_of_somebody_deactivated_meanwhile_commits_nothing(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer = signed_in(person)["access_token"]
    before = password_row(estate, person)
    original = Wire.call

    def deactivating(
        self: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None
    ) -> dict[str, Any]:
        if operation == "TransactWriteItems" and estate.environ["AUDIT_LOGS_TABLE"] in json.dumps(request):
            estate.change_gate(person, "status", "DEACTIVATED")
        return original(self, operation, request, deadline=deadline)

    monkeypatch.setattr(Wire, "call", deactivating)
    response = change(bearer)
    assert (response.status, response.code) == (401, "invalid_token")
    assert password_row(estate, person) == before
    assert "PASSWORD_CHANGED" not in estate.actions(person.tenant)


def test_change_whose_event_cannot_be_written_is_503_and_changes_nothing(
    estate: Estate, person: Person, audit_write_fails: Callable[[], None]
) -> None:
    bearer = signed_in(person)["access_token"]
    before = password_row(estate, person)
    audit_write_fails()
    assert change(bearer).status == 503
    assert password_row(estate, person) == before
    assert log_in(person, NEW).status == 503


def test_no_password_and_no_token_stands_in_any_table_or_log_line(
    estate: Estate, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = signed_in(person)
    fresh = change(tokens["access_token"]).body
    change(fresh["access_token"], current="a wrong guess of mine", new="eleven loud geese at dawn")
    change(fresh["access_token"], current=NEW, new="password password")
    kept = json.dumps(estate.everything(), default=str) + capsys.readouterr().out
    secret = [PASSWORD, NEW, "a wrong guess of mine", "eleven loud geese", "password password"]
    secret += [fresh["access_token"], fresh["refresh_token"], fresh["refresh_token"].rpartition(".")[2]]
    assert not [text for text in secret if text in kept]


def test_change_takes_a_fixed_number_of_calls(person: Person, calls: Calls) -> None:
    bearer = signed_in(person)["access_token"]
    change(bearer, current="not it")
    calls.clear()
    change(bearer, current="not it")
    assert calls.operations() == [*["BatchGetItem"] * 3, *["TransactWriteItems"] * 2]


def test_nobody_changes_a_password_without_a_session() -> None:
    response = call(handler, event(ROUTE, {"current": PASSWORD, "new": NEW}))
    assert (response.status, response.code) == (401, "invalid_token")


def test_function_loads_no_heavy_library_and_reads_no_list_before_it_is_needed() -> None:
    loaded = loaded_by("functions.password.handler")
    assert {name.partition(".")[0] for name in loaded}.isdisjoint(HEAVY)
    assert "tarfile" not in loaded, "what writes the list stays at home"

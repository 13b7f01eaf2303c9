"""POST /api/auth/password/reset and .../complete."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from boto3.dynamodb.types import TypeSerializer

from functions.login.handler import handler as login_handler
from functions.password.handler import handler
from functions.password.reset_request import ACCOUNT_BUDGET, ADDRESS_BUDGET, BUDGET_SECONDS, TOKEN_SECONDS
from shared.store.one_time_tokens import hash_of
from shared.store.wire import Wire
from tests.functions.conftest import Calls
from tests.functions.estate import PASSWORD, Estate, MovableClock, Person, Place, Response, call, event, login, me
from tests.functions.post_office import PostOffice, post

__all__ = ["post"]

REQUEST, COMPLETE = "POST /api/auth/password/reset", "POST /api/auth/password/reset/complete"
NEW = "seven quiet herons at dusk"
_USED: list[int] = [0]


def elsewhere() -> Place:
    """Come from an address of one's own: the budgets of addresses are not what is tested."""
    _USED[0] += 1
    return Place(address=f"203.0.{_USED[0] // 250 + 2}.{_USED[0] % 250 + 1}")


def ask(tenant: str, email: str, place: Place | None = None) -> Response:
    return call(handler, event(REQUEST, {"tenant": tenant, "email": email}, place=place or elsewhere(), request_id="r"))


def complete(token: str, new: str = NEW, place: Place | None = None) -> Response:
    return call(handler, event(COMPLETE, {"token": token, "new": new}, place=place or elsewhere()))


def opens(person: Person, password: str) -> bool:
    """Tell whether a password proves the person, whatever the risk of the place asks for beyond it."""
    body = {"tenant": person.tenant, "email": person.email, "password": password, "device_id": "device-1"}
    answer = call(login_handler, event("POST /api/auth/login", body, place=elsewhere()))
    return bool(answer.body.get("code") != "invalid_credentials")


def mailed(post: PostOffice, person: Person) -> str:
    """Ask for a reset and read the token out of the mail."""
    assert ask(person.tenant, person.email).status == 202
    return post.mails_to(person)[-1].token


def test_link_of_the_mail_sets_a_new_password(person: Person, post: PostOffice) -> None:
    token = mailed(post, person)
    response = complete(token)
    assert (response.status, response.text) == (204, "")
    assert not opens(person, PASSWORD)
    assert opens(person, NEW)


def test_all_sessions_die_and_second_factors_stay(estate: Estate, tenant: str, post: PostOffice) -> None:
    person = estate.new_person(tenant, totp=True)
    bearer = login(person).body["access_token"]
    assert complete(mailed(post, person)).status == 204
    assert me(bearer).status == 401
    items = [row["item"] for row in estate.rows("tenant_staff") if row["tenant"] == tenant]
    assert f"{person.staff_id}#factor#totp" in items


def test_reset_is_recorded_from_request_to_end(estate: Estate, person: Person, post: PostOffice) -> None:
    complete(mailed(post, person))
    asked, done, ended = estate.events(person.tenant)[-3:]
    assert (asked["action"], asked["outcome"], asked["actor"]["type"]) == (
        "PASSWORD_RESET_REQUESTED",
        "success",
        "anonymous",
    )
    assert (done["action"], done["actor"]["id"]) == ("PASSWORD_RESET_COMPLETED", person.staff_id)
    assert done["actor"]["auth"] == "reset_token"
    assert (ended["action"], ended["reason"]) == ("SESSION_INVALIDATED", "password_reset")
    assert [entry["sub"] for line in (asked, done) for entry in line["pii"]] == [person.staff_id] * 2
    assert person.email not in json.dumps([asked, done, ended])


def test_person_is_told_of_the_new_password(person: Person, post: PostOffice) -> None:
    complete(mailed(post, person))
    assert [mail.subject for mail in post.mails_to(person)] == ["Reset your password", "Your password was changed"]


def test_token_counts_once(person: Person, post: PostOffice) -> None:
    token = mailed(post, person)
    assert complete(token).status == 204
    again = complete(token, new="eleven loud geese at dawn")
    assert (again.status, again.code) == (401, "invalid_grant")


def test_of_two_completions_at_once_one_wins(estate: Estate, person: Person, post: PostOffice) -> None:
    token = mailed(post, person)
    news = ["seven quiet herons at dusk", "eleven loud geese at dawn"]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda new: complete(token, new=new), news))
    assert sorted(answer.status for answer in answers) == [204, 401]
    assert estate.actions(person.tenant).count("PASSWORD_RESET_COMPLETED") == 1
    winner = next(new for new, answer in zip(news, answers, strict=True) if answer.status == 204)
    assert opens(person, winner)


def test_newer_token_voids_the_older_one(person: Person, post: PostOffice) -> None:
    first = mailed(post, person)
    second = mailed(post, person)
    assert complete(first).code == "invalid_grant"
    assert complete(second).status == 204


def test_token_dies_after_half_an_hour(person: Person, post: PostOffice, clock: MovableClock) -> None:
    token = mailed(post, person)
    clock.offset += TOKEN_SECONDS + 1
    assert complete(token).code == "invalid_grant"


def test_password_that_was_changed_meanwhile_voids_the_token(person: Person, post: PostOffice) -> None:
    bearer = login(person).body["access_token"]
    token = mailed(post, person)
    body = {"current": PASSWORD, "new": "eleven loud geese at dawn"}
    assert call(handler, event("POST /api/auth/password", body, bearer=bearer, place=elsewhere())).status == 200
    assert complete(token).code == "invalid_grant"


def test_unfit_password_leaves_the_token_good(person: Person, post: PostOffice) -> None:
    token = mailed(post, person)
    refused = complete(token, new="too short")
    assert (refused.status, refused.code, refused.body["reasons"]) == (422, "password_rejected", ["too_short"])
    assert complete(token).status == 204


def test_every_dead_token_reads_alike(estate: Estate, person: Person, post: PostOffice, clock: MovableClock) -> None:
    gone = estate.new_person(person.tenant)
    spent, void, of_somebody_gone = mailed(post, person), "", mailed(post, gone)
    complete(spent)
    void = mailed(post, person)
    mailed(post, person)
    estate.change_gate(gone, "status", "DEACTIVATED")
    answers = [complete(token) for token in (spent, void, of_somebody_gone, "made-up", "x" * 128)]
    assert {(answer.status, answer.code) for answer in answers} == {(401, "invalid_grant")}
    assert len({json.dumps({**answer.body, "request_id": ""}) for answer in answers}) == 1
    assert clock.offset == 0


def test_deactivated_person_is_sent_nothing_and_completes_nothing(
    estate: Estate, person: Person, post: PostOffice
) -> None:
    token = mailed(post, person)
    estate.change_gate(person, "status", "DEACTIVATED")
    assert ask(person.tenant, person.email).status == 202
    assert len(post.mails_to(person)) == 1
    assert estate.events(person.tenant)[-1]["reason"] == "STAFF_INACTIVE"
    assert complete(token).code == "invalid_grant"


def test_answer_is_the_same_whoever_asks_and_so_are_the_calls(estate: Estate, person: Person, calls: Calls) -> None:
    gone = estate.new_person(person.tenant)
    estate.change_gate(gone, "status", "DEACTIVATED")
    ask(person.tenant, "warm-up@acme.example")
    asked = []
    for tenant, email in (
        (person.tenant, person.email),
        (person.tenant, "nobody@acme.example"),
        (person.tenant, gone.email),
        ("no-such-tenant", person.email),
        (person.tenant, "\ufdfa" * 320),
    ):
        calls.clear()
        response = ask(tenant, email)
        transaction = next(request for operation, request in calls if operation == "TransactWriteItems")
        shape = (calls.operations(), len(transaction["TransactItems"]))
        asked.append((response.status, response.text, json.dumps(response.headers), shape))
    assert all(one == asked[0] for one in asked)
    assert asked[0][3] == (["UpdateItem"] * 2 + ["BatchGetItem"] * 2 + ["Encrypt", "TransactWriteItems"], 4)


def test_nobody_is_recorded_under_the_unknown_people_of_the_month(estate: Estate, tenant: str) -> None:
    ask(tenant, "nobody@elsewhere.example")
    ask(tenant, "nobody-else@elsewhere.example")
    lines = [line for line in estate.events(tenant) if line["action"] == "PASSWORD_RESET_REQUESTED"]
    assert [(line["outcome"], line["reason"], line["targets"]) for line in lines] == [
        ("failure", "EMAIL_UNKNOWN", [])
    ] * 2
    assert {line["pii"][0]["sub"].partition("#")[0] for line in lines} == {"unknown"}
    assert "elsewhere.example" not in json.dumps(lines)


def test_unknown_tenant_leaves_no_trace_but_the_budgets(estate: Estate) -> None:
    assert ask("no-such-tenant", "ada@acme.example").status == 202
    assert estate.but_counts() == []


def test_beyond_the_budget_of_an_account_the_answer_is_the_same_and_nothing_is_sent(
    estate: Estate, person: Person, post: PostOffice, calls: Calls
) -> None:
    answers = [ask(person.tenant, person.email) for _ in range(ACCOUNT_BUDGET)]
    tokens = [mail.token for mail in post.mails_to(person)]
    assert len(tokens) == ACCOUNT_BUDGET
    before = estate.events(person.tenant)
    calls.clear()
    beyond = ask(person.tenant, person.email)
    assert calls.operations() == ["UpdateItem"] * 2 + ["BatchGetItem"] * 2 + ["Encrypt", "TransactWriteItems"]
    assert {answer.text for answer in (*answers, beyond)} == {beyond.text}
    assert beyond.status == 202
    assert len(post.mails_to(person)) == ACCOUNT_BUDGET
    assert estate.events(person.tenant) == before
    assert complete(tokens[-1]).status == 204, "whoever spent the budget left a link that works in the mailbox"


def test_budget_is_renewed_before_its_last_token_dies(person: Person, post: PostOffice, clock: MovableClock) -> None:
    assert BUDGET_SECONDS < TOKEN_SECONDS
    for _ in range(ACCOUNT_BUDGET + 1):
        ask(person.tenant, person.email)
    clock.offset += BUDGET_SECONDS
    ask(person.tenant, person.email)
    assert len(post.mails_to(person)) == ACCOUNT_BUDGET + 1


def test_one_address_asks_for_so_many_and_no_more(estate: Estate, tenant: str, post: PostOffice) -> None:
    place = Place(address="192.0.2.77")
    people = [estate.new_person(tenant) for _ in range(ADDRESS_BUDGET + 2)]
    assert {ask(tenant, person.email, place).status for person in people} == {202}
    post.deliver_all(tenant)
    assert sum(bool(post.mails(person.email)) for person in people) == ADDRESS_BUDGET


def test_guesses_of_an_address_are_refused_after_thirty_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("functions.password.reset_completion.ADDRESS_BUDGET", 3)
    place = Place(address="192.0.2.78")
    answers = [complete(f"guess-{number}", place=place) for number in range(8)]
    assert [answer.code for answer in answers[:3]] == ["invalid_grant"] * 3
    refused = next(answer for answer in answers if answer.status == 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_token_stands_hashed_and_sealed_and_nowhere_in_the_clear(
    estate: Estate, person: Person, post: PostOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(person.tenant, person.email).status == 202
    (effect,) = post.rows(person.tenant)
    assert effect["payload"]["sealed"]
    undelivered = json.dumps(estate.everything(), default=str)
    token = post.mails_to(person)[-1].token
    complete(token, new="too short")
    complete(token)
    kept = undelivered + json.dumps(estate.everything(), default=str) + capsys.readouterr().out
    assert hash_of(token) in kept
    assert token not in kept
    assert NEW not in kept
    assert "sealed" not in post.rows(person.tenant)[0]["payload"], "gone with the mail"


def test_token_sealed_for_one_tenant_opens_in_no_other(estate: Estate, person: Person, post: PostOffice) -> None:
    ask(person.tenant, person.email)
    (effect,) = post.rows(person.tenant)
    other = estate.new_person(estate.new_tenant())
    moved = {**effect, "tenant": other.tenant, "payload": {**effect["payload"], "staff_id": other.staff_id}}
    estate._dynamodb.put_item(TableName=post.table, Item=_plain(moved))
    with pytest.raises(BatchProcessingError, match="InvalidCiphertext"):
        post.deliver(moved)
    assert post.mails(other.email) == []
    estate.delete("outbox", {"tenant": other.tenant, "effect_id": effect["effect_id"]})


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    serializer = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in row.items()}


def test_request_whose_event_cannot_be_written_is_503_and_sends_nothing(
    person: Person, post: PostOffice, audit_write_fails: Callable[[], None]
) -> None:
    audit_write_fails()
    assert ask(person.tenant, person.email).status == 503
    assert post.rows(person.tenant) == []


def test_completion_of_somebody_deactivated_meanwhile_commits_nothing(
    estate: Estate, person: Person, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = mailed(post, person)
    original = Wire.call

    def deactivating(
        self: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None
    ) -> dict[str, Any]:
        if operation == "TransactWriteItems":
            estate.change_gate(person, "status", "DEACTIVATED")
        return original(self, operation, request, deadline=deadline)

    monkeypatch.setattr(Wire, "call", deactivating)
    assert complete(token).code == "invalid_grant"
    assert "PASSWORD_RESET_COMPLETED" not in estate.actions(person.tenant)


def test_reset_lets_the_network_of_the_person_in_again(estate: Estate, person: Person, post: PostOffice) -> None:
    place = elsewhere()
    body = {"tenant": person.tenant, "email": person.email, "password": "not it", "device_id": "device-1"}
    answers = [call(login_handler, event("POST /api/auth/login", body, place=place)) for _ in range(7)]
    assert answers[-1].status == 429
    assert complete(mailed(post, person), place=place).status == 204
    right = call(login_handler, event("POST /api/auth/login", {**body, "password": NEW}, place=place))
    assert right.status != 429
    assert estate.actions(person.tenant).count("PASSWORD_RESET_COMPLETED") == 1

"""POST /api/auth/login."""

import json
from collections.abc import Callable

import pytest

from functions.login.handler import handler
from tests.functions.conftest import Calls
from tests.functions.estate import PASSWORD, Estate, Person, Place, Response, call, event, login

ROUTE = "POST /api/auth/login"


def attempt(request_id: str = "one", **fields: str) -> Response:
    return call(handler, event(ROUTE, fields, request_id=request_id))


def test_right_password_opens_a_session_with_both_tokens(estate: Estate, person: Person) -> None:
    response = login(person)
    assert response.status == 200
    assert response.body["token_type"] == "Bearer"
    assert response.body["expires_in"] == 600
    assert response.body["refresh_expires_in"] == 28_800
    assert response.body["session"]["staff_id"] == person.staff_id
    assert response.body["session"]["acr"] == "urn:muniment:aal1"
    assert estate.actions(person.tenant) == ["AUTH_LOGIN_SUCCESS", "ANOMALY_SCORED"]


def test_session_and_token_rows_hold_hashes_and_never_the_token(estate: Estate, person: Person) -> None:
    token = login(person).body["refresh_token"]
    stored = json.dumps(estate.everything(), default=str)
    assert token not in stored
    assert token.rpartition(".")[2] not in stored


def test_address_and_email_of_a_login_are_sealed_in_its_event(estate: Estate, person: Person) -> None:
    login(person, place=Place(address="203.0.113.77"))
    line = next(line for line in estate.events(person.tenant) if line["action"] == "AUTH_LOGIN_SUCCESS")
    assert line["context"]["ip_net"] == "203.0.113.0/24"
    assert line["context"]["country"] == "DE"
    assert "203.0.113.77" not in json.dumps(line)
    assert person.email not in json.dumps(line)
    assert [entry["sub"] for entry in line["pii"]] == [person.staff_id]


def test_email_is_compared_without_case_width_and_blanks(person: Person) -> None:
    typed = f"  {person.email.upper()} ".replace("A", "\uff21")
    response = attempt(tenant=person.tenant, email=typed, password=PASSWORD)
    assert response.status == 200


def test_wrong_password_unknown_email_unknown_tenant_and_deactivated_staff_read_alike(
    estate: Estate, person: Person
) -> None:
    gone = estate.new_person(person.tenant)
    estate.change_gate(gone, "status", "DEACTIVATED")
    answers = [
        attempt(tenant=person.tenant, email=person.email, password="not it"),
        attempt(tenant=person.tenant, email="nobody@acme.example", password=PASSWORD),
        attempt(tenant="no-such-tenant", email=person.email, password=PASSWORD),
        attempt(tenant=person.tenant, email=gone.email, password=PASSWORD),
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert len({json.dumps(answer.headers) for answer in answers}) == 1
    assert answers[0].code == "invalid_credentials"


def test_every_failure_in_a_tenant_is_recorded_with_its_reason(estate: Estate, person: Person) -> None:
    attempt(tenant=person.tenant, email=person.email, password="not it")
    attempt(tenant=person.tenant, email="nobody@acme.example", password=PASSWORD)
    failures = [line for line in estate.events(person.tenant) if line["action"] == "AUTH_LOGIN_FAILED"]
    assert [line["reason"] for line in failures] == ["WRONG_PASSWORD", "EMAIL_UNKNOWN"]
    assert failures[0]["targets"] == [{"type": "user", "id": person.staff_id}]
    assert failures[1]["pii"][0]["sub"].startswith("unknown#")


def test_unknown_tenant_leaves_no_trace_but_its_count(estate: Estate, person: Person) -> None:
    before = estate.but_counts()
    assert attempt(tenant="no-such-tenant", email=person.email, password=PASSWORD).status == 401
    assert estate.but_counts() == before


def test_unknown_people_of_a_month_share_one_salt(estate: Estate, person: Person) -> None:
    for name in ("one", "two"):
        attempt(tenant=person.tenant, email=f"{name}@elsewhere.example", password="x")
    salts = [row for row in estate.rows("subject_keys") if row["tenant"] == person.tenant]
    assert len([row for row in salts if row["subject"].startswith("unknown#")]) == 1


def test_erased_person_is_given_no_new_salt_by_logging_in_or_trying_to(estate: Estate, person: Person) -> None:
    estate.delete("subject_keys", {"tenant": person.tenant, "subject": person.staff_id})
    assert login(person).status == 200
    assert attempt(tenant=person.tenant, email=person.email, password="not it").status == 401
    assert [row for row in estate.rows("subject_keys") if row["tenant"] == person.tenant] == []
    assert [line["pii"] for line in estate.events(person.tenant)[-2:]] == [[], []]


def test_login_whose_event_cannot_be_written_is_503_and_changes_nothing(
    estate: Estate, person: Person, audit_write_fails: Callable[[], None]
) -> None:
    before = estate.but_counts()
    audit_write_fails()
    right = login(person)
    wrong = attempt(tenant=person.tenant, email=person.email, password="not it")
    assert [right.status, wrong.status] == [503, 503]
    assert right.code == wrong.code == "auth_unavailable"
    assert right.headers["Retry-After"] == "1"
    assert estate.but_counts() == before


def test_login_takes_at_most_four_calls_once_its_keys_are_open(person: Person, calls: Calls) -> None:
    login(person)
    calls.clear()
    login(person)
    four = ["BatchGetItem", "TransactWriteItems", "BatchGetItem", "TransactWriteItems"]
    assert calls.operations() == four
    calls.clear()
    attempt(tenant="no-such-tenant", email=person.email, password=PASSWORD)
    assert calls.operations() == four


def test_address_that_no_key_can_hold_is_an_unknown_one(person: Person) -> None:
    response = attempt(tenant=person.tenant, email="\ufdfa" * 320, password=PASSWORD)
    assert (response.status, response.code) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        ("{", ""),
        ("[]", ""),
        ("null", ""),
        ('{"tenant": "a", "tenant": "b", "email": "c", "password": "d"}', ""),
        ('{"tenant": "a", "email": "b", "password": NaN}', ""),
        ('{"tenant": "a", "email": "b", "password": "c", "remember": true}', "/remember"),
        ('{"tenant": "a", "email": "b"}', "/password"),
        ('{"tenant": "a", "email": 7, "password": "c"}', "/email"),
        ('{"tenant": "a", "email": "b", "password": null}', "/password"),
        ('{"tenant": "a#b", "email": "b", "password": "c"}', "/tenant"),
        ('{"tenant": "a", "email": "\\ud800", "password": "c"}', "/email"),
        ("[" * 60_000, ""),
    ],
)
def test_malformed_bodies_are_400_and_point_at_the_fault(estate: Estate, raw: str, pointer: str) -> None:
    response = call(handler, event(ROUTE, raw=raw))
    assert (response.status, response.code) == (400, "invalid_request")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in response.body["errors"]]
    assert estate.everything() == []


def test_media_type_and_size_are_refused_by_their_own_status(estate: Estate) -> None:
    assert estate
    assert call(handler, event(ROUTE, raw="a=b", content_type="application/x-www-form-urlencoded")).status == 415
    assert call(handler, event(ROUTE, raw="{}", content_type=None)).status == 415
    assert call(handler, event(ROUTE, raw=" " * 65_537)).status == 413

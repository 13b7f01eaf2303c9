"""Address rules at the doors without an access token: login, refresh, challenge, reset of a password."""

import pytest

from functions.login.handler import handler as login_handler
from functions.password.handler import handler as password_handler
from functions.refresh.handler import handler as refresh_handler
from functions.step_up.handler import handler as step_up_handler
from tests.functions.address_book import HOME, OFFICE, put_rules
from tests.functions.conftest import Calls
from tests.functions.estate import PASSWORD, Estate, MovableClock, Person, Place, call, event, login
from tests.functions.post_office import PostOffice, post
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.test_address_enforcement import DENY_OFFICE, addresses_of, enforced, refresh_from, refused, session
from tests.functions.test_ip_rules import interrupted
from tests.functions.test_password_reset import COMPLETE, NEW, REQUEST, mailed
from tests.functions.test_step_up import code_of

__all__ = ["post", "session"]


def test_login_from_a_denied_address_is_refused_before_anything_is_checked_or_counted(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_rules(estate, person.tenant, DENY_OFFICE)
    monkeypatch.setattr("functions.login.credentials.proves", None)
    before = estate.rows("throttles")
    assert all(refused(login(person, place=OFFICE, password=word)) for word in (PASSWORD, "wrong"))
    assert estate.rows("throttles") == before
    monkeypatch.undo()
    nobody = {"tenant": person.tenant, "email": "nobody@acme.example", "password": PASSWORD}
    assert refused(call(login_handler, event("POST /api/auth/login", nobody, place=OFFICE)))
    (line,) = enforced(estate, person.tenant)
    assert (line["actor"]["type"], line["actor"]["id"], line["targets"]) == ("anonymous", None, [])
    ((subject, address),) = addresses_of(estate, person.tenant)
    assert (subject.partition("#")[0], address) == ("unknown", OFFICE.address)
    assert login(person, place=HOME).status == 200


def test_first_stranger_of_the_month_is_refused_though_another_one_was_faster(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_rules(estate, person.tenant, DENY_OFFICE)
    faster = Place(address="203.0.113.10")
    with monkeypatch.context() as patch:
        interrupted(patch, lambda: login(person, place=faster))
        assert refused(login(person, place=OFFICE))
    ((first, its), (second, late)) = addresses_of(estate, person.tenant)
    assert (its, late) == (faster.address, OFFICE.address)
    assert first == second


def test_network_that_must_wait_is_told_to_wait_whatever_the_rules_say(estate: Estate, person: Person) -> None:
    for _ in range(6):
        login(person, place=OFFICE, password="wrong")
    put_rules(estate, person.tenant, DENY_OFFICE)
    assert login(person, place=OFFICE).status == 429


def test_login_to_nobody_knows_no_rules(estate: Estate, person: Person) -> None:
    put_rules(estate, person.tenant, ("deny", "0.0.0.0/0"))
    body = {"tenant": "no-such-tenant", "email": person.email, "password": PASSWORD}
    assert call(login_handler, event("POST /api/auth/login", body, place=OFFICE)).code == "invalid_credentials"


def test_refresh_from_a_denied_address_spends_nothing(estate: Estate, session: SignedIn, clock: MovableClock) -> None:
    put_rules(estate, session.person.tenant, DENY_OFFICE)
    before = session.row()
    clock.offset = 31
    assert refused(refresh_from(session, OFFICE))
    assert session.row() == before
    (line,) = enforced(estate, session.person.tenant)
    assert line["actor"]["type"] == "anonymous"
    assert refresh_from(session, HOME).status == 200


def test_refresh_goes_by_rules_of_half_a_minute_and_turns_away_by_those_of_now(
    estate: Estate, session: SignedIn, clock: MovableClock, calls: Calls
) -> None:
    other = sign_in(estate, session.person)
    third = sign_in(estate, session.person)
    assert refresh_from(session, Place(address="203.0.113.200")).status == 200
    put_rules(estate, session.person.tenant, DENY_OFFICE)
    assert refresh_from(other, OFFICE).status == 200, "what is held is younger than half a minute"
    clock.offset = 31
    assert refused(refresh_from(third, OFFICE))
    (rule_id,) = {line["meta"]["rule_id"] for line in enforced(estate, session.person.tenant)}
    estate.delete("ip_rules", {"tenant": session.person.tenant, "rule_id": rule_id})
    estate.change_row("tenants", {"tenant": session.person.tenant}, {"ip_rules_version": 2})
    calls.clear()
    assert refresh_from(third, OFFICE).status == 200, "a refusal is by what is read now"
    assert calls.operations()[:2] == ["BatchGetItem", "Query"]


def test_refresh_under_rules_is_one_call_while_they_are_held(estate: Estate, session: SignedIn, calls: Calls) -> None:
    put_rules(estate, session.person.tenant, ("allow", "198.51.100.0/24"))
    token = refresh_from(session, HOME).body["refresh_token"]
    calls.clear()
    body = {"refresh_token": token, "device_id": "device-1"}
    assert call(refresh_handler, event("POST /api/auth/refresh", body, place=HOME)).status == 200
    assert calls.operations() == ["TransactWriteItems"]


def test_answer_to_the_challenge_of_a_sign_in_is_refused_and_costs_no_try(estate: Estate, tenant: str) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    assert login(person, place=HOME).status == 200
    abroad = Place(country="FR", address="192.0.2.10")
    challenge = login(person, device="device-2", place=abroad).body["challenge_id"]
    put_rules(estate, tenant, ("deny", "192.0.2.0/24"))
    answer = {"challenge_id": challenge, "code": code_of(person, estate.clock())}
    verify = "POST /api/auth/step-up/verify"
    before = estate.rows("step_up_challenges")
    assert refused(call(step_up_handler, event(verify, answer, place=abroad)))
    assert estate.rows("step_up_challenges") == before
    (line,) = enforced(estate, tenant)
    assert (line["actor"]["type"], line["targets"]) == ("anonymous", [{"type": "user", "id": person.staff_id}])
    assert addresses_of(estate, tenant) == [(person.staff_id, "192.0.2.10")]
    assert call(step_up_handler, event(verify, answer, place=HOME)).status == 200


def test_reset_is_refused_from_there_without_telling_and_its_link_stays_good(
    estate: Estate, person: Person, post: PostOffice
) -> None:
    token, sent = mailed(post, person), len(post.rows(person.tenant))
    put_rules(estate, person.tenant, ("deny", "192.0.2.0/24"))
    places = iter(Place(address=f"192.0.2.{number}") for number in range(1, 9))
    for email in (person.email, "nobody@acme.example"):
        asked = {"tenant": person.tenant, "email": email}
        assert call(password_handler, event(REQUEST, asked, place=next(places))).status == 202
    assert len(post.rows(person.tenant)) == sent, "nothing is sent"
    assert "PASSWORD_RESET_REQUESTED" not in estate.actions(person.tenant)[-2:]
    body = {"token": token, "new": NEW}
    assert refused(call(password_handler, event(COMPLETE, body, place=next(places))))
    assert [line["actor"]["type"] for line in enforced(estate, person.tenant)] == ["anonymous", "anonymous", "user"]
    assert call(password_handler, event(COMPLETE, body, place=HOME)).status == 204
    elsewhere = {"tenant": "no-such-tenant", "email": person.email}
    assert call(password_handler, event(REQUEST, elsewhere, place=next(places))).status == 202


def test_refresh_of_a_tenant_that_does_not_exist_ends_with_the_reading_of_it(session: SignedIn, calls: Calls) -> None:
    parts = session.refresh_token.split(".")
    parts[1] = "no-such-tenant"
    calls.clear()
    answer = call(refresh_handler, event("POST /api/auth/refresh", {"refresh_token": ".".join(parts)}, place=HOME))
    assert (answer.status, answer.code) == (401, "invalid_grant")
    assert calls.operations() == ["BatchGetItem"], "nobody's rules can be asked, and nothing is tried"

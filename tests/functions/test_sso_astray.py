"""Answers that are not of this journey, and people who do not belong here: nobody ever gets a session."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.edge.weighing import Proven, Scales, Weighed
from tests.functions.estate import Estate, MovableClock, Person, Place
from tests.functions.identity_provider import Account, IdentityProvider, running_provider
from tests.functions.signed_in import LOGOUT_ALL, sign_in
from tests.functions.single_sign_on import (
    Browser,
    Federation,
    federation,
    federation_of,
    nobody_is_in,
    provider,
    refused,
)

__all__ = ["federation", "provider"]

SCORED = "ANOMALY_SCORED"
ADA = Account("ada-1", "ada@acme.example")


def test_a_callback_counts_once(federation: Federation, provider: IdentityProvider) -> None:
    browser = Browser(federation)
    query = browser.leave(ADA)
    kept = dict(browser.cookies)
    assert browser.come_back(query).status == 302
    browser.cookies = kept
    again = provider.codes
    again[query["code"]] = (ADA, {})
    assert browser.come_back(query).status == 401
    assert federation.reasons() == ["SSO_REPLAYED"]
    assert provider.count("/token") == 1


def test_a_nonce_counts_once_even_for_two_at_once(federation: Federation, provider: IdentityProvider) -> None:
    """Both are past the look at the nonce when one of them commits."""
    browser = Browser(federation)
    location = browser.start().headers["Location"]
    first, second = (provider.authorize(location, ADA) for _ in range(2))
    kept = dict(browser.cookies)

    def overtaken(call: Any) -> None:
        del provider.answers["/token"]
        other = Browser(federation, cookies=dict(kept))
        assert other.come_back(second).status == 302
        code, verifier = first["code"], provider.forms[-1]["code_verifier"]
        asked = provider.codes[code][1]
        call.json(provider.redeem({"code": code, "code_verifier": verifier, "redirect_uri": asked["redirect_uri"]}))

    provider.answers["/token"] = overtaken
    assert browser.come_back(first).status == 401
    assert federation.reasons() == ["SSO_REPLAYED"]


CROSS_SITE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "None", "none, none"])
def test_no_page_of_another_site_opens_sessions_by_navigating_there(federation: Federation, site: str) -> None:
    browser = Browser(federation, place=Place(extra=CROSS_SITE | {"sec-fetch-site": site}))
    refusal = browser.start("mode=json&device_id=device-1")
    assert (refusal.status, refusal.code) == (403, "csrf_rejected")
    assert browser.cookies == {}
    assert browser.start().status == 302, "a console is begun from anywhere: its code is for a page of ours alone"


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_browser_that_nobody_sent_gets_tokens_without_a_page(federation: Federation, site: str) -> None:
    browser = Browser(federation, place=Place(extra={"sec-fetch-site": site}))
    assert browser.arrive(ADA, "mode=json").status == 200


@pytest.mark.parametrize("name", ["sec-fetch-site", "sec-fetch-mode"])
def test_browser_makes_no_device_known_that_an_address_names(federation: Federation, name: str) -> None:
    home = Browser(federation)
    assert home.sign_in(ADA).status == 200
    victim = Browser(federation, place=Place(extra={name: "none"}))
    assert victim.arrive(ADA, "mode=json&device_id=device-of-a-thief").status == 200
    thief = Browser(federation)
    assert thief.exchange(thief.code_of(thief.arrive(ADA)), device_id="device-of-a-thief").status == 200
    scored = [each["risk"] for each in federation.estate.events(federation.tenant) if each["action"] == SCORED]
    assert "NEW_DEVICE" in scored[-1]["reasons"]


STRAYED: dict[str, tuple[dict[str, str | None], str]] = {
    "no state": ({"state": None}, "SSO_STATE"),
    "another state": ({"state": "another"}, "SSO_STATE"),
    "another issuer": ({"iss": "https://other.example"}, "SSO_MIX_UP"),
    "another connection": ({"connection": "other"}, "SSO_MIX_UP"),
    "no connection": ({"connection": None}, "SSO_MIX_UP"),
    "no code": ({"code": None}, "SSO_PROVIDER_DENIED"),
    "an error": ({"error": "access_denied"}, "SSO_PROVIDER_DENIED"),
    "another code": ({"code": "made-up"}, "SSO_PROVIDER_REFUSED"),
}


@pytest.mark.parametrize("way", STRAYED)
def test_no_other_answer_than_that_of_this_journey_counts(federation: Federation, way: str) -> None:
    other, reason = STRAYED[way]
    refused(federation, Browser(federation).arrive(ADA, "", **other), reason)


def test_an_issuer_that_names_itself_must_do_so(federation: Federation, provider: IdentityProvider) -> None:
    provider.discovery["authorization_response_iss_parameter_supported"] = True
    refused(federation, Browser(federation).arrive(ADA, iss=None), "SSO_MIX_UP")


def test_a_browser_without_a_journey_is_nobody(federation: Federation, capsys: pytest.CaptureFixture[str]) -> None:
    query = Browser(federation).leave(ADA)
    response = Browser(federation).come_back(query)
    assert (response.status, response.code) == (401, "invalid_credentials")
    assert "SSO_NO_JOURNEY" in capsys.readouterr().out
    nobody_is_in(federation)


def test_the_journey_of_another_browser_is_not_the_one_that_came_back(federation: Federation) -> None:
    mine, theirs = Browser(federation), Browser(federation)
    query = mine.leave(ADA)
    theirs.start()
    refused(federation, theirs.come_back(query), "SSO_STATE")


@pytest.mark.parametrize("change", [lambda text: text[:-2] + "AA", lambda text: text.partition(".")[0] + ".AAAA"])
def test_a_journey_that_was_changed_is_none(
    federation: Federation, capsys: pytest.CaptureFixture[str], change: Callable[[str], str]
) -> None:
    browser = Browser(federation)
    query = browser.leave(ADA)
    browser.cookies["__Host-sso"] = change(browser.cookies["__Host-sso"])
    assert browser.come_back(query).status == 401
    assert "SSO_NO_JOURNEY" in capsys.readouterr().out
    nobody_is_in(federation)


def test_a_journey_of_another_tenant_is_none(estate: Estate, federation: Federation) -> None:
    browser, other = Browser(federation), estate.new_tenant()
    query = browser.leave(ADA)
    browser.cookies["__Host-sso"] = f"{other}.{browser.cookies['__Host-sso'].partition('.')[2]}"
    assert browser.come_back(query).status == 401
    nobody_is_in(federation)


def test_a_journey_ends_after_ten_minutes(federation: Federation, clock: MovableClock) -> None:
    browser = Browser(federation)
    query = browser.leave(ADA)
    clock.offset += 600
    refused(federation, browser.come_back(query), "SSO_JOURNEY_EXPIRED")


def test_a_connection_that_was_switched_off_signs_nobody_in(federation: Federation) -> None:
    browser = Browser(federation)
    query = browser.leave(ADA)
    federation.change(enabled=False)
    refused(federation, browser.come_back(query), "SSO_CONNECTION_CLOSED")
    assert Browser(federation).start().status == 404


def test_a_connection_that_is_switched_off_meanwhile_signs_nobody_in(
    federation: Federation, provider: IdentityProvider
) -> None:
    def switched_off(call: Any) -> None:
        federation.change(enabled=False)
        call.json({"keys": provider.jwks})

    provider.answers["/jwks"] = switched_off
    refused(federation, Browser(federation).arrive(ADA), "SSO_CONNECTION_CLOSED")


PEOPLE: dict[str, tuple[Account, dict[str, Any], str]] = {
    "an address that is not verified": (
        Account("x", "ada@acme.example", email_verified=False),
        {},
        "SSO_EMAIL_UNVERIFIED",
    ),
    "no address": (Account("x"), {}, "SSO_EMAIL_UNVERIFIED"),
    "an address of another domain": (Account("x", "ada@other.example"), {}, "SSO_DOMAIN"),
    "an address of a subdomain": (Account("x", "ada@sub.acme.example"), {}, "SSO_DOMAIN"),
    "two addresses in one": (Account("x", "ada@acme.example\n@other.example"), {}, "SSO_EMAIL_UNVERIFIED"),
    "somebody new where nobody is provisioned": (ADA, {"provisioning": False}, "SSO_UNLINKED"),
}


@pytest.mark.parametrize("who", PEOPLE)
def test_only_who_belongs_here_is_provisioned(federation: Federation, who: str) -> None:
    account, fields, reason = PEOPLE[who]
    if fields:
        federation.change(**fields)
    refused(federation, Browser(federation).arrive(account), reason)


def test_a_domain_that_is_only_named_provisions_nobody(federation: Federation) -> None:
    domains = {name: domain._replace(verified_at=None) for name, domain in federation.connection.domains.items()}
    federation.change(domains=domains)
    refused(federation, Browser(federation).arrive(ADA), "SSO_DOMAIN")


def test_no_address_links_anybody(estate: Estate, federation: Federation) -> None:
    person = estate.new_person(federation.tenant, "owner")
    response = Browser(federation).arrive(Account("x", person.email))
    assert response.status == 401
    assert federation.reasons() == ["SSO_EMAIL_TAKEN"]
    assert "AUTH_SSO_VERIFIED" not in estate.actions(federation.tenant)


def test_one_address_at_two_providers_is_two_people(estate: Estate, tenant: str, federation: Federation) -> None:
    assert Browser(federation).sign_in(ADA).status == 200
    with running_provider() as other:
        second = federation_of(estate, tenant, other, connection_id="c-second", secret_sealed=None)
        assert Browser(second).arrive(ADA).status == 401
    assert federation.reasons() == ["SSO_EMAIL_TAKEN"]


def test_the_same_subject_of_another_issuer_is_somebody_else(
    estate: Estate, tenant: str, federation: Federation, person: Person
) -> None:
    federation.link(person, "7")
    with running_provider() as other:
        second = federation_of(estate, tenant, other, connection_id="c-second", secret_sealed=None, provisioning=False)
        assert Browser(second).arrive(Account("7")).status == 401
    assert federation.reasons() == ["SSO_UNLINKED"]


def test_who_was_deactivated_stays_outside(estate: Estate, federation: Federation, person: Person) -> None:
    federation.link(person, "7")
    estate.change_gate(person, "status", "DEACTIVATED")
    response = Browser(federation).arrive(Account("7"))
    assert (response.status, response.code) == (401, "invalid_credentials")
    assert federation.reasons() == ["SSO_STAFF_INACTIVE"]


def test_who_is_deactivated_on_the_way_stays_outside(estate: Estate, federation: Federation, person: Person) -> None:
    federation.link(person, "7")
    browser = Browser(federation)
    code = browser.code_of(browser.arrive(Account("7")))
    estate.change_gate(person, "status", "DEACTIVATED")
    assert browser.exchange(code).status == 401
    assert federation.reasons() == ["SSO_STAFF_INACTIVE"]


def test_ending_all_sessions_ends_a_code_on_the_way_too(estate: Estate, federation: Federation, person: Person) -> None:
    federation.link(person, "7")
    session = sign_in(estate, person)
    browser = Browser(federation)
    code = browser.code_of(browser.arrive(Account("7")))
    assert session.calls(LOGOUT_ALL, {"keep_current": False}).status == 200
    response = browser.exchange(code)
    assert (response.status, response.code) == (401, "invalid_credentials")
    assert federation.reasons() == ["SSO_SESSIONS_ENDED"]
    assert browser.sign_in(Account("7")).status == 200  # what begins afterwards counts


def test_somebody_new_whose_sessions_were_ended_begins_anew(estate: Estate, federation: Federation) -> None:
    browser = Browser(federation)
    code = browser.code_of(browser.arrive(ADA))
    ada = Person(federation.tenant, federation.staff_of("ada@acme.example"), "ada@acme.example", "member")
    estate.change_gate(ada, "session_version", 2)
    assert browser.exchange(code).status == 401
    assert federation.reasons() == ["SSO_SESSIONS_ENDED"]


def off_and_on_again(federation: Federation) -> None:
    federation.change(enabled=False)
    federation.change(enabled=True)


CLOSING: dict[str, Callable[[Federation], None]] = {
    "off": lambda federation: federation.change(enabled=False),
    "off and on again": off_and_on_again,
    "gone": lambda federation: federation.remove(),
}


@pytest.mark.parametrize("way", CLOSING)
def test_a_connection_that_was_closed_takes_its_codes_along(federation: Federation, way: str) -> None:
    browser = Browser(federation)
    code = browser.code_of(browser.arrive(ADA))
    CLOSING[way](federation)
    response = browser.exchange(code)
    assert (response.status, response.code) == (401, "invalid_credentials")
    assert federation.reasons() == ["SSO_CONNECTION_CLOSED"]


def test_a_connection_that_closes_during_the_exchange_opens_nothing(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(federation)
    code = browser.code_of(browser.arrive(ADA))
    weigh = Scales.weigh

    def overtaken(scales: Scales, proven: Proven) -> Weighed:
        if federation.connection.enabled:
            federation.change(enabled=False)
        return weigh(scales, proven)

    monkeypatch.setattr(Scales, "weigh", overtaken)
    assert browser.exchange(code).status == 401
    assert federation.reasons() == ["SSO_CONNECTION_CLOSED"]
    assert "AUTH_LOGIN_SUCCESS" not in federation.estate.actions(federation.tenant)


def test_a_code_opens_one_session(federation: Federation) -> None:
    browser = Browser(federation)
    code = browser.code_of(browser.arrive(ADA))
    kept = dict(browser.cookies)
    assert browser.exchange(code).status == 200
    browser.cookies = kept
    response = browser.exchange(code)
    assert (response.status, response.code) == (401, "invalid_credentials")
    assert federation.reasons() == ["SSO_CODE_SPENT"]
    assert federation.estate.actions(federation.tenant).count("AUTH_LOGIN_SUCCESS") == 1


def test_a_code_lives_for_a_minute(federation: Federation, clock: MovableClock) -> None:
    browser = Browser(federation)
    code = browser.code_of(browser.arrive(ADA))
    clock.offset += 60
    assert browser.exchange(code).status == 401
    assert federation.reasons() == ["SSO_CODE_EXPIRED"]


@pytest.mark.parametrize("cookies", [{}, {"__Host-ssc": "another"}])
def test_a_code_is_of_no_use_in_another_browser(
    federation: Federation, capsys: pytest.CaptureFixture[str], cookies: dict[str, str]
) -> None:
    browser = Browser(federation)
    code = browser.code_of(browser.arrive(ADA))
    response = Browser(federation, cookies=cookies).exchange(code)
    assert (response.status, response.code) == (401, "invalid_credentials")
    assert "SSO_CODE_UNKNOWN" in capsys.readouterr().out
    assert browser.exchange(code).status == 200

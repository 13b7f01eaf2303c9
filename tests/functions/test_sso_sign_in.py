"""Signing in by an identity provider that is what it says: the same door as that of passwords."""

import dataclasses
import time
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import pyotp
import pytest

from functions.step_up.handler import handler as step_up_handler
from tests.functions.estate import Estate, Person, Place, call, event, login, me, refresh
from tests.functions.identity_provider import (
    EC_KEY,
    Account,
    IdentityProvider,
    ec_jwk,
    sign,
)
from tests.functions.single_sign_on import START, Browser, Federation, federation, provider

__all__ = ["federation", "provider"]

ADA = Account("ada-1", "ada@acme.example")
CONSOLE = {"origin": "https://muniment.example", "x-muniment-csrf": "1", "sec-fetch-site": "same-origin"}


def test_somebody_new_is_provisioned_as_a_member_and_signed_in(federation: Federation) -> None:
    response = Browser(federation).sign_in(ADA)
    assert response.status == 200, response.text
    assert response.body["session"]["role"] == "member"
    assert response.body["session"]["acr"] == "urn:muniment:aal1"
    assert me(response.body["access_token"]).status == 200
    assert refresh(response.body["refresh_token"]).status == 200
    events = federation.estate.events(federation.tenant)
    assert [each["action"] for each in events[1:5]] == [
        "USER_PROVISIONED",
        "AUTH_SSO_VERIFIED",
        "AUTH_LOGIN_SUCCESS",
        "ANOMALY_SCORED",
    ]
    provisioned, verified, admitted = events[1:4]
    assert provisioned["reason"] == "SSO"
    assert provisioned["change"]["after"] == {"role": "member", "status": "ACTIVE"}
    assert verified["meta"] == {
        "connection_id": federation.connection.connection_id,
        "issuer": federation.provider.issuer,
    }
    assert admitted["actor"]["auth"] == "sso"
    effects = federation.estate.partition("outbox", "tenant", federation.tenant)
    assert [each["payload"]["name"] for each in effects if each["kind"] == "bus_event"] == ["user_joined"]


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("Ada L\u00f6we", "Ada L\u00f6we"),
        ("\u202eevil", "ada"),
        ("\u3164", "ada"),
        ("Ada\nEve", "ada"),
        ("\ud800", "ada"),
    ],
)
def test_name_that_hides_or_turns_something_is_not_taken_from_a_provider(
    federation: Federation, name: str, known_as: str
) -> None:
    staff_id = Browser(federation).sign_in(dataclasses.replace(ADA, name=name)).body["session"]["staff_id"]
    rows = federation.estate.partition("tenant_staff", "tenant", federation.tenant)
    assert [row["name"] for row in rows if row["item"] == f"{staff_id}#profile"] == [known_as]


def test_the_same_person_comes_back_whatever_the_address_is_by_then(federation: Federation) -> None:
    first = Browser(federation).sign_in(ADA).body["session"]["staff_id"]
    moved = Account(ADA.subject, "someone@other.example", email_verified=False)
    assert Browser(federation).sign_in(moved).body["session"]["staff_id"] == first
    assert federation.estate.actions(federation.tenant).count("AUTH_SSO_VERIFIED") == 2


def test_nobody_who_came_by_a_provider_has_a_password(federation: Federation) -> None:
    staff_id = Browser(federation).sign_in(ADA).body["session"]["staff_id"]
    person = Person(federation.tenant, staff_id, "ada@acme.example", "member")
    for password in ("", "x" * 16):
        assert login(person, password=password or "None").status == 401


def test_the_way_to_the_provider_says_what_the_way_back_is_held_to(federation: Federation) -> None:
    federation.change(max_age_seconds=300)
    browser = Browser(federation)
    response = browser.start()
    asked = dict(parse_qsl(urlsplit(response.headers["Location"]).query))
    assert response.status == 302
    assert asked["scope"] == "openid email profile"
    assert (asked["response_type"], asked["code_challenge_method"], asked["max_age"]) == ("code", "S256", "300")
    assert asked["redirect_uri"] == (
        f"https://muniment.example/api/auth/sso/callback?connection={federation.connection.connection_id}"
    )
    (cookie,) = response.raw["cookies"]
    assert cookie.startswith("__Host-sso=")
    assert cookie.endswith("; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax")
    assert asked["state"] not in cookie
    assert federation.estate.actions(federation.tenant) == []


def test_two_journeys_share_no_secret(federation: Federation) -> None:
    ways = [dict(parse_qsl(urlsplit(Browser(federation).start().headers["Location"]).query)) for _ in range(2)]
    assert not {ways[0][name] for name in ("state", "nonce", "code_challenge")} & set(ways[1].values())


def test_a_callback_gives_a_code_to_this_browser_and_takes_the_journey_back(federation: Federation) -> None:
    browser = Browser(federation)
    response = browser.arrive(ADA)
    assert response.headers["Location"].startswith("https://muniment.example/#sso=")
    taken, given = response.raw["cookies"]
    assert taken == "__Host-sso=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
    assert given.startswith("__Host-ssc=")
    assert given.endswith("; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Strict")
    assert browser.exchange(browser.code_of(response)).status == 200
    assert browser.cookies == {}


def test_a_client_without_a_page_gets_its_tokens_at_once(federation: Federation) -> None:
    response = Browser(federation).arrive(ADA, "mode=json&device_id=device-1")
    assert response.status == 200, response.text
    assert refresh(response.body["refresh_token"]).status == 200


def test_a_page_keeps_the_refresh_token_in_a_cookie(federation: Federation) -> None:
    browser = Browser(federation, place=Place(extra=CONSOLE))
    code = browser.code_of(browser.arrive(ADA))
    response = browser.exchange(code, mode="cookie")
    assert response.status == 200
    assert "refresh_token" not in response.body
    assert set(browser.cookies) == {"__Host-did", "__Host-rt"}


def test_a_foreign_page_exchanges_nothing(federation: Federation) -> None:
    browser = Browser(federation, place=Place(extra={**CONSOLE, "origin": "https://evil.example"}))
    code = browser.code_of(browser.arrive(ADA))
    assert browser.exchange(code, mode="cookie").code == "csrf_rejected"
    browser.place.extra = CONSOLE
    assert browser.exchange(code, mode="cookie").status == 200


def test_a_risk_asks_whoever_comes_by_a_provider_for_a_second_factor_of_ours(
    estate: Estate, federation: Federation
) -> None:
    person = estate.new_person(federation.tenant, "admin", totp=True)
    federation.link(person, "7")
    estate.change_settings(federation.tenant, {"step_up_score": 30})
    assert Browser(federation).sign_in(Account("7")).status == 200
    away = Browser(federation)
    code = away.code_of(away.arrive(Account("7")))
    response = away.exchange(code, device_id="device-2")
    assert response.code == "insufficient_user_authentication"
    assert person.totp_secret is not None
    now = pyotp.TOTP(person.totp_secret).at(int(time.time()))
    proof = {"challenge_id": response.body["challenge_id"], "code": now}
    answered = call(step_up_handler, event("POST /api/auth/step-up/verify", proof, place=away.place))
    assert answered.status == 200, answered.text
    assert answered.body["session"]["acr"] == "urn:muniment:aal2"
    assert estate.events(federation.tenant)[-1]["actor"]["auth"] == "sso+totp"
    assert refresh(answered.body["refresh_token"], device="device-2", place=away.place).status == 200
    assert away.exchange(code, device_id="device-2").status == 401  # the challenge has spent it


def test_a_risk_beyond_the_threshold_ends_all_sessions(estate: Estate, federation: Federation) -> None:
    estate.change_settings(federation.tenant, {"step_up_score": 10, "block_score": 20})
    home = Browser(federation).sign_in(ADA)
    assert home.status == 200
    away = Browser(federation, place=Place(address="203.0.113.9", country="BR"))
    response = away.exchange(away.code_of(away.arrive(ADA)), device_id="device-2")
    assert response.code == "session_blocked"
    assert me(home.body["access_token"]).status == 401


def test_the_limit_of_sessions_holds(estate: Estate, federation: Federation) -> None:
    estate.change_settings(federation.tenant, {"concurrent_sessions": 1, "session_limit_action": "deny"})
    assert Browser(federation).sign_in(ADA).status == 200
    assert Browser(federation).sign_in(ADA).code == "session_limit"
    assert federation.reasons() == ["SESSION_LIMIT"]


def test_a_client_secret_goes_into_the_header_or_the_form_as_the_provider_has_it(
    federation: Federation, provider: IdentityProvider
) -> None:
    assert Browser(federation).sign_in(ADA).status == 200
    assert provider.authorizations[-1] == "Basic bXVuaW1lbnQ6cyUzQWNyZXQlMjAlMjY="
    assert "client_secret" not in provider.forms[-1]


def test_a_provider_that_takes_secrets_in_the_form_gets_it_there(
    federation: Federation, provider: IdentityProvider
) -> None:
    provider.discovery["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert Browser(federation).sign_in(ADA).status == 200
    assert provider.authorizations[-1] is None
    assert provider.forms[-1]["client_secret"] == "s:cret &"


def test_a_public_client_proves_itself_by_pkce_alone(federation: Federation, provider: IdentityProvider) -> None:
    federation.change(secret_sealed=None)
    assert Browser(federation).sign_in(ADA).status == 200
    assert provider.authorizations[-1] is None
    assert provider.forms[-1]["client_id"] == "muniment"


def test_elliptic_curves_and_tokens_without_a_key_id_count_where_they_are_allowed(
    federation: Federation, provider: IdentityProvider
) -> None:
    federation.change(algorithms=("ES256",))
    provider.jwks = [ec_jwk()]
    provider.signed = lambda claims: sign(claims, key=EC_KEY, algorithm="ES256", kid=None)
    assert Browser(federation).sign_in(ADA).status == 200


@pytest.mark.parametrize(("age", "status"), [(60, 302), (400, 401), (None, 401)])
def test_how_long_ago_the_provider_asked_counts_where_the_tenant_wants_it(
    federation: Federation, provider: IdentityProvider, age: int | None, status: int
) -> None:
    federation.change(max_age_seconds=300)
    told = {} if age is None else {"auth_time": int(time.time()) - age}
    provider.claims = lambda claims: {**claims, **told}
    assert Browser(federation).arrive(ADA).status == status
    assert federation.reasons() == ([] if status == 302 else ["SSO_AUTH_TIME"])


def test_one_party_among_several_audiences_is_taken(federation: Federation, provider: IdentityProvider) -> None:
    provider.claims = lambda claims: {**claims, "aud": ["other", "muniment"], "azp": "muniment"}
    assert Browser(federation).sign_in(ADA).status == 200


def test_the_access_token_is_held_to_its_hash(federation: Federation, provider: IdentityProvider) -> None:
    provider.claims = lambda claims: {**claims, "at_hash": "bSKYhMEmi7CrMtjaMV0P5Q"}
    response = Browser(federation).arrive(ADA)
    assert response.status == 302, federation.reasons()


@pytest.mark.parametrize("named", [("nobody", "c"), ("a#b", "c"), ("", "")])
def test_what_does_not_exist_begins_nothing(federation: Federation, named: tuple[str, str]) -> None:
    response = Browser(federation).visit(START, path_parameters={"tenant": named[0], "connection": named[1]})
    assert (response.status, response.code) == (404, "not_found")


def test_a_connection_is_one_tenants(estate: Estate, federation: Federation) -> None:
    other = estate.new_tenant()
    named = {"tenant": other, "connection": federation.connection.connection_id}
    assert Browser(federation).visit(START, path_parameters=named).status == 404


@pytest.mark.parametrize("query", ["mode=popup", "device_id=", f"device_id={'d' * 257}"])
def test_a_start_says_what_it_does_not_know(federation: Federation, query: str) -> None:
    assert Browser(federation).start(query).status == 400


def test_an_address_has_a_budget_at_each_door(federation: Federation) -> None:
    browser = Browser(federation, place=Place(address="192.0.2.77"))
    statuses = [browser.come_back({"code": "x"}).status for _ in range(31)]
    assert statuses == [401] * 30 + [429]
    assert browser.exchange("x").status == 401
    assert browser.start().status == 302


def test_nothing_is_told_that_is_not_recorded(federation: Federation, audit_write_fails: Callable[[], None]) -> None:
    browser = Browser(federation)
    query = browser.leave(ADA)
    audit_write_fails()
    assert browser.come_back(query).status == 503
    assert Browser(federation, place=browser.place).come_back(query).status == 401

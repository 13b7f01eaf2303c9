"""Linking an identity to an account of one's own: by its owner, in his browser, and by nobody else."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from shared.audit.personal_data import PersonalData
from shared.runtime.sealed_secret import data_key_context
from shared.store.identities import MAX_IDENTITIES, Link, changed_identities, identities_key, identities_of
from shared.store.item import get
from shared.store.subject_keys import subject_key
from tests.functions.estate import Estate, MovableClock, Response
from tests.functions.identity_linking import (
    ADA,
    before_the_commit,
    begin,
    holder,
    identities,
    leave,
    linked,
    nobody_is_linked,
    somebody,
    told,
)
from tests.functions.identity_provider import STRANGER_KEY, Account, IdentityProvider, sign
from tests.functions.signed_in import LOGOUT, LOGOUT_ALL, SignedIn, sign_in
from tests.functions.single_sign_on import Browser, Federation, federation, provider

__all__ = ["federation", "holder", "provider"]


def refused(federation: Federation, response: Response, reason: str) -> None:
    """Nothing was linked, the caller learned nothing, and the log knows why."""
    assert (response.status, response.code) == (401, "invalid_credentials")
    assert reason not in response.text
    assert [each["reason"] for each in told(federation, "IDENTITY_LINK_FAILED")] == [reason]
    assert told(federation, "IDENTITY_LINKED") == []
    nobody_is_linked(federation)


def disclosed(estate: Estate, tenant: str, line: dict[str, Any]) -> dict[str, str]:
    """Open what an event keeps of an identity."""
    row = get(estate.dynamodb, estate.prefix + "tenants", {"tenant": tenant})
    (entry,) = line["pii"]
    salt = get(estate.dynamodb, estate.prefix + "subject_keys", subject_key(tenant, entry["sub"]))
    assert row is not None
    assert salt is not None
    personal = PersonalData(estate.sealer.open(row["data_key_sealed"], data_key_context(tenant)), tenant)
    values = personal.disclose(salt["salt"], entry, line["id"]).values
    return {name: values[name] for name in ("subject", "email")}


def test_who_has_a_password_links_an_identity_and_signs_in_by_it(federation: Federation, holder: SignedIn) -> None:
    browser = Browser(federation)
    query = leave(browser, holder)
    assert set(browser.cookies) == {"__Host-sso"}
    response = browser.come_back(query)
    assert (response.status, response.headers["Location"]) == (302, "https://muniment.example/#sso_linked")
    assert browser.cookies == {}
    assert len(federation.estate.session_rows(holder.person)) == 1  # nobody was signed in
    signed_in = Browser(federation).sign_in(ADA)
    assert signed_in.body["session"]["staff_id"] == holder.person.staff_id


def test_a_link_is_recorded_sealed_and_told_to_the_person(federation: Federation, holder: SignedIn) -> None:
    assert linked(federation, holder).status == 302
    (event_,) = told(federation, "IDENTITY_LINKED")
    connection_id = federation.connection.connection_id
    assert event_["meta"] == {"connection_id": connection_id, "issuer": federation.provider.issuer}
    assert event_["actor"]["session"] == holder.session_id
    assert event_["actor"]["step_up"] == "challenge-account_security"
    assert event_["resource"] == f"tenant_staff/{holder.person.staff_id}"
    assert disclosed(federation.estate, federation.tenant, event_) == {"subject": ADA.subject, "email": ADA.email}
    assert ADA.subject not in json.dumps(federation.estate.everything(), default=str)
    assert str(ADA.email) not in json.dumps(federation.estate.everything(), default=str)
    effects = federation.estate.partition("outbox", "tenant", federation.tenant)
    mails = [each["payload"] for each in effects if each["kind"] == "mail"]
    assert [(each["staff_id"], each["template"], each["values"]) for each in mails] == [
        (holder.person.staff_id, "factor_added", {"factor": "sso"})
    ]


def test_a_client_without_a_page_is_told_without_one(federation: Federation, holder: SignedIn) -> None:
    browser = Browser(federation)
    response = browser.come_back(leave(browser, holder, mode="json"))
    assert (response.status, response.text) == (204, "")
    assert len(identities(federation, holder)) == 1


def test_nobody_has_another_one_finish_what_he_began(
    estate: Estate, federation: Federation, holder: SignedIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """The attacker sends the victim where his own journey leads; the victim signs in there as himself."""
    victim = Browser(federation)
    query = leave(Browser(federation), holder)
    assert victim.come_back(query).status == 401
    assert "SSO_NO_JOURNEY" in capsys.readouterr().out
    nobody_is_linked(federation)
    victim.start()  # a sign-in of the victim's own is on its way
    assert victim.come_back(query).status == 401
    nobody_is_linked(federation)
    theirs = somebody(estate, federation)
    begin(victim, theirs)  # so is a linking
    refused(federation, victim.come_back(query), "SSO_STATE")


def test_no_page_links_the_identity_of_an_attacker_to_whoever_visits_it(
    federation: Federation, holder: SignedIn
) -> None:
    """The way back of the attacker's sign-in, in a browser that has begun to link."""
    attacker, victim = Browser(federation), Browser(federation)
    query = attacker.leave(Account("mallory"))
    begin(victim, holder)
    refused(federation, victim.come_back(query), "SSO_STATE")


def test_a_sign_in_links_nobody(federation: Federation, holder: SignedIn) -> None:
    federation.change(provisioning=False)
    assert Browser(federation).arrive(ADA).status == 401
    assert identities(federation, holder) == []


def test_linking_begins_with_the_bearer_and_a_fresh_proof(estate: Estate, federation: Federation) -> None:
    browser = Browser(federation)
    assert begin(browser, None).code == "invalid_token"
    session = sign_in(estate, estate.new_person(federation.tenant, "member"))
    assert begin(browser, session).code == "insufficient_user_authentication"
    assert browser.cookies == {}


@pytest.mark.parametrize("connection_id", ["c-nobody", None])
def test_what_is_not_there_or_switched_off_links_nobody(
    federation: Federation, holder: SignedIn, connection_id: str | None
) -> None:
    federation.change(enabled=False)
    named = {} if connection_id is None else {"connection_id": connection_id}
    assert begin(Browser(federation), holder, **named).code == "not_found"


def test_a_connection_of_another_tenant_is_nothing(estate: Estate, federation: Federation) -> None:
    stranger = sign_in(estate, estate.new_person(estate.new_tenant(), "member"))
    stranger.prove("account_security")
    assert begin(Browser(federation), stranger).code == "not_found"


def test_a_provider_that_is_not_what_it_says_is_not_asked(
    federation: Federation, provider: IdentityProvider, holder: SignedIn
) -> None:
    provider.discovery["issuer"] = "https://other.example"
    response = begin(Browser(federation), holder)
    assert (response.status, response.code) == (409, "provider_unusable")
    (failed,) = told(federation, "IDENTITY_LINK_FAILED")
    assert (failed["reason"], failed["targets"][0]["id"]) == ("SSO_ISSUER", holder.person.staff_id)


def test_a_lie_of_the_provider_links_nobody(
    federation: Federation, provider: IdentityProvider, holder: SignedIn
) -> None:
    provider.signed = lambda claims: sign(claims, key=STRANGER_KEY)
    refused(federation, linked(federation, holder), "SSO_SIGNATURE")


ENDINGS: dict[str, Callable[[SignedIn], object]] = {
    "logged out": lambda session: session.calls(LOGOUT),
    "logged out everywhere": lambda session: session.calls(LOGOUT_ALL, {"keep_current": False}),
    "deactivated": lambda session: session.estate.change_gate(session.person, "status", "DEACTIVATED"),
    "expired": lambda session: session.change_row(absolute_expires_at=int(session.estate.clock()) - 1),
    "waiting for a proof": lambda session: session.change_row(
        pending_challenge={"challenge_id": "c", "expires_at": int(session.estate.clock()) + 300, "methods": ["totp"]}
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_who_is_no_longer_signed_in_links_nothing(federation: Federation, holder: SignedIn, ending: str) -> None:
    browser = Browser(federation)
    query = leave(browser, holder)
    ENDINGS[ending](holder)
    refused(federation, browser.come_back(query), "SSO_LINK_SESSION_ENDED")


def test_an_administrator_who_must_enrol_by_now_links_nothing(federation: Federation, holder: SignedIn) -> None:
    browser = Browser(federation)
    query = leave(browser, holder)
    federation.estate.change_gate(holder.person, "must_enrol", 1)
    refused(federation, browser.come_back(query), "SSO_LINK_SESSION_ENDED")


def test_a_session_that_ends_before_the_commit_links_nothing(
    federation: Federation, holder: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_commit(monkeypatch, lambda: holder.calls(LOGOUT))
    refused(federation, linked(federation, holder), "SSO_LINK_SESSION_ENDED")


def test_a_connection_that_closes_before_the_commit_links_nothing(
    federation: Federation, holder: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_commit(monkeypatch, lambda: federation.change(enabled=False))
    refused(federation, linked(federation, holder), "SSO_CONNECTION_CLOSED")


def test_an_identity_is_one_persons(estate: Estate, federation: Federation, holder: SignedIn) -> None:
    assert linked(federation, holder).status == 302
    other = somebody(estate, federation)
    for session in (other, holder):
        assert linked(federation, session).status == 401
        assert told(federation, "IDENTITY_LINK_FAILED")[-1]["reason"] == "SSO_IDENTITY_TAKEN"
    assert identities(federation, other) == []
    assert len(identities(federation, holder)) == 1


def test_of_two_people_who_link_one_identity_at_once_one_has_it(
    estate: Estate, federation: Federation, holder: SignedIn
) -> None:
    people = holder, somebody(estate, federation)
    browsers = [Browser(federation) for _ in people]
    queries = [leave(browser, session) for browser, session in zip(browsers, people, strict=True)]
    statuses: list[int] = []
    ways = list(zip(browsers, queries, strict=True))
    threads = [threading.Thread(target=lambda b, q: statuses.append(b.come_back(q).status), args=way) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [302, 401]
    assert sorted(len(identities(federation, session)) for session in people) == [0, 1]


def test_two_identities_at_once_are_both_kept(
    federation: Federation, holder: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_the_commit(monkeypatch, lambda: linked(federation, holder, Account("second")))
    assert linked(federation, holder).status == 302
    assert len(identities(federation, holder)) == 2


def test_a_journey_links_once(federation: Federation, provider: IdentityProvider, holder: SignedIn) -> None:
    browser = Browser(federation)
    query = leave(browser, holder)
    kept, issued = dict(browser.cookies), dict(provider.codes)
    assert browser.come_back(query).status == 302
    browser.cookies, provider.codes = kept, issued
    assert browser.come_back(query).status == 401
    assert [each["reason"] for each in told(federation, "IDENTITY_LINK_FAILED")] == ["SSO_REPLAYED"]


def test_a_journey_that_links_ends_after_ten_minutes(
    federation: Federation, holder: SignedIn, clock: MovableClock
) -> None:
    browser = Browser(federation)
    query = leave(browser, holder)
    clock.offset += 600
    refused(federation, browser.come_back(query), "SSO_JOURNEY_EXPIRED")


def test_nobody_has_identities_without_end(estate: Estate, federation: Federation, holder: SignedIn) -> None:
    table, owner = estate.prefix + "tenant_staff", (holder.person.tenant, holder.person.staff_id)
    many = {f"{number:064x}": Link("c-1", 1) for number in range(MAX_IDENTITIES)}
    item = changed_identities(table, *owner, identities_of(get(estate.dynamodb, table, identities_key(*owner))), many)
    estate.dynamodb.call("PutItem", dict(item.request))
    assert linked(federation, holder).status == 401
    assert told(federation, "IDENTITY_LINK_FAILED")[-1]["reason"] == "SSO_IDENTITY_LIMIT"

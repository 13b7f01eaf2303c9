"""Letting an identity go: one's own, and never the last way to sign in."""

import pytest

from functions.staff.handler import handler as staff_handler
from shared.store.identities import identities_key, identities_of
from shared.store.item import get
from shared.store.tenant_staff import factor_key
from tests.functions.estate import Estate, Person, call, event
from tests.functions.identity_linking import ADA, before_the_commit, holder, identities, linked, somebody, told, unlink
from tests.functions.identity_provider import Account
from tests.functions.signed_in import LOGOUT, SignedIn, sign_in
from tests.functions.single_sign_on import Browser, Federation, federation, provider

__all__ = ["federation", "holder", "provider"]


def test_what_was_unlinked_signs_nobody_in(federation: Federation, holder: SignedIn) -> None:
    federation.change(provisioning=False)
    linked(federation, holder)
    (identity,) = identities(federation, holder)
    assert identity["connection_id"] == federation.connection.connection_id
    assert unlink(federation, holder, identity["identity_id"]).status == 204
    assert identities(federation, holder) == []
    assert Browser(federation).arrive(ADA).status == 401
    assert federation.reasons() == ["SSO_UNLINKED"]
    (event_,) = told(federation, "IDENTITY_UNLINKED")
    assert event_["actor"]["step_up"] == "challenge-account_security"
    assert event_["meta"] == {"connection_id": federation.connection.connection_id}
    effects = federation.estate.partition("outbox", "tenant", federation.tenant)
    assert [each["payload"]["template"] for each in effects if each["kind"] == "mail"] == [
        "factor_added",
        "factor_removed",
    ]
    assert linked(federation, holder).status == 302  # it is nobody's again


def test_only_ones_own_is_unlinked_and_with_a_fresh_proof(
    estate: Estate, federation: Federation, holder: SignedIn
) -> None:
    linked(federation, holder)
    identity_id = identities(federation, holder)[0]["identity_id"]
    assert unlink(federation, somebody(estate, federation), identity_id).code == "not_found"
    assert unlink(federation, sign_in(estate, holder.person), identity_id).code == "insufficient_user_authentication"
    assert len(identities(federation, holder)) == 1


def provisioned(estate: Estate, federation: Federation) -> SignedIn:
    """Somebody who has come by the provider, and has no password."""
    account = Account("new-1", "new@acme.example")
    staff_id = Browser(federation).sign_in(account).body["session"]["staff_id"]
    session = sign_in(estate, Person(federation.tenant, staff_id, "new@acme.example", "member"))
    session.prove("account_security")
    return session


def test_the_last_way_to_sign_in_stays(estate: Estate, federation: Federation) -> None:
    session = provisioned(estate, federation)
    (first,) = identities(federation, session)
    response = unlink(federation, session, first["identity_id"])
    assert (response.status, response.code) == (409, "last_factor")
    assert linked(federation, session).status == 302
    assert unlink(federation, session, first["identity_id"]).status == 204
    (second,) = identities(federation, session)
    assert unlink(federation, session, second["identity_id"]).code == "last_factor"


def test_of_two_last_identities_one_stays_whoever_removes_them(
    estate: Estate, federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = provisioned(estate, federation)
    linked(federation, session)
    first, second = (each["identity_id"] for each in identities(federation, session))
    before_the_commit(monkeypatch, lambda: unlink(federation, session, second))
    assert unlink(federation, session, first).code == "last_factor"
    assert [each["identity_id"] for each in identities(federation, session)] == [first]


def test_a_password_that_goes_before_the_commit_keeps_the_identity(
    estate: Estate, federation: Federation, holder: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked(federation, holder)
    (identity,) = identities(federation, holder)
    key = factor_key(federation.tenant, holder.person.staff_id, "password")
    before_the_commit(monkeypatch, lambda: estate.delete("tenant_staff", key))
    assert unlink(federation, holder, identity["identity_id"]).code == "last_factor"


def test_who_is_signed_out_meanwhile_unlinks_nothing(
    federation: Federation, holder: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked(federation, holder)
    (identity,) = identities(federation, holder)
    before_the_commit(monkeypatch, lambda: holder.calls(LOGOUT))
    assert unlink(federation, holder, identity["identity_id"]).code == "invalid_token"
    assert told(federation, "IDENTITY_UNLINKED") == []


@pytest.mark.parametrize("measure", ["factors/reset", "deactivate"])
def test_what_administrators_do_unlinks_nobody(
    estate: Estate, federation: Federation, holder: SignedIn, measure: str
) -> None:
    linked(federation, holder)
    admin = sign_in(estate, estate.new_person(federation.tenant, "owner"))
    admin.prove("rbac_admin")
    route = f"POST /api/staff/{{staff_id}}/{measure}"
    document = event(route, {"reason": "as agreed"}, bearer=admin.access_token)
    document["pathParameters"] = {"staff_id": holder.person.staff_id}
    assert call(staff_handler, document).status == 200
    response = Browser(federation).arrive(ADA)
    assert response.status == (302 if measure == "factors/reset" else 401)
    table, owner = estate.prefix + "tenant_staff", (holder.person.tenant, holder.person.staff_id)
    assert len(identities_of(get(estate.dynamodb, table, identities_key(*owner))).links) == 1

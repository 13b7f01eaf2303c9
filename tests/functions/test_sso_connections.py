"""The identity providers of a tenant: who may say so, what they may be, and whose a mail domain is."""

import json
from typing import Any

import pytest

from functions.sso_connections import flow
from functions.sso_connections.change import changed
from functions.sso_connections.handler import handler
from functions.sso_connections.records import Dns
from shared.runtime.sealed_secret import sso_client_context
from shared.store.sso_connections import Connection
from shared.store.wire import ServiceError
from tests.functions.estate import Estate, Response, call, event
from tests.functions.signed_in import SignedIn, sign_in

ALL = "/api/sso-connections"
ONE = "/api/sso-connections/{connection_id}"
VERIFY = "/api/sso-connections/{connection_id}/domains/verify"
BODY: dict[str, Any] = {"name": "Acme", "issuer": "https://idp.example", "client_id": "muniment"}
SECRET = "a client secret that nobody reads"


@pytest.fixture
def admin(estate: Estate, tenant: str) -> SignedIn:
    return signed_in(estate, tenant)


def signed_in(estate: Estate, tenant: str, role: str = "admin", *, proven: bool = True) -> SignedIn:
    session = sign_in(estate, estate.new_person(tenant, role))
    if proven:
        session.prove("rbac_admin")
    return session


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Give the TXT records of the world, to be written by the test."""
    records: dict[str, list[str]] = {}
    monkeypatch.setattr(Dns, "texts", lambda _, name: records.get(name, []))
    return records


def ask(session: SignedIn, method: str, path: str, body: object = None, connection_id: str | None = None) -> Response:
    document = event(f"{method} {path}", body, bearer=session.access_token)
    if connection_id is not None:
        document["pathParameters"] = {"connection_id": connection_id}
    return call(handler, document)


def made(session: SignedIn, **fields: Any) -> dict[str, Any]:
    response = ask(session, "POST", ALL, {**BODY, **fields})
    assert response.status == 201, response.text
    return response.body


def changes(estate: Estate, session: SignedIn) -> list[dict[str, Any]]:
    return [each for each in estate.events(session.person.tenant) if each["action"] == "SSO_CONFIG_CHANGED"]


def test_a_connection_is_made_and_shown_without_its_secret(estate: Estate, admin: SignedIn) -> None:
    document = made(admin, client_secret=SECRET, domains=["acme.example"])
    assert document["client_authentication"] == "secret"
    assert document["algorithms"] == ["RS256"]
    assert (document["enabled"], document["provisioning"]) == (True, False)
    assert document["redirect_uri"].endswith(f"/api/auth/sso/callback?connection={document['connection_id']}")
    assert document["start_url"].endswith(f"/{admin.person.tenant}/{document['connection_id']}/start")
    record = document["domains"][0]["record"]
    assert record["name"] == "_muniment.acme.example"
    assert len(record["value"]) >= 32
    listed = ask(admin, "GET", ALL).body["connections"]
    assert listed == [document]
    assert ask(admin, "GET", ONE, connection_id=document["connection_id"]).body == document
    effects = estate.partition("outbox", "tenant", admin.person.tenant)
    told = json.dumps([estate.events(admin.person.tenant), effects, listed], default=str)
    assert SECRET not in told
    (change,) = changes(estate, admin)
    assert (change["reason"], change["change"]["before"]) == ("CREATED", None)
    assert change["change"]["after"]["client_secret"] == "set"
    assert change["change"]["after"]["domains"] == ["acme.example"]
    assert change["change"]["after"]["verified_domains"] == []


def test_a_secret_opens_for_its_own_connection_alone(estate: Estate, admin: SignedIn) -> None:
    one, other = (made(admin, client_secret=SECRET)["connection_id"] for _ in range(2))
    rows = {row["connection_id"]: row for row in estate.partition("sso_connections", "tenant", admin.person.tenant)}
    assert SECRET.encode() not in rows[one]["secret_sealed"]
    assert (
        estate.sealer.open(rows[one]["secret_sealed"], sso_client_context(admin.person.tenant, one)) == SECRET.encode()
    )
    with pytest.raises(ServiceError):
        estate.sealer.open(rows[one]["secret_sealed"], sso_client_context(admin.person.tenant, other))


def test_only_what_changes_is_told(estate: Estate, admin: SignedIn) -> None:
    connection_id = made(admin, client_secret=SECRET)["connection_id"]
    body = {"enabled": False, "provisioning": True, "client_secret": "another", "algorithms": ["ES256", "EdDSA"]}
    response = ask(admin, "PATCH", ONE, body, connection_id)
    assert response.status == 200
    assert (response.body["enabled"], response.body["version"]) == (False, 2)
    change = changes(estate, admin)[-1]
    assert change["change"]["before"] == {
        "enabled": True,
        "provisioning": False,
        "algorithms": ["RS256"],
        "client_secret": "set",
    }
    assert change["change"]["after"]["client_secret"] == "replaced"
    effects = estate.partition("outbox", "tenant", admin.person.tenant)
    assert {each["payload"]["name"] for each in effects} == {"sso_connection_changed"}


def test_a_change_of_nothing_is_none(estate: Estate, admin: SignedIn) -> None:
    connection_id = made(admin, max_age_seconds=0)["connection_id"]
    response = ask(admin, "PATCH", ONE, {"name": "Acme", "enabled": True, "max_age_seconds": 0}, connection_id)
    assert (response.status, response.body["version"]) == (200, 1)
    assert len(changes(estate, admin)) == 1


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"issuer": "http://idp.example"}, "/issuer"),
    ({"issuer": "http://127.0.0.2:1"}, "/issuer"),
    ({"issuer": "https://idp.example?x=1"}, "/issuer"),
    ({"issuer": "https://user@idp.example"}, "/issuer"),
    ({"issuer": "https://idp.example/#x"}, "/issuer"),
    ({"issuer": "https://"}, "/issuer"),
    ({"issuer": "https://idp.example:99999"}, "/issuer"),
    ({"algorithms": []}, "/algorithms"),
    ({"algorithms": ["none"]}, "/algorithms"),
    ({"algorithms": ["HS256"]}, "/algorithms"),
    ({"algorithms": ["RS256", "RS256"]}, "/algorithms"),
    ({"algorithms": [7]}, "/algorithms"),
    ({"algorithms": "RS256"}, "/algorithms"),
    ({"domains": ["Acme.example"]}, "/domains"),
    ({"domains": ["example"]}, "/domains"),
    ({"domains": ["acme.example", "acme.example"]}, "/domains"),
    ({"domains": ["a_b.example"]}, "/domains"),
    ({"domains": [f"d{number}.example" for number in range(21)]}, "/domains"),
    ({"max_age_seconds": 86_401}, "/max_age_seconds"),
    ({"max_age_seconds": -1}, "/max_age_seconds"),
    ({"secret": "x"}, "/secret"),
]


@pytest.mark.parametrize(("fields", "pointer"), FAULTS)
def test_what_makes_no_sense_is_refused_by_name(admin: SignedIn, fields: dict[str, Any], pointer: str) -> None:
    response = ask(admin, "POST", ALL, {**BODY, **fields})
    assert response.status == 400, response.text
    assert [each["pointer"] for each in response.body["errors"]] == [pointer]


def test_an_issuer_is_not_changed(admin: SignedIn) -> None:
    connection_id = made(admin)["connection_id"]
    assert ask(admin, "PATCH", ONE, {"issuer": "https://other.example"}, connection_id).status == 400


@pytest.mark.parametrize(
    ("role", "sees", "changes_it"),
    [("owner", 200, 201), ("admin", 200, 201), ("auditor", 200, 403), ("member", 403, 403)],
)
def test_who_may_see_and_change(estate: Estate, tenant: str, role: str, sees: int, changes_it: int) -> None:
    session = signed_in(estate, tenant, role)
    assert ask(session, "GET", ALL).status == sees
    assert ask(session, "POST", ALL, BODY).status == changes_it


def test_a_change_takes_a_fresh_proof(estate: Estate, tenant: str) -> None:
    session = signed_in(estate, tenant, proven=False)
    for method, path, body in (("POST", ALL, BODY), ("PATCH", ONE, {}), ("DELETE", ONE, None), ("POST", VERIFY, {})):
        assert ask(session, method, path, body, "c").code == "insufficient_user_authentication"


def test_another_tenants_connection_is_none(estate: Estate, admin: SignedIn) -> None:
    connection_id = made(admin)["connection_id"]
    stranger = signed_in(estate, estate.new_tenant())
    for wanted in (connection_id, "nothing", "a#b", f"domain#{connection_id}"):
        for method, path, body in (("GET", ONE, None), ("PATCH", ONE, {}), ("DELETE", ONE, None)):
            assert ask(stranger, method, path, body, wanted).status == 404
        assert ask(stranger, "POST", VERIFY, {"domain": "acme.example"}, wanted).status == 404
    assert ask(stranger, "GET", ALL).body == {"connections": []}


def test_a_connection_goes_with_its_domains(estate: Estate, admin: SignedIn, zone: dict[str, list[str]]) -> None:
    document = made(admin, domains=["gone.example"])
    prove(zone, document)
    assert ask(admin, "POST", VERIFY, {"domain": "gone.example"}, document["connection_id"]).status == 200
    assert ask(admin, "DELETE", ONE, None, document["connection_id"]).status == 204
    assert ask(admin, "GET", ONE, None, document["connection_id"]).status == 404
    assert changes(estate, admin)[-1]["reason"] == "REMOVED"
    again = made(admin, domains=["gone.example"])
    prove(zone, again)
    assert ask(admin, "POST", VERIFY, {"domain": "gone.example"}, again["connection_id"]).status == 200


def prove(zone: dict[str, list[str]], document: dict[str, Any]) -> None:
    for domain in document["domains"]:
        zone[f"{domain['record']['name']}."] = ["v=spf1 -all", domain["record"]["value"]]


def test_a_domain_counts_once_its_record_is_there(estate: Estate, admin: SignedIn, zone: dict[str, list[str]]) -> None:
    document = made(admin, domains=["proof.example", "other.example"])
    verify = {"domain": "proof.example"}, document["connection_id"]
    assert ask(admin, "POST", VERIFY, *verify).code == "domain_unverified"
    zone["_muniment.proof.example."] = ["another token"]
    assert ask(admin, "POST", VERIFY, *verify).code == "domain_unverified"
    prove(zone, document)
    response = ask(admin, "POST", VERIFY, *verify)
    assert response.status == 200
    verified = {each["domain"]: each["verified_at"] is not None for each in response.body["domains"]}
    assert verified == {"proof.example": True, "other.example": False}
    change = changes(estate, admin)[-1]
    assert change["reason"] == "DOMAIN_VERIFIED"
    assert change["change"] == {"before": {"verified_domains": []}, "after": {"verified_domains": ["proof.example"]}}
    assert ask(admin, "POST", VERIFY, *verify).body["version"] == response.body["version"]
    assert ask(admin, "POST", VERIFY, {"domain": "third.example"}, document["connection_id"]).status == 404


def test_a_domain_is_one_connections(estate: Estate, admin: SignedIn, zone: dict[str, list[str]]) -> None:
    first = made(admin, domains=["mine.example"])
    prove(zone, first)
    assert ask(admin, "POST", VERIFY, {"domain": "mine.example"}, first["connection_id"]).status == 200
    stranger = signed_in(estate, estate.new_tenant())
    second = made(stranger, domains=["mine.example"])
    prove(zone, second)
    verify = {"domain": "mine.example"}, second["connection_id"]
    assert ask(stranger, "POST", VERIFY, *verify).code == "domain_taken"
    assert len(changes(estate, stranger)) == 1
    assert ask(admin, "PATCH", ONE, {"domains": []}, first["connection_id"]).status == 200
    assert ask(stranger, "POST", VERIFY, *verify).status == 200


def test_a_domain_that_is_named_anew_is_proven_anew(admin: SignedIn, zone: dict[str, list[str]]) -> None:
    document = made(admin, domains=["anew.example"])
    prove(zone, document)
    assert ask(admin, "POST", VERIFY, {"domain": "anew.example"}, document["connection_id"]).status == 200
    kept = ask(admin, "PATCH", ONE, {"domains": ["anew.example", "b.example"]}, document["connection_id"]).body
    assert kept["domains"][0]["verified_at"] is not None
    ask(admin, "PATCH", ONE, {"domains": []}, document["connection_id"])
    anew = ask(admin, "PATCH", ONE, {"domains": ["anew.example"]}, document["connection_id"]).body
    assert anew["domains"][0]["verified_at"] is None
    assert anew["domains"][0]["record"] != document["domains"][0]["record"]


def test_there_is_a_limit(estate: Estate, admin: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.sso_connections.flow.MOST_CONNECTIONS", 1)
    made(admin)
    assert ask(admin, "POST", ALL, BODY).code == "connection_limit"
    assert len(changes(estate, admin)) == 1


def test_who_is_deactivated_meanwhile_changes_nothing(
    estate: Estate, admin: SignedIn, zone: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = made(admin, domains=["late.example"])
    prove(zone, document)
    records = dict(zone)

    def deactivated(_: Dns, name: str) -> list[str]:
        estate.change_gate(admin.person, "status", "DEACTIVATED")
        return records[name]

    monkeypatch.setattr(Dns, "texts", deactivated)
    response = ask(admin, "POST", VERIFY, {"domain": "late.example"}, document["connection_id"])
    assert (response.status, response.code) == (401, "invalid_token")
    assert len(changes(estate, admin)) == 1


def test_of_two_changes_at_once_both_count(
    estate: Estate, admin: SignedIn, zone: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = made(admin, domains=["both.example"])
    prove(zone, document)
    records, connection_id = dict(zone), document["connection_id"]

    def overtaken(_: Dns, name: str) -> list[str]:
        monkeypatch.setattr(Dns, "texts", lambda _, name: records[name])
        assert ask(admin, "PATCH", ONE, {"provisioning": True}, connection_id).status == 200
        return records[name]

    monkeypatch.setattr(Dns, "texts", overtaken)
    response = ask(admin, "POST", VERIFY, {"domain": "both.example"}, connection_id)
    assert response.status == 200
    assert response.body["provisioning"] is True
    assert response.body["domains"][0]["verified_at"] is not None
    assert [each["reason"] for each in changes(estate, admin)] == ["CREATED", "CHANGED", "DOMAIN_VERIFIED"]


def test_a_change_that_names_a_version_counts_on_that_one_alone(estate: Estate, admin: SignedIn) -> None:
    connection_id = made(admin, domains=["a.example"])["connection_id"]
    first = {"domains": ["a.example", "b.example"], "if_version": 1}
    assert ask(admin, "PATCH", ONE, first, connection_id).body["version"] == 2
    for version in (1, 3):
        refused = ask(admin, "PATCH", ONE, {"domains": ["c.example"], "if_version": version}, connection_id)
        assert (refused.status, refused.code) == (409, "settings_changed")
    domains = ask(admin, "GET", ONE, None, connection_id).body["domains"]
    assert [each["domain"] for each in domains] == ["a.example", "b.example"]
    assert [each["reason"] for each in changes(estate, admin)] == ["CREATED", "CHANGED"]


def test_a_change_that_names_a_version_is_refused_when_another_one_comes_between(
    admin: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection_id = made(admin)["connection_id"]

    def overtaken(before: Connection, *given: Any) -> Connection:
        monkeypatch.setattr(flow, "changed", changed)
        assert ask(admin, "PATCH", ONE, {"domains": ["others.example"]}, connection_id).status == 200
        return changed(before, *given)

    monkeypatch.setattr(flow, "changed", overtaken)
    refused = ask(admin, "PATCH", ONE, {"domains": ["mine.example"], "if_version": 1}, connection_id)
    assert (refused.status, refused.code) == (409, "settings_changed")
    (domain,) = ask(admin, "GET", ONE, None, connection_id).body["domains"]
    assert domain["domain"] == "others.example"

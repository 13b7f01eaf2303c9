"""A tenant that trusts one provider, and a browser that signs in by it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from functions.sso.handler import handler as sso_handler
from shared.domain.federation import identity_digest
from shared.runtime.sealed_secret import sso_client_context
from shared.store.sso_connections import Connection, Domain, connection_key, stored_connection
from shared.store.tenant_staff import email_key, identity_key
from tests.functions.estate import Estate, Person, Place, Response, call, event
from tests.functions.identity_provider import CLIENT, Account, IdentityProvider, running_provider

START = "GET /api/auth/sso/{tenant}/{connection}/start"
CALLBACK = "GET /api/auth/sso/callback"
TOKEN = "POST /api/auth/sso/token"
DOMAIN = "acme.example"


@dataclass
class Federation:
    """One tenant with one connection to `provider`."""

    estate: Estate
    tenant: str
    provider: IdentityProvider
    connection: Connection

    def change(self, **fields: Any) -> None:
        """Change the connection behind the product's back."""
        after = self.connection._replace(**fields, version=self.connection.version + 1)
        item = stored_connection(self.estate.prefix + "sso_connections", self.connection, after)
        self.estate.dynamodb.call("PutItem", dict(item.request))
        self.connection = after

    def remove(self) -> None:
        key = connection_key(self.tenant, self.connection.connection_id)
        self.estate.delete("sso_connections", key)

    def link(self, person: Person, subject: str) -> None:
        key = identity_key(self.tenant, identity_digest(self.provider.issuer, subject))
        self.estate.change_row("tenant_staff", key, {"staff_id": person.staff_id})

    def staff_of(self, email: str) -> str:
        rows = self.estate.partition("tenant_staff", "tenant", self.tenant)
        return next(str(row["staff_id"]) for row in rows if row["item"] == email_key(self.tenant, email)["item"])

    def reasons(self) -> list[str]:
        """Give the reasons of the refusals that were recorded."""
        return [each["reason"] for each in self.estate.events(self.tenant) if each["action"] == "AUTH_LOGIN_FAILED"]


@dataclass
class Browser:
    """Keeps cookies; everything else a test says."""

    federation: Federation
    place: Place = field(default_factory=Place)
    cookies: dict[str, str] = field(default_factory=dict)

    def start(self, query: str = "") -> Response:
        connection = self.federation.connection
        named = {"tenant": self.federation.tenant, "connection": connection.connection_id}
        return self.visit(START, query=query, path_parameters=named)

    def leave(self, account: Account, query: str = "", **other: str | None) -> dict[str, str]:
        """Go to the provider and sign in there; gives the query of the way back."""
        location = self.start(query).headers["Location"]
        return self.federation.provider.authorize(location, account, **other)

    def come_back(self, query: dict[str, str]) -> Response:
        return self.visit(CALLBACK, query=urlencode(query))

    def arrive(self, account: Account, query: str = "", **other: str | None) -> Response:
        return self.come_back(self.leave(account, query, **other))

    def code_of(self, response: Response) -> str:
        assert response.status == 302, response.text
        return urlsplit(response.headers["Location"]).fragment.removeprefix("sso=")

    def exchange(self, code: str, **body: str) -> Response:
        return self.visit(TOKEN, {"code": code, **body})

    def sign_in(self, account: Account, **body: str) -> Response:
        return self.exchange(self.code_of(self.arrive(account)), device_id="device-1", **body)

    def visit(
        self,
        route: str,
        body: object = None,
        *,
        query: str = "",
        path_parameters: dict[str, str] | None = None,
        bearer: str | None = None,
    ) -> Response:
        document = event(route, body, place=self.place, query=query, bearer=bearer)
        document["cookies"] = [f"{name}={value}" for name, value in self.cookies.items()]
        if path_parameters:
            document["pathParameters"] = path_parameters
        response = call(sso_handler, document)
        for line in response.raw.get("cookies", ()):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0]
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return response


def federation_of(estate: Estate, tenant: str, provider: IdentityProvider, **fields: Any) -> Federation:
    connection_id = f"c-{tenant}"
    sealed = estate.sealer.seal(b"s:cret &", sso_client_context(tenant, connection_id))
    connection = Connection(
        tenant=tenant,
        connection_id=connection_id,
        name="Acme",
        issuer=provider.issuer,
        client_id=CLIENT,
        secret_sealed=sealed,
        algorithms=("RS256",),
        domains={DOMAIN: Domain("proof", 1)},
        enabled=True,
        provisioning=True,
        max_age_seconds=None,
        created_at=1,
        changed_at=1,
        version=1,
    )._replace(**fields)
    item = stored_connection(estate.prefix + "sso_connections", None, connection)
    estate.dynamodb.call("PutItem", dict(item.request))
    return Federation(estate, tenant, provider, connection)


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def federation(estate: Estate, tenant: str, provider: IdentityProvider) -> Federation:
    return federation_of(estate, tenant, provider)


def refused(federation: Federation, response: Response, reason: str) -> None:
    assert response.status == 401, response.text
    assert response.code == "invalid_credentials"
    assert reason not in response.text
    assert federation.reasons()[-1] == reason
    nobody_is_in(federation)


def nobody_is_in(federation: Federation) -> None:
    actions = federation.estate.actions(federation.tenant)
    assert set(actions) <= {"AUTH_LOGIN_FAILED"}, actions
    rows = federation.estate.partition("tenant_staff", "tenant", federation.tenant)
    assert not [row for row in rows if row["item"].startswith(("identity#", "email#ada@"))]

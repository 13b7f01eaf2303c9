"""A person with an account, who links an identity of a provider to it."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.store.transaction import Ledger
from tests.functions.estate import Estate, Response
from tests.functions.identity_provider import Account
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.single_sign_on import Browser, Federation

LINK = "POST /api/auth/sso/link"
LIST = "GET /api/auth/sso/identities"
UNLINK = "DELETE /api/auth/sso/identities/{identity_id}"
ADA = Account("ada-7", "ada@elsewhere.example")


@pytest.fixture
def holder(estate: Estate, federation: Federation) -> SignedIn:
    """Somebody with a password, signed in and freshly proven."""
    return somebody(estate, federation)


def somebody(estate: Estate, federation: Federation) -> SignedIn:
    session = sign_in(estate, estate.new_person(federation.tenant, "member"))
    session.prove("account_security")
    return session


def begin(browser: Browser, session: SignedIn | None, **body: str) -> Response:
    asked = {"connection_id": browser.federation.connection.connection_id, **body}
    return browser.visit(LINK, asked, bearer=None if session is None else session.access_token)


def leave(browser: Browser, session: SignedIn, account: Account = ADA, **body: str) -> dict[str, str]:
    """Begin, and sign in at the provider; gives the query of the way back."""
    response = begin(browser, session, **body)
    assert response.status == 200, response.text
    return browser.federation.provider.authorize(response.body["authorization_url"], account)


def linked(federation: Federation, session: SignedIn, account: Account = ADA) -> Response:
    browser = Browser(federation)
    return browser.come_back(leave(browser, session, account))


def identities(federation: Federation, session: SignedIn) -> list[dict[str, Any]]:
    response = Browser(federation).visit(LIST, bearer=session.access_token)
    assert response.status == 200, response.text
    found: list[dict[str, Any]] = response.body["identities"]
    return found


def unlink(federation: Federation, session: SignedIn, identity_id: str) -> Response:
    return Browser(federation).visit(UNLINK, path_parameters={"identity_id": identity_id}, bearer=session.access_token)


def told(federation: Federation, action: str) -> list[dict[str, Any]]:
    return [each for each in federation.estate.events(federation.tenant) if each["action"] == action]


def nobody_is_linked(federation: Federation) -> None:
    rows = federation.estate.partition("tenant_staff", "tenant", federation.tenant)
    assert [row for row in rows if row["item"].startswith("identity#") or row["item"].endswith("#identities")] == []


def before_the_commit(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something come between the decision and its commit, once."""
    commit, pending = Ledger.commit, [happens]

    def overtaken(ledger: Ledger, tenant: str, items: Any, events: Any, **acting: Any) -> Any:
        if pending and events and events[0].action in {"IDENTITY_LINKED", "IDENTITY_UNLINKED"}:
            pending.pop()()
        return commit(ledger, tenant, items, events, **acting)

    monkeypatch.setattr(Ledger, "commit", overtaken)

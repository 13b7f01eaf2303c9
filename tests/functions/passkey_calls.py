"""Calls about passkeys and other second factors, as a browser makes them, and what the person is told."""

from typing import Any

from functions.step_up.handler import handler as step_up_handler
from tests.functions.estate import Estate, Person, Response, call, event, step_up
from tests.functions.software_authenticator import SoftwareAuthenticator
from tests.functions.test_step_up import challenge, code_of, verify

LIST = "GET /api/auth/factors/passkeys"
REMOVE = "DELETE /api/auth/factors/passkeys/{passkey_id}"


def secured(estate: Estate, person: Person, bearer: str) -> str:
    """Prove `account_security` with the authenticator; gives the stronger access token."""
    asked = challenge(bearer, "account_security")["challenge_id"]
    verified = verify(bearer, asked, code=code_of(person, estate.clock()))
    assert verified.status == 200, verified.text
    return str(verified.body["access_token"])


def begun(bearer: str) -> dict[str, Any]:
    response = step_up("factors/passkeys", None, bearer)
    assert response.status == 201, response.text
    options: dict[str, Any] = response.body["publicKey"]
    return options


def confirmed(bearer: str, credential: dict[str, Any], **more: str) -> Response:
    return step_up("factors/passkeys/confirm", {"passkey": credential, **more}, bearer)


def registered(bearer: str, key: SoftwareAuthenticator | None = None) -> SoftwareAuthenticator:
    key = key or SoftwareAuthenticator()
    response = confirmed(bearer, key.created(begun(bearer)))
    assert response.status == 200, response.text
    return key


def answered(bearer: str, asked: dict[str, Any], assertion: dict[str, Any]) -> Response:
    return step_up("step-up/verify", {"challenge_id": asked["challenge_id"], "passkey": assertion}, bearer)


def listed(bearer: str) -> list[dict[str, Any]]:
    response = call(step_up_handler, event(LIST, bearer=bearer))
    assert response.status == 200, response.text
    passkeys: list[dict[str, Any]] = response.body["passkeys"]
    return passkeys


def removed(bearer: str, passkey_id: str) -> Response:
    document = event(REMOVE, bearer=bearer, path=f"/api/auth/factors/passkeys/{passkey_id}")
    document["pathParameters"] = {"passkey_id": passkey_id}
    return call(step_up_handler, document)


def mails(estate: Estate, person: Person) -> list[dict[str, Any]]:
    """Give the mails about factors, in their order."""
    rows = [row["payload"] for row in estate.rows("outbox") if row["tenant"] == person.tenant and row["kind"] == "mail"]
    mine = [mail for mail in rows if mail["staff_id"] == person.staff_id and mail["template"] != "new_device"]
    for mail in mine:
        assert mail["values"].pop("time").endswith("Z")
    return mine

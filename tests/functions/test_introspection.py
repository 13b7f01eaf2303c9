"""The public keys, and whether an access token counts now: what other services of the adopter rely on."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import jwt
import pytest

from functions.introspection.handler import handler
from shared.domain.permission import permissions_of
from shared.runtime.access_token import Bearer, TokenIssuer
from shared.runtime.signing_keys import KeyRing, Signer
from shared.store.item import update
from shared.store.wire import Unavailable, Wire
from tests.functions.conftest import Calls
from tests.functions.estate import INTROSPECTION_SECRET, Estate, MovableClock, Person, Response, call, event
from tests.functions.held_session import IDLE_SECONDS, Held, hold

FORM = "application/x-www-form-urlencoded"


def basic(user: str, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


KNOWN = basic("introspection", INTROSPECTION_SECRET)


def ask(token: str, headers: Mapping[str, str] | None = None) -> Response:
    return ask_raw(urlencode({"token": token}), headers=headers)


def ask_raw(raw: str, content_type: str = FORM, headers: Mapping[str, str] | None = None) -> Response:
    sent = KNOWN if headers is None else headers
    return call(handler, event("POST /api/auth/introspect", raw=raw, content_type=content_type, headers=sent))


def keys_of(estate: Estate) -> KeyRing:
    return KeyRing(estate.dynamodb, estate.environ["SIGNING_KEYS_TABLE"], estate.clock)


def token_of(estate: Estate, held: Held, at: int | None = None) -> str:
    """Mint an access token of a session, as a login or a refresh does."""
    issuer = TokenIssuer(Signer(keys_of(estate), estate.sealer), estate.environ["ISSUER"], "muniment", 600)
    person = held.person
    bearer = Bearer(person.tenant, person.staff_id, held.session_id, 1, 1, held.standing)
    return issuer.mint(bearer, held.opened_at if at is None else at)


@pytest.fixture
def held(estate: Estate, person: Person) -> Held:
    return hold(estate, person, int(estate.clock()))


@pytest.fixture
def token(estate: Estate, held: Held) -> str:
    return token_of(estate, held)


def test_published_keys_verify_a_token_in_another_library(estate: Estate, held: Held, token: str) -> None:
    answer = call(handler, event("GET /.well-known/jwks.json"))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Strict-Transport-Security" in answer.headers
    statuses = {row["kid"]: row["status"] for row in estate.rows("signing_keys") if row["kid"] != "-"}
    assert [statuses[key["kid"]] for key in answer.body["keys"]] == ["next", "current"]
    for key in answer.body["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")
    kid = jwt.get_unverified_header(token)["kid"]
    found = jwt.PyJWKSet.from_dict(answer.body)[kid]
    claims = jwt.decode(token, found, algorithms=["ES256"], audience="muniment")
    assert claims["sid"] == held.session_id


def test_live_token_is_active_and_described_with_the_role_of_now(estate: Estate, held: Held, token: str) -> None:
    person = held.person
    answer = ask(token)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    body = answer.body
    assert body.pop("jti")
    assert body == {
        "active": True,
        "token_type": "Bearer",
        "iss": estate.environ["ISSUER"],
        "aud": "muniment",
        "sub": person.staff_id,
        "tid": person.tenant,
        "sid": held.session_id,
        "acr": "urn:muniment:aal1",
        "amr": ["pwd"],
        "auth_time": held.opened_at,
        "iat": held.opened_at,
        "exp": held.opened_at + 600,
        "role": "admin",
        "permissions": list(permissions_of("admin")),
    }
    estate.change_gate(person, "role", "auditor")
    assert ask(token).body["permissions"] == ["OWN_ACCOUNT", "SETTINGS_SECURITY_VIEW"]


def test_json_is_taken_as_everywhere_else(token: str) -> None:
    asked = json.dumps({"token": token, "token_type_hint": "access_token"})
    assert ask_raw(asked, "application/json").body["active"] is True


def test_asking_is_one_read_and_uses_nothing(estate: Estate, held: Held, token: str, calls: Calls) -> None:
    ask(token)
    before = held.row(estate)
    estate.clock.offset = 120.0
    calls.clear()
    try:
        assert ask(token).body["active"] is True
    finally:
        estate.clock.offset = 0.0
    assert set(calls.operations()) <= {"BatchGetItem", "Query", "GetSecretValue"}
    assert calls.operations().count("BatchGetItem") == 1
    assert held.row(estate) == before


def gate(name: str, value: str | int) -> Callable[[Estate, Held], None]:
    return lambda estate, held: estate.change_gate(held.person, name, value)


def session(**changes: object) -> Callable[[Estate, Held], None]:
    def change(estate: Estate, held: Held) -> None:
        key = {"owner": f"{held.person.tenant}#{held.person.staff_id}", "session_id": held.session_id}
        item = update(estate.environ["USER_SESSIONS_TABLE"], key, set_=changes)
        estate.dynamodb.call("UpdateItem", dict(item.request))

    return change


def tenant_status(estate: Estate, held: Held) -> None:
    item = update(estate.environ["TENANTS_TABLE"], {"tenant": held.person.tenant}, set_={"status": "SUSPENDED"})
    estate.dynamodb.call("UpdateItem", dict(item.request))


def session_gone(estate: Estate, held: Held) -> None:
    owner = f"{held.person.tenant}#{held.person.staff_id}"
    estate.delete("user_sessions", {"owner": owner, "session_id": held.session_id})


def gate_gone(estate: Estate, held: Held) -> None:
    estate.delete("tenant_staff", {"tenant": held.person.tenant, "item": f"{held.person.staff_id}#gate"})


PENDING = {"challenge_id": "c", "expires_at": 2**40, "methods": ["totp"]}


@pytest.mark.parametrize(
    "change",
    [
        gate("status", "DEACTIVATED"),
        gate("session_version", 2),
        gate_gone,
        session(status="REVOKED"),
        session(status="EXPIRED"),
        session(session_version=2),
        session(idle_expires_at=1),
        session(absolute_expires_at=1),
        session(pending_challenge=PENDING),
        session_gone,
        tenant_status,
    ],
    ids=[
        "person deactivated",
        "version left behind",
        "person erased",
        "session revoked",
        "session expired",
        "session of another version",
        "idle",
        "beyond its absolute limit",
        "waiting for a proof",
        "session gone",
        "tenant suspended",
    ],
)
def test_token_of_what_does_not_count_now_is_inactive_and_nothing_more_is_told(
    estate: Estate, held: Held, token: str, change: Callable[[Estate, Held], None]
) -> None:
    assert ask(token).body["active"] is True
    change(estate, held)
    answer = ask(token)
    assert (answer.status, answer.body) == (200, {"active": False})


def test_expired_token_of_a_living_session_is_inactive(estate: Estate, held: Held, clock: MovableClock) -> None:
    token = token_of(estate, held)
    clock.offset = 700.0
    assert clock.offset < IDLE_SECONDS
    assert ask(token).body == {"active": False}


@pytest.mark.parametrize("text", ["x", "eyJhbGciOiJub25lIn0.e30.", "rt1.a.b.c.1.1.x", "\N{SNOWMAN}", "a" * 4096])
def test_anything_that_is_no_token_of_ours_is_inactive_and_reads_no_row(text: str, calls: Calls) -> None:
    assert ask(text).body == {"active": False}
    assert "BatchGetItem" not in calls.operations()


def test_altered_token_is_inactive(token: str) -> None:
    head, claims, signature = token.split(".")
    other = base64.urlsafe_b64encode(base64.urlsafe_b64decode(claims + "==").replace(b'"rgen":1', b'"rgen":2'))
    assert ask(f"{head}.{other.decode().rstrip('=')}.{signature}").body == {"active": False}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic \N{SNOWMAN}"},
        {"authorization": f"Bearer {INTROSPECTION_SECRET}"},
        basic("introspection", ""),
        basic("introspection", INTROSPECTION_SECRET[:-1]),
        basic("introspection", INTROSPECTION_SECRET + "x"),
        basic("Introspection", INTROSPECTION_SECRET),
        basic("", INTROSPECTION_SECRET),
    ],
)
def test_service_that_is_not_known_learns_nothing(token: str, headers: dict[str, str], calls: Calls) -> None:
    answer = ask(token, headers)
    assert (answer.status, answer.code) == (401, "invalid_credentials")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert "BatchGetItem" not in calls.operations()


def test_rotated_secret_and_the_one_before_it_are_both_known(estate: Estate, token: str, clock: MovableClock) -> None:
    vault = Wire.from_environment("secretsmanager", estate.environ)
    arn = estate.environ["INTROSPECTION_SECRET_ARN"]
    asked = {"SecretId": arn, "ClientRequestToken": secrets.token_hex(16)}
    vault.call("PutSecretValue", {**asked, "SecretString": "a-newer-one"})
    try:
        clock.offset = 3_600.0  # a change counts within a minute; other tests have moved this clock, too
        assert ask(token, basic("introspection", "a-newer-one")).status == 200
        assert ask(token, KNOWN).status == 200
        assert ask(token, basic("introspection", "another")).status == 401
    finally:
        asked["ClientRequestToken"] = secrets.token_hex(16)
        vault.call("PutSecretValue", {**asked, "SecretString": INTROSPECTION_SECRET})


def test_bearer_of_a_person_does_not_introspect(token: str) -> None:
    assert ask(token, {"authorization": f"Bearer {token}"}).status == 401


@pytest.mark.parametrize(
    ("raw", "content_type", "status"),
    [
        ("", FORM, 400),
        ("token=", FORM, 400),
        ("token=a&token=b", FORM, 400),
        ("token=a&client_id=introspection", FORM, 400),
        ("token=a&token_type_hint=" + "x" * 65, FORM, 400),
        ("token=" + "a" * 4097, FORM, 400),
        ("token=%FF", FORM, 400),
        ("token=\N{SNOWMAN}", FORM, 400),
        ("token", FORM, 400),
        ("&".join(f"a{number}=1" for number in range(100)), FORM, 400),
        ("token=" + "a" * 70_000, FORM, 413),
        ("token=a", "text/plain", 415),
        ("token=a", FORM + "; charset=utf-16", 415),
        ('{"token": "a", "extra": 1}', "application/json", 400),
        ('{"token": "a", "token": "b"}', "application/json", 400),
        ('{"token": 1}', "application/json", 400),
        ("{}", "application/json", 400),
    ],
)
def test_malformed_question_is_refused(raw: str, content_type: str, status: int) -> None:
    assert ask_raw(raw, content_type).status == status


def test_form_may_name_its_character_set(token: str) -> None:
    assert ask_raw(urlencode({"token": token}), FORM + "; charset=UTF-8").body["active"] is True


def test_rows_that_cannot_be_read_are_no_answer(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Wire.call

    def broken(self: Wire, operation: str, *rest: object, **how: object) -> object:
        if operation == "BatchGetItem":
            raise Unavailable("injected")
        return original(self, operation, *rest, **how)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(Wire, "call", broken)
    answer = ask(token)
    assert (answer.status, answer.code) == (503, "auth_unavailable")

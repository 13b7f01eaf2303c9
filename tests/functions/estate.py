"""Tables, keys and a tenant in the embedded AWS, and the handlers as API Gateway would call them."""

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
import pyotp

from functions.login.handler import handler as login_handler
from functions.refresh.handler import handler as refresh_handler
from functions.sessions.handler import handler as sessions_handler
from functions.step_up.handler import handler as step_up_handler
from shared.audit.event import Actor, Draft, new_event_id
from shared.runtime.argon2id import hashed
from shared.runtime.sealed_secret import SecretSealer, totp_context
from shared.runtime.settings import from_environment
from shared.store.attribute import Row, unmarshal
from shared.store.condition import equals
from shared.store.exports import RUNNING_BY_DEADLINE
from shared.store.item import query, update
from shared.store.session_reviews import DUE_FOR_REVIEW
from shared.store.subject_keys import new_salt_item
from shared.store.tenant_staff import NewStaff, gate_key, provisioning_items
from shared.store.tenants import new_tenant_item
from shared.store.transaction import Committed, Ledger, LedgerSettings
from shared.store.wire import Wire
from tests.functions.deployment_settings import SETTINGS
from tests.functions.unchecked_log import unchecked_events

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "tenants": ("tenant",),
    "tenant_staff": ("tenant", "item"),
    "subject_keys": ("tenant", "subject"),
    "user_sessions": ("owner", "session_id"),
    "refresh_tokens": ("token_hash",),
    "step_up_challenges": ("challenge_id",),
    "audit_logs": ("log_lane", "seq"),
    "audit_seals": ("tenant", "seal"),
    "audit_verifications": ("log",),
    "signing_keys": ("purpose", "kid"),
    "exports": ("tenant", "export_id"),
    "share_links": ("tenant", "link"),
    "throttles": ("bucket",),
    "one_time_tokens": ("token_hash",),
    "invites": ("tenant", "invite_id"),
    "outbox": ("tenant", "effect_id"),
    "ip_rules": ("tenant", "rule_id"),
    "ip_denials": ("tenant", "source"),
    "impersonations": ("tenant", "item"),
    "sso_connections": ("tenant", "connection_id"),
    "legal_holds": ("tenant", "hold_id"),
    "erasures": ("tenant", "staff_id"),
    "access_reviews": ("tenant", "item"),
    "evidence_calendar": ("tenant", "slot"),
}
INDEXES: Final[Mapping[str, tuple[str, str, str]]] = {  # name, partition, sort
    "user_sessions": (DUE_FOR_REVIEW, "tenant", "review_at"),
    "exports": (RUNNING_BY_DEADLINE, "running", "deadline_at"),
}
ORIGIN_SECRET: Final = "the-edge-and-we-know-this"
INTROSPECTION_SECRET: Final = "other-services-and-we-know-this"
SETTLED_SECONDS: Final = 60 * 86_400  # tenants of the tests are no longer new
PASSWORD: Final = "correct horse battery staple"

Written = tuple[str, str, Any]  # what was done, to which table, and the row or the expression
WRITTEN: Final[list[Written]] = []  # what DynamoDB took, in its order: tests/functions/conftest.py notes it

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


class MovableClock:
    """Real time, moved by `offset` seconds."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]
    text: str
    raw: Mapping[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.text)
        return document

    @property
    def code(self) -> str:
        return str(self.body["code"])


@dataclass(frozen=True, slots=True)
class Person:
    tenant: str
    staff_id: str
    email: str
    role: str
    totp_secret: str | None = None


@dataclass(slots=True)
class Place:
    """Where a request seems to come from, as CloudFront would say it."""

    # One network, many addresses: the tests of a minute are more than one address may try.
    address: str = field(default_factory=lambda: f"198.51.100.{secrets.randbelow(254) + 1}")
    country: str = "DE"
    user_agent: str = "Mozilla/5.0 (test)"
    extra: dict[str, str] = field(default_factory=dict)

    def headers(self) -> dict[str, str]:
        return {
            "x-origin-verify": ORIGIN_SECRET,
            "cloudfront-viewer-address": f"{self.address}:443",
            "cloudfront-viewer-country": self.country,
            "user-agent": self.user_agent,
            **self.extra,
        }


class Estate:
    """One deployment's rows in one engine. `environ` is what every function is given."""

    def __init__(self, endpoint: str, clock: MovableClock) -> None:
        self.clock = clock
        self._boto: dict[str, Any] = {
            "endpoint_url": endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
        self._dynamodb, self._kms = boto3.client("dynamodb", **self._boto), boto3.client("kms", **self._boto)
        self.prefix = f"t{secrets.token_hex(4)}-"
        self.environ = {
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": endpoint,
            **{f"{name}_table".upper(): self.prefix + name for name in KEYS},
            **self._settings(),
        }
        for name, keys in KEYS.items():
            self._create(name, keys)
        self.dynamodb = Wire.from_environment("dynamodb", self.environ)
        self._sealing = Wire.from_environment("kms", self.environ)
        self.sealer = SecretSealer(self._sealing, self.environ["DATA_KEY_ID"])
        self.ledger = Ledger(self.dynamodb, self._ledger_settings(), clock)

    def _settings(self) -> dict[str, str]:
        with contextlib.closing(boto3.client("secretsmanager", **self._boto)) as vault:
            secret = vault.create_secret(Name=f"{self.prefix}origin", SecretString=ORIGIN_SECRET)
            asking = vault.create_secret(Name=f"{self.prefix}introspection", SecretString=INTROSPECTION_SECRET)
        return {
            "DATA_KEY_ID": self._kms.create_key()["KeyMetadata"]["KeyId"],
            "ORIGIN_SECRET_ARN": secret["ARN"],
            "INTROSPECTION_SECRET_ARN": asking["ARN"],
            **SETTINGS,
        }

    def _create(self, name: str, keys: tuple[str, ...]) -> None:
        found: dict[str, Any] = {"KeySchema": _schema(keys)}
        if name in INDEXES:
            index, *further = INDEXES[name]
            described = {"IndexName": index, "KeySchema": _schema(tuple(further)), "Projection": _KEYS}
            found["GlobalSecondaryIndexes"] = [described]
            keys = (*keys, *further)
        self._dynamodb.create_table(
            TableName=self.prefix + name,
            **found,
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": "N" if key in _NUMBERS else "S"} for key in keys
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def _ledger_settings(self) -> LedgerSettings:
        return from_environment(LedgerSettings, self.environ)

    def close(self) -> None:
        """Leave no socket open: whoever has no fixture that closes wires would be told of it at some later moment."""
        for client in (self._dynamodb, self._kms, self.dynamodb, self._sealing):
            client.close()

    def new_tenant(self) -> str:
        tenant = f"acme-{secrets.token_hex(4)}"
        sealed = self._kms.generate_data_key(
            KeyId=self.environ["DATA_KEY_ID"], KeySpec="AES_256", EncryptionContext={"tenant": tenant}
        )
        row = new_tenant_item(
            self.prefix + "tenants",
            tenant,
            name="Acme GmbH",
            data_key_sealed=sealed["CiphertextBlob"],
            created_at=int(self.clock()) - SETTLED_SECONDS,
        )
        self._commit(tenant, [row], "TENANT_CREATED")
        return tenant

    def new_person(self, tenant: str, role: str = "admin", *, totp: bool = False) -> Person:
        staff_id = f"u_{secrets.token_hex(4)}"
        secret = pyotp.random_base32() if totp else None
        sealed = self.sealer.seal(secret.encode(), totp_context(tenant, staff_id)) if secret else None
        person = Person(tenant, staff_id, f"{staff_id}@acme.example", role, secret)
        staff = NewStaff(
            tenant=tenant,
            staff_id=staff_id,
            email=person.email,
            name="Ada Example",
            role=role,
            password_hash=_HASH,
            totp_secret_sealed=sealed,
        )
        items = provisioning_items(self.prefix + "tenant_staff", staff, int(self.clock()))
        _, salt = new_salt_item(self.prefix + "subject_keys", tenant, staff_id)
        self._commit(tenant, [*items, salt], "USER_PROVISIONED")
        return person

    def _commit(self, tenant: str, items: list[Any], action: str) -> None:
        now = self.clock()
        actor = Actor("system", "test")
        draft = Draft(
            event_id=new_event_id(now), action=action, outcome="success", actor=actor, resource="test", context={}
        )
        assert isinstance(self.ledger.commit(tenant, items, [draft]), Committed)

    def rows(self, table: str) -> list[Row]:
        """Read a whole table, in the order of its keys."""
        rows = map(unmarshal, self._scanned(table))
        return sorted(rows, key=lambda row: [row[key] for key in KEYS[table]])

    def partition(self, table: str, key: str, value: str) -> list[Row]:
        """Read one partition, in the order of its sort keys: what other tests wrote costs nothing."""
        return list(query(self.dynamodb, self.prefix + table, equals(key, value)))

    def everything(self) -> list[Written]:
        """Give all that the product has written in this test, whatever has become of it; refuted writes are none."""
        return list(WRITTEN)

    def but_counts(self) -> list[Written]:
        """Give what was written, but for the attempts, which are counted before anything is known."""
        return [each for each in WRITTEN if each[1] != self.prefix + "throttles"]

    def _scanned(self, table: str) -> Iterator[dict[str, Any]]:
        asked: dict[str, Any] = {"TableName": self.prefix + table, "ConsistentRead": True}
        while True:
            answer = self.dynamodb.call("Scan", asked)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def delete(self, table: str, key: Mapping[str, str]) -> None:
        """Take a row away, as erasure or an intruder would."""
        wired = {name: {"S": value} for name, value in key.items()}
        self._dynamodb.delete_item(TableName=self.prefix + table, Key=wired)

    def events(self, tenant: str) -> list[dict[str, Any]]:
        """Read a tenant's events, of every lane, in their order."""
        return unchecked_events(self.dynamodb, self.prefix + "audit_logs", tenant)

    def actions(self, tenant: str) -> list[str]:
        """Name a tenant's actions in their order, without those of its provisioning."""
        provisioning = {"TENANT_CREATED", "USER_PROVISIONED"}
        return [event["action"] for event in self.events(tenant) if event["action"] not in provisioning]

    def session_rows(self, person: Person) -> list[Row]:
        return self.partition("user_sessions", "owner", f"{person.tenant}#{person.staff_id}")

    def change_settings(self, tenant: str, settings: dict[str, Any]) -> None:
        """Give a tenant settings of its own, before any function has read it."""
        table, version = self.prefix + "tenants", {"policy_version": 1}
        item = update(table, {"tenant": tenant}, set_={"policy": settings}, add=version)
        self.dynamodb.call("UpdateItem", dict(item.request))

    def change_row(self, table: str, key: Mapping[str, str], values: Mapping[str, Any]) -> None:
        """Change fields of a row behind the product's back."""
        item = update(self.prefix + table, key, set_=values)
        self.dynamodb.call("UpdateItem", dict(item.request))

    def change_gate(self, person: Person, name: str, value: str | int) -> None:
        """Change a gate row as an administrator's transaction would."""
        self.change_row("tenant_staff", gate_key(person.tenant, person.staff_id), {name: value})


_HASH: Final = hashed(PASSWORD)
_KEYS: Final = {"ProjectionType": "KEYS_ONLY"}
_NUMBERS: Final = {"seq", *(sort for _, _, sort in INDEXES.values())}


def _schema(keys: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"AttributeName": key, "KeyType": "RANGE" if position else "HASH"} for position, key in enumerate(keys)]


def event(
    route: str,
    body: object = None,
    *,
    bearer: str | None = None,
    place: Place | None = None,
    path: str | None = None,
    request_id: str | None = None,
    content_type: str | None = "application/json",
    raw: str | None = None,
    query: str = "",
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Give an event of an HTTP API (payload format 2.0) as API Gateway writes it."""
    method, template = route.split(" ") if " " in route else ("GET", path or "/")
    sent = {**(place or Place()).headers(), **(headers or {})}
    text = raw if raw is not None else (None if body is None else json.dumps(body))
    if text is not None and content_type is not None:
        sent["content-type"] = content_type
    if bearer is not None:
        sent["authorization"] = f"Bearer {bearer}"
    document: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path or template,
        "rawQueryString": query,
        "headers": sent,
        "requestContext": {
            "requestId": request_id or secrets.token_urlsafe(9),
            "http": {"method": method, "path": path or template, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    if text is not None:
        document["body"] = text
    return document


def call(handler: Handler, document: dict[str, Any]) -> Response:
    answer = handler(document, None)
    return Response(answer["statusCode"], answer["headers"], answer["body"], answer)


def login(
    person: Person, *, device: str | None = "device-1", place: Place | None = None, password: str = PASSWORD
) -> Response:
    body = {"tenant": person.tenant, "email": person.email, "password": password}
    if device is not None:
        body["device_id"] = device
    return call(login_handler, event("POST /api/auth/login", body, place=place))


def refresh(token: str, *, device: str | None = "device-1", place: Place | None = None) -> Response:
    body = {"refresh_token": token}
    if device is not None:
        body["device_id"] = device
    return call(refresh_handler, event("POST /api/auth/refresh", body, place=place))


def me(bearer: str) -> Response:
    return call(sessions_handler, event("GET /api/auth/me", bearer=bearer))


def logout(bearer: str) -> Response:
    return call(sessions_handler, event("POST /api/auth/logout", bearer=bearer))


def step_up(path: str, body: object, bearer: str) -> Response:
    return call(step_up_handler, event(f"POST /api/auth/{path}", body, bearer=bearer))


def in_environment(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Set the functions' environment; gives what stood there before."""
    before = {name: os.environ.get(name) for name in environ}
    os.environ.update(environ)
    return before

"""The demonstration's tenant: its people, and a quarter of simulated history, written before the stage serves.

History is written through the product's own ledger, sealer and digester, in time order, with a clock that is set to the
moment that it tells of. No deployed function has such a clock. The tenant's row says which interval was simulated, and
every bundle's README.txt repeats it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp

from functions.audit_digest.anchor import Anchorer
from functions.audit_digest.flow import Digester
from functions.audit_digest.rotation import KeyRotation, SigningKeys
from functions.audit_digest.settings import Settings as DigestSettings
from functions.audit_seal.flow import Sealer
from functions.audit_seal.settings import Settings as SealSettings
from infra.local.deploy import client
from infra.local.record import HOME, Deployment
from infra.local.simulated_moment import DAY_SECONDS, Moment, Person
from infra.local.simulated_quarter import Quarter, moments
from infra.local.simulated_schedules import SimulatedSchedules
from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Outcome, Target, new_event_id, system_context
from shared.audit.moment import rfc3339
from shared.audit.personal_data import PersonalData, PersonRole
from shared.evidence.signer import Signer
from shared.evidence.vault import LockedBucket
from shared.runtime.argon2id import hashed
from shared.runtime.sealed_secret import SecretSealer, data_key_context, totp_context
from shared.runtime.settings import from_environment
from shared.store.item import Item
from shared.store.subject_keys import new_salt_item
from shared.store.tenant_staff import NewStaff, provisioning_items
from shared.store.tenants import new_tenant_item
from shared.store.transaction import Committed, Ledger
from shared.store.wire import JsonService, Wire

TENANT = "t_acme"
TENANT_NAME = "Acme"
_HISTORY_TTL_SECONDS = 400 * DAY_SECONDS  # counted from simulated time: nothing of it may expire while it is shown
_CLEANED_AFTER = 23.9 * 3_600  # behind all that is simulated of a day
_LOCAL = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass(frozen=True, slots=True)
class DemoUser:
    """One of the four people who can sign in; `totp_secret` is base 32 (RFC 4648)."""

    email: str
    password: str
    totp_secret: str
    staff_id: str


class Seeder:
    """Writes the tenant. `now` is the simulated present while history is written."""

    def __init__(self, deployment: Deployment) -> None:
        self.now = 0.0
        self._endpoint = deployment.aws_endpoint
        self._variables = _variables(deployment.outputs)
        environ = {**_LOCAL, "AWS_ENDPOINT_URL": deployment.aws_endpoint}
        self._wire = Wire.from_environment("dynamodb", environ)
        self._dynamodb: JsonService = _Unhurried(self._wire)
        self._kms = Wire.from_environment("kms", environ)
        self._sealer = SecretSealer(self._kms, self._variables["DATA_KEY_ID"])
        self._settings = from_environment(DigestSettings, self._variables)
        self._ledger = Ledger(self._dynamodb, self._settings, lambda: self.now)
        self._salts: dict[str, bytes] = {}
        self._personal_data: PersonalData | None = None

    def seed(self, quarter: Quarter) -> dict[str, DemoUser]:
        """Write the tenant and what happened in `quarter`; gives the people who can sign in."""
        users = {}
        self._create_tenant(quarter)
        for person in quarter.people:
            user = self._provision(person)
            if person.demo_role is not None:
                users[person.demo_role] = user
        # One day after the other: what happened, then its segment, its digest, and what the calendar collects of it.
        sealer, digester, keys = self._sealing()
        ports = self._dynamodb, self._ledger, digester.vault, self._variables, lambda: self.now
        schedules = SimulatedSchedules(*ports)
        for midnight in _midnights(quarter):
            for moment in moments(quarter, midnight):
                self._write(moment)
            self.now = midnight + _CLEANED_AFTER
            schedules.clean(TENANT)
            self.now = midnight + DAY_SECONDS + self._settings.watermark_lag_seconds + 1
            sealer.seal(TENANT)
            digester.sign(TENANT)
            schedules.collect(TENANT)
        schedules.end(TENANT)
        # The bundle of the quarter ends with this anchor; those of today are made by the schedule.
        Anchorer(self._dynamodb, digester.vault, keys, self._settings, lambda: self.now).anchor([TENANT])
        return users

    def close(self) -> None:
        self._wire.close()
        self._kms.close()

    def _create_tenant(self, quarter: Quarter) -> None:
        self.now = quarter.founded
        request = {
            "KeyId": self._variables["DATA_KEY_ID"],
            "KeySpec": "AES_256",
            "EncryptionContext": data_key_context(TENANT),
        }
        made = self._kms.call("GenerateDataKey", request)
        self._personal_data = PersonalData(base64.b64decode(made["Plaintext"]), TENANT)
        item = new_tenant_item(
            self._variables["TENANTS_TABLE"],
            TENANT,
            name=TENANT_NAME,
            data_key_sealed=base64.b64decode(made["CiphertextBlob"]),
            created_at=int(self.now),
            simulated={"from": rfc3339(quarter.start), "to": rfc3339(quarter.end)},
        )
        event = self._draft("TENANT_CREATED", "success", Actor("service", "local-stage"), f"tenant/{TENANT}")
        self._commit([item], event)

    def _provision(self, person: Person) -> DemoUser:
        self.now += 60
        user = DemoUser(person.email, secrets.token_urlsafe(15), pyotp.random_base32(), person.staff_id)
        staff = NewStaff(
            tenant=TENANT,
            staff_id=person.staff_id,
            email=person.email,
            name=person.name,
            role=person.role,
            # Nobody signs in as an extra, so an extra's password is not worth a hash.
            password_hash=hashed(user.password) if person.demo_role else "",
            totp_secret_sealed=self._sealer.seal(user.totp_secret.encode(), totp_context(TENANT, person.staff_id)),
        )
        salt, salt_item = new_salt_item(self._variables["SUBJECT_KEYS_TABLE"], TENANT, person.staff_id)
        self._salts[person.staff_id] = salt
        event_id = new_event_id(self.now)
        staff = staff._replace(granted_by=event_id)
        items = provisioning_items(self._variables["TENANT_STAFF_TABLE"], staff, int(self.now))
        values = {"email": person.email, "name": person.name}
        sealed = self._personal(salt, person.staff_id, "target", event_id, values)
        event = self._draft(
            "USER_PROVISIONED",
            "success",
            Actor("service", "local-stage"),
            f"tenant_staff/{person.staff_id}",
            event_id=event_id,
            targets=(Target("user", person.staff_id),),
            change={"before": None, "after": {"role": person.role, "status": "ACTIVE"}},
            personal=(sealed,),
        )
        self._commit([*items, salt_item], event)
        return user

    def _write(self, moment: Moment) -> None:
        """Write one simulated event, its person's address sealed as the functions do it."""
        self.now = moment.at
        event_id = new_event_id(moment.at)
        personal: tuple[Mapping[str, Any], ...] = ()
        items: list[Item] = []
        if moment.subject:
            if moment.subject not in self._salts:
                table = self._variables["SUBJECT_KEYS_TABLE"]
                self._salts[moment.subject], item = new_salt_item(table, TENANT, moment.subject)
                items.append(item)
            salt = self._salts[moment.subject]
            personal = (self._personal(salt, moment.subject, "actor", event_id, moment.personal),)
        event = self._draft(
            moment.action,
            moment.outcome,
            moment.actor,
            moment.resource,
            event_id=event_id,
            reason=moment.reason,
            context=moment.context,
            personal=personal,
            targets=tuple(Target(*target) for target in moment.targets),
            on_behalf_of=moment.on_behalf_of,
            change=moment.change,
            risk=moment.risk,
            meta=moment.meta,
        )
        self._commit(items, event)

    def _sealing(self) -> tuple[Sealer, Digester, SigningKeys]:
        vault = LockedBucket(client("s3", self._endpoint), self._variables["VAULT_BUCKET"])
        sealer = Sealer(self._dynamodb, vault, from_environment(SealSettings, self._variables))
        kms = client("kms", self._endpoint)
        signers = tuple(Signer(kms, key_id) for key_id in self._settings.ledger_key_ids.split(","))
        # No log has been signed yet, so each key may take over from the one before it at once.
        keys = KeyRotation(vault, signers, self._settings.log_name, lambda: self.now).keys(lambda _kid: True)
        ports = self._dynamodb, vault, keys.in_force, self._ledger, self._settings
        digester = Digester(*ports, lambda: self.now, replaced=keys.replaced)
        return sealer, digester, keys

    def _personal(
        self, salt: bytes, subject: str, of: PersonRole, event_id: str, values: Mapping[str, str]
    ) -> dict[str, Json]:
        if self._personal_data is None:
            raise RuntimeError("the tenant does not exist yet")
        return self._personal_data.entry(salt, subject=subject, of=of, event_id=event_id, values=values)

    def _draft(
        self,
        action: str,
        outcome: Outcome,
        actor: Actor,
        resource: str,
        **members: Any,  # noqa: ANN401 - the other members of a draft
    ) -> Draft:
        members.setdefault("event_id", new_event_id(self.now))
        members.setdefault("context", system_context("local-stage"))
        return Draft(action=action, outcome=outcome, actor=actor, resource=resource, **members)

    def _commit(self, items: Sequence[Item], event: Draft) -> None:
        if not isinstance(self._ledger.commit(TENANT, items, [event]), Committed):
            raise RuntimeError(f"{event.action} of the simulated history was refuted")  # noqa: TRY004 - not about a type


class _Unhurried:
    """The wire without deadlines: those of simulated commits lie in the past."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        del deadline
        return self._wire.call(operation, request)


def demo_file(home: Path = HOME) -> Path:
    return home / "demo.json"


def seed_demo(deployment: Deployment, quarter: Quarter, home: Path = HOME) -> dict[str, DemoUser]:
    """Seed the tenant, make the first signing key and write `demo.json`: before the front serves."""
    with contextlib.closing(Seeder(deployment)) as seeder:
        users = seeder.seed(quarter)
    functions = client("lambda", deployment.aws_endpoint)
    answer = functions.invoke(FunctionName=deployment.outputs["HousekeepingFunction"], Payload=b"{}")
    if "FunctionError" in answer:
        raise RuntimeError(f"housekeeping failed: {answer['Payload'].read().decode()}")
    home.mkdir(parents=True, exist_ok=True)
    demo_file(home).write_text(json.dumps(_document(deployment, users), indent=2) + "\n", encoding="utf-8")
    return users


def _document(deployment: Deployment, users: Mapping[str, DemoUser]) -> dict[str, Any]:
    secret = client("secretsmanager", deployment.aws_endpoint).get_secret_value(
        SecretId=deployment.outputs["OriginSecretArn"]
    )
    return {
        "base_url": deployment.base_url,
        "aws_endpoint": deployment.aws_endpoint,
        "tenant": TENANT,
        "origin_verify": secret["SecretString"],
        "users": {role: {name: getattr(user, name) for name in DemoUser.__slots__} for role, user in users.items()},
        "vault_bucket": deployment.outputs["VaultBucket"],
        "exports_bucket": deployment.outputs["ExportsBucket"],
    }


def move_demo(deployment: Deployment, home: Path) -> None:
    """Tell a kept tenant where its stage serves this time."""
    addresses = {"base_url": deployment.base_url, "aws_endpoint": deployment.aws_endpoint}
    document = read_demo(demo_file(home)) | addresses
    demo_file(home).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def read_demo(path: Path) -> dict[str, Any]:
    """Read what `seed_demo` wrote."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _variables(outputs: Mapping[str, str]) -> dict[str, str]:
    """Name the stack's outputs as the functions' environment names them (`TenantsTable` -> `TENANTS_TABLE`)."""
    fixed = {"AUDIT_LOG_TTL_SECONDS": str(_HISTORY_TTL_SECONDS)}
    return {_upper(name): value for name, value in outputs.items()} | fixed


def _upper(name: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() and at else letter for at, letter in enumerate(name)).upper()


def _midnights(quarter: Quarter) -> Iterator[float]:
    """Give the beginning of each day of the quarter. Behind it nothing is simulated: the next digest is a real one."""
    day = quarter.start
    while day < quarter.end:
        yield day
        day += DAY_SECONDS

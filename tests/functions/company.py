"""A tenant with a past: events that were committed, sealed and signed long ago, and people who ask for them today."""

from __future__ import annotations

import copy
import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from functions.compliance import handler as compliance
from functions.evidence_bundle import handler as evidence_bundle
from functions.evidence_pipeline import handler as pipeline
from functions.notify import handler as notify
from functions.policies import handler as policies
from functions.share_links import handler as share_links
from functions.transparency import handler as transparency
from shared.audit.event import Actor, Draft, new_event_id
from shared.audit.moment import unix_seconds
from shared.audit.personal_data import PersonalData
from shared.runtime.data_key import DataKeys
from shared.store.item import Item
from shared.store.subject_keys import new_salt_item
from shared.store.tenants import new_tenant_item
from shared.store.transaction import Committed, Ledger
from tests.functions.archive import Archive, SetClock, _Unhurried, fresh_tenant
from tests.functions.estate import Estate, Person, Response, call, event, in_environment, login, step_up
from tests.functions.test_step_up import code_of

Q2, Q3 = unix_seconds("2026-04-01T00:00:00.000Z"), unix_seconds("2026-07-01T00:00:00.000Z")
DAY = 86_400
AFTER_Q3 = Q3 + 92 * DAY  # midnight at which the fourth quarter begins
WHOLE_Q3 = {"from": "2026-07-01", "to": "2026-09-30", "format": "csv"}

BUNDLE = "POST /api/compliance/export/bundle"
EXPORTS = "GET /api/compliance/exports"
STATUS = "GET /api/compliance/exports/{export_id}"
DOWNLOAD = "GET /api/compliance/exports/{export_id}/download"

_archives: list[Archive] = []


@contextmanager
def _opened(estate: Estate) -> Iterator[Archive]:
    own = copy.copy(estate)
    own.prefix = f"{estate.prefix}e-"  # test_sealing has an archive of its own
    archive = Archive(own)
    archive.estate = estate
    before = in_environment(archive.environ | {"AWS_DEFAULT_REGION": "us-east-1"})
    yield archive
    _close_clients()
    archive.close()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def _close_clients() -> None:
    """Close what execution environments would keep until they are frozen."""
    clients: list[tuple[Callable[[], Any], functools._lru_cache_wrapper[Any]]] = [
        (lambda: compliance._wiring()[1].vault._s3, compliance._wiring),
        (lambda: evidence_bundle._wiring()[1].s3, evidence_bundle._wiring),
        (lambda: share_links._wiring()[2].s3, share_links._wiring),
        (lambda: transparency._wiring()[1].vault._s3, transparency._wiring),
        (lambda: policies._wiring()[1].vault._s3, policies._wiring),
        (lambda: notify._wiring().step_functions, notify._wiring),
        (pipeline._s3, pipeline._s3),
        (pipeline._kms, pipeline._kms),
    ]
    for client, wiring in clients:
        if wiring.cache_info().currsize:
            client().close()
            wiring.cache_clear()


@pytest.fixture(scope="session")
def archive(estate: Estate) -> Iterator[Archive]:
    """Share one archive among the modules that import this fixture."""
    if _archives:
        yield _archives[0]
        return
    with _opened(estate) as archive:
        _archives.append(archive)
        yield archive
        _archives.clear()


@dataclass
class Company:
    """One tenant, founded in the past. `salts` are of the people that its past speaks of."""

    archive: Archive
    tenant: str
    personal: PersonalData
    salts: dict[str, bytes] = field(default_factory=dict)

    @property
    def estate(self) -> Estate:
        return self.archive.estate

    def write(self, at: float, action: str = "AUTH_LOGIN_SUCCESS", **members: Any) -> str:
        return self.archive.write(self.tenant, at, action, **members)

    def seen(self, at: float, subject: str = "u_1", action: str = "AUTH_LOGIN_SUCCESS", **values: str) -> str:
        """Write an event that holds personal values of `subject` as its actor."""
        if subject not in self.salts:
            self.salts[subject], item = new_salt_item(self.archive.environ["SUBJECT_KEYS_TABLE"], self.tenant, subject)
            self.commit([item], "USER_PROVISIONED", at)
        values = {"email": f"{subject}@acme.example", "ip": "203.0.113.9", "user_agent": "Mozilla/5.0"} | values
        event_id = new_event_id(at)
        entry = self.personal.entry(self.salts[subject], subject=subject, of="actor", event_id=event_id, values=values)
        return self.write(at, action, event_id=event_id, actor=Actor("user", subject, "member"), personal=(entry,))

    def commit(self, items: list[Item], action: str, at: float, first: Sequence[Draft] = ()) -> None:
        ledger = Ledger(_Unhurried(self.estate.dynamodb), self.estate._ledger_settings(), SetClock(at))
        draft = Draft(
            event_id=new_event_id(at),
            action=action,
            outcome="success",
            actor=Actor("system", "test"),
            resource="test",
            context={},
        )
        assert isinstance(ledger.commit(self.tenant, items, [*first, draft]), Committed)

    def seal(self) -> int:
        return self.archive.sealer().seal(self.tenant)

    def sign(self, at: float) -> int | None:
        """Seal what there is and sign a digest at `at`."""
        self.seal()
        return self.archive.digester(SetClock(at)).sign(self.tenant)

    def person(self, role: str = "admin") -> Person:
        return self.estate.new_person(self.tenant, role, totp=True)

    def export(self, export_id: str) -> dict[str, Any]:
        (row,) = [row for row in self.estate.rows("exports") if row["export_id"] == export_id]
        return row

    def actions(self, prefix: str = "DATA_EXPORT_") -> list[str]:
        return [name for name in self.estate.actions(self.tenant) if name.startswith(prefix)]


def founded(archive: Archive, at: float = Q2, *first: Draft) -> Company:
    tenant, estate = fresh_tenant("acme"), archive.estate
    sealed = estate._kms.generate_data_key(
        KeyId=estate.environ["DATA_KEY_ID"], KeySpec="AES_256", EncryptionContext={"tenant": tenant}
    )["CiphertextBlob"]
    company = Company(archive, tenant, DataKeys(estate.sealer).personal_data(tenant, sealed))
    row = new_tenant_item(
        archive.environ["TENANTS_TABLE"], tenant, name="Acme GmbH", data_key_sealed=sealed, created_at=0
    )
    company.commit([row], "TENANT_CREATED", at, first)
    return company


def with_history(archive: Archive, number: int = 6) -> Company:
    """Found a company with a signed second quarter, and a third one in several segments and digests."""
    company = founded(archive)
    company.seen(Q2 + DAY)
    company.sign(Q3 - 10 * DAY)
    for day in range(1, number + 1):
        company.seen(Q3 + day * DAY, f"u_{day % 2}")
        if day % 2 == 0:
            company.seal()
    company.write(Q3 + 20 * DAY, "SESSION_INVALIDATED", reason="reuse_detected", actor=Actor("system", "test"))
    company.sign(Q3 + 40 * DAY)
    company.write(Q3 + 50 * DAY, "AUTH_LOGIN_FAILED")
    company.sign(AFTER_Q3 + 100)
    company.seen(AFTER_Q3 + DAY)
    company.sign(AFTER_Q3 + 2 * DAY)
    return company


def with_two_segments(archive: Archive) -> Company:
    """Found a company of which the third quarter has little, and is signed."""
    company = founded(archive)
    company.seen(Q3 + DAY)
    company.seal()
    company.seen(Q3 + 2 * DAY)
    company.sign(AFTER_Q3 + 100)
    return company


def with_twelve_logins(archive: Archive) -> Company:
    """Found a company with twelve logins in the third quarter, eight of them sealed in two segments."""
    company = founded(archive)
    for number in range(12):
        company.seen(Q3 + number * DAY, f"u_{number % 3}")
        if number in {3, 7}:
            company.seal()
    return company


def prove(estate: Estate, person: Person, bearer: str) -> str:
    """Prove `data_export` with the person's authenticator; gives the access token of the stronger session."""
    asked = step_up("step-up/challenges", {"purpose": "data_export"}, bearer)
    answer = {"challenge_id": asked.body["challenge_id"], "code": code_of(person, estate.clock())}
    verified = step_up("step-up/verify", answer, bearer)
    assert verified.status == 200, verified.text
    return str(verified.body["access_token"])


def proven(estate: Estate, person: Person) -> str:
    return prove(estate, person, login(person).body["access_token"])


def report(slug: str, query: str, bearer: str | None, place: Any = None) -> Response:
    """GET one of the two reports, as `cc6/access-logs`."""
    return call(compliance.handler, event(f"GET /api/compliance/{slug}", bearer=bearer, query=query, place=place))


def bundle_call(
    route: str, bearer: str | None, body: object = None, export_id: str | None = None, query: str = ""
) -> Response:
    path = route.split(" ")[1]
    document = event(route, body, bearer=bearer, path=path.replace("{export_id}", export_id or ""), query=query)
    if export_id is not None:
        document["pathParameters"] = {"export_id": export_id}
    return call(evidence_bundle.handler, document)


def requested(bearer: str, body: Mapping[str, str] = WHOLE_Q3) -> str:
    """Request a bundle; gives the id of its export."""
    answer = bundle_call(BUNDLE, bearer, dict(body))
    assert answer.status == 202, answer.text
    return str(answer.body["export_id"])


def as_state(value: Any) -> Any:
    """Pass a state on as Step Functions would: as JSON."""
    return json.loads(json.dumps(value))


def workers(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the input of each worker, as the machine makes it of the plan's answer."""
    ids = {name: state[name] for name in ("tenant", "export_id")}
    return [ids | {"shard": shard} for shard in range(state["shards"])]


def until_manifest(tenant: str, export_id: str) -> dict[str, Any]:
    """Run the first three steps; gives the state of the next one."""
    state: dict[str, Any] = as_state(pipeline.plan({"tenant": tenant, "export_id": export_id}, None))
    for worker in workers(state):
        pipeline.render(as_state(worker), None)
    pipeline.manifest(state, None)
    return state


def run_pipeline(tenant: str, export_id: str) -> None:
    state = until_manifest(tenant, export_id)
    pipeline.assemble(state, None)
    pipeline.finish(state, None)

"""An adopter's own API behind the authorizer, with IAM enforced: docs/example-api.md is what happens."""

import contextlib
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest

from infra.local.demo_client import Answer, Device, fetch
from infra.local.stage import example_api_at
from shared.store.attribute import marshal
from shared.store.tenant_staff import gate_key
from tests.e2e.test_permission_matrix import StageEstate
from tests.functions.signed_in import sign_in
from tests.running_stage import Stage


@pytest.fixture
def estate(stage: Stage) -> Iterator[StageEstate]:
    with contextlib.closing(StageEstate(stage)) as estate:
        yield estate


@pytest.fixture
def tenant(estate: StageEstate) -> str:
    return estate.new_tenant()


def signed_in(stage: Stage, estate: StageEstate, tenant: str, role: str = "member") -> Device:
    """Sign somebody in by the tables: no risk of what other tests taught the stage."""
    device = Device({**stage.demo, "tenant": tenant}, address="203.0.113.90", country="DE", device_id="own-api")
    device.access_token = sign_in(estate, estate.new_person(tenant, role)).access_token
    return device


def notes(stage: Stage, device: Device | None, method: str = "GET", **headers: str) -> Answer:
    """Ask the example as the engine finds an API: by its host name."""
    at = example_api_at(stage.deployment)
    assert at is not None
    bearer: Mapping[str, str] = {} if device is None else {"Authorization": f"Bearer {device.access_token}"}
    sent = {"Host": urlsplit(at).netloc, **bearer, **headers}
    body = b'{"note": "hello"}' if method == "POST" else None
    return fetch(stage.deployment.aws_endpoint + "/example/notes", method, sent, body)


def test_live_token_is_let_in_and_the_handler_knows_who_asks(stage: Stage, estate: StageEstate, tenant: str) -> None:
    person = signed_in(stage, estate, tenant)
    read, written = notes(stage, person), notes(stage, person, "POST")
    assert (read.status, read.json()["tenant"]) == (200, tenant)
    assert (written.status, written.json()["by"]) == (201, read.json()["reader"])


def test_what_a_role_may_do_is_the_apis_own_decision(stage: Stage, estate: StageEstate, tenant: str) -> None:
    auditor = signed_in(stage, estate, tenant, "auditor")
    assert notes(stage, auditor).status == 200
    assert (notes(stage, auditor, "POST").status, notes(stage, auditor, "POST").json()) == (
        403,
        {"message": "Auditors write no notes."},
    )


def test_logged_out_token_is_refused_by_the_very_next_request(stage: Stage, estate: StageEstate, tenant: str) -> None:
    person = signed_in(stage, estate, tenant)
    assert notes(stage, person).status == 200
    person.expect(204, "POST", "/api/auth/logout")
    assert notes(stage, person).status == 403


def test_deactivated_person_is_refused_by_the_very_next_request(stage: Stage, estate: StageEstate, tenant: str) -> None:
    person = signed_in(stage, estate, tenant)
    staff_id = notes(stage, person).json()["reader"]
    table, key = stage.deployment.outputs["TenantStaffTable"], marshal(gate_key(tenant, staff_id))
    dynamodb = stage.client("dynamodb")

    def set_status(status: str) -> None:
        dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":s": {"S": status}},
        )

    set_status("DEACTIVATED")
    try:
        assert notes(stage, person).status == 403
    finally:
        set_status("ACTIVE")
    assert notes(stage, person).status == 200


def test_without_a_header_nothing_is_asked_and_with_another_nobody_is_let_in(stage: Stage) -> None:
    assert notes(stage, None).status == 401
    assert notes(stage, None, Authorization="Bearer nonsense").status == 403
    assert notes(stage, None, Authorization="Basic YTpi").status == 403

"""Every signed-in route with every role, over HTTP: each function as deployed, under its own role of IAM."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.demo_client import Answer, Device
from infra.local.demo_tenant import _variables
from shared.domain.permission import ROLES, holds
from shared.edge.route import Route
from shared.runtime.sealed_secret import SecretSealer
from shared.store.transaction import Ledger
from shared.store.wire import Wire
from tests.functions.estate import Estate, MovableClock
from tests.functions.route_calls import AUTHORITY, CALLS, GUARDED, asked, entitled, unlike
from tests.functions.signed_in import sign_in
from tests.running_stage import Stage


class TableNames(str):
    """Stands where an estate keeps the prefix of its tables: a stage's tables have names of CloudFormation's."""

    __slots__ = ("names",)
    names: dict[str, str]

    def __add__(self, table: str) -> str:
        return self.names[f"{table}_table".upper()]


class StageEstate(Estate):
    """The rows of the running stage, written as the function tests write theirs: nobody has to sign in first."""

    def __init__(self, stage: Stage) -> None:
        self.clock = MovableClock()
        self.environ = {
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": stage.deployment.aws_endpoint,
            **_variables(stage.deployment.outputs),
        }
        self.prefix = TableNames()
        self.prefix.names = self.environ
        self._kms = stage.client("kms")
        self.dynamodb = Wire.from_environment("dynamodb", self.environ)
        self._sealing = Wire.from_environment("kms", self.environ)
        self.sealer = SecretSealer(self._sealing, self.environ["DATA_KEY_ID"])
        self.ledger = Ledger(self.dynamodb, self._ledger_settings(), self.clock)

    def close(self) -> None:
        self.dynamodb.close()
        self._sealing.close()
        self._kms.close()


@pytest.fixture(scope="module")
def estate(stage: Stage) -> Iterator[StageEstate]:
    with contextlib.closing(StageEstate(stage)) as estate:
        yield estate


@pytest.fixture(scope="module")
def company(estate: StageEstate) -> str:
    """Give a tenant of its own: what is done here is done to nobody of the demonstration."""
    return estate.new_tenant()


def over_http(device: Device, document: dict[str, Any]) -> Answer:
    """Send the request that an event of API Gateway tells of."""
    method, query = document["requestContext"]["http"]["method"], document["rawQueryString"]
    path = f"{document['rawPath']}?{query}" if query else document["rawPath"]
    return device.send(method, path, json.loads(document["body"]) if "body" in document else None)


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.key)
def test_deployed_route_lets_in_who_holds_its_permission_and_nobody_else(
    stage: Stage, estate: StageEstate, company: str, route: Route
) -> None:
    device = stage.device()
    for role in ROLES:
        # The first does the work of the route; the others ask for what is not there: it is enough to be let in.
        working = role == ROLES[0]
        session = entitled(sign_in(estate, estate.new_person(company, role)), route, objects=working)
        document = asked(route, session, session.access_token, changed=str if working else unlike)
        device.access_token = ""
        assert not working or over_http(device, document).json()["code"] == "invalid_token"
        device.access_token = session.access_token
        answer = over_http(device, document)
        code = answer.json()["code"] if "problem+json" in answer.headers.get("Content-Type", "") else None
        assert route.permission is not None
        if holds(role, route.permission):
            assert code not in AUTHORITY, (role, answer.body)
            assert not working or answer.status in CALLS[route.key].answers, answer.body
        else:
            assert (answer.status, code) == (403, "permission_denied"), role

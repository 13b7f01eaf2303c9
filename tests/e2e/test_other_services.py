"""A service of the adopter's own: it verifies access tokens by the published keys, and asks whether they count now."""

import base64
from urllib.parse import urlencode

import jwt
import pytest

from infra.local.demo_client import Answer, fetch
from tests.running_stage import Stage

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def secret(stage: Stage) -> str:
    arn = stage.deployment.outputs["IntrospectionSecretArn"]
    return str(stage.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])


def introspect(stage: Stage, token: str, secret: str) -> Answer:
    basic = base64.b64encode(f"introspection:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": FORM}
    address = stage.demo["base_url"] + "/api/auth/introspect"
    return fetch(address, "POST", headers, urlencode({"token": token}).encode())


def test_published_keys_verify_the_tokens_that_people_carry(stage: Stage) -> None:
    person = stage.signed_in("admin", device_id="service")
    answer = fetch(stage.demo["base_url"] + "/.well-known/jwks.json", "GET", {}, None)
    assert answer.status == 200
    keys = jwt.PyJWKSet.from_dict(answer.json())
    found = keys[jwt.get_unverified_header(person.access_token)["kid"]]
    audience = stage.deployment.outputs["Audience"]
    claims = jwt.decode(person.access_token, found, algorithms=["ES256"], audience=audience)
    assert claims["tid"] == stage.demo["tenant"]


def test_token_counts_until_the_moment_of_the_logout(stage: Stage, secret: str) -> None:
    person = stage.signed_in("admin", device_id="service")
    told = introspect(stage, person.access_token, secret).json()
    assert (told["active"], told["role"]) == (True, "admin")
    person.expect(204, "POST", "/api/auth/logout")
    assert introspect(stage, person.access_token, secret).json() == {"active": False}


def test_secret_of_the_edge_does_not_introspect(stage: Stage) -> None:
    person = stage.signed_in("admin", device_id="service")
    assert introspect(stage, person.access_token, stage.demo["origin_verify"]).status == 401

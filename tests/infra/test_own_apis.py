"""The adopter's own APIs: who may ask the authorizer, and that no answer of it is ever kept."""

import pytest

from infra.concerns import AUTHORIZER, OWN_APIS
from tests.infra.template import Template

_AUTHORIZERS = "AWS::ApiGatewayV2::Authorizer"


@pytest.mark.parametrize("stage", ["production", "local"])
def test_no_authorizer_keeps_an_answer(stage: str, request: pytest.FixtureRequest) -> None:
    """API Gateway's default is 300 seconds, in which a signed-out person would still be let in."""
    template: Template = request.getfixturevalue(stage)
    found = template.resources(_AUTHORIZERS) | template.resources("AWS::ApiGateway::Authorizer")
    kept = {name: each["Properties"].get("AuthorizerResultTtlInSeconds") for name, each in found.items()}
    assert {name: seconds for name, seconds in kept.items() if seconds != 0} == {}
    assert len(found) == (1 if stage == "local" else 0)


def test_authorizer_of_the_example_answers_simply_and_is_not_asked_without_a_header(local: Template) -> None:
    properties = local.one(_AUTHORIZERS, "Example")
    assert properties["AuthorizerPayloadFormatVersion"] == "2.0"
    assert properties["EnableSimpleResponses"] is True
    assert properties["IdentitySource"] == ["$request.header.Authorization"]
    assert properties["AuthorizerType"] == "REQUEST"


def test_every_route_of_the_example_is_behind_the_authorizer(local: Template) -> None:
    routes = {
        each["Properties"]["RouteKey"]: each["Properties"]
        for name, each in local.resources("AWS::ApiGatewayV2::Route").items()
        if name.startswith("Example")
    }
    assert set(routes) == {"GET /example/notes", "POST /example/notes"}
    assert {each["AuthorizationType"] for each in routes.values()} == {"CUSTOM"}
    assert all("Ref" in each["AuthorizerId"] for each in routes.values())


def test_own_routes_have_the_guard_and_no_authorizer(local: Template) -> None:
    own = {
        each["Properties"].get("AuthorizationType", "NONE")
        for name, each in local.resources("AWS::ApiGatewayV2::Route").items()
        if not name.startswith("Example")
    }
    assert own == {"NONE"}


def test_any_api_of_this_account_may_ask_and_no_other(production: Template) -> None:
    (permission,) = (
        each["Properties"]
        for name, each in production.resources("AWS::Lambda::Permission").items()
        if name.startswith("Authorizer")
    )
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert permission["Action"] == "lambda:InvokeFunction"
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}
    _, parts = permission["SourceArn"]["Fn::Join"]
    assert parts[-2:] == [{"Ref": "AWS::AccountId"}, ":*/authorizers/*"]
    assert production.body["Outputs"]["AuthorizerArn"]["Value"]["Fn::GetAtt"][0].startswith("Authorizer")


def test_example_is_deployed_in_the_local_stage_alone(production: Template, local: Template) -> None:
    assert "ExampleApiId" in local.body["Outputs"]
    assert [name for name in production.body["Resources"] if "Example" in name] == []
    assert "ExampleApiId" not in production.body["Outputs"]


def test_authorizer_reads_sessions_keys_and_rules_and_writes_nothing() -> None:
    (concern,) = (each for each in OWN_APIS if each.name == AUTHORIZER)
    assert set(concern.tables) == {"tenants", "tenant_staff", "user_sessions", "signing_keys", "ip_rules"}
    assert {action for actions in concern.tables.values() for action in actions} == {"BatchGetItem", "Query"}

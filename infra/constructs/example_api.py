"""The example of an adopter's own API, in the local stage only: a tiny handler behind the authorizer."""

from pathlib import Path
from typing import Final

from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs.concern_function import architecture_of, log_group
from infra.constructs.guarded_api import GuardedApi
from infra.stage import ROOT, Stage

_CODE: Final[Path] = ROOT / "infra" / "local" / "example_notes"
_METHODS: Final = (apigatewayv2.HttpMethod.GET, apigatewayv2.HttpMethod.POST)


class ExampleApi(Construct):
    """`http_api` with GET and POST /example/notes."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, authorizer: lambda_.IFunction) -> None:
        super().__init__(scope, construct_id)
        logs = log_group(self, "/muniment/example_notes", stage)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[logs.log_group_arn])
        )
        function = lambda_.Function(
            self,
            "Notes",
            description="Example: notes behind the authorizer",
            runtime=lambda_.Runtime(stage.runtime, lambda_.RuntimeFamily.PYTHON),
            architecture=architecture_of(stage),
            handler="notes.handler",
            code=lambda_.Code.from_asset(str(_CODE), exclude=["__pycache__"]),
            role=role,
            log_group=logs,
        )
        self.http_api = GuardedApi(self, "Api", name="example", authorizer=authorizer).http_api
        self.http_api.add_routes(
            path="/example/notes",
            methods=list(_METHODS),
            integration=integrations.HttpLambdaIntegration("Notes", function),
        )

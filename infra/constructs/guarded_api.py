"""An HTTP API of the adopter's own, every route of which asks the authorizer before every request.

An adopter's stack uses it as infra/local/example_api.py does (docs/example-api.md), with the ARN of the output
`AuthorizerArn` where it is a stack of its own.

Rules of this module
- `AuthorizerResultTtlInSeconds` is 0. API Gateway's own default is 300 seconds, in which a signed-out person would
  still be let in; tests/infra fails for an authorizer with any other value.
- A request without an Authorization header is refused (401) before anything runs.
"""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

_IDENTITY: Final = "$request.header.Authorization"


class GuardedApi(Construct):
    """`http_api`; routes that are added to it are guarded."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, authorizer: lambda_.IFunction) -> None:
        super().__init__(scope, construct_id)
        self.http_api = apigatewayv2.HttpApi(
            self,
            "HttpApi",
            api_name=name,
            default_authorizer=authorizers.HttpLambdaAuthorizer(
                "Authorizer",
                authorizer,
                identity_source=[_IDENTITY],
                response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
                results_cache_ttl=cdk.Duration.seconds(0),
            ),
        )


def let_own_apis_ask(authorizer: lambda_.Function) -> None:
    """Permit API Gateway to ask on behalf of any HTTP API of this account and region, and of no other account's."""
    authorizer.add_permission(
        "OwnApis",
        principal=iam.ServicePrincipal("apigateway.amazonaws.com"),
        source_account=cdk.Aws.ACCOUNT_ID,
        source_arn=f"arn:{cdk.Aws.PARTITION}:execute-api:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:*/authorizers/*",
    )

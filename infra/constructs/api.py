"""The HTTP API: one route for each entry of shared/edge/routes.py, everything else to `front`.

Rules of this module
- No authorizer: the gate is the guard inside each handler, which alone can answer with the facts of an RFC 9470
  challenge, and no authorizer cache stands between a revocation and its effect.
- The access log of the API carries no address. Addresses of people stand sealed in the audit log, and in clear in the
  logs that the edge and the buckets deliver, which expire soon (infra/constructs/access_logs.py).
"""

import json
from collections.abc import Mapping
from typing import Final

from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as integrations
from constructs import Construct

from infra.constructs.acknowledgement import acknowledge
from infra.constructs.concern_function import ConcernFunction, log_group
from infra.naming import camel_case
from infra.stage import Stage
from shared.edge.routes import ROUTES

_ACCESS_LOG: Final = json.dumps(
    {
        "request_id": "$context.requestId",
        "time": "$context.requestTime",
        "route": "$context.routeKey",
        "status": "$context.status",
        "bytes": "$context.responseLength",
        "latency_ms": "$context.responseLatency",
        "integration_status": "$context.integrationStatus",
        "integration_error": "$context.integrationErrorMessage",
    }
)
_FALLBACK: Final = "front"


class Api(Construct):
    """`http_api`, reached at `endpoint`."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        self.http_api = apigatewayv2.HttpApi(
            self,
            "HttpApi",
            api_name="muniment",
            description="Muniment: authentication and evidence",
            create_default_stage=False,
        )
        self.log_group = log_group(self, "/aws/vendedlogs/muniment/api", stage)
        self._stage(stage)

    def _stage(self, stage: Stage) -> None:
        apigatewayv2.CfnStage(
            self,
            "Stage",
            api_id=self.http_api.api_id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=apigatewayv2.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=stage.requests_per_second,
                throttling_burst_limit=stage.request_burst,
            ),
            access_log_settings=apigatewayv2.CfnStage.AccessLogSettingsProperty(
                destination_arn=self.log_group.log_group_arn, format=_ACCESS_LOG
            ),
        )

    def route(self, functions: Mapping[str, ConcernFunction]) -> None:
        """Lead every route to the function of its concern."""
        targets = {
            # One permission a function, for this API alone: one a route is more than a stack may have resources.
            name: integrations.HttpLambdaIntegration(
                camel_case(name), functions[name].function, scope_permission_to_route=False
            )
            for name in sorted({_FALLBACK, *(route.concern for route in ROUTES)})
        }
        for route in ROUTES:
            self.http_api.add_routes(
                path=route.path,
                methods=[apigatewayv2.HttpMethod[route.method]],
                integration=targets[route.concern],
            )
        self._fall_back(targets[_FALLBACK])
        acknowledge(
            self,
            {
                "AwsSolutions-APIG4": "The gate is shared/edge/guard.py inside every handler: a Lambda "
                "authorizer caches, which breaks immediate revocation, and cannot say which proof is missing.",
            },
        )

    def _fall_back(self, front: integrations.HttpLambdaIntegration) -> None:
        apigatewayv2.HttpRoute(
            self,
            "Fallback",
            http_api=self.http_api,
            route_key=apigatewayv2.HttpRouteKey.DEFAULT,
            integration=front,
        )

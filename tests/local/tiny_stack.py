"""A small CloudFormation stack as `cdk synth` would leave it, with one resource of each kind in use."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.deploy import Assembly

_HERE = Path(__file__).parent
_BUCKET = {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}
_ROUTES = ("$default", "GET /api/items/{item_id}", "POST /api/items")


@dataclass(frozen=True, slots=True)
class TinyStack:
    """A deployed tiny stack."""

    endpoint: str
    outputs: dict[str, str]

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])

    @property
    def api_host(self) -> str:
        return f"{self.outputs['ApiId']}.execute-api.localhost:{self.port}"


def write_assembly(folder: Path, extra: dict[str, Any] | None = None) -> Assembly:
    """Write template and assets into `folder`; `extra` adds or replaces resources."""
    folder.mkdir(parents=True, exist_ok=True)
    assets = {name: _HERE / name for name in ("handlers", "layer")}
    resources = {**_common(), **_api(), **_storage(), **_streams(), **(extra or {})}
    outputs = {name: {"Value": {"Ref": name}} for name in resources if not name.startswith("Route")}
    template = {"Resources": resources, "Outputs": outputs | {"ApiId": {"Value": {"Ref": "Api"}}}}
    (folder / "Tiny.template.json").write_text(json.dumps(template))
    files = {name: _asset(name, path) for name, path in assets.items()}
    (folder / "Tiny.assets.json").write_text(json.dumps({"files": files}))
    return Assembly.only_stack_in(folder)


def function(handler: str, **properties: object) -> dict[str, Any]:
    environment = {"Variables": {"OWN": "of the function", "NOTES": {"Ref": "Notes"}}}
    return _resource(
        "AWS::Lambda::Function",
        Code={"S3Bucket": _BUCKET, "S3Key": "handlers.zip"},
        Runtime="python3.13",
        Role={"Fn::GetAtt": ["Role", "Arn"]},
        Environment=environment,
        **{"Handler": f"tiny.{handler}", "Timeout": 10, **properties},
    )


def _asset(name: str, path: Path) -> dict[str, Any]:
    destination = {
        "bucketName": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}",
        "objectKey": f"{name}.zip",
    }
    return {
        "displayName": hashlib.sha256(name.encode()).hexdigest(),
        "source": {"path": str(path), "packaging": "zip"},
        "destinations": {"current": destination},
    }


def _resource(kind: str, **properties: object) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def _common() -> dict[str, Any]:
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return {
        "Role": _resource(
            "AWS::IAM::Role",
            AssumeRolePolicyDocument={"Version": "2012-10-17", "Statement": [trust]},
        ),
        "Layer": _resource("AWS::Lambda::LayerVersion", Content={"S3Bucket": _BUCKET, "S3Key": "layer.zip"}),
        "Echo": function("echo"),
        "Fail": function("fail"),
        "PlanShards": function("plan_shards"),
        "Sleep": function("sleep"),
        "Unimportable": function("echo", Handler="absent.handler"),
        "Look": function("look_around", Layers=[{"Ref": "Layer"}]),
        "AuditSealFunction": function("echo"),
        "AuditDigestFunction": function("echo"),
    }


def _api() -> dict[str, Any]:
    integration = _resource(
        "AWS::ApiGatewayV2::Integration",
        ApiId={"Ref": "Api"},
        IntegrationType="AWS_PROXY",
        IntegrationUri={"Fn::GetAtt": ["Http", "Arn"]},
        PayloadFormatVersion="2.0",
    )
    routes = {
        f"Route{number}": _resource(
            "AWS::ApiGatewayV2::Route",
            ApiId={"Ref": "Api"},
            RouteKey=key,
            Target={"Fn::Sub": "integrations/${RouteTarget}"},
        )
        for number, key in enumerate(_ROUTES)
    }
    return {
        "Http": function("answer_http"),
        "Api": _resource("AWS::ApiGatewayV2::Api", Name="tiny", ProtocolType="HTTP"),
        "RouteTarget": integration,
        "RouteStage": _resource(
            "AWS::ApiGatewayV2::Stage", ApiId={"Ref": "Api"}, StageName="$default", AutoDeploy=True
        ),
        **routes,
    }


def _storage() -> dict[str, Any]:
    return {
        "Notes": _resource("AWS::S3::Bucket"),
        "Vault": _resource(
            "AWS::S3::Bucket",
            ObjectLockEnabled=True,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
            },
        ),
        "Secret": _resource(
            "AWS::SecretsManager::Secret",
            GenerateSecretString={"PasswordLength": 64, "ExcludePunctuation": True},
        ),
    }


def _streams() -> dict[str, Any]:
    return {
        "Undelivered": _resource("AWS::SQS::Queue"),
        **_stream("Whole", "read_stream_all_or_nothing", BisectBatchOnFunctionError=True),
        **_stream("Partial", "read_stream", FunctionResponseTypes=["ReportBatchItemFailures"]),
    }


def _stream(name: str, handler: str, **mapping: object) -> dict[str, Any]:
    failed = {"OnFailure": {"Destination": {"Fn::GetAtt": ["Undelivered", "Arn"]}}}
    return {
        f"{name}Table": _resource(
            "AWS::DynamoDB::Table",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"},
        ),
        f"{name}Reader": function(handler),
        f"Route{name}": _resource(
            "AWS::Lambda::EventSourceMapping",
            EventSourceArn={"Fn::GetAtt": [f"{name}Table", "StreamArn"]},
            FunctionName={"Ref": f"{name}Reader"},
            StartingPosition="LATEST",
            BatchSize=10,
            MaximumRetryAttempts=1,
            DestinationConfig=failed,
            **mapping,
        ),
    }

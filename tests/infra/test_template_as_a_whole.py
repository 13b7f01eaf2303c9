import dataclasses
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from infra.concerns import CONCERNS
from infra.naming import camel_case
from infra.stage import ROOT
from infra.tables import TABLES
from shared.edge.routes import ROUTES
from tests.infra.template import Template

AGAIN = """
import sys
from pathlib import Path
from tests.infra.template import synthesized
synthesized("production", Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_another_process_with_another_hash_seed_synthesizes_the_same_bytes(
    production: Template, tmp_path: Path, unbuilt_folder: Path
) -> None:
    subprocess.run(  # noqa: S603 - this interpreter, our own script
        [sys.executable, "-c", AGAIN, str(tmp_path), str(unbuilt_folder)],
        check=True,
        cwd=ROOT,
        # What the CDK checks of a template it has checked of `production`, and the bytes are to be the same.
        env={**os.environ, "PYTHONHASHSEED": "4711", "CDK_VALIDATION": "false"},
    )
    for name in ("Muniment.template.json", "MunimentFirewall.template.json"):
        assert (tmp_path / name).read_bytes() == (production.path.parent / name).read_bytes()


def test_nothing_is_lost_or_added_by_mistake(production: Template) -> None:
    counts = Counter(resource["Type"] for resource in production.body["Resources"].values())
    functions = len(CONCERNS)
    assert {kind: counts[kind] for kind in EXPECTED} | {} == EXPECTED
    assert counts["AWS::Lambda::Function"] == functions
    assert counts["AWS::DynamoDB::Table"] == len(TABLES)
    assert counts["AWS::ApiGatewayV2::Route"] == len(ROUTES) + 1
    assert counts["AWS::Logs::LogGroup"] == functions + 2  # the API and the state machine


EXPECTED = {
    "AWS::KMS::Key": 3,
    "AWS::S3::Bucket": 3,
    "AWS::S3::BucketPolicy": 3,
    "AWS::SecretsManager::Secret": 2,
    "AWS::Lambda::LayerVersion": 2,
    "AWS::Lambda::EventSourceMapping": 2,
    "AWS::Scheduler::Schedule": 12,
    "AWS::StepFunctions::StateMachine": 1,
    "AWS::Events::Rule": 2,
    "AWS::Events::EventBus": 1,
    "AWS::SQS::Queue": 1,
    "AWS::SNS::Topic": 1,
    "AWS::CloudWatch::Alarm": 32,
    "AWS::CloudFront::Distribution": 1,
    "AWS::ApiGatewayV2::Api": 1,
    "AWS::ApiGatewayV2::Stage": 1,
}


def test_no_custom_resource_and_no_function_of_the_cdk_itself(production: Template) -> None:
    kinds = {resource["Type"] for resource in production.body["Resources"].values()}
    assert not {kind for kind in kinds if kind.startswith(("Custom::", "AWS::CloudFormation::"))}


def test_every_value_of_the_registry_is_an_output(production: Template) -> None:
    outputs = set(production.body["Outputs"])
    tables = {f"{camel_case(table.name)}Table" for table in TABLES}
    functions = {f"{camel_case(concern.name)}Function" for concern in CONCERNS}
    others = {"VaultBucket", "ExportsBucket", "DataKeyId", "LedgerKeyId", "EvidenceKeyId", "OriginSecretArn"}
    others |= {"IntrospectionSecretArn", "EventBusName", "MailFrom", "PublicOrigin", "AllowedOrigins"}
    operations = {"ApiId", "ApiEndpoint", "EvidenceStateMachineArn", "LogName", "LogEpoch", "LogOrigin"}
    assert tables | functions | others | operations <= outputs


def test_no_secret_stands_in_an_output_or_an_environment(production: Template) -> None:
    shown = [production.body["Outputs"]]
    shown += [each["Properties"]["Environment"] for each in production.resources("AWS::Lambda::Function").values()]
    assert "resolve:secretsmanager" not in str(shown)


def test_the_firewall_stands_where_cloudfront_looks_for_it(production: Template) -> None:
    distribution = production.one("AWS::CloudFront::Distribution", "Edge")["DistributionConfig"]
    assert distribution["WebACLId"] == {
        "Fn::GetStackOutput": {
            "StackName": "MunimentFirewall",
            "OutputName": "WebAclArn",
            "Region": "us-east-1",
        }
    }


@pytest.mark.parametrize("kind", ["AWS::Lambda::Function", "AWS::IAM::Role"])
def test_descriptions_say_what_a_resource_is_for(production: Template, kind: str) -> None:
    named = {name: each["Properties"].get("Description", "") for name, each in production.resources(kind).items()}
    assert not {name for name, text in named.items() if not text.startswith("Muniment: ")}


def test_every_concern_reads_a_settings_class_that_is_frozen() -> None:
    for concern in CONCERNS:
        module, name = concern.settings.split(":")
        settings = getattr(__import__(module, fromlist=[name]), name)
        assert dataclasses.is_dataclass(settings)
        assert vars(settings)["__dataclass_params__"].frozen, concern.settings

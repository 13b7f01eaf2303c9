"""AWS::SecretsManager::Secret with GenerateSecretString."""

import json
import re
from pathlib import Path

from infra.local.deploy import Assembly, client, deploy
from infra.local.engine_process import EngineProcess
from tests.local.tiny_stack import TinyStack


def test_a_secret_has_the_length_and_the_characters_that_were_asked_for(
    tiny_stack: TinyStack,
) -> None:
    secrets = client("secretsmanager", tiny_stack.endpoint)
    value = secrets.get_secret_value(SecretId=tiny_stack.outputs["Secret"])["SecretString"]
    assert re.fullmatch(r"[A-Za-z0-9]{64}", value)


def test_a_reference_to_a_secret_is_its_arn(tiny_stack: TinyStack) -> None:
    arn = tiny_stack.outputs["Secret"]
    assert re.fullmatch(r"arn:aws:secretsmanager:us-east-1:\d{12}:secret:.+-.{6}", arn)


def test_a_secret_is_updated_and_deleted_by_its_arn(embedded_aws: EngineProcess, tmp_path: Path) -> None:
    secrets = client("secretsmanager", embedded_aws.endpoint)

    def deployed(description: str) -> str:
        properties = {"Description": description, "GenerateSecretString": {}}
        secret = {"Type": "AWS::SecretsManager::Secret", "Properties": properties}
        queue = {"Type": "AWS::SQS::Queue", "Properties": {}}
        kept = {"Secret": secret} if description else {}
        outputs = {name: {"Value": {"Ref": name}} for name in kept}
        template = {"Resources": {"Queue": queue, **kept}, "Outputs": outputs}
        (tmp_path / "Secrets.template.json").write_text(json.dumps(template))
        assembly = Assembly.only_stack_in(tmp_path)
        return deploy(embedded_aws.endpoint, assembly).get("Secret", "")

    first = deployed("one")
    value = secrets.get_secret_value(SecretId=first)["SecretString"]
    assert deployed("two") == first
    assert secrets.describe_secret(SecretId=first)["Description"] == "two"
    assert secrets.get_secret_value(SecretId=first)["SecretString"] == value
    deployed("")
    assert first not in [secret["ARN"] for secret in secrets.list_secrets()["SecretList"]]

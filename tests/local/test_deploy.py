"""Deploying says what failed and why, and changes no more than it must."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.local.deploy import Assembly, DeployFailed, client, deploy
from infra.local.engine_process import EngineProcess


def assembly(folder: Path, resources: dict[str, Any], name: str = "Small") -> Assembly:
    outputs = {key: {"Value": {"Ref": key}} for key in resources}
    template = {"Resources": resources, "Outputs": outputs}
    (folder / f"{name}.template.json").write_text(json.dumps(template))
    return Assembly(folder, name)


def queue(**properties: object) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def test_the_outputs_come_back_and_a_second_deploy_changes_nothing(embedded_aws: EngineProcess, tmp_path: Path) -> None:
    small = assembly(tmp_path, {"Queue": queue()}, "Twice")
    first = deploy(embedded_aws.endpoint, small)
    assert first["Queue"].startswith("http")
    assert deploy(embedded_aws.endpoint, small) == first


def test_a_changed_template_updates_the_stack(embedded_aws: EngineProcess, tmp_path: Path) -> None:
    deploy(embedded_aws.endpoint, assembly(tmp_path, {"Queue": queue()}, "Changed"))
    changed = assembly(tmp_path, {"Queue": queue(), "Other": queue()}, "Changed")
    assert deploy(embedded_aws.endpoint, changed).keys() == {"Queue", "Other"}


def test_a_resource_that_cannot_be_made_is_named_with_the_reason(embedded_aws: EngineProcess, tmp_path: Path) -> None:
    lock = {"Rule": {"DefaultRetention": {"Mode": "FOREVER", "Days": 1}}}
    properties = {"ObjectLockEnabled": True, "ObjectLockConfiguration": lock}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": properties}
    with pytest.raises(DeployFailed, match=r"Vault \(AWS::S3::Bucket\): .*MalformedXML"):
        deploy(embedded_aws.endpoint, assembly(tmp_path, {"Vault": bucket}, "Broken"))


def test_a_type_that_the_engine_does_not_know_is_named(embedded_aws: EngineProcess, tmp_path: Path) -> None:
    unknown = {"Type": "AWS::Absent::Thing", "Properties": {}}
    with pytest.raises(DeployFailed, match="AWS::Absent::Thing"):
        deploy(embedded_aws.endpoint, assembly(tmp_path, {"Thing": unknown}, "Unknown"))


def test_an_asset_lies_where_the_assembly_says(embedded_aws: EngineProcess, tmp_path: Path) -> None:
    source = {"path": "notes.txt", "packaging": "file"}
    where = {"bucketName": "assets-${AWS::AccountId}-${AWS::Region}", "objectKey": "notes.txt"}
    files = {"notes": {"source": source, "destinations": {"current": where}}}
    (tmp_path / "notes.txt").write_text("noted")
    (tmp_path / "Assets.assets.json").write_text(json.dumps({"files": files}))
    deploy(embedded_aws.endpoint, assembly(tmp_path, {"Queue": queue()}, "Assets"))
    read = client("s3", embedded_aws.endpoint).get_object(Bucket="assets-000000000000-us-east-1", Key="notes.txt")
    assert read["Body"].read() == b"noted"


@pytest.mark.parametrize("names", [[], ["One", "Two"]])
def test_a_folder_without_exactly_one_stack_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        assembly(tmp_path, {"Queue": queue()}, name)
    with pytest.raises(DeployFailed, match="one synthesized stack"):
        Assembly.only_stack_in(tmp_path)

"""What a function can see."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.local.test_runtime_client import invoke
from tests.local.tiny_stack import TinyStack


@pytest.fixture(scope="module")
def surroundings(tiny_stack: TinyStack) -> dict[str, Any]:
    modules = ["from_the_layer", "awslambdaric", "boto3", "ministack", "infra", "json"]
    _error, told = invoke(tiny_stack, "Look", {"modules": modules})
    return dict(told)


def test_a_module_of_the_layer_is_found_behind_the_code(surroundings: dict[str, Any]) -> None:
    path = surroundings["path"]
    layer = next(place for place in path if Path(place).parent.parent.name == "layers")
    assert surroundings["found"]["from_the_layer"]
    assert path.index(surroundings["environment"]["LAMBDA_TASK_ROOT"]) < path.index(layer)


def test_packages_that_are_installed_beside_the_engine_are_not_found(
    surroundings: dict[str, Any],
) -> None:
    found = surroundings["found"]
    assert found["json"]
    assert found["awslambdaric"]
    assert not found["boto3"]
    assert not found["ministack"]
    assert not found["infra"]


def test_nothing_of_the_engines_environment_is_seen(surroundings: dict[str, Any]) -> None:
    seen = surroundings["environment"]
    of_the_engine = {"BIND_HOST", "GATEWAY_PORT", "MINISTACK_HOST", "AUTH", "LOG_LEVEL"}
    assert not of_the_engine & seen.keys()
    assert seen["OWN"] == "of the function"
    assert seen["AWS_CONFIG_FILE"] == "/dev/null"


def test_the_reserved_variables_are_those_of_lambda(surroundings: dict[str, Any], tiny_stack: TinyStack) -> None:
    seen = surroundings["environment"]
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == tiny_stack.outputs["Look"]
    assert seen["AWS_REGION"] == "us-east-1"
    assert seen["AWS_ENDPOINT_URL"] == tiny_stack.endpoint
    assert seen["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert seen["_HANDLER"] == "tiny.look_around"
    assert seen["TZ"] == ":UTC"


def test_the_interpreter_is_this_one(surroundings: dict[str, Any]) -> None:
    assert surroundings["python"] == list(sys.version_info[:2])

"""The session's engine with a tiny stack in it."""

import pytest

from infra.local.deploy import deploy
from infra.local.engine_process import EngineProcess
from tests.embedded_aws import embedded_aws
from tests.local.tiny_stack import TinyStack, write_assembly

__all__ = ["embedded_aws"]


@pytest.fixture(scope="session")
def tiny_stack(
    embedded_aws: EngineProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> TinyStack:
    assembly = write_assembly(tmp_path_factory.mktemp("assembly"))
    return TinyStack(embedded_aws.endpoint, deploy(embedded_aws.endpoint, assembly))

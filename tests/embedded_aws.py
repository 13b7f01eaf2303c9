"""One embedded AWS for a whole test session.

A test folder takes the fixture over with `from tests.embedded_aws import embedded_aws` in its
conftest.py; however many folders do, one engine is started. `running_engine` starts one of its own
for a test that needs other settings.

To see the test of a patch fail, leave the patch out:
EMBEDDED_AWS_WITHOUT_PATCH=http_api pytest tests/local/test_http_api.py
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.local.engine_process import EngineProcess, EngineSettings, free_port

_shared: list[EngineProcess] = []


@contextmanager
def running_engine(folder: Path, *, state: Path | None = None, enforce_iam: bool = False) -> Iterator[EngineProcess]:
    """Run an engine on a free port with its scratch files and its log in `folder`."""
    left_out = os.environ.get("EMBEDDED_AWS_WITHOUT_PATCH", "").split()
    settings = EngineSettings(
        port=free_port(),
        scratch=folder / "scratch",
        log=folder / "engine.log",
        state=state,
        enforce_iam=enforce_iam,
        without_patches=left_out,
    )
    engine = EngineProcess(settings)
    try:
        yield engine
    finally:
        engine.stop()


@pytest.fixture(scope="session")
def embedded_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """Give the engine of this session; `infra.local.deploy.client` makes its boto3 clients."""
    if _shared:
        yield _shared[0]
        return
    with running_engine(tmp_path_factory.mktemp("embedded_aws")) as engine:
        _shared.append(engine)
        yield engine
        _shared.clear()

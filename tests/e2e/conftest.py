"""One local stage for these tests, and what the demonstration makes on it."""

from collections.abc import Iterator

import pytest

from infra.local.demo import Demo
from tests.running_stage import Stage, running_stage


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running_stage(tmp_path_factory.mktemp("stage")) as running:
        yield running


@pytest.fixture(scope="package")
def bundles(stage: Stage) -> list[str]:
    """Walk through `make demo` once; it raises where the product does not do what it says.

    It expects people who have never signed in: whoever teaches the stage other places asks for this first.
    """
    return [str(path) for path in Demo(stage.deployment, stage.demo, stage.folder / "evidence").run()]

"""For all tests: nothing is judged by the time that it takes, on machines that others share."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent
# What these folders share costs seconds to make: a stage, a stack, a synthesis.
TOGETHER = frozenset({"browser", "e2e", "infra", "local", "object_lock"})


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Say which tests one process takes together, where several run them (`make test`): a folder, else a file."""
    for item in items:
        folder = item.path.relative_to(ROOT).parts[0]
        item.add_marker(pytest.mark.xdist_group(folder if folder in TOGETHER else str(item.path)))

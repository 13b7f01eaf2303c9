"""For all tests: nothing is judged by the time that it takes, and what shares something costly runs in one process."""

import os
from pathlib import PurePosixPath

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("house", deadline=None)
settings.load_profile("house")

# These are long, and begin in this order, before everything else: nothing that takes minutes is left for the end, when
# the other processes have no more to do. The walks through the console wait for codes, so they are the first of theirs.
FIRST = ("tests/e2e", "tests/browser/test_walk.py", "tests/browser", "tests/local", "tests/infra", "tests/object_lock")
# What these share costs seconds to make, and is in one process.
TOGETHER = {"e2e", "local", "infra", "object_lock"}
# All processes have one stage for these, and each a browser: any process takes the next test, so all end together.
APART = "tests/browser/"


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: the tests of a stage wait, for sealing and for the next code."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first, in each process alike."""
    items.sort(key=lambda item: turn(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Hand out work by folder, by file or by test, where several processes run the tests (`make test`).

    Not by the marks of `--dist loadgroup`: they reach the scheduler in the ids of tests, and with this pytest they do
    not, without a word.
    """
    return _ByWhatIsShared(config, log)


class _ByWhatIsShared(LoadScopeScheduling):  # type: ignore[misc] # published without types
    def _split_scope(self, nodeid: str) -> str:
        return work_unit(nodeid)


def work_unit(nodeid: str) -> str:
    """Say which tests one process takes together: those of a folder of `TOGETHER`, else of a file.

    Below `APART` each stands for itself, but for the walks: both wait for codes, and one process that waits is enough.
    """
    file = nodeid.partition("::")[0]
    if nodeid.startswith(APART) and file not in FIRST:
        return nodeid
    folder = PurePosixPath(file).parts[1]
    return folder if folder in TOGETHER else file


def turn(nodeid: str) -> int:
    """Say when a test has its turn: what `FIRST` names one after the other, then all else in its own order."""
    return next((number for number, place in enumerate(FIRST) if nodeid.startswith(place)), len(FIRST))

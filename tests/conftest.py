"""For all tests: nothing is judged by the time that it takes, and what shares something costly runs in one process."""

import os
from pathlib import PurePosixPath

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("house", deadline=None)
settings.load_profile("house")

# These folders are long, and begin in this order, before everything else: nothing that takes minutes is left for the
# end, when the other processes have no more to do.
FIRST = ("e2e", "browser", "local", "infra", "object_lock")
# What these share costs seconds to make, and is in one process.
TOGETHER = {"e2e", "local", "infra", "object_lock"}


def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are processors: the tests of a stage wait, for sealing and for the next code."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first, in each process alike."""
    items.sort(key=lambda item: turn(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Hand out work by folder or by file, where several processes run the tests (`make test`).

    Not by the marks of `--dist loadgroup`: they reach the scheduler in the ids of tests, and with this pytest they do
    not, without a word.
    """
    return _ByWhatIsShared(config, log)


class _ByWhatIsShared(LoadScopeScheduling):  # type: ignore[misc] # published without types
    def _split_scope(self, nodeid: str) -> str:
        return work_unit(nodeid)


def work_unit(nodeid: str) -> str:
    """Say which tests one process takes together: those of a folder of `TOGETHER`, else of a file."""
    folder = folder_of(nodeid)
    return folder if folder in TOGETHER else nodeid.partition("::")[0]


def folder_of(nodeid: str) -> str:
    return PurePosixPath(nodeid.partition("::")[0]).parts[1]


def turn(nodeid: str) -> int:
    """Say when a test has its turn: the folders of `FIRST` one after the other, then all else in its own order."""
    folder = folder_of(nodeid)
    return FIRST.index(folder) if folder in FIRST else len(FIRST)

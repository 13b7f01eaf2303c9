"""The lock of S3 holds against whoever owns the bucket, on engines that were written apart from each other."""

import pytest

from tests.object_lock.locked_store import LockedStore
from tests.object_lock.proofs import EMBEDDED, ENGINES, PROOFS, SEAWEEDFS


@pytest.mark.parametrize("says", [says for says, engines in ENGINES.items() if SEAWEEDFS in engines])
def test_on_seaweedfs(on_seaweedfs: LockedStore, says: str) -> None:
    PROOFS[says](on_seaweedfs)


@pytest.mark.parametrize("says", [says for says, engines in ENGINES.items() if EMBEDDED in engines])
def test_on_the_embedded_aws(on_embedded_aws: LockedStore, says: str) -> None:
    PROOFS[says](on_embedded_aws)

"""An engine that was stopped and started again with its state."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from infra.local.deploy import client, deploy
from tests.embedded_aws import running_engine
from tests.local.test_stream_mapping import eventually, noted, put
from tests.local.tiny_stack import TinyStack, write_assembly


@dataclass(frozen=True, slots=True)
class Restarted:
    """The stack before and after, the items that its stream had, and a version that was locked."""

    before: TinyStack
    after: TinyStack
    prefix: str
    locked: dict[str, str]


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarted]:
    folder = tmp_path_factory.mktemp("restarted")
    assembly = write_assembly(folder / "assembly")
    prefix = f"{time.time_ns()}-"
    with running_engine(folder, state=folder / "state") as engine:
        before = TinyStack(engine.endpoint, deploy(engine.endpoint, assembly))
        locked = {"Bucket": before.outputs["Vault"], "Key": "locked"}
        until = datetime.now(UTC) + timedelta(days=2)
        locked["VersionId"] = client("s3", engine.endpoint).put_object(
            **locked, Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until
        )["VersionId"]
        for name in ("one", "two", "three"):
            put(before, "PartialTable", {"id": prefix + name})
        assert eventually(lambda: noted(before, prefix) == {"one", "two", "three"})
    with running_engine(folder, state=folder / "state") as engine:
        after = TinyStack(engine.endpoint, deploy(engine.endpoint, assembly))
        yield Restarted(before, after, prefix, locked)


def test_the_stack_is_the_same(restarted: Restarted) -> None:
    assert restarted.after.outputs["ApiId"] == restarted.before.outputs["ApiId"]
    assert restarted.after.outputs["Secret"] == restarted.before.outputs["Secret"]


def test_a_stream_is_read_on(restarted: Restarted) -> None:
    assert noted(restarted.after, restarted.prefix) == {"one", "two", "three"}
    put(restarted.after, "PartialTable", {"id": f"{restarted.prefix}four"})
    assert eventually(lambda: noted(restarted.after, restarted.prefix) == {"one", "two", "three", "four"})


def test_a_locked_version_is_still_locked(restarted: Restarted) -> None:
    s3 = client("s3", restarted.after.endpoint)
    assert s3.get_object_retention(**restarted.locked)["Retention"]["Mode"] == "GOVERNANCE"
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(**restarted.locked)
    assert s3.get_object(**restarted.locked)["Body"].read() == b"1"

"""Nothing of the stage can be reached from another machine."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.engine_process import EngineProcess
from tests.local.test_runtime_client import invoke
from tests.local.tiny_stack import TinyStack

LISTENING = "0A"
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}  # 127.0.0.1 and ::1, as in proc(5)

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="read from /proc")


def family(pid: int) -> Iterator[int]:
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except FileNotFoundError:
        return  # it ended meanwhile
    for task in tasks:
        for child in children(task):
            yield from family(child)


def children(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []  # threads come and go


def sockets(pid: int) -> Iterator[str]:
    try:
        descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:
        return  # it ended meanwhile
    for descriptor in descriptors:
        try:
            found = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
        except FileNotFoundError:
            continue
        if found:
            yield found.group(1)


def listening(inodes: set[str]) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            (
                _slot,
                local,
                _remote,
                state,
                *_rest,
            ) = line.split()[:4]
            if state == LISTENING and line.split()[9] in inodes:
                yield local.partition(":")[0]


def test_every_listening_socket_of_the_engine_and_its_functions_is_on_the_loopback(
    embedded_aws: EngineProcess, tiny_stack: TinyStack
) -> None:
    invoke(tiny_stack, "Echo")
    processes = set(family(embedded_aws.process.pid))
    addresses = set(listening({inode for pid in processes for inode in sockets(pid)}))
    assert len(processes) > 1
    assert addresses
    assert addresses <= LOOPBACK

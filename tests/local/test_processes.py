"""A pid in a file means one process and no other."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.local.processes import Process

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(SLEEP) as started:  # noqa: S603 -- our own interpreter
        yield started
        started.kill()


def test_a_running_process_is_recognised(child: "subprocess.Popen[bytes]") -> None:
    assert Process.of(child.pid).is_running()
    assert Process.of(os.getpid()).is_running()


def test_another_process_with_the_same_pid_is_not_it(child: "subprocess.Popen[bytes]") -> None:
    other = replace(Process.of(child.pid), started="before the reboot")
    assert not other.is_running()
    assert other.stop(1)
    assert child.poll() is None


def test_a_process_that_ended_is_not_running_though_nobody_has_waited_for_it(
    child: "subprocess.Popen[bytes]",
) -> None:
    process = Process.of(child.pid)
    assert process.stop(10)
    assert not process.is_running()


def test_a_process_that_does_not_listen_is_reported() -> None:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as child:  # noqa: S603 -- as above
        assert child.stdout is not None
        child.stdout.readline()
        assert not Process.of(child.pid).stop(0.3)
        child.kill()


def test_there_is_no_process_without_a_pid(child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    child.wait()
    with pytest.raises(ProcessLookupError):
        Process.of(child.pid)

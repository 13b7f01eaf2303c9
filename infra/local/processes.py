"""Which process a pid in a file means: a pid alone may have been given to another program since.

A process is named by its pid and the moment it started; after a crash or a reboot the pair matches
nothing. Read from /proc where there is one, else from `ps`.
"""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was running; `started` is opaque and differs for each process with this pid."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Name the running process `pid`; ProcessLookupError when there is none."""
        started = _started(pid)
        if started is None:
            raise ProcessLookupError(f"no process {pid}")
        return cls(pid, started)

    def is_running(self) -> bool:
        return _started(self.pid) == self.started

    def stop(self, patience_seconds: float) -> bool:
        """Ask it to end and wait; False when it still runs after `patience_seconds`."""
        self._signal(signal.SIGTERM)
        return self.await_end(patience_seconds)

    def await_end(self, patience_seconds: float) -> bool:
        until = time.monotonic() + patience_seconds
        while self.is_running():
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def kill_group(leader: int) -> None:
    """End at once every process of the group that pid `leader` leads, whether or not that one still runs."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _started(pid: int) -> str | None:
    return _started_by_proc(pid) if Path("/proc/self/stat").exists() else _started_by_ps(pid)


def _started_by_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc(5): the name in brackets may hold anything; state is field 3, starttime field 22.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else f"{boot}:{fields[19]}"


def _started_by_ps(pid: int) -> str | None:
    listed = subprocess.run(  # noqa: S603 -- fixed program, a number as argument
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip() or None

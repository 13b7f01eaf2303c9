"""The engine as a child process: started, waited for, stopped with every function it runs."""

import contextlib
import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.local.engine import OLDEST_PYTHON
from infra.local.processes import Process, kill_group
from infra.local.seams import EngineRefused

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
_LISTENER_PORTS = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What an engine is started with. `scratch` and `log` are created; `state` persists if given."""

    port: int
    scratch: Path
    log: Path
    state: Path | None = None
    enforce_iam: bool = False
    without_patches: Sequence[str] = ()

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "infra.local.engine", "--attached"),
            *("--port", str(self.port), "--scratch", str(self.scratch)),
            *(("--state", str(self.state)) if self.state else ()),
            *(("--enforce-iam",) if self.enforce_iam else ()),
            *(word for name in self.without_patches for word in ("--without-patch", name)),
        ]


class EngineProcess:
    """A running engine. It ends with the process that started it, however that one ends."""

    def __init__(self, settings: EngineSettings) -> None:
        """Start the engine and wait until it answers; EngineRefused with its last words if not."""
        if sys.version_info[:2] < OLDEST_PYTHON:
            raise EngineRefused(f"Python {sys.version.split()[0]} is too old, 3.11 is the oldest")
        self._settings = settings
        settings.log.parent.mkdir(parents=True, exist_ok=True)
        with settings.log.open("wb") as log:
            self._child = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
                settings.command(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=_ROOT,
                env={"PATH": os.environ.get("PATH", os.defpath), "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # one group with its functions, and no Ctrl-C of the terminal
            )
        try:
            self._await_health()
        except BaseException:
            self.stop()
            raise
        self.process = Process.of(self._child.pid)

    @property
    def port(self) -> int:
        return self._settings.port

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_running(self) -> bool:
        return self._child.poll() is None

    def stop(self) -> None:
        """Let it write its state, then end it and its functions."""
        self._child.terminate()
        try:
            self._child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            kill_group(self._child.pid)
            self._child.wait()
            if self._child.stdin:
                self._child.stdin.close()

    def _await_health(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while not _is_healthy(self._settings.port):
            if not self.is_running():
                raise EngineRefused(_last_words(self._settings.log))
            if time.monotonic() > until:
                raise EngineRefused(f"the engine did not answer, see {self._settings.log}")
            time.sleep(_POLL_SECONDS)


def free_port() -> int:
    """Find a port of 127.0.0.1 that was free a moment ago.

    It lies below the ports that systems hand out by themselves (32768 and up on Linux, 49152 on macOS): none of the
    connections that are opened until the listener is up can take it.
    """
    while True:
        port = _LISTENER_PORTS[secrets.randbelow(len(_LISTENER_PORTS))]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].removeprefix("local stage: ") if lines else f"the engine ended, see {log}"

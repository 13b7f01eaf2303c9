"""A PostgreSQL of the run's own: Debian's server on 127.0.0.1 with a data folder that ends with it.

Durability is left as Debian ships it (fsync and synchronous commit on). Its CPU is not counted; it only has to be real.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from infra.local.engine_process import free_port
from tests.benchmarks.subject import NotRun

_START_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1
_DEBIAN: Final = Path("/usr/lib/postgresql")  # the server's programs are not on the PATH there
_PROGRAMS: Final = ("initdb", "postgres", "pg_isready")
_UNPRIVILEGED: Final = ("postgres", "nobody")  # initdb and the server refuse to run as root


def programs() -> Path:
    """Find the folder of `initdb`, `postgres` and `pg_isready`; NotRun where there is none."""
    found = shutil.which("initdb")
    folders = [*([Path(found).resolve().parent] if found else []), *sorted(_DEBIAN.glob("*/bin"), reverse=True)]
    for folder in folders:
        if all((folder / name).exists() for name in _PROGRAMS):
            return folder
    raise NotRun("PostgreSQL is not installed (Debian package postgresql)")


def server_version() -> str:
    told = subprocess.run([str(programs() / "postgres"), "--version"], check=True, capture_output=True, text=True)  # noqa: S603 - found above
    return told.stdout.split()[2]


@contextmanager
def running_postgres() -> Iterator[int]:
    """Run a server with the superuser `bench` and no password; gives its port."""
    folder, account = programs(), _account()
    demoted: dict[str, Any] = {}
    if account is not None:
        demoted = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    scratch = Path(tempfile.mkdtemp(prefix="muniment-bench-"))
    try:
        if account is not None:
            os.chown(scratch, account.pw_uid, account.pw_gid)
        data, port = scratch / "data", free_port()
        command = [str(folder / "initdb"), "-D", str(data), "-A", "trust", "-U", "bench", "-E", "UTF8", "--no-locale"]
        subprocess.run(command, check=True, cwd=scratch, capture_output=True, **demoted)  # noqa: S603 - found above
        with (scratch / "server.log").open("wb") as log:
            server = subprocess.Popen(  # noqa: S603 - found above
                [
                    *(str(folder / "postgres"), "-D", str(data), "-p", str(port)),
                    *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                ],
                cwd=scratch,
                stdout=log,
                stderr=log,
                **demoted,
            )
        try:
            _await(folder, port, server)
            yield port
        finally:
            server.send_signal(signal.SIGINT)  # a fast shutdown: sessions are ended, data are written
            server.wait()
    finally:
        shutil.rmtree(scratch)


def _account() -> pwd.struct_passwd | None:
    """Find whom the server runs as; None for whoever runs this."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in _UNPRIVILEGED if name in known)


def _await(folder: Path, port: int, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_SECONDS
    ready = [str(folder / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready, check=False).returncode:  # noqa: S603 - found above
        if server.poll() is not None or time.monotonic() > until:
            raise NotRun("PostgreSQL did not start")
        time.sleep(_POLL_SECONDS)

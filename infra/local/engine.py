"""Start the embedded AWS: MiniStack with our patches, in this process.

    python -m infra.local.engine --port 4566 --scratch DIR [--state DIR] [--enforce-iam] [--attached]

Everything listens on 127.0.0.1. Nothing of the environment that starts it reaches the engine or a
function. `--attached` ends the engine when its standard input is closed, that is, when the process
that holds the other end of the pipe ends, however it ends.
"""

import argparse
import atexit
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from infra.local.seams import EngineRefused, refuse_unless_known

OLDEST_PYTHON = (3, 11)
REGION = "us-east-1"
# A function's environment is a process of 30 to 60 MB: those that a burst left idle end after this. Starting one anew
# costs half a second of a processor.
_IDLE_ENVIRONMENT_SECONDS = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM; 1 with one line on stderr when the engine cannot start."""
    options = _options(arguments)
    try:
        _run(options)
    except EngineRefused as refused:
        sys.stderr.write(f"local stage: {refused}\n")
        return 1
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.engine", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--enforce-iam", action="store_true")
    parser.add_argument("--attached", action="store_true")
    parser.add_argument("--without-patch", action="append", default=[])
    return parser.parse_args(arguments)


def environment(port: int, scratch: Path, *, state: Path | None = None, enforce_iam: bool = False) -> dict[str, str]:
    """Give the whole environment of the engine's process."""
    settings = {
        "PATH": os.environ.get("PATH", os.defpath),
        "TMPDIR": str(scratch),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "localhost",
        "MINISTACK_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AUTH": str(enforce_iam).lower(),
        # With `cryptography` installed the engine else opens an MQTT listener on 0.0.0.0:8883.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_ACCOUNT_CONCURRENCY": "0",  # patches/taking_turns.py bounds it
        "LAMBDA_WARM_TTL_SECONDS": str(_IDLE_ENVIRONMENT_SECONDS),
        "LOG_LEVEL": "INFO",
    }
    if state is not None:
        settings |= {
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state / "services"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(state / "s3"),
        }
    return settings


def _run(options: argparse.Namespace) -> None:
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise EngineRefused(f"Python {sys.version.split()[0]} is too old, 3.11 is the oldest")
    refuse_unless_known(())
    options.scratch.mkdir(parents=True, exist_ok=True)
    fresh = environment(options.port, options.scratch, state=options.state, enforce_iam=options.enforce_iam)
    os.environ.clear()
    os.environ.update(fresh)
    if options.attached:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    _serve(frozenset(options.without_patch))


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _serve(left_out: frozenset[str]) -> None:
    # MiniStack reads its settings while it is imported: not before the environment is ready.
    try:
        from ministack import app  # noqa: PLC0415 -- see above
        from ministack.core import lambda_runtime  # noqa: PLC0415 -- see above

        from infra.local.patches import apply_all  # noqa: PLC0415 -- see above
    except (ImportError, AttributeError) as changed:
        raise EngineRefused(f"ministack is not the build that was patched: {changed}") from changed
    apply_all(left_out)
    # Vanilla leaves the functions' processes running when it stops.
    atexit.register(lambda_runtime.reset)
    sys.argv[1:] = []
    app.main()


if __name__ == "__main__":
    raise SystemExit(main())

"""Python functions run under AWS's own runtime client, over the Lambda Runtime API.

Vanilla runs `python*` functions with a script of its own that reads JSON lines. Every exception is
reported as `Runtime.HandlerError` without a stack trace, so Retry and Catch by exception name never
match in Step Functions; the environment is killed after each exception; and each invocation that
logs nothing waits 50 ms for a line that never comes. On AWS the runtime client (awslambdaric) talks
HTTP with the Runtime API, reports the exception's own type with its stack trace, and the
environment lives on. MiniStack has that API for `provided.*` runtimes: this patch sends `python*`
functions there, with a `bootstrap` that starts the client.

Vanilla's Runtime API answers in two writes without TCP_NODELAY, which costs 40 ms an invocation on
the loopback (Nagle's algorithm against the delayed acknowledgement, RFC 1122 section 4.2.3.2).

Vanilla waits for the server of each environment that ends, one after the other: 100 ms at most for each, seconds for a
stage that stops. Nobody speaks with such a server any more, so here it ends beside everything else.

Vanilla reports a module that cannot be imported as `Runtime.Unknown`; AWS gives the error that the
client posted to /runtime/init/error (`Runtime.ImportModuleError`).
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import queue
import socketserver
import sys
import threading
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from infra.local.seams import Seam

# A handler's last lines reach the log pump after its answer reached the Runtime API: a moment of
# grace keeps them with their invocation.
_FIRST_LINE_SECONDS = 0.002
_IDLE_SECONDS = 0.001
_DRAIN_CAP_SECONDS = 0.250

_RUNTIME = "ministack.core.lambda_runtime"
_SERVICE = "ministack.services.lambda_svc"
SEAMS = (
    Seam(_RUNTIME, "_worker_class_for", ("config",)),
    Seam(_RUNTIME, "ProvidedRuntimeError", ("message", "error_type")),
    Seam(_RUNTIME, "ProvidedWorker._build_handler_class", ("self", "generation", "pending")),
    Seam(_RUNTIME, "ProvidedWorker._spawn", ("self", "init_timeout")),
    Seam(_RUNTIME, "ProvidedWorker._await_init", ("self", "init_timeout")),
    Seam(_RUNTIME, "ProvidedWorker._shutdown_server", ("self",)),
    Seam(
        _RUNTIME,
        "ProvidedWorker._drain_stderr_bounded",
        ("self", "first_line_wait", "idle_confirm", "hard_cap"),
    ),
    Seam(_SERVICE, "_provided_runtime_code_dir", ("code_zip",)),
    Seam(_SERVICE, "_execute_function_warm", ("func", "event", "request_id")),
    Seam(_SERVICE, "_execute_function_provided_warm", ("func", "event", "request_id")),
)

# -S: the path is what the function's environment says, without this interpreter's site-packages.
_BOOTSTRAP = f"""#!/bin/sh
exec "{sys.executable}" -S -m awslambdaric "$_HANDLER"
"""


class PythonEnvironment(lambda_runtime.ProvidedWorker):  # type: ignore[misc]  # ministack is untyped
    """One execution environment of a `python*` function: the runtime client in its own process."""

    def _spawn(self, init_timeout: float | None = None) -> None:
        _write_bootstrap(Path(lambda_svc._provided_runtime_code_dir(self.code_zip)))
        super()._spawn(init_timeout)

    def _build_handler_class(self, generation: int, pending: "queue.Queue[object]") -> type:
        handler: type = super()._build_handler_class(generation, pending)
        return type("PromptHandler", (handler,), {"disable_nagle_algorithm": True})

    def _await_init(self, init_timeout: float | None = None) -> None:
        try:
            super()._await_init(init_timeout)
        except RuntimeError:
            error = self._init_error
            if not isinstance(error, dict):
                raise
            raise lambda_runtime.ProvidedRuntimeError(
                str(error.get("errorMessage", "")), str(error.get("errorType", "Runtime.Unknown"))
            ) from None

    def _shutdown_server(self) -> None:
        server = self._server  # type: ignore[has-type]  # ministack is untyped
        self._server = self._server_thread = None
        if server is not None:
            threading.Thread(target=_end, args=(server,), daemon=True).start()

    def _drain_stderr_bounded(
        self,
        first_line_wait: float = _FIRST_LINE_SECONDS,
        idle_confirm: float = _IDLE_SECONDS,
        hard_cap: float = _DRAIN_CAP_SECONDS,
    ) -> str:
        return str(super()._drain_stderr_bounded(first_line_wait, idle_confirm, hard_cap))


def _end(server: socketserver.BaseServer) -> None:
    server.shutdown()
    server.server_close()


def _write_bootstrap(code: Path) -> None:
    """Leave the program that starts the client, whole and executable from the moment that it is there."""
    bootstrap = code / "bootstrap"
    # Under the lock of every spawn: a fork while the file is open for writing makes exec fail
    # with ETXTBSY.
    with lambda_svc._provided_code_lock:
        if not bootstrap.exists():
            partial = code / "bootstrap.partial"
            partial.write_text(_BOOTSTRAP, encoding="utf-8")
            partial.chmod(0o755)
            partial.rename(bootstrap)


def _environment_class(config: dict[str, Any]) -> type:
    if str(config.get("Runtime", "")).startswith("python"):
        return PythonEnvironment
    return lambda_runtime.ProvidedWorker  # type: ignore[no-any-return]  # ministack is untyped


def apply() -> None:
    """Send `python*` functions to the Runtime API."""
    lambda_runtime._worker_class_for = _environment_class
    lambda_svc._execute_function_warm = lambda_svc._execute_function_provided_warm

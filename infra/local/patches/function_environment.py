"""A function sees the environment and the packages that Lambda gives it, and its layers.

Vanilla hands the whole environment of the engine's process to a function (the developer's
credentials, proxies, PYTHONPATH) with every package that is installed beside the engine, and never
extracts the layers of a `provided.*` function. On AWS a function sees only the reserved variables
and its own, and the layers lie in /opt with /opt/python and /opt/python/lib/pythonX.Y/site-packages
on the path, behind the function's own code.

What lies behind the layers here is the runtime client alone. AWS's Python runtime brings a boto3 of
its own choice too; here a function that needs boto3 and has no layer with it fails.
Nothing of the host's configuration files is read either: boto would look for ~/.aws.
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import hashlib
import importlib.metadata
import io
import os
import re
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from ministack.services import lambda_svc

from infra.local.seams import Seam

_SERVICE = "ministack.services.lambda_svc"
SEAMS = (
    Seam(_SERVICE, "_provided_worker_env", ("config", "code_dir", "port")),
    Seam(_SERVICE, "_runtime_env_vars", ("config",)),
    Seam(_SERVICE, "_resolve_layer_zip", ("attachment",)),
    Seam(_SERVICE, "_provided_code_lock", kind="lock"),
)

# Lambda developer guide, "Defined runtime environment variables": what the service itself sets.
_RESERVED = frozenset(
    {
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
    }
)


def _environment(config: dict[str, Any], code_dir: str, port: int) -> dict[str, str]:
    given = _vanilla_environment(config, code_dir, port)
    own = lambda_svc._runtime_env_vars(config)
    kept = {name: value for name, value in given.items() if name in _RESERVED or name in own}
    return _machine(config, code_dir) | kept


_vanilla_environment = lambda_svc._provided_worker_env


def _machine(config: dict[str, Any], code_dir: str) -> dict[str, str]:
    scratch = Path(tempfile.gettempdir())
    return {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', '')}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{config.get('FunctionName', '')}",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(scratch),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": os.pathsep.join([code_dir, *_layer_paths(config), str(_runtime())]),
        # The code directory is read-only by agreement (every environment of a version shares it).
        "PYTHONPYCACHEPREFIX": str(scratch / "bytecode"),
        "TMPDIR": str(scratch),
        "TZ": ":UTC",
    }


def _layer_paths(config: dict[str, Any]) -> list[str]:
    """Give the import paths of the layers, the last attached first: on AWS it is laid on top."""
    archives = [lambda_svc._resolve_layer_zip(layer) for layer in config.get("Layers") or []]
    roots = [_extracted(archive) for archive in reversed(archives) if archive]
    versioned = f"python/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    return [str(root / part) for root in roots for part in (versioned, "python")]


def _runtime() -> Path:
    return Path(tempfile.gettempdir(), "runtime")


def _lay_out_runtime() -> None:
    """Link the runtime client and what it requires into a folder of their own."""
    _runtime().mkdir(exist_ok=True)
    for name in _required("awslambdaric", set()):
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()}:
            link = _runtime() / top
            if top not in {"..", "__pycache__"} and not link.is_symlink():
                link.symlink_to(Path(str(distribution.locate_file(top))))


def _required(name: str, found: set[str]) -> set[str]:
    if name not in found:
        found.add(name)
        for requirement in importlib.metadata.requires(name) or ():
            required = re.match(r"[A-Za-z0-9._-]+", requirement)
            if required and "extra ==" not in requirement:
                _required(required.group(), found)
    return found


def _extracted(archive: bytes) -> Path:
    root = Path(tempfile.gettempdir(), "layers", hashlib.sha256(archive).hexdigest())
    with lambda_svc._provided_code_lock:
        if not root.exists():
            partial = root.with_suffix(".partial")
            with zipfile.ZipFile(io.BytesIO(archive)) as layer:
                layer.extractall(partial)
            partial.rename(root)
    return root


def apply() -> None:
    """Build the environment of each function from what Lambda defines and the function's own."""
    _lay_out_runtime()
    lambda_svc._provided_worker_env = _environment

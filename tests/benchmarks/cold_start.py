"""P1: what a cold start of the refresh costs, beside the process that most Python Lambdas start with.

CPU seconds of whole fresh processes, user and system, the two taken in turn. Ours imports the handler and puts it
together from its settings, up to the first request; the peer imports boto3, PyJWT with its algorithms and the
Powertools Logger and makes one client and one logger. Both aim at the real endpoints, both find their bytecode
compiled, and neither opens a connection. What the first connection costs, the TLS context with its certificates, is
measured on both sides as well: whoever loads it late has only moved it.
"""

import compileall
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tests.benchmarks.subject import ROOT

OURS: Final = "import functions.refresh.handler as refresh\nrefresh._wiring()\n"
PEER: Final = (
    "import boto3, jwt.algorithms\n"
    "from aws_lambda_powertools import Logger\n"
    "boto3.client('dynamodb')\n"
    "Logger(service='peer')\n"
)
PACKAGES: Final = ("boto3", "pyjwt", "aws-lambda-powertools")
TLS: Final = "import ssl\nssl.create_default_context()\n"
_COUNT: Final = "import sys, json; print(json.dumps(len(sys.modules)))\n"


@dataclass(frozen=True, slots=True)
class ColdStarts:
    """CPU seconds of each round, and how many modules were loaded at the end; `_tls` with TLS ready."""

    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    our_tls: list[float] = field(default_factory=list)
    peer_tls: list[float] = field(default_factory=list)
    our_modules: int = 0
    peer_modules: int = 0


def versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def measured(scratch: Path, environ: Mapping[str, str], rounds: int) -> ColdStarts:
    """Measure with the settings in `environ`; the product is copied to `scratch` and compiled there."""
    for folder in ("functions", "shared"):
        shutil.copytree(ROOT / folder, scratch / folder, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(scratch, quiet=1)
    process = _Processes(scratch, environ)
    found = ColdStarts(our_modules=process.modules(OURS), peer_modules=process.modules(PEER))
    for _ in range(rounds):
        found.bare.append(process.cpu_seconds("pass"))
        found.ours.append(process.cpu_seconds(OURS))
        found.peer.append(process.cpu_seconds(PEER))
        found.our_tls.append(process.cpu_seconds(OURS + TLS))
        found.peer_tls.append(process.cpu_seconds(PEER + TLS))
    return found


class _Processes:
    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        own = {"PATH": os.environ.get("PATH", os.defpath), "AWS_DEFAULT_REGION": environ["AWS_REGION"]}
        self._environ = {**own, **{name: value for name, value in environ.items() if name != "AWS_ENDPOINT_URL"}}

    def cpu_seconds(self, program: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._run(program)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def modules(self, program: str) -> int:
        return int(json.loads(self._run(program + _COUNT)))

    def _run(self, program: str) -> bytes:
        command = [sys.executable, "-c", program]
        ended = subprocess.run(  # noqa: S603 - our own programs
            command, cwd=self._folder, env=self._environ, check=True, capture_output=True
        )
        return ended.stdout

"""P9: what verifying a bundle costs, beside unpacking and hashing the same file. Printed, never asserted.

BENCH_EVENTS in the environment says how many events the largest bundle has; P9 is about a million of them.
"""

import os
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from shared.evidence import verify_bundle
from tests.benchmarks.big_bundle import write

EVENTS: Final = int(os.environ.get("BENCH_EVENTS", "100000"))


# The verifier, and what the kernel knows of its process at the end.
_PROGRAM: Final = """
import runpy, sys
told = sys.argv.pop(1)
del sys.argv[0]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    with open("/proc/self/status") as status, open(told, "w") as file:
        file.write(status.read())
"""


@dataclass(frozen=True, slots=True)
class Verified:
    """One bundle, verified: its events, CPU seconds, megabytes at the most, and the exit code."""

    events: int
    seconds: float
    peak_mb: float
    code: int


def verified(events: int, folder: Path) -> Verified:
    """Make a bundle and verify it, in a process of its own."""
    path = folder / "bundle.zip"
    pins = [f"--key-fingerprint={pin}" for pin in write(events, path)]
    told = folder / "status"
    words = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(told), verify_bundle.__file__, str(path), *pins]
    spent, code = cpu_seconds(*words)
    peak = next(line for line in told.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
    return Verified(events, spent, int(peak.split()[1]) / 1024, code)


def cpu_seconds(*command: str) -> tuple[float, int]:
    """Run a program; gives its user CPU seconds and its exit code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our words
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, done.returncode


def test_verifying_beside_unpacking_and_hashing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for events in (EVENTS // 10, EVENTS):
        found, path = verified(events, tmp_path), tmp_path / "bundle.zip"
        programs = [(tool, *rest) for tool, *rest in (("unzip", "-tqq"), ("sha256sum",)) if shutil.which(tool)]
        beside = ", ".join(f"{tool[0]} {cpu_seconds(*tool, str(path))[0]:.1f} s" for tool in programs)
        ours = f"{found.seconds:.1f} s CPU, {found.peak_mb:.0f} MB (exit {found.code})"
        told.append(f"P9, {events:,} events ({path.stat().st_size / 1e6:.0f} MB): {ours}, {beside}")
    with capsys.disabled():
        print("\n" + "\n".join(told))

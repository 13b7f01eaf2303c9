"""P9: what verifying a bundle costs, beside unpacking and hashing the same file. Printed, never asserted.

BENCH_EVENTS in the environment says how many events the largest bundle has; P9 is about a million of them.
"""

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from shared.evidence import verify_bundle
from tests.benchmarks.big_bundle import write

EVENTS: Final = int(os.environ.get("BENCH_EVENTS", "100000"))


def cpu_seconds(*command: str) -> tuple[float, int]:
    """Run a program; gives its user CPU seconds and its exit code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our words
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, done.returncode


def test_verifying_beside_unpacking_and_hashing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    for events in (EVENTS // 10, EVENTS):
        path = tmp_path / "bundle.zip"
        pins = [f"--key-fingerprint={pin}" for pin in write(events, path)]
        spent, code = cpu_seconds(sys.executable, "-I", "-S", verify_bundle.__file__, str(path), *pins)
        programs = [(tool, *rest) for tool, *rest in (("unzip", "-tqq"), ("sha256sum",)) if shutil.which(tool)]
        beside = ", ".join(f"{tool[0]} {cpu_seconds(*tool, str(path))[0]:.1f} s" for tool in programs)
        told.append(
            f"P9, {events:,} events ({path.stat().st_size / 1e6:.0f} MB): {spent:.1f} s CPU (exit {code}), {beside}"
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    with capsys.disabled():
        print("\n" + "\n".join(told) + f"\nlargest process: {peak:.0f} MB")

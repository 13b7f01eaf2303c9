"""P7: what a second worker brings, and what the later steps cost for 30,000 segments. Printed, never asserted.

Workers are processes that render shards of a log without personal data into memory. Each has its own CPU, so beside the
wall clock stands what the division itself costs: the CPU seconds of one worker over those of the longer one of two.
"""

import functools
import hashlib
import json
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, cast

import pytest

from functions.evidence_pipeline.render import Renderer
from shared.audit.catalogue import load
from shared.audit.personal_data import PersonalData
from shared.evidence.evidence_row import Discloser
from shared.evidence.segment import pack, parse
from tests.benchmarks.bench_sealing import EVENTS, lines
from tests.unit.evidence.large_bundle import SEGMENTS, Bench, assembled, manifested, rendered

OF_A_SEGMENT = 1_000
REPEATED = 20  # times that a worker goes over its segments: a fraction of a second measures the start of a process
PLAN = {
    "samples": [],
    "resolved": {"from": "2026-09-01T00:00:00.000Z", "to_exclusive": "2026-11-01T00:00:00.000Z"},
    "requested": {"format": "csv"},
}


@dataclass(frozen=True, slots=True)
class Divided:
    """Seconds by the wall clock of one worker and of two, and CPU seconds of the one and of the longer of the two."""

    events: int
    one: float
    two: float
    one_cpu: float
    two_cpu: float


@dataclass(frozen=True, slots=True)
class Assembly:
    """An archive of `size` bytes, of which `through` passed through the assembler; seconds are of the CPU."""

    segments: int
    size: int
    through: int
    calls: int
    seconds: float
    manifest: int
    manifest_seconds: float


class _Piece:
    """Counts what a piece would hold."""

    size = 0

    def write(self, data: bytes) -> None:
        self.size += len(data)

    def close(self) -> str:
        return "v"

    def abort(self) -> None:
        pass


class _Folder(Bench):
    def growing(self, _name: str) -> _Piece:
        return _Piece()


@functools.cache
def _sealed() -> list[bytes]:
    """Write the log once a process; `fork` hands it to the workers."""
    events = [parse(line) for line in lines()]
    return [pack(events[first : first + OF_A_SEGMENT]) for first in range(0, len(events), OF_A_SEGMENT)]


class _Vault:
    def read(self, key: str, _version: str) -> bytes:
        return _sealed()[int(key)]


def work(first: int, last: int) -> float:
    """Render the segments from `first` up to `last`; gives the CPU seconds."""
    segments = [
        {"key": str(n), "version_id": "v", "sha256_gz": hashlib.sha256(_sealed()[n]).hexdigest()}
        | {"index": {"from": n * OF_A_SEGMENT, "to": (n + 1) * OF_A_SEGMENT - 1}}
        for n in range(first, last)
    ]
    discloser = Discloser(PersonalData(bytes(32), "t_acme"), {})
    vault, folder = cast("Any", _Vault()), cast("Any", _Folder())
    renderer = Renderer(vault, folder, load(), discloser, lambda _events: None)
    began = time.process_time()
    for _ in range(REPEATED):
        renderer.render(PLAN, segments, 0)
    return time.process_time() - began


def timed(runs: list[tuple[int, int]]) -> tuple[float, float]:
    """Give each run to a worker of its own; the wall clock, and the CPU seconds of the longest."""
    with ProcessPoolExecutor(len(runs), mp_context=get_context("fork")) as pool:
        list(pool.map(int, range(2 * len(runs))))  # the processes are there
        began = time.perf_counter()
        seconds = list(pool.map(work, *zip(*runs, strict=True)))
        return time.perf_counter() - began, max(seconds)


def divided() -> Divided:
    """Render the log by one worker, and then by two."""
    number = len(_sealed())
    one, one_cpu = timed([(0, number)])
    two, two_cpu = timed([(0, number // 2), (number // 2, number)])
    return Divided(EVENTS * REPEATED, one, two, one_cpu, two_cpu)


def assembly() -> Assembly:
    """Make the manifest of a bundle whose segments are only described, and put it together."""
    bench = rendered()
    manifest, of_manifest = _cpu_seconds(lambda: manifested(bench))
    (store, _), seconds = _cpu_seconds(lambda: assembled(bench))
    size = len(json.dumps(manifest))
    return Assembly(SEGMENTS, store.size, store.through, len(store.calls), seconds, size, of_manifest)


def _cpu_seconds(what: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    found = what()
    return found, time.process_time() - began


def test_two_workers_beside_one(capsys: pytest.CaptureFixture[str]) -> None:
    found = divided()
    with capsys.disabled():
        print(
            f"\nP7, {found.events:,} events: two workers {found.one / found.two:.2f} times one by the wall clock, "
            f"{found.one_cpu / found.two_cpu:.2f} by the CPU of the longer one; "
            f"{found.events / found.one_cpu:,.0f} events per CPU second"
        )


def test_manifest_and_assembly_of_thirty_thousand_segments(capsys: pytest.CaptureFixture[str]) -> None:
    found = assembly()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with capsys.disabled():
        print(
            f"\nP7, {found.segments:,} segments, {found.size / 1e9:.1f} GB: manifest ({found.manifest / 1e6:.1f} MB) "
            f"{found.manifest_seconds:.1f} s CPU, assembly {found.seconds:.1f} s CPU, {found.calls} calls, "
            f"{found.through / 1e6:.1f} MB through the assembler; largest process {peak:.0f} MB"
        )

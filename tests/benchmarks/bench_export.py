"""P6: what rendering one report into a ZIP costs an event, beside zipfile, zipstream-ng and archiver. Printed only.

All read the same sealed segments, and what they write of the report is compared: the same bytes. Nothing of it is
personal in the runs beside peers, which could not open it; what opening costs us is a row of its own. `make bench` puts
these figures into its table (`report`). BENCH_EVENTS in the environment says how many events the log has.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from shared.audit.catalogue import load
from shared.audit.moment import rfc3339
from shared.audit.personal_data import PersonalData
from shared.evidence.evidence_row import COLUMNS
from tests.benchmarks.big_log import PEOPLE, SPAN, START, BigLog
from tests.benchmarks.folder_s3 import FolderS3
from tests.benchmarks.peers.environments import node_environment, python_environment
from tests.benchmarks.subject import ROOT, NotRun

EVENTS: Final = int(os.environ.get("BENCH_EVENTS", "100000"))
CURVE: Final = (10_000, 100_000, 1_000_000, 2_000_000)
OF_SEGMENT: Final = 5_000
REPORT: Final = "access-logs"
PEERS: Final = ("zipfile", "zipstream", "archiver")
_DATA_KEY: Final = bytes(range(32))


@dataclass(frozen=True, slots=True)
class Run:
    """One process: CPU seconds of the work, and megabytes at its most; `loaded_mb` before it began, of ours."""

    cpu_seconds: float
    peak_mb: float
    loaded_mb: float = 0.0


@dataclass(slots=True)
class Exports:
    """What was measured, round by round; `absent` says why a peer was not run."""

    events: int
    ours: list[Run] = field(default_factory=list)
    personal: list[Run] = field(default_factory=list)
    peers: dict[str, list[Run]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def ratio(self, peer: str) -> float:
        """Say how many times as many events we do in a CPU second: the median of the rounds' ratios."""
        ratios = sorted(
            other.cpu_seconds / own.cpu_seconds for own, other in zip(self.ours, self.peers[peer], strict=True)
        )
        return ratios[len(ratios) // 2]


def measured(events: int, rounds: int, folder: Path) -> Exports:
    """Make the log, with and without personal data, and run everybody in turns."""
    found, commands = Exports(events), _peers()
    plain, personal = folder / "plain", folder / "personal"
    write_log(plain, events, personal=False)
    write_log(personal, events, personal=True)
    for _ in range(rounds):
        found.ours.append(ours(plain))
        found.personal.append(ours(personal))
        for name, command in commands.items():
            if isinstance(command, str):
                found.absent[name] = command
            else:
                found.peers.setdefault(name, []).append(_run([*command, str(plain)]))
    _compare(plain, [name for name, command in commands.items() if not isinstance(command, str)])
    return found


def curve(folder: Path, counts: Sequence[int] = CURVE) -> dict[int, Run]:
    """Measure ours alone over logs of growing length, with personal data; one that `measured` has made serves again."""
    found = {}
    for events in counts:
        log, made = folder / str(events), folder / "personal"
        if made.is_dir() and _events_in(made) == events:
            found[events] = ours(made)
            continue
        write_log(log, events, personal=True)
        found[events] = ours(log)
        shutil.rmtree(log)
    return found


def _events_in(folder: Path) -> int:
    rows = json.loads((folder / "task.json").read_bytes())["rows"]
    return sum(row["events"] for row in rows)


def write_log(folder: Path, events: int, *, personal: bool) -> None:
    """Write a log, and what everybody is told of it."""
    salts = {subject: hashlib.sha256(subject.encode()).digest() for subject in PEOPLE} if personal else {}
    log = BigLog(FolderS3(folder), "vault", "bench", events, OF_SEGMENT, PersonalData(_DATA_KEY, "bench"), salts)
    log.write()
    catalogue = load()
    report = catalogue.reports[REPORT]
    task = {
        "report": REPORT,
        "name": report.path("csv"),
        "columns": ["index", *COLUMNS],
        "criteria": {action: " ".join(catalogue.criteria(action, None)) for action in report.actions},
        "segments": [f"vault/{row['key']}" for row in log.segments],
        "rows": log.segments,
        "resolved": {"from": rfc3339(START), "to_exclusive": rfc3339(START + 2 * SPAN)},
        "salts": {subject: salt.hex() for subject, salt in salts.items()},
    }
    (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")


def ours(folder: Path) -> Run:
    return _run([sys.executable, "-m", "tests.benchmarks.export_ours", str(folder), _DATA_KEY.hex()])


def _peers() -> Mapping[str, list[str] | str]:
    """Give each peer's command, or the sentence that says why it cannot be run."""
    program = str(ROOT / "tests" / "benchmarks" / "peers" / "export_peers.py")
    commands: dict[str, list[str] | str] = {"zipfile": [sys.executable, program, "zipfile"]}
    try:
        commands["zipstream"] = [str(python_environment()), program, "zipstream"]
    except NotRun as reason:
        commands["zipstream"] = str(reason)
    try:
        commands["archiver"] = [shutil.which("node") or "node", str(node_environment() / "export_archiver.mjs")]
    except NotRun as reason:
        commands["archiver"] = str(reason)
    return commands


def _run(command: Sequence[str]) -> Run:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)  # noqa: S603 - our own programs
    members: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Run(**members)


def _compare(folder: Path, names: Sequence[str]) -> None:
    """Hold the reports against each other: whoever writes another one has done another work."""
    digests = set()
    for name in ("ours", *names):
        with zipfile.ZipFile(folder / f"{name}.zip") as archive:
            (entry,) = archive.namelist()
            with archive.open(entry) as content:
                digests.add(hashlib.file_digest(content, "sha256").hexdigest())  # type: ignore[arg-type]  # a reader
    assert len(digests) == 1, "the systems under test wrote different reports"


def test_exporting_beside_its_peers(capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as folder:
        found = measured(EVENTS, 3, Path(folder))
        grown = curve(Path(folder), [count for count in CURVE if count <= max(EVENTS, CURVE[0])])
    with capsys.disabled():
        print("\n" + "\n".join(_lines(found, grown)))


def _lines(found: Exports, grown: Mapping[int, Run]) -> Iterator[str]:
    for name, runs in {"ours": found.ours, "ours, with personal data": found.personal, **found.peers}.items():
        rate = found.events / min(run.cpu_seconds for run in runs)
        beside = f", ours {found.ratio(name):.2f} times as many" if name in found.peers else ""
        yield f"P6, {name}: {rate:,.0f} events a CPU second, peak {max(run.peak_mb for run in runs):.0f} MB{beside}"
    for events, run in grown.items():
        rate = events / run.cpu_seconds
        yield f"{events:,} events: {rate:,.0f} a CPU second, {run.peak_mb:.0f} MB of which {run.loaded_mb:.0f} before"
    yield from (f"{name} is not run: {reason}" for name, reason in found.absent.items())

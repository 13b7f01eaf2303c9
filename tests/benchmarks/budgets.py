"""`make bench`: P1 to P6 beside their peers, P7 to P9; prints, writes docs/benchmarks.md and .json.

There are three parts, and BENCH_PARTS in the environment names those to run; of the others the page keeps what an
earlier run found. Requests: start the estate, PostgreSQL and every process under test (what this machine lacks is said
in the table, and the rest goes on), cold starts, warm up, the rounds, calls and capacity units. Evidence: export,
divide, assemble, verify. Ledger: append and seal.

BENCH_ROUNDS in the environment makes the run shorter, and its figures worse; so does BENCH_EVENTS, which says how many
events are exported and verified.
"""

import contextlib
import dataclasses
import functools
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.benchmarks import bench_bundle, bench_export, bench_ledger, bench_sealing, bench_verify, cold_start
from tests.benchmarks.consumption import of_check, of_login, of_refresh
from tests.benchmarks.measured_company import Company, running_company
from tests.benchmarks.peers.environments import SCRATCH, node_environment, python_environment
from tests.benchmarks.peers.postgres import running_postgres, server_version
from tests.benchmarks.report import (
    EvidenceFindings,
    LedgerFindings,
    RequestFindings,
    evidence_rows,
    ledger_rows,
    request_rows,
)
from tests.benchmarks.subject import ROOT, NotRun, Subject
from tests.benchmarks.table import PARTS, Document, Row, plain_table

ROUNDS: Final = int(os.environ.get("BENCH_ROUNDS", "7"))
COLD_ROUNDS: Final = 4 + ROUNDS
LOGINS: Final = 10  # in a round, each by a person who logged in once before: on a known device
PEOPLE: Final = ROUNDS * LOGINS
EVENTS: Final = int(os.environ.get("BENCH_EVENTS", "1000000"))
EXPORTS: Final = 3  # rounds: each reads all of the events


@dataclass(frozen=True, slots=True)
class Measurement:
    """One operation of one process under test; `warm_up` and `count` are operations, before the rounds and in each."""

    name: str
    subject: str
    operation: str
    warm_up: int
    count: int


MEASUREMENTS: Final = (
    Measurement("refresh", "refresh", "refresh", 200, 150),
    Measurement("simplejwt refresh", "django", "refresh", 150, 80),
    Measurement("toolkit refresh", "django", "toolkit_refresh", 100, 60),
    Measurement("oidc-provider refresh", "oidc_provider", "refresh", 3_000, 500),
    Measurement("check", "sessions", "check", 200, 250),
    Measurement("me", "sessions", "me", 50, 100),
    Measurement("simplejwt check", "django", "check", 300, 250),
    Measurement("better-auth check", "better_auth", "check", 3_000, 500),
    Measurement("login", "login", "login", PEOPLE, LOGINS),
    Measurement("argon2", "login", "argon2", 5, LOGINS),
)


OURS: Final = ("refresh", "sessions", "login")


@dataclass(slots=True)
class Subjects:
    """What could be started, and why the others could not."""

    running: dict[str, Subject] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, start: Callable[[], Subject]) -> None:
        try:
            self.running[name] = start()
        except NotRun as reason:
            self._without(name, reason)

    def cpu_seconds(self, each: Measurement, count: int) -> float | None:
        """Give the CPU seconds of one operation, without what driving it costs; None for a peer that is not there.

        Ours must be: without it there is nothing to tell.
        """
        subject = self.running.get(each.subject)
        if subject is None:
            return None
        try:
            whole = subject.cpu_seconds(each.operation, count)
            return (whole - subject.cpu_seconds(f"{each.operation}.empty", count)) / count
        except NotRun as reason:
            if each.subject in OURS:
                raise
            del self.running[each.subject]
            self._without(each.subject, reason)
            return None

    def _without(self, name: str, reason: NotRun) -> None:
        print(f"{name} is not run: {reason}", file=sys.stderr)
        self.absent[name] = str(reason)

    def stop(self) -> None:
        for subject in self.running.values():
            subject.stop()

    def versions(self) -> dict[str, str]:
        return {name: version for subject in self.running.values() for name, version in subject.versions.items()}


def start_all(company: Company, stack: ExitStack) -> Subjects:
    """Start every process under test; they end with `stack`."""
    subjects = Subjects()
    stack.callback(subjects.stop)
    given = {
        "refresh": {"refresh_token": company.signed_in()["refresh_token"]},
        "sessions": {"access_token": company.signed_in()["access_token"]},
        "login": company.staff(PEOPLE),
    }
    for name in OURS:
        command = [sys.executable, "-m", "tests.benchmarks.ours", name]
        subjects.running[name] = _started(name, command, given[name], company.environ)
    subjects.start("django", functools.partial(_django, stack))
    for name in ("oidc_provider", "better_auth"):
        subjects.start(name, functools.partial(_node, name))
    return subjects


def measure(subjects: Subjects) -> dict[str, list[float]]:
    """Give the CPU seconds of one operation, a figure a round; nothing of what did not run to the end."""
    found: dict[str, list[float]] = {each.name: [] for each in MEASUREMENTS}
    for each in MEASUREMENTS:
        subjects.cpu_seconds(each, each.warm_up)
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
        for each in MEASUREMENTS:
            seconds = subjects.cpu_seconds(each, each.count)
            if seconds is not None:
                found[each.name].append(seconds)
    return {name: rounds for name, rounds in found.items() if len(rounds) == ROUNDS}


def measure_ledger(company: Company) -> LedgerFindings:
    print("appending and sealing", file=sys.stderr)
    estate, lines, table = company.estate, bench_sealing.lines(), bench_sealing.Memory()
    one_lane, many_lanes = (
        [bench_ledger.appending(estate, lanes, writers) for writers in bench_ledger.WRITERS] for lanes in (1, 64)
    )
    return LedgerFindings(
        one_lane=one_lane,
        many_lanes=many_lanes,
        growth=list(bench_ledger.growth(estate)),
        sealing=[bench_sealing.sealing(lines) for _ in range(ROUNDS)],
        runs=[bench_sealing.whole_run(table)[0] for _ in range(ROUNDS)],
    )


def measure_evidence() -> EvidenceFindings:
    print("exporting and verifying", file=sys.stderr)
    counts = [count for count in bench_export.CURVE if count <= 2 * EVENTS]
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as folder:
        scratch = Path(folder)
        return EvidenceFindings(
            divided=[bench_bundle.divided() for _ in range(EXPORTS)],
            assembly=bench_bundle.assembly(),
            exports=bench_export.measured(EVENTS, EXPORTS, scratch),
            curve=bench_export.curve(scratch, counts),
            verified=bench_verify.verified(EVENTS, scratch),
        )


def machine() -> dict[str, str]:
    """Tell what the figures depend on; nothing that names the machine."""
    processor = platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line for line in lines if line.startswith("model name")).partition(":")[2].strip()
    return {
        "processor": f"{processor}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, {platform.machine()}",
    }


def measure_requests() -> tuple[RequestFindings, dict[str, str]]:
    """Give what was found, and the versions of what it was found of."""
    with ExitStack() as stack:
        company = stack.enter_context(running_company())
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="muniment-bench-")))
        print("cold starts", file=sys.stderr)
        cold = cold_start.measured(scratch, company.estate.environ, COLD_ROUNDS)
        subjects = start_all(company, stack)
        seconds = measure(subjects)
        print("calls and units", file=sys.stderr)
        findings = RequestFindings(
            cold=cold,
            seconds=seconds,
            absent=subjects.absent,
            refresh=of_refresh(company),
            check=of_check(company),
            login=of_login(company),
        )
        return findings, {**cold_start.versions(), **subjects.versions()}


def run(parts: Collection[str]) -> Document:
    rows, versions = list[Row](), {"Python": platform.python_version()}
    if "requests" in parts:
        findings, found = measure_requests()
        rows += _of("requests", request_rows(findings))
        versions |= found
    if "evidence" in parts:
        rows += _of("evidence", evidence_rows(measure_evidence()))
    if "ledger" in parts:
        with running_company() as company:
            rows += _of("ledger", ledger_rows(measure_ledger(company)))
    return Document(time.strftime("%Y-%m-%d"), machine(), versions, rows)


def _of(part: str, rows: Sequence[Row]) -> list[Row]:
    return [dataclasses.replace(row, part=part, date=time.strftime("%Y-%m-%d")) for row in rows]


def main() -> None:
    began = time.monotonic()
    parts = os.environ.get("BENCH_PARTS", "").split() or PARTS
    if unknown := set(parts) - set(PARTS):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with _quiet():
        document = run(parts)
    written = ROOT / "docs" / "benchmarks.json"
    document = document.after(Document.read(written.read_text(encoding="utf-8")) if written.is_file() else None)
    (ROOT / "docs" / "benchmarks.md").write_text(document.markdown(), encoding="utf-8")
    written.write_text(document.json(), encoding="utf-8")
    print(plain_table(document.rows))
    print(f"written to docs/benchmarks.md and docs/benchmarks.json after {time.monotonic() - began:.0f} s")
    missed = [row.what for row in document.rows if row.met is False]
    print("missed: " + "; ".join(missed) if missed else "every budget that has a figure is met")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the functions' own log lines, which they write to the standard output, out of the report."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def _started(name: str, command: list[str], given: Mapping[str, str], environ: Mapping[str, str]) -> Subject:
    logs = SCRATCH / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    return Subject(name, command, given, environ=environ, log=logs / f"{name}.log")


def _django(stack: ExitStack) -> Subject:
    python = python_environment()
    port = stack.enter_context(running_postgres())
    command = [str(python), "-m", "tests.benchmarks.peers.django_peers"]
    subject = _started("django", command, {"port": str(port)}, {})
    subject.versions["PostgreSQL"] = server_version()
    return subject


def _node(name: str) -> Subject:
    folder = node_environment()
    return _started(name, [shutil.which("node") or "node", str(folder / f"{name}.mjs")], {}, {})


if __name__ == "__main__":
    main()

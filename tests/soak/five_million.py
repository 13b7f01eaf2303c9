"""Five million events through the real pipeline: is its memory flat, and do four programs accept the archive?

    python -m tests.soak.five_million

`EVENTS` changes the count, and `WHERE` the folder that the files are made in: about 1 KB an event, four times over. A
bundle of a hundred thousand events is made first, so that there is something to compare with. Prints what each step of
the pipeline took; the exit code is 1 when a step's memory grew with the log beyond the budget of P6, a program refuses
the archive, or a row is missing.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.big_bundle import Factory, Step, running_factory

EVENTS: Final = 5_000_000
SMALL: Final = 100_000
OF_SEGMENT: Final = 5_000  # about five megabytes of lines, at which the sealer aims
MOST_GROWTH: Final = 1.1  # P6: of the peak, from a small bundle to a large one
_TESTZIP: Final = "import sys, zipfile; sys.exit(zipfile.ZipFile(sys.argv[1]).testzip() is not None)"
TOOLS: Final = (  # each reads every byte, and says by its exit code whether the checksums hold
    ("unzip", "-tqq"),
    ("7z", "t", "-bso0", "-bsp0"),
    ("bsdtar", "-xOf"),
    (sys.executable, "-c", _TESTZIP),
)


def main() -> int:
    events, where = int(os.environ.get("EVENTS", EVENTS)), os.environ.get("WHERE")
    small = made(SMALL, where)
    large = made(events, where)
    growth = {name: round(large["peak_mb"][name] / small["peak_mb"][name], 3) for name in large["peak_mb"]}
    faults = [*small["faults"], *large["faults"]]
    if growth["render"] > MOST_GROWTH:
        faults.append(f"rendering took {growth['render']} times the memory")
    print(json.dumps({"small": small, "large": large, "growth": growth, "faults": faults}, indent=2))
    return 1 if faults else 0


def made(events: int, where: str | None) -> dict[str, Any]:
    """Make a bundle of so many events and let the tools read it; gives what was found."""
    with tempfile.TemporaryDirectory(dir=where) as folder, running_factory(Path(folder)) as factory:
        began = time.monotonic()
        factory.log(events, OF_SEGMENT)
        logged = time.monotonic()
        print(f"{events:,} events are in the log after {logged - began:.0f} s", file=sys.stderr)
        archive = factory.bundle()
        print(f"and in the bundle after another {time.monotonic() - logged:.0f} s", file=sys.stderr)
        opened = {" ".join(tool[:2]): opens(tool, archive) for tool in TOOLS if shutil.which(tool[0])}
        return {
            "events": events,
            "archive_bytes": archive.stat().st_size,
            "archive_sha256": sha256(archive),
            **told(factory),
            "opened": opened,
            "faults": [f"{tool} refuses it" for tool, fine in opened.items() if not fine] + missing(archive, events),
        }


def told(factory: Factory) -> dict[str, Any]:
    by_name: dict[str, list[Step]] = {}
    for step in factory.steps:
        by_name.setdefault(step.name, []).append(step)
    return {
        "shards": len(by_name["render"]),
        "cpu_seconds": {name: round(sum(each.seconds for each in steps), 1) for name, steps in by_name.items()},
        "loaded_mb": {name: round(max(each.loaded_mb for each in steps), 1) for name, steps in by_name.items()},
        "peak_mb": {name: round(max(each.peak_mb for each in steps), 1) for name, steps in by_name.items()},
    }


def opens(tool: Sequence[str], archive: Path) -> bool:
    done = subprocess.run([*tool, str(archive)], stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - our own words
    return done.returncode == 0


def missing(archive: Path, events: int) -> list[str]:
    """Compare the manifest's population with what was written."""
    with zipfile.ZipFile(archive) as opened:
        source = json.loads(opened.read("manifest.json"))["source"]
    found = [source["events"], source["population"]]
    return [] if found == [events, events] else [f"{found} of {events} events are in the bundle"]


def sha256(archive: Path) -> str:
    done = subprocess.run(["sha256sum", str(archive)], capture_output=True, text=True, check=True)  # noqa: S603, S607 - coreutils
    return done.stdout.split()[0]


if __name__ == "__main__":
    sys.exit(main())

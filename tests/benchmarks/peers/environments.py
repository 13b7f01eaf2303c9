"""Where the peers live: a Python environment and a Node folder of their own under `.muniment/bench`, made once.

Exact versions with hashes (requirements.txt, package-lock.json); a change of those files makes the environment anew.
Install scripts of packages do not run.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.subject import ROOT, NotRun

SCRATCH: Final = ROOT / ".muniment" / "bench"
_HERE: Final = Path(__file__).resolve().parent


def python_environment() -> Path:
    """Make the Django peers' environment, or find it; gives its interpreter."""
    folder, locked = SCRATCH / "python", _HERE / "requirements.txt"
    if _outdated(folder, locked):
        print("installing the Django peers (once)", file=sys.stderr)
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--require-hashes", "-r", str(locked)])
        _made(folder, locked)
    return folder / "bin" / "python"


def node_environment() -> Path:
    """Make the Node peers' folder, or find it. The workers stand in it: Node looks for packages beside the program."""
    folder, locked = SCRATCH / "node", _HERE / "package-lock.json"
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NotRun("Node.js with npm is not installed")
    if _outdated(folder, locked):
        print("installing the Node peers (once)", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(_HERE / name, folder / name)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        _run(["npm", "ci", *quiet, "--prefix", str(folder)])
        _made(folder, locked)
    for worker in _HERE.glob("*.mjs"):
        shutil.copyfile(worker, folder / worker.name)
    return folder


def _outdated(folder: Path, locked: Path) -> bool:
    stamp = folder / ".locked"
    return not stamp.is_file() or stamp.read_text(encoding="utf-8") != _digest(locked)


def _made(folder: Path, locked: Path) -> None:
    (folder / ".locked").write_text(_digest(locked), encoding="utf-8")


def _digest(locked: Path) -> str:
    return hashlib.sha256(locked.read_bytes() + sys.version.encode()).hexdigest()


def _run(command: Sequence[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own installers
    if ended.returncode:
        words = (ended.stderr or ended.stdout).strip().splitlines()
        raise NotRun(f"could not be installed: {words[-1] if words else command[0]}")

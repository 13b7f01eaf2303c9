"""Synthesize the local stage, unless what was synthesized last still stands: `python -m infra.local.assembly`.

Synthesis takes seconds, and a stage is brought up more often than it is changed. Whatever goes into the assembly is
hashed: the sources, the locked packages, the context, the interpreter.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from infra.local.record import HOME

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = ("infra", "functions", "shared", "requirements")
_STAMP = HOME / "cdk.out.sha256"


def inputs() -> Iterator[Path]:
    yield _ROOT / "cdk.json"
    yield _ROOT / "pyproject.toml"
    for name in _SOURCES:
        yield from (path for path in sorted((_ROOT / name).rglob("*")) if _is_source(path))


def digest() -> str:
    seen = hashlib.sha256(sys.version.encode())
    for path in inputs():
        seen.update(f"{path.relative_to(_ROOT)}\0".encode())
        seen.update(hashlib.sha256(path.read_bytes()).digest())
    return seen.hexdigest()


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def main() -> int:
    wanted = digest()
    if _STAMP.exists() and _STAMP.read_text(encoding="ascii") == wanted:
        return 0
    sys.stdout.write("synthesizing the local stage (once for each change)\n")
    sys.stdout.flush()
    _STAMP.unlink(missing_ok=True)
    outcome = subprocess.run([sys.executable, "-m", "infra.app", "local"], cwd=_ROOT, check=False)
    if outcome.returncode == 0:
        _STAMP.write_text(wanted, encoding="ascii")
    return outcome.returncode


if __name__ == "__main__":
    sys.exit(main())

"""What a Lambda function is made of: one dependency layer and one code folder, built without Docker.

Rules of this module
- The hash of an asset is computed from what it is made of (locked requirements and platform, or source bytes), never
  from a build, so the same checkout gives the same template on every machine.
- A layer is built only by the stage that deploys it: the local stage needs no arm64 wheel, production none of the
  host's. pip checks the locked hashes and takes wheels only; `PIP_NO_INDEX` and `PIP_FIND_LINKS` reach it.
- A function carries its own concern and `shared/`, nothing of another concern.
- Bytecode goes along where the interpreter that builds is the one that runs: a function cannot keep what it compiles,
  so it would compile all of it at every cold start. It is a by-product and does not count for a digest; it holds no
  times and no paths of this machine, so the same sources give the same bytes.
"""

import compileall
import hashlib
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from infra.refusal import SynthesisRefused
from infra.stage import ROOT, Stage

Layer = Literal["hot", "cold"]

_LAYER_FORMAT: Final = "1"  # part of the digest: raise it when the way of building changes
# Lambda's python3.13 runs on Amazon Linux 2023, glibc 2.34: wheels for it or for anything older load.
_NEWEST_GLIBC_MINOR: Final = 34
_OLDEST_GLIBC_MINOR: Final = 17
_MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
_NOT_SHIPPED: Final = frozenset({"__pycache__", "tests"})


class LayerFailed(SynthesisRefused):
    """A dependency layer could not be built; the message is one line with pip's own last word."""


@dataclass(frozen=True, slots=True)
class Package:
    """A folder that becomes a Lambda asset, and the digest of what it was made from."""

    path: Path
    digest: str


class Packages(Protocol):
    """Where the stack gets its assets; tests give it one that builds nothing."""

    def layer(self, group: Layer) -> Package: ...

    def concern(self, folder: str) -> Package: ...


class BuiltPackages:
    """Builds under `.muniment/`, once for each digest."""

    def __init__(self, stage: Stage, *, root: Path = ROOT) -> None:
        self._stage = stage
        self._root = root

    def layer(self, group: Layer) -> Package:
        """Return the layer of `requirements/<group>.txt`; `LayerFailed` when pip cannot make it."""
        requirements = self._root / "requirements" / f"{group}.txt"
        digest = layer_digest(requirements.read_bytes(), self._stage)
        target = self._root / ".muniment" / "layers" / f"{digest}{_bytecode(self._stage)}"
        if not target.is_dir():
            _install(requirements, target, self._stage)
        return Package(target, digest)

    def concern(self, folder: str) -> Package:
        """Return the code of `functions/<folder>` with `shared/`, copied without caches and tests."""
        sources = concern_sources(self._root, folder)
        digest = source_digest(self._root, sources)
        target = self._root / ".muniment" / "code" / f"{folder}-{digest[:16]}{_bytecode(self._stage)}"
        if not target.is_dir():
            _copy(self._root, sources, target, self._stage)
        return Package(target, digest)


def layer_digest(requirements: bytes, stage: Stage) -> str:
    """Hash what decides a layer's content: the locked requirements and the platform they are resolved for."""
    recipe = "\n".join([_LAYER_FORMAT, stage.runtime, stage.architecture, _system(stage)])
    return hashlib.sha256(recipe.encode() + b"\n" + requirements).hexdigest()


def concern_sources(root: Path, folder: str) -> list[Path]:
    """List the files that a function of this concern carries, sorted by path."""
    concern = root / "functions" / folder
    if not concern.is_dir():
        raise RuntimeError(f"functions/{folder} does not exist: infra/concerns names it")
    files = [root / "functions" / "__init__.py", *_shipped(concern), *_shipped(root / "shared")]
    return sorted(files, key=lambda path: path.relative_to(root).as_posix())


def source_digest(root: Path, sources: list[Path]) -> str:
    """Hash names and bytes of the sources; times and permissions do not count."""
    whole = hashlib.sha256()
    for path in sources:
        name, content = path.relative_to(root).as_posix(), path.read_bytes()
        whole.update(f"{name}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def _shipped(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.is_file() and path.suffix != ".pyc" and not _NOT_SHIPPED.intersection(inside.parts):
            yield path


def _bytecode(stage: Stage) -> str:
    """Name the bytecode that a build for `stage` carries; nothing where the runtime is another interpreter."""
    ours = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return f"-{sys.implementation.cache_tag}" if stage.runtime == ours else ""


def _compile(folder: Path, stage: Stage) -> None:
    """Compile what is in `folder` beside its sources, to be taken as it is; what does not compile is left out."""
    if _bytecode(stage):
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(folder, quiet=2, stripdir=str(folder), invalidation_mode=mode)


def _copy(root: Path, sources: list[Path], target: Path, stage: Stage) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        code = Path(scratch) / "code"
        for source in sources:
            copy = code / source.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
        _compile(code, stage)
        _move_into_place(code, target)


def _install(requirements: Path, target: Path, stage: Stage) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        layer = Path(scratch) / "layer"
        command = pip_command(requirements, layer / "python", stage)
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
        if done.returncode != 0:
            raise LayerFailed(_why(requirements.stem, stage, done.stderr))
        shutil.rmtree(layer / "python" / "bin", ignore_errors=True)
        _compile(layer, stage)
        _move_into_place(layer, target)


def _why(group: str, stage: Stage, stderr: str) -> str:
    said = [line for line in stderr.splitlines() if line.startswith("ERROR")] or ["pip said nothing"]
    return (
        f"layer `{group}` for {stage.runtime} on {stage.architecture} could not be built: {said[-1]}"
        " (is the package index reachable, or PIP_FIND_LINKS set?)"
    )


def pip_command(requirements: Path, target: Path, stage: Stage) -> list[str]:
    """Compose the pip call: only wheels, only locked hashes, for the platform of the stage."""
    return [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--require-hashes", "--only-binary=:all:", "--no-compile", "--target", str(target)),
        *_platform_options(stage),
        *("--requirement", str(requirements)),
    ]


def _platform_options(stage: Stage) -> list[str]:
    if stage.name == "local":
        return []  # the interpreter that runs pip also runs the handlers
    machine = _MACHINES[stage.architecture]
    minors = range(_NEWEST_GLIBC_MINOR, _OLDEST_GLIBC_MINOR - 1, -1)
    tags = [*(f"manylinux_2_{minor}_{machine}" for minor in minors), f"manylinux2014_{machine}"]
    version = stage.runtime.removeprefix("python")
    return [
        *("--implementation", "cp", "--python-version", version),
        *(option for tag in tags for option in ("--platform", tag)),
    ]


def _system(stage: Stage) -> str:
    return sys.platform if stage.name == "local" else "manylinux"


def _move_into_place(built: Path, target: Path) -> None:
    """Publish a finished folder in one step; another process may have been quicker with the same content."""
    try:
        built.replace(target)
    except OSError:
        if not target.is_dir():
            raise

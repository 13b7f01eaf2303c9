"""House rules that a machine can see."""

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, module_of, python_files, tree_of

LONGEST_FILE = 400
LONGEST_BARE_FUNCTION = 50
P95_BARE_FUNCTION = 35
# The verifier is one file on purpose: an auditor reads and runs it without anything else.
ONE_FILE_PROGRAMS = {"shared/evidence/verify_bundle.py"}
SAYS_NOTHING = re.compile(r"(utils?|helpers?|common|misc|constants|models|manager)\.py")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b|pragma: no cover|type: ignore(?!\[)")
ALL = python_files("shared", "functions", "infra", "tests")
OURS = python_files("shared", "functions", "infra")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git of the path
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def functions() -> Iterator[tuple[str, int]]:
    for path in OURS:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node, clean=False)
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                yield f"{module_of(path)}:{node.name}", lines - (len(docstring.split("\n")) if docstring else 0)


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_hold_one_thing_and_names_say_which(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    assert not SAYS_NOTHING.fullmatch(path.name)
    if name not in ONE_FILE_PROGRAMS:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_unfinished_or_silenced(path: Path) -> None:
    assert not UNFINISHED.search(path.read_text(encoding="utf-8"))


def test_functions_stay_short() -> None:
    bare = dict(functions())
    assert {name: lines for name, lines in bare.items() if lines > LONGEST_BARE_FUNCTION} == {}
    assert statistics.quantiles(bare.values(), n=20)[-1] <= P95_BARE_FUNCTION


def test_every_module_says_what_it_is() -> None:
    silent = [module_of(path) for path in OURS if ast.get_docstring(tree_of(path)) is None and path.read_bytes()]
    assert silent == []


def test_the_repository_stands_alone() -> None:
    """No path of this machine, no address of a package registry."""
    folders = [str(ROOT), str(Path.home())]
    # In halves, so that this file does not name them either.
    registries = ["python" + "hosted.org", "registry." + "npmjs", "deb." + "debian", "pypi" + ".org/"]
    foreign = [text.encode() for text in (*folders, *registries) if len(text) > 1]
    for path in tracked():
        content = path.read_bytes()
        assert not [text for text in foreign if text in content], path


def test_every_suppression_says_why() -> None:
    bare = re.compile(r"#\s*noqa(?::\s*[A-Z0-9, ]+)?\s*$")
    for path in ALL:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            assert not bare.search(line), f"{path.relative_to(ROOT)}:{number}"


def test_the_lock_files_carry_hashes_and_no_address() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        assert "://" not in text
        for requirement in re.findall(r"^(\S+==\S+)(.*(?:\n    .*)*)", text, re.MULTILINE):
            assert "--hash=sha256:" in requirement[1], requirement[0]

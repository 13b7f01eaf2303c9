"""How `make test` divides the tests among processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import running_stage
from tests.conftest import turn, work_unit

PROBE = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(6))
def test_it(number):
    with pathlib.Path("{workers}").open("a") as workers:
        workers.write(os.environ["PYTEST_XDIST_WORKER"] + chr(10))
"""


def test_a_costly_folder_is_one_unit_and_elsewhere_a_file_is() -> None:
    assert work_unit("tests/e2e/test_people.py::test_a[x::y]") == "e2e"
    assert work_unit("tests/e2e/test_attacks.py::test_b") == "e2e"
    assert work_unit("tests/unit/edge/test_a.py::Test::test_b") == "tests/unit/edge/test_a.py"


def test_each_test_of_the_console_is_a_unit_and_the_walks_that_wait_are_one() -> None:
    assert work_unit("tests/browser/test_forms.py::test_a[x::y]") == "tests/browser/test_forms.py::test_a[x::y]"
    assert work_unit("tests/browser/test_walk.py::test_a") == "tests/browser/test_walk.py"
    assert work_unit("tests/browser/test_walk.py::test_b") == "tests/browser/test_walk.py"


def test_files_of_a_costly_folder_meet_in_one_process(tmp_path: Path) -> None:
    """Run some files for real: marks that the scheduler never saw would have passed every other test."""
    house = Path(__file__).parents[2]
    for folder, name in (("e2e", "a"), ("unit", "b"), ("e2e", "c"), ("unit", "d")):
        file = tmp_path / "tests" / folder / f"test_{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(PROBE.format(workers=tmp_path / folder))
    (tmp_path / "tests" / "conftest.py").write_text((house / "tests" / "conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")
    options = ["-n", "2", "--dist", "loadscope", "--no-loadscope-reorder", "-q", "-p", "no:cacheprovider"]
    asked = [sys.executable, "-m", "pytest", *options]
    ran = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 -- our own
    assert "24 passed" in ran.stdout, ran.stdout
    assert len(set((tmp_path / "e2e").read_text().split())) == 1


def test_a_shared_stage_is_started_by_the_first_and_stopped_by_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(running_stage, "_started", lambda _home: done.append("started"))
    monkeypatch.setattr(running_stage, "running", lambda _home: "a record" if done.count("started") else None)
    monkeypatch.setattr(running_stage, "stage_in", lambda _home: "the stage")
    monkeypatch.setattr(running_stage, "stop", lambda _home: done.append("stopped"))
    with running_stage.shared_stage(tmp_path) as first:
        with running_stage.shared_stage(tmp_path) as second:
            done.append("both")
        done.append("one")
    assert first is second
    assert done == ["started", "both", "one", "stopped"]


def test_what_takes_longest_begins_first_and_the_rest_keeps_its_order() -> None:
    files = (
        *("architecture/test_a.py", "browser/test_b.py", "browser/test_walk.py"),
        *("e2e/test_c.py", "functions/test_d.py", "infra/test_e.py"),
    )
    ids = [f"tests/{file}::test_it" for file in files]
    assert [each.removeprefix("tests/").partition("::")[0] for each in sorted(ids, key=turn)] == [
        *("e2e/test_c.py", "browser/test_walk.py", "browser/test_b.py"),
        *("infra/test_e.py", "architecture/test_a.py", "functions/test_d.py"),
    ]

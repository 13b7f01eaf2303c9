"""The engine refuses what it was not patched for."""

import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest

from infra.local.seams import EngineRefused, Seam, refuse_unless_known

LACKING = """
import sys
import ministack.services.lambda_svc as service
from infra.local.engine import main
del service._execute_function_warm
sys.exit(main(["--port", "1", "--scratch", sys.argv[1]]))
"""
KNOWN = MappingProxyType({"ministack": "1.5.33"})


def test_another_version_of_the_engine_is_refused_in_one_line() -> None:
    other = MappingProxyType({"ministack": "1.5.34"})
    with pytest.raises(EngineRefused, match=r"^ministack 1\.5\.34 is installed.*1\.5\.33") as told:
        refuse_unless_known((), other)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("seam", "fault"),
    [
        (Seam("json", "absent"), "json.absent is missing"),
        (Seam("absent_module", "name"), "absent_module.name is missing"),
        (Seam("json", "JSONDecoder.absent"), "json.JSONDecoder.absent is missing"),
        (Seam("json", "loads", ("text",)), "json.loads takes"),
        (Seam("json", "__name__", ()), "json.__name__ is not a function"),
        (Seam("json", "__name__", kind="dict"), "json.__name__ is str, expected dict"),
    ],
)
def test_a_name_that_is_not_as_declared_is_refused(seam: Seam, fault: str) -> None:
    with pytest.raises(EngineRefused, match=fault):
        refuse_unless_known((seam,), KNOWN)


def test_a_name_that_is_as_declared_passes() -> None:
    refuse_unless_known(
        (Seam("json", "dump", kind="function"), Seam("json", "JSONDecoder.decode", ("self", "s", "_w"))),
        KNOWN,
    )


def test_an_engine_that_lacks_a_name_does_not_start(tmp_path: Path) -> None:
    started = subprocess.run(  # noqa: S603 -- our own interpreter
        [
            sys.executable,
            "-c",
            LACKING,
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert started.returncode == 1
    assert started.stderr.splitlines()[-1].startswith("local stage: ministack")
    assert "_execute_function_warm is missing" in started.stderr

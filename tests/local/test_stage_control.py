"""Bringing a stage up and down, and what is left when that goes wrong."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, cast

import pytest

from infra import break_glass, tenant
from infra.local.deploy import client
from infra.local.engine_process import free_port
from infra.local.processes import Process
from infra.local.record import Deployment, RecordFile
from infra.local.stage import StageFailed, StageSettings, running, start, stop
from infra.operator_access import NoAccess
from tests.local.test_listeners import family
from tests.local.tiny_stack import write_assembly

needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[StageSettings]:
    """Give the settings of a stage of its own, on a free port, that is stopped afterwards."""
    assembly = write_assembly(tmp_path / "assembly")
    home = tmp_path / "home"
    yield StageSettings(port=free_port(), home=home, assembly=assembly.folder)
    stop(home)


def command(settings: StageSettings, word: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": os.environ["PATH"],
        "MUNIMENT_HOME": str(settings.home),
        "CDK_OUTDIR": str(settings.assembly),
        "MUNIMENT_PORT": str(settings.port),
        **environ,
    }
    return subprocess.run(  # noqa: S603 -- our own interpreter and module
        [sys.executable, "-m", "infra.local.stage", word],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def answer(base_url: str) -> str:
    with urllib.request.urlopen(f"{base_url}/x", timeout=10) as response:  # noqa: S310 -- http, ours
        return str(json.loads(response.read())["rawPath"])


def test_up_status_up_down_down_by_command(settings: StageSettings) -> None:
    address = f"http://127.0.0.1:{settings.port}"
    came_up = command(settings, "up")
    assert (came_up.returncode, came_up.stderr) == (0, "")
    assert f"running at {address}" in came_up.stdout
    assert answer(address) == "/x"
    assert address in command(settings, "status").stdout
    again = command(settings, "up")
    assert again.returncode == 0
    assert f"already running at {address}" in again.stdout
    assert command(settings, "down").stdout == "local stage: stopped\n"
    assert command(settings, "status").stdout == "local stage: not running\n"
    down_again = command(settings, "down")
    assert (down_again.returncode, down_again.stdout) == (0, "local stage: not running\n")
    assert sorted(path.name for path in settings.home.iterdir()) == ["logs"]


def test_seeding_runs_after_the_deploy_and_before_anything_answers(
    settings: StageSettings,
) -> None:
    def seed(deployment: Deployment) -> None:
        with pytest.raises(OSError, match="refused"):
            answer(deployment.base_url)
        notes = client("s3", deployment.aws_endpoint)
        notes.put_object(Bucket=deployment.outputs["Notes"], Key="seed", Body=b"1")

    deployment = start(settings, seed)
    assert answer(deployment.base_url) == "/x"
    assert running(settings.home) is not None
    listed = client("s3", deployment.aws_endpoint).list_objects_v2(Bucket=deployment.outputs["Notes"])
    assert [entry["Key"] for entry in listed["Contents"]] == ["seed"]


def test_a_seeding_that_fails_leaves_nothing_running(settings: StageSettings) -> None:
    engines: list[Process] = []

    def seed(_deployment: Deployment) -> None:
        record = RecordFile(settings.home).read()
        assert record is not None
        engines.append(record.engine)
        raise LookupError("no such tenant")

    with pytest.raises(LookupError, match="no such tenant"):
        start(settings, seed)
    assert running(settings.home) is None
    assert not engines[0].is_running()


@needs_proc
def test_no_process_survives_down_not_even_a_function_at_work(settings: StageSettings) -> None:
    deployment = start(settings)
    client("lambda", deployment.aws_endpoint).invoke(
        FunctionName=deployment.outputs["Sleep"], InvocationType="Event", Payload=b"{}"
    )
    record = running(settings.home)
    assert record is not None
    until = time.monotonic() + 10
    while len(processes := set(family(record.supervisor.pid))) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    named = [Process.of(pid) for pid in processes]
    assert len(named) >= 3
    assert stop(settings.home)
    assert not [process for process in named if process.is_running()]


@needs_proc
def test_a_killed_supervisor_takes_the_engine_with_it_and_its_file_counts_as_stale(
    settings: StageSettings,
) -> None:
    start(settings)
    record = running(settings.home)
    assert record is not None
    os.kill(record.supervisor.pid, signal.SIGKILL)
    assert record.supervisor.await_end(5)
    assert record.engine.await_end(15)
    assert RecordFile(settings.home).read() is not None
    assert running(settings.home) is None
    assert RecordFile(settings.home).read() is None


def test_a_file_from_before_a_reboot_is_not_believed(settings: StageSettings) -> None:
    start(settings)
    file = RecordFile(settings.home)
    record = file.read()
    assert record is not None
    assert stop(settings.home)
    reused = replace(Process.of(os.getpid()), started="before the reboot")
    file.write(replace(record, supervisor=reused, engine=reused))
    assert command(settings, "status").stdout == "local stage: not running\n"


def test_a_port_that_was_asked_for_and_is_taken_is_one_line_and_exit_1(
    settings: StageSettings,
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", settings.port or 0))
        other.listen()
        refused = command(settings, "up")
    assert refused.returncode == 1
    assert refused.stderr == f"local stage: port {settings.port} is taken\n"
    assert running(settings.home) is None


def test_another_port_is_chosen_when_the_usual_one_is_taken(
    settings: StageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr("infra.local.stage.DEFAULT_PORT", taken)
        deployment = start(replace(settings, port=None))
    assert not deployment.base_url.endswith(f":{taken}")
    assert answer(deployment.base_url) == "/x"


def test_a_deploy_that_fails_is_told_and_leaves_nothing_running(settings: StageSettings, tmp_path: Path) -> None:
    broken = {"Type": "AWS::Absent::Thing", "Properties": {}}
    assembly = write_assembly(tmp_path / "broken", {"Thing": broken})
    with pytest.raises(StageFailed, match="AWS::Absent::Thing"):
        start(replace(settings, assembly=assembly.folder))
    assert running(settings.home) is None


def test_a_stage_that_was_not_synthesized_is_one_line(settings: StageSettings) -> None:
    refused = command(settings, "up", CDK_OUTDIR="/nonexistent")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "synthesize it first" in refused.stderr


@pytest.mark.parametrize("port", ["", "0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(StageFailed, match="MUNIMENT_PORT"):
        StageSettings.from_environment({"MUNIMENT_PORT": port})


def test_what_is_stored_survives_when_asked_to(settings: StageSettings) -> None:
    kept = replace(settings, keep=True)
    first = start(kept)
    where = {"Bucket": first.outputs["Notes"], "Key": "kept"}
    client("s3", first.aws_endpoint).put_object(**where, Body=b"kept")
    assert stop(settings.home)
    second = start(kept)
    assert second.outputs["ApiId"] == first.outputs["ApiId"]
    assert client("s3", second.aws_endpoint).get_object(**where)["Body"].read() == b"kept"
    assert answer(second.base_url) == "/x"


def test_a_stage_that_is_coming_up_can_be_stopped(settings: StageSettings) -> None:
    def seed(_deployment: Deployment) -> None:
        with pytest.raises(StageFailed, match="coming up"):
            start(settings)
        assert stop(settings.home)

    with pytest.raises(StageFailed, match="stopped"):
        start(settings, seed)
    assert running(settings.home) is None


def test_the_developers_aws_configuration_has_no_say(settings: StageSettings) -> None:
    came_up = command(
        settings,
        "up",
        AWS_PROFILE="absent",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        HTTP_PROXY="http://127.0.0.1:1",
        http_proxy="http://127.0.0.1:1",
        AWS_DEFAULT_REGION="eu-central-1",
    )
    assert (came_up.returncode, came_up.stderr) == (0, "")


def test_a_stage_whose_folder_is_removed_ends_by_itself(settings: StageSettings) -> None:
    start(settings)
    record = running(settings.home)
    assert record is not None
    gone = settings.home.rename(settings.home.with_name("gone"))  # at once: the stage goes on writing until it notices
    assert record.supervisor.await_end(10)
    assert not record.engine.is_running()
    shutil.rmtree(gone)


@pytest.mark.parametrize(
    "command_of", [(tenant.main, ["--name", "Acme", "--email", "a@b.example"]), (break_glass.main, ["acme"])]
)
def test_operators_find_the_stage_whose_home_is_named(
    command_of: tuple[Callable[..., int], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def nowhere(*arguments: object) -> NoReturn:
        asked.append(cast("Path", arguments[3]))
        raise NoAccess("nothing is deployed here")

    main, arguments = command_of
    monkeypatch.setattr(f"{main.__module__}.access_of", nowhere)
    assert main(arguments, {"MUNIMENT_HOME": str(tmp_path)}) != 0
    assert asked == [tmp_path]

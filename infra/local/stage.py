"""Bring the local stage up, take it down, say what runs.

    python -m infra.local.stage up|down|status

Settings come from the environment: MUNIMENT_PORT (the address for clients; without it 8470, or a
free port when that is taken), MUNIMENT_KEEP=1 (what is stored survives `down`), MUNIMENT_IAM=0 (roles
and policies are not enforced; they are otherwise), MUNIMENT_HOME (instead of .muniment, for a second
stage beside the first). `up` deploys the stack that `python -m infra.app local` has put into
.muniment/cdk.out (or CDK_OUTDIR, for both). The home holds stage.json, logs/ and state/.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.deploy import Assembly, DeployFailed, client, deploy
from infra.local.processes import Process, kill_group
from infra.local.record import HOME, Deployment, RecordFile, StageRecord, home_of
from infra.local.supervisor import Wish

DEFAULT_PORT = 8470
API_OUTPUT = "ApiId"
EXAMPLE_OUTPUT = "ExampleApiId"
# Sealing first: a digest covers what is sealed.
TICKED_OUTPUTS = ("AuditSealFunction", "AuditDigestFunction")
SELDOM_TICKED_OUTPUTS = ("HousekeepingFunction", "CleanupFunction", "EvidenceCollectionFunction")
SENDER_OUTPUT = "MailFrom"
_ROOT = Path(__file__).resolve().parents[2]
_STOP_SECONDS = 25.0

OnDeployed = Callable[[Deployment], None]


class StageFailed(RuntimeError):
    """The stage did not come up, or not down; the message is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class StageSettings:
    """How to bring a stage up. `port` None: 8470, or a free one when that is taken."""

    port: int | None = None
    keep: bool = False
    enforce_iam: bool = True
    home: Path = HOME
    assembly: Path = HOME / "cdk.out"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "StageSettings":
        """Read the MUNIMENT_* settings; StageFailed when one makes no sense."""
        port = environ.get("MUNIMENT_PORT")
        if port is not None and not (port.isdecimal() and 0 < int(port) < 2**16):
            raise StageFailed(f"MUNIMENT_PORT is {port!r}, expected a port number")
        home = home_of(environ)
        return cls(
            port=int(port) if port else None,
            keep=environ.get("MUNIMENT_KEEP") == "1",
            enforce_iam=environ.get("MUNIMENT_IAM") != "0",
            home=home,
            assembly=Path(environ.get("CDK_OUTDIR", HOME / "cdk.out")).absolute(),
        )

    def wish(self) -> Wish:
        return Wish(
            home=self.home,
            port=self.port or DEFAULT_PORT,
            any_port=self.port is None,
            keep=self.keep,
            enforce_iam=self.enforce_iam,
        )


def running(home: Path = HOME) -> StageRecord | None:
    """Give the stage that runs; what a crash or a reboot left behind is cleared away first."""
    file = RecordFile(home)
    record = file.read()
    if record is None or record.is_running():
        return record
    # The engine ends with its supervisor; it may still be writing its state.
    if not record.engine.stop(_STOP_SECONDS):
        kill_group(record.engine.pid)
    file.remove()
    return None


def start(settings: StageSettings, on_deployed: OnDeployed | None = None) -> Deployment:
    """Start the engine, deploy, call `on_deployed`, and only then let the front serve.

    Returns the running stage's deployment without calling `on_deployed` when one runs already.
    Raises StageFailed and leaves nothing behind when it does not come up; what `on_deployed` raises
    comes through, with nothing left behind either.
    """
    record = running(settings.home)
    if record is not None:
        if record.deployment is None:
            raise StageFailed("a stage is coming up already")
        return record.deployment
    assembly = _assembly(settings.assembly)
    with _Dialogue(settings) as dialogue:
        told = dialogue.hear("engine")
        outputs = _deployed(told["aws_endpoint"], assembly)
        _verify_sender(told["aws_endpoint"], outputs)
        deployment = Deployment(outputs, told["aws_endpoint"], told["base_url"])
        if on_deployed is not None:
            on_deployed(deployment)
        dialogue.say({"serve": _order(outputs)})
        dialogue.hear("ready")
    return deployment


def stop(home: Path = HOME) -> bool:
    """Stop the stage and every process of it; False when none runs."""
    record = running(home)
    if record is None:
        return False
    if not record.supervisor.stop(_STOP_SECONDS):
        kill_group(record.supervisor.pid)
        kill_group(record.engine.pid)
        RecordFile(home).remove()
    return True


class _Dialogue:
    """The starter's end of the conversation with a new supervisor; leaving early ends the stage."""

    def __init__(self, settings: StageSettings) -> None:
        self._log = settings.home / "logs" / "stage.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
                [sys.executable, "-m", "infra.local.supervisor", *settings.wish().arguments()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=_ROOT,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                start_new_session=True,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        if failure is not None:
            with contextlib.suppress(ProcessLookupError):
                Process.of(self._child.pid).stop(_STOP_SECONDS)
            self._child.wait()
        else:
            self._child.returncode = 0  # it lives on; Popen would warn that nobody waits for it

    def say(self, what: dict[str, Any]) -> None:
        # A supervisor that is gone is noticed by the next `hear`.
        with contextlib.suppress(BrokenPipeError):
            if self._child.stdin is not None:
                self._child.stdin.write(json.dumps(what) + "\n")
                self._child.stdin.flush()

    def hear(self, expected: str) -> Any:  # noqa: ANN401 -- JSON
        line = self._child.stdout.readline() if self._child.stdout is not None else ""
        told = json.loads(line) if line else {"failed": f"it was stopped, see {self._log}"}
        if "failed" in told:
            raise StageFailed(told["failed"])
        return told[expected]


def _assembly(folder: Path) -> Assembly:
    try:
        return Assembly.only_stack_in(folder)
    except DeployFailed as missing:
        raise StageFailed(f"{missing}; synthesize it first") from missing


def _deployed(endpoint: str, assembly: Assembly) -> dict[str, str]:
    try:
        return deploy(endpoint, assembly)
    except (DeployFailed, BotoCoreError, ClientError) as failed:
        raise StageFailed(str(failed)) from failed


def _verify_sender(endpoint: str, outputs: Mapping[str, str]) -> None:
    """Verify the domain that mails come from, as an operator does in SES before the first deployment."""
    domain = outputs.get(SENDER_OUTPUT, "").rpartition("@")[2]
    ses = client("sesv2", endpoint)
    if domain and domain not in [each["IdentityName"] for each in ses.list_email_identities()["EmailIdentities"]]:
        ses.create_email_identity(EmailIdentity=domain)


def _order(outputs: Mapping[str, str]) -> dict[str, Any]:
    if API_OUTPUT not in outputs:
        raise StageFailed(f"the stack has no output {API_OUTPUT}")
    functions, seldom = (
        [outputs[name] for name in names if name in outputs] for names in (TICKED_OUTPUTS, SELDOM_TICKED_OUTPUTS)
    )
    return {"api_id": outputs[API_OUTPUT], "functions": functions, "seldom": seldom, "outputs": dict(outputs)}


def example_api_at(deployment: Deployment) -> str | None:
    """Give the address of the example of docs/example-api.md; None where the stack has none."""
    api_id = deployment.outputs.get(EXAMPLE_OUTPUT)
    port = deployment.aws_endpoint.rpartition(":")[2]
    return f"http://{api_id}.execute-api.localhost:{port}" if api_id else None


def _up(settings: StageSettings) -> str:
    already = running(settings.home)
    deployment = start(settings)
    if already is not None:
        return f"already running at {deployment.base_url}"
    wished = settings.port or DEFAULT_PORT
    elsewhere = "" if deployment.base_url.endswith(f":{wished}") else f" (port {wished} is taken)"
    return f"running at {deployment.base_url}{elsewhere}, AWS API at {deployment.aws_endpoint}"


def _status(home: Path = HOME) -> str:
    record = running(home)
    if record is None:
        return "not running"
    if record.deployment is None:
        return "coming up"
    at = record.deployment
    example = example_api_at(at)
    beside = f", example API at {example}" if example else ""
    return f"running at {at.base_url}{beside}, AWS API at {at.aws_endpoint}, process {record.supervisor.pid}"


def main(arguments: list[str]) -> int:
    """Run one command; 0 when done, 1 with one line on stderr when not, 2 for a wrong call."""
    try:
        settings = StageSettings.from_environment(os.environ)
        match arguments:
            case ["up"]:
                said = _up(settings)
            case ["down"]:
                said = "stopped" if stop(settings.home) else "not running"
            case ["status"]:
                said = _status(settings.home)
            case _:
                sys.stderr.write("usage: python -m infra.local.stage up|down|status\n")
                return 2
    except StageFailed as failed:
        sys.stderr.write(f"local stage: {failed}\n")
        return 1
    sys.stdout.write(f"local stage: {said}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""`make drill-restore`: tables of a deployed stage are lost and restored, and the operator starts its log again.

A stage of its own in a temporary folder: nothing of `make up` is touched. Everything that the product is asked goes
over HTTP; what the disaster does, and what the operator does (docs/operations.md), goes over the AWS API and by
`python -m infra.restore` in a process of its own. Each step prints a line with the time that it took.

1. People are at work, and access changes after the instant that tables will be restored to. 2. The disaster. 3. The
operator's steps. 4. What must hold over HTTP. 5. What must hold of the evidence.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from infra.local.demo_client import UnexpectedAnswerError
from infra.local.demo_evidence import line, say
from infra.local.demo_tenant import demo_file, read_demo, seed_demo
from infra.local.deploy import DeployFailed
from infra.local.drill_disaster import Estate, Loss
from infra.local.drill_evidence import Proofs
from infra.local.drill_people import Town
from infra.local.engine_process import free_port
from infra.local.record import Deployment
from infra.local.simulated_moment import DAY_SECONDS
from infra.local.simulated_quarter import Quarter
from infra.local.stage import StageFailed, StageSettings, start, stop
from shared.audit.moment import rfc3339

_ROOT: Final = Path(__file__).resolve().parents[2]
_HISTORY_DAYS: Final = 3
_CREDENTIALS: Final = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class Drill:
    """One disaster, from the work before it to the proofs behind it."""

    def __init__(self, deployment: Deployment, demo: Mapping[str, Any], home: Path) -> None:
        self._home = home
        self._estate = Estate(deployment)
        self._town = Town(demo, deployment.aws_endpoint)
        self._proofs = Proofs(deployment, self._town, home / "evidence")

    def run(self) -> None:
        # 1. Work, and changes of access.
        with line("people sign in, refresh, prove a second factor; a newcomer is invited by mail and joins"):
            self._town.work()
        with line("a copy of every table is taken: the instant that they will be restored to"):
            copy, restored_to = self._estate.copy(), time.time()
        with line("a role is lowered, somebody leaves, a password changes, the newcomer is erased"):
            self._town.change()
        before = self._proofs.last_bundle(self._estate)
        # 2. The disaster.
        with line("every function stands still; audit_logs is lost, audit_seals is empty, all other tables are old"):
            loss = self._estate.lose(copy)
        # 3. The operator.
        with line("the stack is deployed with log_epoch 2"):
            self._deploy(2)
        self._restore(rfc3339(restored_to))
        with line("keys for new tokens are made, and people are let in"):
            self._estate.let_in()
        # 4. Over HTTP.
        for told, prove in self._town.proofs():
            with line(told):
                prove()
        # 5. The evidence.
        self._evidence(before, loss)

    def _evidence(self, before: Path, loss: Loss) -> None:
        with line("AUDIT_EPOCH_STARTED is the first event, and names the last digest and what was sealed"):
            self._estate.require_start(loss)
        with line("the rows of audit_seals are those that the functions had written, up to the last signed segment"):
            say(f"  {self._estate.require_seals(loss)} rows, the same")
        after = self._proofs.bundle()
        with line("verify_bundle.py accepts the bundle of the new epoch, alone and behind the one from before"):
            self._proofs.require_verified(after)
            self._proofs.require_verified(after, before)
        with line("the stack is deployed with log_epoch 3, and somebody writes there without saying why it began"):
            self._estate.stop()
            self._deploy(3)
            self._estate.begin_unexplained()
            self._estate.let_in()
        with line("the owner goes on there, and asks for a bundle"):
            self._town.sign_in_again()
        unexplained = self._proofs.bundle()
        with line("verify_bundle.py refuses it"):
            say(f"  {self._proofs.require_unexplained(unexplained)}")

    def _deploy(self, epoch: int) -> None:
        self._proofs.deployed(self._estate.deploy(_of_epoch(self._home, epoch)))

    def _restore(self, restored_to: str) -> None:
        with line(f"make restore REASON=table_lost RESTORED_TO={restored_to}"):
            said = self._operator(restored_to)
            if "Nothing was written" not in said:
                raise UnexpectedAnswerError("a run without --apply did not say that it wrote nothing")
        with line("the same with APPLY=1"):
            for each in self._operator(restored_to, "--apply").splitlines():
                say(f"  {each}")
        with line("and once more without: nothing is left to do"):
            if "corrected before" not in self._operator(restored_to):
                raise UnexpectedAnswerError("a second look finds something to correct")

    def _operator(self, restored_to: str, *further: str) -> str:
        command = [sys.executable, "-m", "infra.restore", "--reason", "table_lost", "--restored-to", restored_to]
        command += ["--stack", self._estate.stack, "--endpoint", self._estate.endpoint, *further]
        environ = {"PATH": os.environ.get("PATH", os.defpath), **_CREDENTIALS}
        done = subprocess.run(command, cwd=_ROOT, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
        if done.returncode != 0:
            raise UnexpectedAnswerError(f"infra.restore says {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


@contextmanager
def _stage() -> Iterator[Callable[[], tuple[Deployment, Path]]]:
    """Give what brings a stage up in a temporary folder; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="muniment-drill-") as folder:
        home = Path(folder)

        def seed(deployed: Deployment) -> None:
            whole = Quarter.before(time.time())
            seed_demo(deployed, dataclasses.replace(whole, end=whole.start + _HISTORY_DAYS * DAY_SECONDS), home)

        def up() -> tuple[Deployment, Path]:
            plain = StageSettings.from_environment({})
            settings = dataclasses.replace(plain, home=home, port=free_port())
            return start(settings, seed), home

        try:
            yield up
        finally:
            stop(home)


def _of_epoch(home: Path, epoch: int) -> Path:
    """Lay out the assembly of another epoch: what `log_epoch` changes in a template, and nothing else.

    A synthesis of its own would take longer than the drill. The table of the log has another logical id, as
    infra/constructs/tables.py gives it; every function's LOG_EPOCH and the output say the new number.
    """
    first = StageSettings.from_environment({}).assembly
    outdir = home / f"cdk.out-{epoch}"
    shutil.copytree(first, outdir)
    (path,) = outdir.glob("*.template.json")
    template = json.loads(path.read_text(encoding="utf-8"))
    (table,) = (name for name in template["Resources"] if name.startswith("TablesAuditLogs"))
    text = json.dumps(template).replace(table, table.replace("Epoch1", f"Epoch{epoch}"))
    text = text.replace('"LOG_EPOCH": "1"', f'"LOG_EPOCH": "{epoch}"')
    changed = json.loads(text)
    changed["Outputs"]["LogEpoch"]["Value"] = str(epoch)
    path.write_text(json.dumps(changed), encoding="utf-8")
    return outdir


def main() -> int:
    began = time.monotonic()
    try:
        with _stage() as up:
            with line("a stage of its own is up: embedded AWS, IAM enforced, the synthesized template deployed"):
                deployment, home = up()
            Drill(deployment, read_demo(demo_file(home)), home).run()
    except (StageFailed, DeployFailed, UnexpectedAnswerError) as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    sys.stdout.write(f"\nDone in {time.monotonic() - began:.0f} s. Nobody's access came back.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

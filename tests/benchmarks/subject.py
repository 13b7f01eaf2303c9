"""A process under test, as the run sees it: started, given orders one at a time, stopped by its id."""

import json
import os
import select
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_ANSWER_SECONDS = 300.0  # an order that takes longer is one that hangs
_END_SECONDS = 10.0


class NotRun(Exception):
    """Something that this machine lacks; the message is the sentence that the report prints instead of a figure."""


class Subject:
    """A worker (`worker.py`, `peers/worker.mjs`) behind two pipes."""

    def __init__(
        self, name: str, command: Sequence[str], given: Mapping[str, str], *, environ: Mapping[str, str], log: Path
    ) -> None:
        """Start `command` and hand it `given`; NotRun with its last words when it does not get ready."""
        self._name = name
        self._log = log
        with log.open("wb") as errors:
            self._child = subprocess.Popen(  # noqa: S603 - our own workers
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={"PATH": os.environ.get("PATH", os.defpath), **environ},
            )
        self.versions: dict[str, str] = self._ask(given)["versions"]

    def cpu_seconds(self, operation: str, count: int) -> float:
        """Let it do `operation` `count` times, one after the other."""
        return float(self._ask({"operation": operation, "count": count})["cpu_seconds"])

    def stop(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _ask(self, order: Mapping[str, object]) -> dict[str, Any]:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(json.dumps(order) + "\n")
            self._child.stdin.flush()
            ready, _, _ = select.select([self._child.stdout], [], [], _ANSWER_SECONDS)
            answer = self._child.stdout.readline() if ready else ""
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.stop()
            words = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise NotRun(f"{self._name} ended: {words[-1] if words else 'without a word'}")
        document: dict[str, Any] = json.loads(answer)
        return document

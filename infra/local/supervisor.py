"""The one background process of a stage: it owns the engine, the front and the ticker.

    python -m infra.local.supervisor HOME PORT [--any-port] [--keep] [--enforce-iam]

It is started by `stage.start` and speaks with it in JSON lines: it says `{"engine": ...}` once the
engine answers, waits for `{"serve": ...}` while the starter deploys and seeds, and says
`{"ready": ...}`, or `{"failed": "one line"}` at any point. If the starter goes away before that, so
does everything. Afterwards it runs until SIGTERM, until the engine ends, or until its file is removed.
"""

import argparse
import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from infra.local.engine_process import EngineProcess, EngineSettings, free_port
from infra.local.front import Front, PortTaken, Upstream
from infra.local.processes import Process
from infra.local.record import Deployment, RecordFile, StageRecord
from infra.local.seams import EngineRefused
from infra.local.ticker import Ticker, invoker

logger = logging.getLogger(__name__)

_WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What the stage shall be. `any_port`: another port will do when `port` is taken."""

    home: Path
    port: int
    any_port: bool
    keep: bool
    enforce_iam: bool

    def arguments(self) -> list[str]:
        flags = {"any-port": self.any_port, "keep": self.keep, "enforce-iam": self.enforce_iam}
        given = (f"--{name}" for name, value in flags.items() if value)
        return [str(self.home), str(self.port), *given]

    @classmethod
    def parse(cls, arguments: list[str]) -> "Wish":
        parser = argparse.ArgumentParser(prog="python -m infra.local.supervisor")
        parser.add_argument("home", type=Path)
        parser.add_argument("port", type=int)
        for flag in ("--any-port", "--keep", "--enforce-iam"):
            parser.add_argument(flag, action="store_true")
        return cls(**vars(parser.parse_args(arguments)))


class Supervisor:
    """Brings a stage up, keeps it, takes it down."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._file = RecordFile(wish.home)
        self._scratch = wish.home / "run"

    def run(self, orders: TextIO, answers: TextIO) -> int:
        """Live the whole life of the stage, until SIGTERM; 1 when it did not come up."""
        signal.signal(signal.SIGTERM, _end)
        with contextlib.ExitStack() as cleanup:
            try:
                return self._live(orders, answers, cleanup)
            except (EngineRefused, PortTaken) as refused:
                _say(answers, {"failed": str(refused)})
                return 1

    def _live(self, orders: TextIO, answers: TextIO, cleanup: contextlib.ExitStack) -> int:
        # What a supervisor that was killed has left behind may be of another version.
        shutil.rmtree(self._scratch, ignore_errors=True)
        cleanup.callback(shutil.rmtree, self._scratch, ignore_errors=True)
        front = _front(self._wish)
        cleanup.callback(front.close)
        engine = EngineProcess(self._engine_settings())
        cleanup.callback(engine.stop)
        cleanup.callback(signal.signal, signal.SIGTERM, signal.SIG_IGN)
        record = StageRecord(supervisor=Process.of(os.getpid()), engine=engine.process)
        self._file.write(record)
        cleanup.callback(self._forget, record.supervisor)
        base_url = f"http://127.0.0.1:{front.port}"
        _say(answers, {"engine": {"aws_endpoint": engine.endpoint, "base_url": base_url}})
        order = _order(orders)
        if order is None:
            return 1
        front.serve(Upstream(engine.port, order["api_id"]))
        ticker = Ticker(order["functions"], invoker(engine.endpoint), seldom=order["seldom"])
        cleanup.callback(ticker.stop)
        ticker.start()
        self._file.write(replace(record, deployment=Deployment(order["outputs"], engine.endpoint, base_url)))
        _say(answers, {"ready": base_url})
        return self._watch(engine, record.supervisor)

    def _watch(self, engine: EngineProcess, myself: Process) -> int:
        while engine.is_running():
            time.sleep(_WATCH_SECONDS)
            if not self._is_known(myself):
                # Without its file nobody could stop the stage any more.
                logger.error("the file of this stage is gone")
                return 1
        logger.error("the engine ended, see %s", self._wish.home / "logs" / "engine.log")
        return 1

    def _is_known(self, myself: Process) -> bool:
        record = self._file.read()
        return record is not None and record.supervisor == myself

    def _forget(self, myself: Process) -> None:
        if self._is_known(myself):
            self._file.remove()

    def _engine_settings(self) -> EngineSettings:
        return EngineSettings(
            port=free_port(),
            scratch=self._scratch,
            log=self._wish.home / "logs" / "engine.log",
            state=self._wish.home / "state" if self._wish.keep else None,
            enforce_iam=self._wish.enforce_iam,
        )


def _end(*_: object) -> None:
    raise SystemExit(0)


def _front(wish: Wish) -> Front:
    try:
        return Front(wish.port)
    except PortTaken:
        if not wish.any_port:
            raise
        return Front(0)


def _say(answers: TextIO, what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


def _order(orders: TextIO) -> dict[str, Any] | None:
    """Wait for what to serve; None when the starter went away."""
    line = orders.readline()
    return json.loads(line)["serve"] if line else None


def main() -> int:
    """Run in the background; standard output speaks with the starter, the log goes to stderr."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return Supervisor(Wish.parse(sys.argv[1:])).run(sys.stdin, sys.stdout)


if __name__ == "__main__":
    raise SystemExit(main())

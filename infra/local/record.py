"""`.muniment/stage.json`: what runs, for the next `up`, `down` and `status`."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.processes import Process

HOME = Path(__file__).resolve().parents[2] / ".muniment"


def home_of(environ: Mapping[str, str]) -> Path:
    """Say where the stage that is meant keeps its files: MUNIMENT_HOME, or `.muniment` of this repository."""
    return Path(environ.get("MUNIMENT_HOME", HOME)).absolute()


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployed stack: its outputs, the address of the AWS API and the address for clients.

    Nothing answers at `base_url` before the stage is ready.
    """

    outputs: dict[str, str]
    aws_endpoint: str
    base_url: str


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One stage: the processes that make it up and what it serves (None while it comes up)."""

    supervisor: Process
    engine: Process
    deployment: Deployment | None = None

    def is_running(self) -> bool:
        return self.supervisor.is_running()


class RecordFile:
    """The file in `home`; written whole, so that a reader never sees half of it."""

    def __init__(self, home: Path = HOME) -> None:
        self._path = home / "stage.json"

    def read(self) -> StageRecord | None:
        """Give the record, or None when there is none; one that cannot be read counts as none."""
        try:
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            deployment = stored["deployment"]
            return StageRecord(
                supervisor=Process(**stored["supervisor"]),
                engine=Process(**stored["engine"]),
                deployment=Deployment(**deployment) if deployment else None,
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def write(self, record: StageRecord) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
        partial.replace(self._path)

    def remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

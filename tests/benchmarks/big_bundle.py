"""Bundles of any size by the real pipeline: every step in a process of its own, as Lambda runs it, over a folder.

    python -m tests.benchmarks.big_bundle 1000000 bundle.zip

The log is made (`big_log`), and then planned, rendered, signed and put together by the product's own functions: tables
and keys are in an embedded AWS, objects are files (`folder_s3`).
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shared.audit.personal_data import PersonalData
from shared.evidence.signer import Signer
from shared.runtime.data_key import DataKeys
from shared.store.attribute import marshal
from shared.store.exports import new_export_id, new_export_item
from shared.store.subject_keys import new_salt_item
from shared.store.tenants import get_tenant
from tests.benchmarks.big_log import PEOPLE, BigLog
from tests.benchmarks.folder_s3 import FolderS3
from tests.benchmarks.subject import ROOT
from tests.embedded_aws import running_engine
from tests.functions.archive import Archive
from tests.functions.company import workers
from tests.functions.estate import Estate, MovableClock

WHOLE: Final = {"from": "2026-09-21", "to": "2026-09-26", "tz": "UTC"}


@dataclass(frozen=True, slots=True)
class Step:
    """What one process of the pipeline took: CPU seconds, and megabytes when it had loaded and at its most."""

    name: str
    seconds: float
    loaded_mb: float
    peak_mb: float


@dataclass
class Factory:
    """An estate whose objects lie in `folder`, and one tenant whose log is big."""

    archive: Archive
    folder: Path
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.estate, self.s3 = self.archive.estate, FolderS3(self.folder)
        self.tenant = self.estate.new_tenant()

    def log(self, events: int, of_segment: int, *, personal: bool = True) -> BigLog:
        """Write a log of the tenant, and the rows that the sealer and the digester keep of it."""
        vault, salts = self.archive.vault_name, self._salts() if personal else {}
        log = BigLog(self.s3, vault, self.tenant, events, of_segment, self._personal_data(), salts)
        log.write()
        for kind, rows in (("segment", log.segments), ("digest", log.digests)):
            for row in rows:
                self._put({**row, "seal": f"{kind}#1#{row['no']:012d}"})
        self._put({**log.digests[-1], "seal": "digest_head#1"})
        return log

    def bundle(self, extension: str = "csv") -> Path:
        """Run the pipeline; gives the archive."""
        export_id = new_export_id(time.time())
        row = {
            "tenant": self.tenant,
            "export_id": export_id,
            "kind": "bundle",
            "requested": WHOLE | {"format": extension},
            "requested_by": {"actor": "evidence_calendar", "type": "system", "role": None, "step_up": None},
            "started_event": "01ARZ3NDEKTSV4RRFFQ6000001",
            "created_at": int(time.time()),
            "deadline_at": int(time.time()) + 86_400,
            "progress": {"step": "requested", "done": 0, "total": 0},
        }
        item = new_export_item(self.archive.environ["EXPORTS_TABLE"], row)
        self.estate.dynamodb.call("PutItem", dict(item.request))
        state = self._step("plan", {"tenant": self.tenant, "export_id": export_id})
        for worker in workers(state):
            self._step("render", worker)
        self._step("manifest", state)
        self._step("assemble", state)
        (archive,) = (self.folder / self.archive.exports_name / "bundles").rglob(f"{export_id}/*.zip")
        return archive

    def _step(self, name: str, state: Mapping[str, Any]) -> dict[str, Any]:
        words = [sys.executable, "-m", "tests.benchmarks.pipeline_step", str(self.folder), name, json.dumps(state)]
        environ = self.archive.environ | {"AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_SERVICE_NAME": "bench"}
        done = subprocess.run(words, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own words
        found = json.loads(done.stdout.splitlines()[-1])
        self.steps.append(Step(name, found["seconds"], found["loaded_mb"], found["peak_mb"]))
        given: dict[str, Any] = found["given"]
        return given

    def pins(self, log: BigLog) -> list[str]:
        evidence = Signer(self.archive.kms, self.archive.environ["EVIDENCE_KEY_ID"])
        return [f"ledger:{log.key.kid}", f"evidence:{evidence.kid}"]

    def _salts(self) -> dict[str, bytes]:
        salts = {}
        for subject in PEOPLE:
            salts[subject], item = new_salt_item(self.archive.environ["SUBJECT_KEYS_TABLE"], self.tenant, subject)
            self.estate.dynamodb.call("PutItem", dict(item.request))
        return salts

    def _personal_data(self) -> PersonalData:
        tenant = get_tenant(self.estate.dynamodb, self.archive.environ["TENANTS_TABLE"], self.tenant)
        assert tenant is not None
        return DataKeys(self.estate.sealer).personal_data(self.tenant, tenant["data_key_sealed"])

    def _put(self, row: Mapping[str, Any]) -> None:
        """Put a row of `audit_seals`."""
        item = marshal({**row, "tenant": self.tenant})
        self.estate.dynamodb.call("PutItem", {"TableName": self.archive.environ["AUDIT_SEALS_TABLE"], "Item": item})


@contextmanager
def running_factory(folder: Path) -> Iterator[Factory]:
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as scratch, running_engine(Path(scratch)) as engine:
        estate = Estate(engine.endpoint, MovableClock())
        archive = Archive(estate)
        try:
            yield Factory(archive, folder)
        finally:
            archive.close()
            estate.close()


def write(events: int, path: Path, of_segment: int = 453) -> list[str]:
    """Write the bundle of a log; gives the fingerprints of both keys, as the verifier takes them."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, running_factory(Path(folder)) as factory:
        log = factory.log(events, of_segment)
        factory.bundle().rename(path)
        return factory.pins(log)


if __name__ == "__main__":
    print(*write(int(sys.argv[1]), Path(sys.argv[2])))

"""Step 3, manifest: every file of the bundle, what was asked for and what it holds, signed before it is put together.

The manifest is the record of how the evidence was produced: query, parameters, interval, who asked, population, counts,
hashes. It is signed with the evidence key by this step alone. Whatever does not add up ends the export here: there is
never a bundle with a file less.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from functions.evidence_pipeline.access_list_file import access_list_file
from functions.evidence_pipeline.assemble import ENTRIES
from functions.evidence_pipeline.bundle_file import BundleFile, inline_file
from functions.evidence_pipeline.document_file import document_files
from functions.evidence_pipeline.epoch_file import epoch_files
from functions.evidence_pipeline.integrity_file import IntegrityFiles
from functions.evidence_pipeline.plan import DIGESTS, PLAN, segments_name
from functions.evidence_pipeline.population import Population, add_up
from functions.evidence_pipeline.readme import crosswalk, limits_of, readme
from functions.evidence_pipeline.render import shard_name
from functions.evidence_pipeline.report_file import (
    disclosure_file,
    events_file,
    report_file,
    response_times_file,
    sample_files,
)
from functions.evidence_pipeline.settings import ManifestSettings
from shared import evidence
from shared.audit.canonical import canonical
from shared.audit.catalogue import Catalogue, text
from shared.evidence.s3_archive import Workbench
from shared.evidence.signer import Signer

MANIFEST = "manifest.json"
_READERS = 8  # concurrent reads of the working folder
# Read and never imported: every step would load it, and compile it where no bytecode came along.
_VERIFIER = f"{evidence.__path__[0]}/verify_bundle.py"


@dataclass(frozen=True, slots=True)
class ManifestMaker:
    workbench: Workbench
    integrity: IntegrityFiles
    signer: Signer
    catalogue: Catalogue
    settings: ManifestSettings

    def make(self) -> dict[str, Any]:
        """Write the signed manifest and the archive's entries into the working folder; gives the totals."""
        # 1. The plan, and what every shard rendered; nothing may be missing between the two digests.
        plan = self._read(PLAN)
        with ThreadPoolExecutor(_READERS) as pool:
            shards = list(pool.map(self._read, map(shard_name, range(plan["shards"]))))
            sealed = pool.map(self._read, map(segments_name, range(plan["shards"])))
            first = next(iter(sealed))
            segments = itertools.chain(first, itertools.chain.from_iterable(sealed))
            population = add_up(plan, segments, shards)
        # 2. The digests, tree heads and keys that prove the events, and what explains a restart.
        integrity, ledger_kids = self.integrity.collect(plan | self._read(DIGESTS))
        integrity += epoch_files(self.integrity.vault, self.settings.log_name, plan, first[0] if first else None)
        # 3. Every other file.
        *earlier, ledger_kid = ledger_kids
        keys = {"ledger": ledger_kid, "evidence": self.signer.kid}
        files = self._files(plan, population, integrity, keys)
        # 4. The manifest over all of them, signed.
        named = keys | ({"ledger_previous": earlier} if earlier else {})
        manifest = canonical(self._manifest(plan, population, files, named))
        signature = self.signer.sign(manifest)
        # 5. The entries in the order of the archive, and what the export's row will say.
        head, *rest = files
        signed = [inline_file(MANIFEST, manifest), inline_file(f"{MANIFEST}.sig", signature)]
        entries = [file.entry() for file in (head, *signed, *rest)]
        summary = self._summary(plan, manifest, files) | {"keys": keys}
        self._write(ENTRIES, {"summary": summary, "entries": entries})  # one object: read together or not at all
        return {"rows": summary["rows"], "events": population.events}

    def _files(
        self,
        plan: Mapping[str, Any],
        population: Population,
        integrity: Sequence[BundleFile],
        keys: Mapping[str, str],
    ) -> list[BundleFile]:
        extension = plan["requested"]["format"]
        prefix, bucket = self.workbench.key(""), self.workbench.bucket
        reports = [
            report_file(report, self.catalogue, population, plan, (bucket, prefix))
            for report in self.catalogue.reports.values()
        ]
        if incidents := self.catalogue.incidents:
            reports.append(response_times_file(population, self.catalogue, incidents, extension, self.workbench))
        with open(_VERIFIER, "rb") as program:  # noqa: PTH123 - a file of our own code
            verifier = program.read()
        return [
            inline_file("README.txt", readme(plan, population, keys, limits_of(plan, self.settings.log_epoch))),
            inline_file("CROSSWALK.csv", crosswalk(self.catalogue, population, extension)),
            *document_files(plan, self._read, population, self.catalogue),
            *reports,
            access_list_file(plan),
            events_file(population, (bucket, prefix)),
            disclosure_file(population, (bucket, prefix)),
            *sample_files(plan, population),
            *integrity,
            inline_file(f"keys/{self.signer.kid}.pem", self.signer.public_pem),
            inline_file("catalogue.json", text(self.catalogue.version)),
            inline_file("verify_bundle.py", verifier),
        ]

    def _manifest(
        self,
        plan: Mapping[str, Any],
        population: Population,
        files: Sequence[BundleFile],
        keys: Mapping[str, str | list[str]],
    ) -> dict[str, Any]:
        closing = plan["closing"]
        final = plan["resolved"]["to_exclusive"] <= closing["watermark"]
        return {
            "type": "evidence-bundle",
            "v": 1,
            "id": plan["export_id"],
            "name": plan["name"],
            "tenant": plan["tenant"],
            "requested": plan["requested"],
            "resolved": plan["resolved"],
            "cut": plan["cut"],
            "cut_start": plan["cut_start"],
            "status": "final" if final else "provisional",
            "watermark": closing["watermark"],
            "simulated": plan["simulated"],
            "generated": self._generated(plan),
            "source": self._source(plan, population),
            "catalogue": {"version": self.catalogue.version, "sha256": self.catalogue.sha256},
            "files": [file.listed() for file in files],
            "limits": limits_of(plan, self.settings.log_epoch),
            "keys": dict(keys),
            "kid": self.signer.kid,
        }

    def _generated(self, plan: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "at": plan["generated_at"],
            "by": plan["requested_by"],
            "started_event": plan["started_event"],
            "software": {"name": "muniment", "version": self.settings.software_version},
            "region": self.settings.deployment_region,
            "environment": self.settings.stage_name,
        }

    def _source(self, plan: Mapping[str, Any], population: Population) -> dict[str, Any]:
        opening, closing, settings = plan["opening"], plan["closing"], self.settings
        return {
            "system": f"audit log in S3 Object Lock ({settings.vault_lock_mode}, {settings.vault_retention_days} days)",
            "log": settings.log_name,
            "epochs": [settings.log_epoch],
            "opening": {
                "digest": opening["no"] if opening else 0,
                "tree_size": opening["tree_size"] if opening else 0,
            },
            "closing": {name: closing[name] for name in ("tree_size", "root")} | {"digest": closing["no"]},
            "events": population.events,
            "population": population.total,
            "by_action": dict(population.by_action),
            "lanes_contiguous": True,  # add_up raised otherwise
            "unsealed": closing["unsealed"],
        }

    def _summary(self, plan: Mapping[str, Any], manifest: bytes, files: Sequence[BundleFile]) -> dict[str, Any]:
        reports = [file for file in files if file.facts.get("derivable") and "rows" in file.facts]
        return {
            "name": plan["name"],
            "cut": plan["cut"],
            "cut_start": plan["cut_start"],
            "resolved": plan["resolved"],
            "epoch": self.settings.log_epoch,
            "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
            "rows": sum(file.facts["rows"] for file in reports),
            "files": [{"path": file.path, "rows": file.facts["rows"]} for file in reports],
        }

    def _read(self, name: str) -> Any:  # noqa: ANN401 - a document of an earlier step
        return json.loads(self.workbench.read(name))

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        self.workbench.write(name, json.dumps(document).encode())

"""A finished bundle as an auditor holds it: the archive's bytes, and the verifier beside it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.evidence import verify_bundle
from shared.evidence.signer import Signer
from tests.functions.company import WHOLE_Q3, Company, proven, requested, run_pipeline


@dataclass(frozen=True)
class OpenedBundle:
    company: Company
    export_id: str
    body: bytes
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / f"{self.manifest['name']}.zip"

    @property
    def archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(io.BytesIO(self.body))

    def read(self, name: str) -> bytes:
        with self.archive as archive:
            return archive.read(name)

    def document(self, name: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.read(name))
        return document

    @property
    def manifest(self) -> dict[str, Any]:
        return self.document("manifest.json")

    def file(self, path: str) -> dict[str, Any]:
        found: dict[str, Any]
        (found,) = [file for file in self.manifest["files"] if file["path"] == path]
        return found

    def rows(self, path: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.read(path).decode(), newline=""), strict=True))

    def lines(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in gzip.decompress(self.read(path)).splitlines()]

    def verified(self, *, pinned: bool = True) -> tuple[int, dict[str, Any]]:
        """Run the verifier as an auditor would; gives its exit code and report."""
        self.path.write_bytes(self.body)
        command = [sys.executable, verify_bundle.__file__, str(self.path), "--json"]
        for kid in fingerprints(self.company) if pinned else ():
            command += ["--key-fingerprint", kid]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
        report: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, report


def fingerprints(company: Company) -> tuple[str, str]:
    kms, environ = company.archive.kms, company.archive.environ
    return Signer(kms, environ["LEDGER_KEY_ID"]).kid, Signer(kms, environ["EVIDENCE_KEY_ID"]).kid


def opened(company: Company, export_id: str, folder: Path) -> OpenedBundle:
    result = company.export(export_id)["result"]
    answer = company.archive.s3.get_object(
        Bucket=company.archive.exports_name, Key=result["key"], VersionId=result["version_id"]
    )
    return OpenedBundle(company, export_id, answer["Body"].read(), folder)


def bundle_of(company: Company, folder: Path, body: Mapping[str, str] = WHOLE_Q3) -> OpenedBundle:
    """Request a bundle as an owner, run all five steps, and open what came out."""
    export_id = requested(proven(company.estate, company.person("owner")), body)
    run_pipeline(company.tenant, export_id)
    return opened(company, export_id, folder)

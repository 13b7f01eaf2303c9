"""Evidence as a client gets it, over HTTP: the bundle requested, watched and downloaded, and verified offline."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local.demo_client import Device, UnexpectedAnswerError, fetch
from infra.local.demo_tenant import TENANT
from infra.local.deploy import client
from infra.local.record import Deployment

_ROOT = Path(__file__).resolve().parents[2]
VERIFIER = _ROOT / "shared" / "evidence" / "verify_bundle.py"
_SEALED_WITHIN_SECONDS = 90.0
_BUNDLE_WITHIN_SECONDS = 120.0


class Evidence:
    """Bundles of the demonstration's tenant, kept in `folder`."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self._deployment = deployment
        self._folder = folder

    def bundle(self, device: Device, user: Mapping[str, str], first: str, last: str) -> Path:
        """Request a bundle, watch it, fetch it through the presigned address."""
        return self.download(device, user, self.export(device, first, last))

    def export(self, device: Device, first: str, last: str, form: str = "csv") -> tuple[str, dict[str, Any]]:
        """Request a bundle and watch it until it is made; gives where its status is, and what that says."""
        with line(f"evidence bundle of {first} to {last}: requested, rendered, signed, assembled"):
            body = {"from": first, "to": last, "format": form}
            accepted = device.expect(202, "POST", "/api/compliance/export/bundle", body).json()
            return accepted["status_url"], self._await_export(device, accepted["status_url"])

    def download(self, device: Device, user: Mapping[str, str], made: tuple[str, Mapping[str, Any]]) -> Path:
        """Fetch what was made, through the presigned address."""
        status_url, export = made
        with line("  downloaded with a fresh proof, through an address that lives five minutes"):
            device.step_up(user["totp_secret"])
            link = device.expect(302, "GET", f"{status_url}/download").headers["Location"]
            archive = fetch(link)
            if archive.status != 200 or len(archive.body) != export["size"]:  # noqa: PLR2004 - OK
                raise UnexpectedAnswerError(f"download: {archive.status}, {len(archive.body)} bytes")
            path = self._folder / f"{export['name']}.zip"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.body)
        rows = sum(file["rows"] for file in export["files"])
        say(f"  {path.name}: {export['size']:,} bytes, {rows:,} rows of evidence")
        return path

    @staticmethod
    def _await_export(device: Device, status_url: str) -> dict[str, Any]:
        deadline, told = time.monotonic() + _BUNDLE_WITHIN_SECONDS, ""
        while time.monotonic() < deadline:
            export = device.expect(200, "GET", status_url).json()
            if export["status"] == "completed":
                return export
            if export["status"] == "failed":
                raise UnexpectedAnswerError(f"the export failed: {export['error']}")
            progress = "{step} {done}/{total}".format(**export["progress"])
            if progress != told:
                say(f"  {progress}")
                told = progress
            time.sleep(0.2)
        raise UnexpectedAnswerError("the export did not end in time")

    def await_signed(self, moment: float) -> None:
        """Wait until a signed digest covers `moment`: the stage seals and signs every ten seconds."""
        dynamodb = client("dynamodb", self._deployment.aws_endpoint)
        key = {"tenant": {"S": TENANT}, "seal": {"S": f"digest_head#{self._deployment.outputs['LogEpoch']}"}}
        wanted = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        deadline = time.monotonic() + _SEALED_WITHIN_SECONDS
        while time.monotonic() < deadline:
            row = dynamodb.get_item(TableName=self._deployment.outputs["AuditSealsTable"], Key=key).get("Item")
            if row and row["watermark"]["S"] >= wanted:
                return
            time.sleep(0.5)
        raise UnexpectedAnswerError("no digest was signed in time")

    def verifier(self, path: Path, *further: str) -> subprocess.CompletedProcess[str]:
        return _verified(str(path), *further, "--key-fingerprint", pins(self._deployment))

    def proof_verifier(self, path: Path) -> subprocess.CompletedProcess[str]:
        return _verified("--proof", str(path), "--key-fingerprint", pins(self._deployment))


def _verified(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(VERIFIER), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program


def pins(deployment: Deployment) -> str:
    """Give both fingerprints as the verifier takes them: each with the role of its key."""
    return ",".join(f"{role}:{kid}" for role, kid in fingerprints(deployment).items())


def fingerprints(deployment: Deployment) -> dict[str, str]:
    """Ask KMS for the two public keys: the source that an auditor would call independent of the bundle."""
    kms = client("kms", deployment.aws_endpoint)
    return {
        name: hashlib.sha256(kms.get_public_key(KeyId=deployment.outputs[output])["PublicKey"]).hexdigest()
        for name, output in (("ledger", "LedgerKeyId"), ("evidence", "EvidenceKeyId"))
    }


@contextlib.contextmanager
def line(text: str) -> Iterator[None]:
    """Print a step's line when it is done, with its time."""
    began = time.monotonic()
    yield
    sys.stdout.write(f"{time.monotonic() - began:6.1f} s  {text}\n")
    sys.stdout.flush()


def say(text: str) -> None:
    sys.stdout.write(f"          {text}\n")
    sys.stdout.flush()

"""The verifier over an archive: real S3 and DynamoDB of the embedded AWS, and an intruder with every right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions.audit_verify.findings import Report
from functions.audit_verify.flow import Verifier
from functions.audit_verify.s3_vault import S3Vault
from functions.audit_verify.settings import Settings
from shared.evidence.signer import Signer
from shared.runtime.settings import from_environment
from shared.store.transaction import Ledger
from shared.store.wire import JsonService
from tests.functions.archive import Archive, SetClock, _Unhurried


def verifier(
    archive: Archive,
    at: float,
    *,
    dynamodb: JsonService | None = None,
    s3: Any = None,
    kms: Any = None,
    self_test: Callable[[], int] = lambda: 1,
) -> Verifier:
    wire = _Unhurried(dynamodb or archive.estate.dynamodb)
    clock = SetClock(at)
    keys = kms or archive.kms

    def pinned() -> list[bytes]:
        return [Signer(keys, key_id).public_der for key_id in archive.environ["LEDGER_KEY_IDS"].split(",")]

    return Verifier(
        dynamodb=wire,
        vault=S3Vault(s3 or archive.s3, archive.vault_name),
        pinned=pinned,
        self_test=self_test,
        ledger=Ledger(wire, archive.estate._ledger_settings(), clock),
        settings=from_environment(Settings, archive.environ),
        clock=clock,
    )


def verified(archive: Archive, tenant: str, at: float, run: str = "run-1", **ports: Any) -> Report | None:
    """Run the verifier for one tenant."""
    running = verifier(archive, at, **ports)
    return running.verify(running.begin(run), tenant)


def results(archive: Archive, tenant: str) -> list[dict[str, Any]]:
    """Give what the verifier has written into the log."""
    return [event for event in archive.estate.events(tenant) if event["actor"]["id"] == "audit_verify"]


def without_anchors(archive: Archive) -> None:
    """Take away those that other tests laid into this vault by clocks of their own: they are of the future here."""
    s3: Any = archive.s3
    for version in s3.list_object_versions(Bucket=archive.vault_name, Prefix="anchor/").get("Versions", ()):
        named = {"Key": version["Key"], "VersionId": version["VersionId"]}
        s3.delete_object(Bucket=archive.vault_name, **named, BypassGovernanceRetention=True)

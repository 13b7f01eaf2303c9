"""Folders of the vault that are no log of this deployment: planted, or of a tenant whose row is gone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from functions.audit_verify.findings import Report
from functions.audit_verify.ports import Vault

_LOGS: Final = "log/v1/"


def log_folders(vault: Vault, log: str) -> list[str]:
    """Name the tenants that have a folder. To be read before the tenants are: a log begins behind its tenant's row."""
    return list(vault.folders(f"{_LOGS}{log}/"))


def check_folders(
    vault: Vault, log: str, folders: Collection[str], tenants: Collection[str], epoch: int, report: Report
) -> None:
    """Find logs of nobody, logs of another deployment, and epochs that have not begun."""
    for stranger in _strangers(vault, log, folders, set(tenants), epoch):
        report.add("foreign_log", stranger)


def _strangers(vault: Vault, log: str, folders: Collection[str], tenants: Collection[str], epoch: int) -> Iterator[str]:
    yield from (f"log/{name}/" for name in vault.folders("log/") if name != "v1")
    yield from (f"{_LOGS}{name}/" for name in vault.folders(_LOGS) if name != log)
    epochs = {str(number) for number in range(1, epoch + 1)}
    for tenant in folders:
        place = f"{_LOGS}{log}/{tenant}/"
        if tenant not in tenants:
            yield place
        else:
            yield from (f"{place}{name}/" for name in vault.folders(place) if name not in epochs)

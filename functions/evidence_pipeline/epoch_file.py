"""What explains the start of an epoch above 1: the last signed digest of the epoch before, out of the vault."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from functions.evidence_pipeline.bundle_file import BundleFile, inline_file
from shared.audit.epoch import STARTED
from shared.evidence.segment import unpack
from shared.evidence.vault import LockedBucket, digest_key, log_prefix
from shared.store.audit_seals import number_of


def epoch_files(
    vault: LockedBucket, log: str, plan: Mapping[str, Any], segment: Mapping[str, Any] | None
) -> Iterator[BundleFile]:
    """Give the digest that the first event names and its signature, where that event is in the bundle.

    `segment` is the first one of the bundle. Raises `RuntimeError` where the vault holds another digest by that number:
    it would explain nothing.
    """
    opening = plan["opening"]
    if segment is None or (opening and opening["tree_size"]):
        return
    first = next(unpack(vault.read(segment["key"], segment["version_id"])))
    if first.action != STARTED or first.members["meta"]["digest"] is None:
        return
    meta = first.members["meta"]
    number = meta["digest"]["no"]
    key = digest_key(log_prefix(log, plan["tenant"]["id"], meta["previous_epoch"]), number)
    path = f"integrity/epoch/{number_of(number)}.json"
    body = vault.read(key)
    if hashlib.sha256(body).hexdigest() != meta["digest"]["sha256"]:
        raise RuntimeError(f"{key} is not the digest that the epoch starts from")
    yield inline_file(path, body)
    yield inline_file(f"{path}.sig", vault.read(f"{key}.sig"))

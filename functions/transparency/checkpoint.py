"""GET the latest signed tree head, alone or with the proof that it continues an earlier one."""

from __future__ import annotations

import base64
import re
from typing import Any

from functions.transparency.office import Office, nothing_signed
from functions.transparency.sealed_log import SealedLog
from shared.audit.merkle_proof import verify_consistency
from shared.audit.moment import rfc3339
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import Refused, invalid_request
from shared.edge.reply import Reply, json_reply, text_reply
from shared.edge.request import Request
from shared.store.attribute import Row
from shared.store.audit_verifications import read_verification

NOTE_TYPE = "text/plain; charset=utf-8"
FORMATS = ("note", "json")
_SIZE = re.compile("0|[1-9][0-9]{0,11}")


def signed_head(office: Office, request: Request) -> Reply:
    # 1. Who asks, and for what.
    principal = office.guard.admit(request)
    from_size = _asked(request)
    # 2. The last digest, and the note that was signed with it.
    log = office.log_of(principal.acting.tenant)
    digest = log.last_digest()
    if digest is None:
        raise nothing_signed()
    note = office.note(log, digest)
    if not _wants_json(request):
        return text_reply(200, note, NOTE_TYPE)
    # 3. As JSON, with what the digest says besides, what was found of it, and the way from an earlier head.
    document = {
        "origin": office.origin(log),
        "size": digest["tree_size"],
        "root": digest["root"],
        "note": note,
        "digest": {"no": digest["no"], "sha256": digest["sha256"]},
        "watermark": digest["watermark"],
        "last_verified": _last_verified(office, log),
    }
    if from_size is not None:
        document["consistency"] = _consistency(log, from_size, digest)
    return json_reply(200, document)


def _last_verified(office: Office, log: SealedLog) -> dict[str, Any] | None:
    """Tell when the log was verified last, and up to which digest nothing was found; None before the first time."""
    table = office.settings.audit_verifications_table
    row = read_verification(office.dynamodb, table, log.tenant, log.epoch)
    return None if row is None else {"at": rfc3339(row["at"]), "digest": row["digest"]}


def _asked(request: Request) -> int | None:
    query = request.query
    faults = unknown_parameters(query, {"format", "from_size"})
    if query.get("format", "json") not in FORMATS:
        faults.append(("/format", "The format is note or json."))
    text = query.get("from_size")
    if text is not None and not _SIZE.fullmatch(text):
        faults.append(("/from_size", "The size is the number in the second line of an earlier checkpoint."))
    elif text is not None and not _wants_json(request):
        faults.append(("/from_size", "A proof of consistency is given as JSON: ask with format=json."))
    if faults:
        raise invalid_request(faults)
    return None if text is None else int(text)


def _wants_json(request: Request) -> bool:
    if "format" in request.query:
        return request.query["format"] == "json"
    return "application/json" in request.headers.get("accept", "")


def _consistency(log: SealedLog, from_size: int, digest: Row) -> dict[str, Any]:
    older = log.first_digest(digest, lambda row: row["tree_size"] >= from_size)
    if older is None or older["tree_size"] != from_size:
        raise Refused(404, "not_found", "No checkpoint of this log was signed at that size.")
    path = log.consistency(older, digest)
    old, new = (base64.b64decode(row["root"]) for row in (older, digest))
    if not verify_consistency(from_size, old, digest["tree_size"], new, path):
        raise RuntimeError(f"the log of {log.tenant} does not continue its tree of {from_size}")
    return {"from_size": from_size, "path": [base64.b64encode(node).decode() for node in path]}

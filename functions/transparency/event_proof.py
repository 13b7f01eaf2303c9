"""GET the proof of one event: its line, its way to a signed tree head, and the key, in one document."""

from __future__ import annotations

import base64
import json
from typing import Any

from functions.transparency.event_search import Found, find_sealed, made_at
from functions.transparency.office import Office
from functions.transparency.sealed_log import SealedLog
from shared.audit.canonical import canonical
from shared.audit.merkle import leaf_hash
from shared.audit.merkle_proof import verify_inclusion
from shared.audit.tlog_proof import tlog_proof
from shared.edge.guard import Principal
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import Refused, invalid_request, rate_limited
from shared.edge.reply import JSON, Reply
from shared.edge.request import Request
from shared.evidence.vault import public_key_key
from shared.store.attribute import Row
from shared.store.audit_logs import log_tail
from shared.store.throttles import digest, reserve_budget

PROOFS = 120  # of one person in the window: each search may read two dozen segments
PROOF_WINDOW_SECONDS = 600


def event_proof(office: Office, request: Request) -> Reply:
    # 1. Who asks, with which fresh proof: a line goes out.
    principal = office.guard.admit(request)
    if faults := unknown_parameters(request.query, ()):
        raise invalid_request(faults)
    # 2. The event, in the caller's own log alone. A search costs the same whether it finds one or not.
    _take(office, request, principal)
    event_id = request.path_parameters["event_id"]
    log, found = _found(office, principal.acting.tenant, event_id)
    # 3. The first signed digest that covers it.
    last = log.last_digest()
    digest = last and log.first_digest(last, lambda row: row["segment"] >= found.segment["no"])
    if not digest:
        raise _not_sealed_yet()
    # 4. The proof, checked as its reader will.
    document = _document(office, log, found, digest)
    # 5. That it was looked at, and by whom, before it is.
    meta = {"event_id": event_id, "index": found.index, "size": digest["tree_size"], "digest": digest["no"]}
    office.commit(principal, office.event(request, principal, "AUDIT_LOG_VIEWED", f"event/{event_id}", meta))
    return Reply(200, canonical(document).decode(), JSON, {"Content-Disposition": _attached(event_id)})


def _take(office: Office, request: Request, principal: Principal) -> None:
    acting = principal.acting
    bucket = f"event_proof#{digest(acting.tenant, acting.staff_id)}"
    table = office.settings.throttles_table
    wait = reserve_budget(office.dynamodb, table, bucket, PROOFS, PROOF_WINDOW_SECONDS, request.now)
    if wait is not None:
        raise rate_limited(wait.retry_after_seconds)


def _attached(event_id: str) -> str:
    return f'attachment; filename="{event_id}.proof.json"'


def _found(office: Office, tenant: str, event_id: str) -> tuple[SealedLog, Found]:
    """Search the trees of the tenant, the present one first; raises `Refused` where there is no such event."""
    made = made_at(event_id)
    if made is not None:
        sealed = office.log_of(tenant).head().segment
        for epoch in range(office.settings.log_epoch, 0, -1):
            log = office.log_of(tenant, epoch)
            found = find_sealed(log, event_id, made)
            if found is not None:
                return log, found
        if _in_the_tail(office, tenant, event_id):
            raise _not_sealed_yet()
        # What was sealed between the two looks was in neither.
        log = office.log_of(tenant)
        if log.head().segment > sealed and (found := find_sealed(log, event_id, made)) is not None:
            return log, found
    raise Refused(404, "not_found", "There is no event with this id.")


def _in_the_tail(office: Office, tenant: str, event_id: str) -> bool:
    """Look for the event among those that the table holds and no segment does yet."""
    epoch, table = office.settings.log_epoch, office.settings.audit_logs_table
    sealed = office.log_of(tenant).head().lanes
    entries = log_tail(office.dynamodb, table, tenant, epoch, sealed)
    return any(json.loads(entry.line)["id"] == event_id for entry in entries if event_id in entry.line)


def _document(office: Office, log: SealedLog, found: Found, digest: Row) -> dict[str, Any]:
    leaf, size = leaf_hash(found.line), digest["tree_size"]
    path = log.inclusion(found.index, digest)
    if not verify_inclusion(leaf, found.index, size, path, base64.b64decode(digest["root"])):
        raise RuntimeError(f"leaf {found.index} of {log.tenant} does not lie in digest {digest['no']}")
    kid = json.loads(office.vault.read(digest["key"], digest["version_id"]))["kid"]
    return {
        "type": "event-proof",
        "v": 1,
        "event": found.line.decode(),
        "leaf_hash": leaf.hex(),
        "index": found.index,
        "size": size,
        "proof": tlog_proof(found.index, path, office.note(log, digest)),
        "digest": {"no": digest["no"], "sha256": digest["sha256"]},
        "kid": kid,
        "key": office.vault.read(public_key_key(kid)).decode(),
    }


def _not_sealed_yet() -> Refused:
    detail = "The event is in the log, and no signed digest covers it yet: one is signed within the hour."
    return Refused(409, "not_sealed_yet", detail)

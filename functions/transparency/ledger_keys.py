"""GET the keys that signed the log, oldest first, and how each handed over to the next."""

from __future__ import annotations

import base64
import json
from typing import Any

from functions.transparency.office import Office, nothing_signed
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.evidence.key_change import KeyChange, der_named, key_chain
from shared.evidence.vault import public_key_key

_ECDSA = b"\x02"  # signature type of c2sp.org/signed-note
_KEY_ID_DIGITS = 8


def ledger_keys(office: Office, request: Request) -> Reply:
    # 1. Who asks.
    principal = office.guard.admit(request)
    if faults := unknown_parameters(request.query, ()):
        raise invalid_request(faults)
    # 2. The key of the last digest, and from there back along the statements of both keys.
    log = office.log_of(principal.acting.tenant)
    digest = log.last_digest()
    if digest is None:
        raise nothing_signed()
    current = json.loads(office.vault.read(digest["key"], digest["version_id"]))["kid"]
    kids, changes = key_chain(office.vault, current)
    # 3. Each as a PEM to pin, and as the line that verifiers of notes take.
    origin = office.origin(log)
    keys = [_key(office, origin, kid) | {"current": kid == current} for kid in kids]
    return json_reply(200, {"origin": origin, "keys": keys, "rotations": [_rotation(change) for change in changes]})


def _rotation(change: KeyChange) -> dict[str, str]:
    return {
        "statement": change.statement.decode(),
        "previous_sig": base64.b64encode(change.previous_signature).decode(),
        "next_sig": base64.b64encode(change.next_signature).decode(),
    }


def _key(office: Office, origin: str, kid: str) -> dict[str, Any]:
    pem = office.vault.read(public_key_key(kid))
    der = der_named(pem, kid)
    if not der:
        raise RuntimeError(f"{public_key_key(kid)} lies in the vault and is not ours")
    key_id = kid[:_KEY_ID_DIGITS]
    blob = base64.b64encode(_ECDSA + der).decode()
    return {"kid": kid, "pem": pem.decode(), "key_id": key_id, "vkey": f"{origin}+{key_id}+{blob}"}

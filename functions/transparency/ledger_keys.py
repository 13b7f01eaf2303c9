"""GET the keys that signed the log, oldest first, and how each handed over to the next."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from functions.transparency.office import Office, nothing_signed
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.evidence.signer import der_of, genuine
from shared.evidence.vault import public_key_key, rotation_key

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
    kids, rotations = _chain(office, current)
    # 3. Each as a PEM to pin, and as the line that verifiers of notes take.
    origin = office.origin(log)
    keys = [_key(office, origin, kid) | {"current": kid == current} for kid in kids]
    return json_reply(200, {"origin": origin, "keys": keys, "rotations": rotations})


def _chain(office: Office, current: str) -> tuple[list[str], list[dict[str, str]]]:
    kids, rotations = [current], list[dict[str, str]]()
    # No key signs again after another took over, so a kid that comes back is no chain.
    while (change := _change(office, kids[0])) is not None:
        previous, rotation = change
        if previous in kids:
            raise RuntimeError(f"the statements of the ledger's keys go in a circle at {previous}")
        kids.insert(0, previous)
        rotations.insert(0, rotation)
    return kids, rotations


def _change(office: Office, kid: str) -> tuple[str, dict[str, str]] | None:
    """Read how `kid` took over, and from whom; `None` for what is not signed by both: anybody could have put it."""
    name = rotation_key(kid)
    statement = office.vault.find(name)
    if statement is None:
        return None
    try:
        previous, following = json.loads(statement)["previous"], json.loads(statement)["next"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if following != kid or not isinstance(previous, str):
        return None
    signatures = dict[str, str]()
    for side, signer in (("previous", previous), ("next", kid)):
        pem, signature = office.vault.find(public_key_key(signer)), office.vault.find(f"{name}.{side}.sig")
        if pem is None or signature is None or not genuine(_der(pem, signer), statement, signature):
            return None
        signatures[f"{side}_sig"] = base64.b64encode(signature).decode()
    return previous, {"statement": statement.decode(), **signatures}


def _der(pem: bytes, kid: str) -> bytes:
    """Read the key that `kid` names; empty bytes for another one."""
    der = der_of(pem)
    return der if hashlib.sha256(der).hexdigest() == kid else b""


def _key(office: Office, origin: str, kid: str) -> dict[str, Any]:
    pem = office.vault.read(public_key_key(kid))
    der = _der(pem, kid)
    if not der:
        raise RuntimeError(f"{public_key_key(kid)} lies in the vault and is not ours")
    key_id = kid[:_KEY_ID_DIGITS]
    blob = base64.b64encode(_ECDSA + der).decode()
    return {"kid": kid, "pem": pem.decode(), "key_id": key_id, "vkey": f"{origin}+{key_id}+{blob}"}

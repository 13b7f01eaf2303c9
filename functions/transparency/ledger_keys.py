"""GET the keys that signed the log, oldest first, and how each handed over to the next."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from functions.transparency.office import Office, nothing_signed
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import invalid_request
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.evidence.vault import public_key_key, rotation_key

_ECDSA = b"\x02"  # signature type of c2sp.org/signed-note
_KEY_ID_DIGITS = 8
_ARMOUR = re.compile("-----[A-Z ]+-----|\\s")


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
    while (statement := office.vault.find(rotation_key(kids[0]))) is not None:
        previous = json.loads(statement)["previous"]
        if previous in kids:
            raise RuntimeError(f"the statements of the ledger's keys go in a circle at {previous}")
        signatures = {
            f"{side}_sig": base64.b64encode(office.vault.read(f"{rotation_key(kids[0])}.{side}.sig")).decode()
            for side in ("previous", "next")
        }
        kids.insert(0, previous)
        rotations.insert(0, {"statement": statement.decode(), **signatures})
    return kids, rotations


def _key(office: Office, origin: str, kid: str) -> dict[str, Any]:
    pem = office.vault.read(public_key_key(kid)).decode()
    key_id = kid[:_KEY_ID_DIGITS]
    blob = base64.b64encode(_ECDSA + base64.b64decode(_ARMOUR.sub("", pem))).decode()
    return {"kid": kid, "pem": pem, "key_id": key_id, "vkey": f"{origin}+{key_id}+{blob}"}

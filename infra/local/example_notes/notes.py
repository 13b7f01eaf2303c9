"""A handler of an adopter's own API, behind the authorizer: `GET` and `POST /example/notes` (docs/example-api.md).

It knows who asks from `requestContext.authorizer.lambda` alone, reads no token, and keeps nothing.
"""

import base64
import json
from typing import Any, Final

_WRITERS: Final = frozenset({"owner", "admin", "member"})
_LONGEST: Final = 1_000  # characters


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    who = event["requestContext"]["authorizer"]["lambda"]
    if event["requestContext"]["http"]["method"] == "GET":
        return _answer(200, {"tenant": who["tenant"], "reader": who["staff_id"], "notes": []})
    # What a role may do here is this API's own decision.
    if who["role"] not in _WRITERS:
        return _answer(403, {"message": "Auditors write no notes."})
    note = _note(event)
    if note is None:
        return _answer(400, {"message": "Send a JSON object with a text called `note`."})
    # In another's name both are named: whoever did it, and in whose name.
    author = {"by": who.get("actor", who["staff_id"]), "in_the_name_of": who["staff_id"]}
    return _answer(201, {"tenant": who["tenant"], "note": note, **author})


def _note(event: dict[str, Any]) -> str | None:
    text = event.get("body") or ""
    try:
        body = json.loads(base64.b64decode(text) if event.get("isBase64Encoded") else text)
    except ValueError:
        return None
    note = body.get("note") if isinstance(body, dict) else None
    return note if isinstance(note, str) and 0 < len(note) <= _LONGEST else None


def _answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}

"""The token of a share link: `<tenant>.<export>.<share>.<256 random bits>`, of which the table holds the hash alone.

The first three say where to look, so that nobody's token is looked for among those of others. Whoever has the token may
fetch the bundle: it is shown once, and stands in no row, event or line of the product's logs.
"""

import re
import secrets
from typing import Final, NamedTuple

from shared.edge.bodies import IDENTIFIER
from shared.store.exports import is_export_id

_SECRET_BYTES: Final = 32
_SECRET: Final = re.compile("[A-Za-z0-9_-]{43}")
_IDENTIFIER: Final = re.compile(IDENTIFIER)
_NOBODY: Final = "#"  # no id has it: what has no form is looked for like the rest, and found nowhere


class Named(NamedTuple):
    """What a token names, untrusted."""

    tenant: str
    export_id: str
    share_id: str


def new_token(tenant: str, export_id: str, share_id: str) -> str:
    return f"{tenant}.{export_id}.{share_id}.{secrets.token_urlsafe(_SECRET_BYTES)}"


def named_by(token: str) -> Named:
    """Read what `token` names; for anything that is no token, what nobody has."""
    parts = token.split(".")
    if len(parts) == len(Named._fields) + 1:
        tenant, export_id, share_id, secret = parts
        identifiers = _IDENTIFIER.fullmatch(tenant) and _IDENTIFIER.fullmatch(share_id)
        if identifiers and is_export_id(export_id) and _SECRET.fullmatch(secret):
            return Named(tenant, export_id, share_id)
    return Named(_NOBODY, _NOBODY, _NOBODY)

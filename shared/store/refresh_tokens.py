"""`refresh_tokens`: one row a token that was ever issued, by the SHA-256 of its text; the text itself is nowhere.

| attribute | what it holds |
| --- | --- |
| `token_hash` | hexadecimal SHA-256 of the whole token |
| `tenant`, `staff`, `session`, `generation`, `parent_hash` | where in which family it stands; no parent at a login |
| `issued_at`, `expires_at` | Unix seconds |
| `revoke_reason` | why it was revoked, `reuse_detected` on the token that was presented twice |
| `ttl` | Unix seconds; tokens stay for thirty days beyond their session, reused ones as long as the log |

Whether a token is current stands in its session's row alone: a rotation writes that row and the successor's, and leaves
the spent one as it was.
"""

from typing import Final, NamedTuple

from shared.store.condition import absent, equals, present
from shared.store.item import Item, check, put, update

EVIDENCE_SECONDS: Final = 30 * 86_400

REUSE_DETECTED: Final = "reuse_detected"


class Issued(NamedTuple):
    """A token at its birth; `parent_hash` None for the first of a session, `ends_at` is the session's absolute end."""

    token_hash: str
    tenant: str
    staff_id: str
    session_id: str
    generation: int
    parent_hash: str | None
    issued_at: int
    expires_at: int
    ends_at: int


def token_key(token_hash: str) -> dict[str, str]:
    return {"token_hash": token_hash}


def issued(table: str, token: Issued) -> Item:
    row = {
        **token_key(token.token_hash),
        "tenant": token.tenant,
        "staff": token.staff_id,
        "session": token.session_id,
        "generation": token.generation,
        "issued_at": token.issued_at,
        "expires_at": token.expires_at,
        "ttl": token.ends_at + EVIDENCE_SECONDS,
    }
    if token.parent_hash is not None:
        row["parent_hash"] = token.parent_hash
    return put(table, row, absent("token_hash"), label="refresh_token")


def once_issued(table: str, token_hash: str, session_id: str) -> Item:
    """Check that the token was issued for this session, at any time; refuted for one that nobody issued."""
    return check(
        table, token_key(token_hash), present("token_hash"), equals("session", session_id), label="refresh_token"
    )


def reused(table: str, token_hash: str, session_id: str, kept_until: int) -> Item:
    """Mark the presented token as reused, and keep its row; refuted for one that nobody issued for this session."""
    return update(
        table,
        token_key(token_hash),
        present("token_hash"),
        equals("session", session_id),
        set_={"revoke_reason": REUSE_DETECTED, "ttl": kept_until},
        label="refresh_token",
    )

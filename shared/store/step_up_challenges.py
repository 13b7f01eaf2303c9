"""`step_up_challenges`: questions put to a session, each answered at most once.

| attribute | what it holds |
| --- | --- |
| `challenge_id` | random; `enrol.<session id>` for an authenticator, `passkey.<session id>` for a passkey to register |
| `owner`, `session_id`, `purpose` | to whom it was put, and for what |
| `tries` | wrong answers so far |
| `expires_at` | Unix seconds |
| `outcome`, `answered_at` | "verified"; absent while it is open |
| `pending_sealed` | enrolment only: the secret to confirm, under KMS |
| `passkey_nonce` | 32 random bytes of what a passkey is asked to sign |
| `pending` | what goes on when it is answered: the sign-in or the refresh that waits |
| `request_digest` | SHA-256 of the request that it was put for |
| `ttl` | Unix seconds |

An answer commits only while `tries` is what it was when the answer was judged: however many guesses arrive at once,
one counts at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.domain.step_up import Challenge
from shared.store.attribute import Row
from shared.store.condition import above, absent, equals
from shared.store.item import Item, get, put, update
from shared.store.wire import JsonService

VERIFIED: Final = "verified"
_KEPT_SECONDS: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class StoredChallenge:
    """A challenge with what its answer needs. `pending` is empty for the challenge of a session."""

    challenge: Challenge
    pending_sealed: bytes | None = None
    passkey_nonce: bytes | None = None
    pending: Mapping[str, Any] = field(default_factory=dict)
    request_digest: str | None = None


def challenge_key(challenge_id: str) -> dict[str, str]:
    return {"challenge_id": challenge_id}


def enrolment_id(session_id: str) -> str:
    return f"enrol.{session_id}"


def registration_id(session_id: str) -> str:
    return f"passkey.{session_id}"


def read_challenge(dynamodb: JsonService, table: str, challenge_id: str) -> StoredChallenge | None:
    row = get(dynamodb, table, challenge_key(challenge_id))
    return None if row is None else _stored(row)


def put_challenge(table: str, stored: StoredChallenge) -> Item:
    """Write a new challenge; one of the same id (an enrolment begun again) is replaced and thereby void."""
    challenge = stored.challenge
    row: dict[str, Any] = {
        **challenge_key(challenge.challenge_id),
        "owner": challenge.owner,
        "session_id": challenge.session_id,
        "purpose": challenge.purpose,
        "tries": challenge.tries,
        "expires_at": challenge.expires_at,
        "ttl": challenge.expires_at + _KEPT_SECONDS,
    }
    further = {
        "pending_sealed": stored.pending_sealed,
        "passkey_nonce": stored.passkey_nonce,
        "pending": stored.pending or None,
        "request_digest": stored.request_digest,
    }
    return put(table, row | {name: value for name, value in further.items() if value is not None}, label="challenge")


def answered(table: str, challenge: Challenge, now: int) -> Item:
    """Close a challenge with its one right answer (label "challenge")."""
    return update(
        table,
        challenge_key(challenge.challenge_id),
        absent("outcome"),
        equals("tries", challenge.tries),
        above("expires_at", now),
        set_={"outcome": VERIFIED, "answered_at": now},
        remove=("pending_sealed",),
        label="challenge",
    )


def missed(table: str, challenge: Challenge) -> Item:
    """Count a wrong answer (label "challenge")."""
    return update(
        table,
        challenge_key(challenge.challenge_id),
        absent("outcome"),
        equals("tries", challenge.tries),
        set_={"tries": challenge.tries + 1},
        label="challenge",
    )


def _stored(row: Row) -> StoredChallenge:
    challenge = Challenge(
        challenge_id=row["challenge_id"],
        owner=row["owner"],
        session_id=row["session_id"],
        purpose=row["purpose"],
        tries=row["tries"],
        expires_at=row["expires_at"],
        outcome=row.get("outcome"),
    )
    return StoredChallenge(
        challenge,
        pending_sealed=row.get("pending_sealed"),
        passkey_nonce=row.get("passkey_nonce"),
        pending=row.get("pending", {}),
        request_digest=row.get("request_digest"),
    )

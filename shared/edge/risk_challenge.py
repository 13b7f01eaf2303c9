"""The challenge that a risk puts before a sign-in or a refresh: its row, and the refusal that tells of it.

Rules of this module
- Whoever knows the id of such a challenge may answer it, so the log names it by a digest.
- The challenge is bound to whom, which session, what purpose and the request that met it (ASVS 6.6.2): `request_digest`
  covers all that its answer will go on with.
- A new one is made for each request that is met; it takes its own few answers, and all share the person's budget.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.passkey import NONCE_OCTETS, RelyingParty, request_options, signed_challenge
from shared.domain.session import AAL2
from shared.domain.step_up import CHALLENGE_SECONDS, PASSKEY, Challenge
from shared.edge.problem import Refused, step_up_needed
from shared.store.second_factors import Factors
from shared.store.step_up_challenges import StoredChallenge

SIGN_IN: Final = "login"
REFRESH: Final = "refresh"
_TOLD_CHARACTERS: Final = 24


@dataclass(frozen=True, slots=True)
class Asked:
    """To whom a challenge is put. `session_id` is empty for a sign-in: its session does not exist yet."""

    owner: str
    session_id: str
    purpose: str


def new_risk_challenge(asked: Asked, waiting: Mapping[str, Any], now: int) -> StoredChallenge:
    """Make the challenge behind which `waiting` waits: what its answer needs to go on, as a row may hold it."""
    challenge = Challenge(
        challenge_id=secrets.token_urlsafe(24),
        owner=asked.owner,
        session_id=asked.session_id,
        purpose=asked.purpose,
        tries=0,
        expires_at=now + CHALLENGE_SECONDS,
        outcome=None,
    )
    nonce = secrets.token_bytes(NONCE_OCTETS)
    return StoredChallenge(challenge, passkey_nonce=nonce, pending=waiting, request_digest=request_digest(waiting))


def told(challenge_id: str) -> str:
    """Give what the log says of such a challenge: with its id, a reader of the log could spend the person's answers."""
    return hashlib.sha256(challenge_id.encode()).hexdigest()[:_TOLD_CHARACTERS]


def request_digest(waiting: Mapping[str, Any]) -> str:
    """Give the SHA-256 of what waits, whatever the order of its members."""
    return hashlib.sha256(json.dumps(waiting, sort_keys=True, default=repr).encode()).hexdigest()


def challenged(stored: StoredChallenge, methods: Sequence[str], factors: Factors, party: RelyingParty) -> Refused:
    """Give the refusal (401, RFC 9470) that names a challenge that was just put."""
    challenge = stored.challenge
    passkey = None
    if PASSKEY in methods and stored.passkey_nonce is not None:
        signed = signed_challenge(stored.passkey_nonce, challenge, stored.request_digest)
        passkey = {"publicKey": request_options(party, factors.passkeys.ids, signed, CHALLENGE_SECONDS)}
    return step_up_needed(
        challenge.purpose, methods, AAL2, CHALLENGE_SECONDS, challenge_id=challenge.challenge_id, passkey=passkey
    )


def still_challenged(challenge_id: str | None, methods: Sequence[str]) -> Refused:
    """Give the refusal that names a challenge of a refresh which was put before; None: a refresh is given another."""
    return step_up_needed(REFRESH, methods, AAL2, CHALLENGE_SECONDS, challenge_id=challenge_id)


def no_factor() -> Refused:
    """401: a proof is needed that this person cannot give. It says as much as `insufficient_user_authentication`."""
    return Refused(401, "mfa_enrollment_required", "Log in from a place that you have used before, and enrol a factor.")

"""The keys of access tokens as an execution environment holds them.

Rules of this module
- Public halves are read with one query and kept. They are read again when they are five minutes old, so that a removed
  key stops counting, and on an unknown `kid`, but for that at most once a minute: a forged header cannot buy reads.
- The private half is unsealed by KMS once per key and environment, and only where a signer exists.
"""

from collections.abc import Callable
from typing import Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_public_key

from shared.runtime.sealed_secret import SecretSealer
from shared.store.signing_keys import CURRENT, SigningKeyRow, read_keys, sealing_context
from shared.store.wire import JsonService, Unavailable

_FRESH_SECONDS: Final = 300
_UNKNOWN_KID_SECONDS: Final = 60


class PublicKeys(Protocol):
    """Finds a verifying key; None for a `kid` that is not (or no longer) ours."""

    def find(self, kid: str) -> ec.EllipticCurvePublicKey | None: ...


class KeyRing:
    """The public halves."""

    def __init__(self, dynamodb: JsonService, table: str, clock: Callable[[], float]) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._rows: dict[str, SigningKeyRow] = {}
        self._parsed: dict[str, ec.EllipticCurvePublicKey] = {}
        self._read_at = float("-inf")

    def find(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        """Find a verifying key; raises `Unavailable` when the keys cannot be read."""
        self._refresh(_FRESH_SECONDS if kid in self._rows else _UNKNOWN_KID_SECONDS)
        row = self._rows.get(kid)
        if row is None:
            return None
        if kid not in self._parsed:
            self._parsed[kid] = _p256(row)
        return self._parsed[kid]

    def current(self) -> SigningKeyRow:
        """Give the key that signs; raises `Unavailable` while the deployment has none."""
        self._refresh(_FRESH_SECONDS)
        for row in self._rows.values():
            if row.status == CURRENT:
                return row
        self._read_at = float("-inf")  # housekeeping may be making it at this moment: look again next time
        raise Unavailable("the deployment has no access token key yet")

    def _refresh(self, fresh_seconds: int) -> None:
        now = self._clock()
        if now - self._read_at >= fresh_seconds:
            self._rows = {row.kid: row for row in read_keys(self._dynamodb, self._table)}
            self._read_at = now


class Signer:
    """The private half of the current key."""

    def __init__(self, ring: KeyRing, sealer: SecretSealer) -> None:
        self._ring = ring
        self._sealer = sealer
        self._kid = ""
        self._key: ec.EllipticCurvePrivateKey | None = None

    def sign(self, make_input: Callable[[str], bytes]) -> tuple[bytes, bytes]:
        """Sign what `make_input` writes for the current kid; gives the input and its DER signature."""
        row = self._ring.current()
        if self._key is None or row.kid != self._kid:
            self._key = _private(self._sealer.open(row.private_sealed, sealing_context(row.kid)))
            self._kid = row.kid
        signed = make_input(row.kid)
        return signed, self._key.sign(signed, ec.ECDSA(hashes.SHA256()))


def _private(der: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_der_private_key(der, password=None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key
    raise RuntimeError("the access token key is not an elliptic curve key")


def _p256(row: SigningKeyRow) -> ec.EllipticCurvePublicKey:
    key = load_pem_public_key(row.public_pem.encode())
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise RuntimeError(f"signing key {row.kid} is not on P-256")

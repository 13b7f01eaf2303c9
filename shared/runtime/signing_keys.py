"""The keys of access tokens as an execution environment holds them.

Rules of this module
- Public halves are read with one query and kept. They are read again when they are five minutes old, so that a revoked
  key stops counting, and on an unknown `kid`, but for that at most once a minute: a forged header cannot buy reads.
- Keys that cannot be read again do not go on counting, and do not go on signing: `Unavailable`, after five minutes.
- The private half is unsealed by KMS once per key and environment, and only where a signer exists.
- Keys are read by their one form: that of P-256 never varies, and a general reader of keys would load all of SSH, RSA
  and their kin into every cold start.
"""

import binascii
from collections.abc import Callable
from typing import Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from shared.domain.signing_key import CURRENT, PUBLISHED, RING_FRESH_SECONDS
from shared.runtime.sealed_secret import SecretSealer
from shared.store.signing_keys import SigningKeyRow, read_keys, sealing_context
from shared.store.wire import JsonService, Unavailable

_UNKNOWN_KID_SECONDS: Final = 60

# RFC 5480 section 2: a SubjectPublicKeyInfo of P-256 is this, and the point, uncompressed.
_SPKI: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
# RFC 5958 and RFC 5915: a private key of P-256 is this, the scalar, what follows, and the same point.
_PKCS8: Final = bytes.fromhex("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420")
_PKCS8_POINT: Final = bytes.fromhex("a144034200")
_SCALAR_BYTES, _POINT_BYTES = 32, 65
_PEM_BEGIN, _PEM_END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"


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
        self._refresh(RING_FRESH_SECONDS if kid in self._rows else _UNKNOWN_KID_SECONDS)
        row = self._rows.get(kid)
        return None if row is None else self.public_half(row)

    def published(self) -> tuple[SigningKeyRow, ...]:
        """Give the keys that count or will count: next, current, previous."""
        self._refresh(RING_FRESH_SECONDS)
        return tuple(row for status in PUBLISHED for row in self._rows.values() if row.status == status)

    def public_half(self, row: SigningKeyRow) -> ec.EllipticCurvePublicKey:
        if row.kid not in self._parsed:
            self._parsed[row.kid] = _p256(row)
        return self._parsed[row.kid]

    def current(self) -> SigningKeyRow:
        """Give the key that signs; raises `Unavailable` while the deployment has none."""
        self._refresh(RING_FRESH_SECONDS)
        for row in self._rows.values():
            if row.status == CURRENT:
                return row
        self._read_at = float("-inf")  # housekeeping may be making it at this moment: look again next time
        raise Unavailable("the deployment has no access token key yet")

    def _refresh(self, fresh_seconds: int) -> None:
        now = self._clock()
        if now - self._read_at >= fresh_seconds:
            rows = read_keys(self._dynamodb, self._table)
            self._rows = {row.kid: row for row in rows if row.status in PUBLISHED}
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
            self._key = _private(self._sealer.open(_sealed(row), sealing_context(row.kid)))
            self._kid = row.kid
        signed = make_input(row.kid)
        return signed, self._key.sign(signed, ec.ECDSA(hashes.SHA256()))


def _sealed(row: SigningKeyRow) -> bytes:
    if row.private_sealed is None:
        raise RuntimeError(f"signing key {row.kid} has no private half")
    return row.private_sealed


def _private(der: bytes) -> ec.EllipticCurvePrivateKey:
    head, scalar, rest = der[: len(_PKCS8)], der[len(_PKCS8) :][:_SCALAR_BYTES], der[len(_PKCS8) + _SCALAR_BYTES :]
    if head != _PKCS8 or rest[: len(_PKCS8_POINT)] != _PKCS8_POINT or len(rest) != len(_PKCS8_POINT) + _POINT_BYTES:
        raise RuntimeError("the access token key is not a private key on P-256")
    key = ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
    if key.public_key() != _point(rest[len(_PKCS8_POINT) :]):
        raise RuntimeError("the access token key has another key's public half")
    return key


def _p256(row: SigningKeyRow) -> ec.EllipticCurvePublicKey:
    text = row.public_pem.strip().removeprefix(_PEM_BEGIN).removesuffix(_PEM_END)
    try:
        der = binascii.a2b_base64("".join(text.split()), strict_mode=True)
        if der[: len(_SPKI)] == _SPKI and len(der) == len(_SPKI) + _POINT_BYTES:
            return _point(der[len(_SPKI) :])
    except ValueError:  # also of a point that is not on the curve
        pass
    raise RuntimeError(f"signing key {row.kid} is not on P-256")


def _point(octets: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets)

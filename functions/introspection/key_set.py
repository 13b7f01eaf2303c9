"""The published keys as a JSON Web Key Set (RFC 7517, RFC 7518 section 6.2)."""

import base64
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from shared.runtime.access_token import ALGORITHM
from shared.runtime.signing_keys import KeyRing

_COORDINATE: Final = 32  # octets of x and of y on P-256, leading zeros included


def key_set(ring: KeyRing) -> dict[str, Any]:
    """List the public halves of the next, the current and the previous keys; raises `Unavailable`."""
    return {"keys": [_jwk(row.kid, ring.public_half(row)) for row in ring.published()]}


def _jwk(kid: str, key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    point = key.public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": _coordinate(point.x),
        "y": _coordinate(point.y),
        "kid": kid,
        "use": "sig",
        "alg": ALGORITHM,
    }


def _coordinate(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(_COORDINATE, "big")).rstrip(b"=").decode()

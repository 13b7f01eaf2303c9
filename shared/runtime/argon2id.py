"""argon2id (RFC 9106) of passwords and recovery codes: 19 MiB, two passes, one lane.

The parameters are OWASP's for interactive logins. They are part of every hash, so raising them later leaves old hashes
valid; `DUMMY` has the same ones, and verifying against it costs what verifying against anybody's hash costs.
"""

from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB: Final = 19_456

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=MEMORY_KIB, parallelism=1, hash_len=32, type=Type.ID)

# The hash of 256 random bits that were thrown away: nobody's password.
DUMMY: Final = "$argon2id$v=19$m=19456,t=2,p=1$+QkRPf/PHbS50JeqCKTAFQ$nGPf/5ynqn14lDcKgKUFXvT4XJXhKkwtD8IRjsNQlr4"


def hashed(secret: str) -> str:
    """Hash a normalised password or code; the result carries salt and parameters."""
    return _HASHER.hash(secret.encode("utf-8", "surrogatepass"))


def proves(secret: str, stored: str) -> bool:
    """Tell whether `secret` is what `stored` was made of; a damaged hash proves nothing."""
    try:
        return _HASHER.verify(stored, secret.encode("utf-8", "surrogatepass"))
    except (InvalidHashError, VerificationError):
        return False


def needs_rehash(stored: str) -> bool:
    """Tell whether `stored` was made with other parameters than today's; a damaged hash is left as it is.

    Whoever has just seen it proved puts a new one into the same commit (ASVS 11.4.2).
    """
    try:
        return _HASHER.check_needs_rehash(stored)
    except InvalidHashError:
        return False

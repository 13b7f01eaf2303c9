"""What a session is, and when it lives.

Rules of this module
- A session lives while its status is ACTIVE, both expiries lie ahead and its `session_version` is
  the one of the staff gate row. Rows outlive their validity (DynamoDB deletes by TTL late), so
  validity is always a comparison of instants, never presence.
- The idle limit moves with each rotation and never past the absolute limit, which never moves.
- How a session was authenticated (`Standing`) travels inside the refresh token, so that a rotation
  needs no read; the rotation's conditions hold it against the row, which alone decides.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, NamedTuple, NewType

TenantId = NewType("TenantId", str)
StaffId = NewType("StaffId", str)
SessionId = NewType("SessionId", str)

ACTIVE: Final = "ACTIVE"
EXPIRED: Final = "EXPIRED"
REVOKED: Final = "REVOKED"

AAL1: Final = "urn:muniment:aal1"  # one factor (NIST SP 800-63B assurance level 1)
AAL2: Final = "urn:muniment:aal2"  # a second factor was verified in this session

UNKNOWN_COUNTRY: Final = "ZZ"  # ISO 3166-1 leaves it to users; CLDR reads it as "unknown region"
NO_DEVICE: Final = "none"  # stands where a client never named its device

TOUCH_SECONDS: Final = 60  # `last_seen_at` moves at most this often
MAX_CONCURRENCY_WINDOW_SECONDS: Final = 60  # upper bound of the setting of that name


class Binding(NamedTuple):
    """Where a session is used: its device, country, network, and the family of its user agent.

    A change of device, country or agent is judged; the network alone may change, as it does on every train. Whole
    degrees, where the edge tells them, are what a journey is measured from.
    """

    device_hash: str
    country: str
    network: str
    agent: str
    latitude: int | None = None
    longitude: int | None = None

    def elsewhere(self, other: "Binding") -> bool:
        """Tell whether `other` is another place, as far as that is judged."""
        mine = (self.device_hash, self.country, self.agent)
        return mine != (other.device_hash, other.country, other.agent)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a session is worth: role, how and when it was authenticated, and its fixed limits.

    `amr` are method references of RFC 8176 ("pwd", "otp", "pop" for a passkey), and our own "rc" for a recovery code
    and "fed" for the word of an identity provider (one factor, whatever it says that it asked for);
    instants are Unix seconds. `idle_seconds` is the idle limit that was in force when the session was opened. `cookie`:
    its refresh tokens travel in a cookie and are redeemed from nowhere else.
    """

    role: str
    acr: str
    amr: tuple[str, ...]
    auth_time: int
    created_at: int
    absolute_expires_at: int
    idle_seconds: int
    cookie: bool = False


def idle_expiry(now: int, idle_seconds: int, absolute_expires_at: int) -> int:
    return min(now + idle_seconds, absolute_expires_at)


def expired(now: float, idle_expires_at: int, absolute_expires_at: int) -> str | None:
    """Name the limit that has passed, "absolute" before "idle"; None while both lie ahead."""
    if now >= absolute_expires_at:
        return "absolute"
    return "idle" if now >= idle_expires_at else None


def device_hash_of(device_id: str | None) -> str:
    """Hash what a client says about its installation; a client that says nothing is bound to saying nothing."""
    if device_id is None:
        return NO_DEVICE
    return hashlib.sha256(device_id.encode("utf-8", "surrogatepass")).hexdigest()

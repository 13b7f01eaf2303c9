"""Browser mode: the refresh token and the device travel in cookies that no script can read.

Rules of this module (RFC 6265bis, ASVS 3.3 and 3.5)
- `__Host-`: set by this very host over TLS, for all of it, by nobody else. `HttpOnly`, `Secure`, `SameSite=Strict`;
  `Lax` where the way back from an identity provider must bring it along, which is another site.
- What a cookie authenticates is taken from pages of this service only: an `Origin` of the allow-list, no
  `Sec-Fetch-Site` that says otherwise, and a header that no form and no foreign script can send without a preflight,
  which nobody here answers.
- A refusal never deletes a cookie: the loser of two parallel refreshes would throw away what the winner was given.
"""

import re
import secrets
from collections.abc import Sequence
from typing import Final

from shared.domain.web_origin import trusted
from shared.edge.problem import Refused
from shared.edge.request import Request

REFRESH_COOKIE: Final = "__Host-rt"
DEVICE_COOKIE: Final = "__Host-did"
SSO_COOKIE: Final = "__Host-sso"  # a sign-in that is at its provider
SSO_CODE_COOKIE: Final = "__Host-ssc"  # the browser to which a code was given
CSRF_HEADER: Final = "x-muniment-csrf"  # its value is of no importance; that it can be sent is

_DEVICE_SECONDS: Final = 400 * 86_400  # what browsers keep at most
_DEVICE: Final = re.compile("[A-Za-z0-9_-]{22,64}")


def refresh_cookie(text: str, max_age: int) -> str:
    """Give the Set-Cookie value that hands over a refresh token for `max_age` seconds."""
    return _cookie(REFRESH_COOKIE, text, max_age)


def forgotten_refresh_cookie() -> str:
    """Give the Set-Cookie value that takes it back: after a logout, never after a refusal."""
    return _cookie(REFRESH_COOKIE, "", 0)


def device_cookie(device_id: str) -> str:
    return _cookie(DEVICE_COOKIE, device_id, _DEVICE_SECONDS)


def sso_cookie(sealed: str, max_age: int) -> str:
    """Give the Set-Cookie value of a sign-in that goes to its provider; 0 takes it back."""
    return _cookie(SSO_COOKIE, sealed, max_age, "Lax")


def sso_code_cookie(binding: str, max_age: int) -> str:
    return _cookie(SSO_CODE_COOKIE, binding, max_age)


def device_of(request: Request) -> str | None:
    """Read the device that an earlier answer named; None for a browser that was never here, or made one up."""
    device_id = request.cookies.get(DEVICE_COOKIE, "")
    return device_id if _DEVICE.fullmatch(device_id) else None


def new_device_id() -> str:
    return secrets.token_urlsafe(24)


def refuse_cross_site(request: Request, allowed_origins: Sequence[str]) -> None:
    """Refuse (403 csrf_rejected) what did not come from a page of this service. Call it before a cookie is believed."""
    if not request.headers.get(CSRF_HEADER):
        raise _rejected()
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise _rejected()
    if not trusted(request.headers.get("origin"), allowed_origins):
        raise _rejected()


def _rejected() -> Refused:
    return Refused(403, "csrf_rejected", "Send it from a page of this service, with its own header.")


def _cookie(name: str, value: str, max_age: int, same_site: str = "Strict") -> str:
    return f"{name}={value}; Path=/; Max-Age={max(0, max_age)}; Secure; HttpOnly; SameSite={same_site}"

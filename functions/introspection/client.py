"""Who may introspect: HTTP Basic (RFC 7617) with the one client id and the deployment's secret."""

import base64
import binascii
import hmac
from typing import Final, Protocol

from shared.edge.problem import Refused
from shared.edge.request import Request

CLIENT_ID: Final = "introspection"
_BASIC: Final = "basic "
_CHALLENGE: Final = 'Basic realm="introspection", charset="UTF-8"'


class Secrets(Protocol):
    """The accepted values, current and previous."""

    def values(self) -> tuple[str, ...]: ...


def require_client(request: Request, secrets: Secrets) -> None:
    """Let a known service pass; raises `Refused` (401), and what `secrets` raises when it cannot be read."""
    presented = _credentials(request.headers.get("authorization", ""))
    # Every value is compared, so the time tells neither which one it was nor how much of it was right.
    matches = [hmac.compare_digest(presented, f"{CLIENT_ID}:{value}".encode()) for value in secrets.values()]
    if not any(matches):
        raise Refused(
            401,
            "invalid_credentials",
            "Send the client id and secret of a service that may introspect.",
            headers={"WWW-Authenticate": _CHALLENGE},
        )


def _credentials(header: str) -> bytes:
    if header[: len(_BASIC)].lower() != _BASIC:
        return b""
    try:
        return base64.b64decode(header[len(_BASIC) :].strip(), validate=True)
    except (binascii.Error, ValueError):  # the latter for what is not ASCII
        return b""

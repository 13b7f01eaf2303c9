"""The loopback counts as a secure transport.

Vanilla, with IAM enforced, sets `aws:SecureTransport` to false on every plain http request, so a
bucket policy that denies what is not TLS denies everything. On AWS the condition keeps credentials
and data off the network in the clear. The local stage speaks http on 127.0.0.1 only, where nothing
leaves the machine: there the condition is true, and the policy is deployed as it stands. That a
request over a network without TLS is denied is therefore not shown by the local stage.
"""

import ipaddress
from collections.abc import Callable

from ministack import app

from infra.local.seams import Seam

SEAMS = (Seam("ministack.app", "pin_request_origin", ("source_ip", "secure_transport")),)


def _pinning(pin: Callable[[str, bool], None]) -> Callable[[str, bool], None]:
    def pin_loopback(source_ip: str, secure_transport: bool) -> None:  # noqa: FBT001 -- as vanilla
        pin(source_ip, secure_transport or ipaddress.ip_address(source_ip).is_loopback)

    return pin_loopback


def apply() -> None:
    """Wrap what tells the policies how a request came."""
    app.pin_request_origin = _pinning(app.pin_request_origin)

"""Who is on the other side of the connection, as far as it can be believed.

Rules of this module
- CloudFront's viewer headers count only beside an `X-Origin-Verify` that carries the deployment's current or previous
  secret, compared in constant time. Anybody may send the headers; only the edge knows the secret.
- Where the edge is deployed (`required`), a request without the right secret is refused: going around the edge must
  never lower a score. Where it is not, a wrong secret makes the headers nothing, and the address is API Gateway's.
- X-Forwarded-For is never read: the caller writes it.
"""

import hmac
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from shared.domain.session import UNKNOWN_COUNTRY
from shared.edge.problem import Refused

HEADER: Final = "x-origin-verify"

_COUNTRY: Final = re.compile("[A-Z]{2}")
_UNKNOWN_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - a value of the record, not an address that is listened on
_V4_PREFIX, _V6_PREFIX = 24, 48


class OriginSecrets(Protocol):
    """The deployment's secret values, the current one first; raises `Unavailable` when they cannot be read."""

    def values(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Viewer:
    """`address` is personal data and belongs into sealed values only; `network` and `country` may stand in the clear.

    `country` is ISO 3166-1 alpha-2, or ZZ where it is unknown.
    """

    address: str
    network: str
    country: str
    user_agent: str
    through_edge: bool


def viewer_of(headers: Mapping[str, str], source_ip: str, secrets: OriginSecrets, *, required: bool) -> Viewer:
    """Read the viewer from untrusted headers (lower-case names) and API Gateway's own `source_ip`.

    Raises `Refused` (403) where the edge is required and its secret is wrong or missing.
    """
    through_edge = _from_edge(headers.get(HEADER), secrets)
    if required and not through_edge:
        raise Refused(403, "edge_required", "Use the public address of the service.")
    address, country = source_ip, UNKNOWN_COUNTRY
    if through_edge:
        address = _without_port(headers.get("cloudfront-viewer-address", source_ip))
        country = headers.get("cloudfront-viewer-country", UNKNOWN_COUNTRY)
    parsed = _parsed(address) or _parsed(source_ip) or ipaddress.ip_address(_UNKNOWN_ADDRESS)
    return Viewer(
        address=str(parsed),
        network=network_of(parsed),
        country=country if _COUNTRY.fullmatch(country) else UNKNOWN_COUNTRY,
        user_agent=headers.get("user-agent", ""),
        through_edge=through_edge,
    )


def network_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Give the network that stands for an address in the clear: /24, or /48 of IPv6."""
    prefix = _V4_PREFIX if isinstance(address, ipaddress.IPv4Address) else _V6_PREFIX
    return str(ipaddress.ip_network((address, prefix), strict=False))


def _from_edge(presented: str | None, secrets: OriginSecrets) -> bool:
    if presented is None:
        return False
    # Every value is compared, whatever the first said: the time taken tells nothing about them.
    matches = [hmac.compare_digest(presented.encode("utf-8", "replace"), known.encode()) for known in secrets.values()]
    return any(matches)


def _without_port(text: str) -> str:
    """CloudFront writes `198.51.100.7:443` and `2001:db8::7:443`: the port follows the last colon."""
    return text.rpartition(":")[0] or text


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None  # an invented address would be worse evidence than the one that API Gateway saw
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))  # a scope id would be the caller's text
    return address

"""Who is on the other side of the connection, as far as it can be believed.

Rules of this module
- CloudFront's viewer headers count only beside an `X-Origin-Verify` that carries the deployment's current or previous
  secret, compared in constant time. Anybody may send the headers; only the edge knows the secret.
- Where the edge is deployed (`required`), a request without the right secret is refused: going around the edge must
  never lower a score. Where it is not, a wrong secret makes the headers nothing, and the address is API Gateway's.
- X-Forwarded-For is never read: the caller writes it.
- A viewer header that does not hold what it should counts as none. Where no country was told, the offline table is
  asked; a country that it does not know either is ZZ, which is a reason of its own to the risk policy.
"""

import hmac
import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from shared.domain.session import UNKNOWN_COUNTRY
from shared.edge.problem import Refused
from shared.edge.user_agent import UNKNOWN, agent_of
from shared.runtime.country_table import BUNDLED, Countries

HEADER: Final = "x-origin-verify"

_COUNTRY: Final = re.compile("(?!XX)[A-Z]{2}")  # XX: the edge could not tell
_DEGREES: Final = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,16})?")
_NUMBER: Final = re.compile("[0-9]{1,10}")
_MAX_LATITUDE, _MAX_LONGITUDE = 90.0, 180.0
_MAX_ASN: Final = 2**32 - 1
_UNKNOWN_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - a value of the record, not an address that is listened on
_V6_HOST: Final = 80  # bits that a network in the clear does not tell: /48


class OriginSecrets(Protocol):
    """The deployment's secret values, the current one first; raises `Unavailable` when they cannot be read."""

    def values(self) -> Sequence[str]: ...


class Viewer(NamedTuple):
    """`address` is personal data and belongs into sealed values only; `network` and `country` may stand in the clear.

    `country` is ISO 3166-1 alpha-2, or ZZ where it is unknown. Coordinates are the edge's, in degrees and finer than
    anything that may be kept of them. `asn` is the autonomous system of the address. Each is None where it was not
    told. `agent` is the kind of client that `user_agent` names, in our words.
    """

    address: str
    network: str
    country: str
    user_agent: str
    through_edge: bool
    latitude: float | None = None
    longitude: float | None = None
    asn: int | None = None
    agent: str = UNKNOWN


def viewer_of(
    headers: Mapping[str, str],
    source_ip: str,
    secrets: OriginSecrets,
    *,
    required: bool,
    countries: Countries = BUNDLED,
) -> Viewer:
    """Read the viewer from untrusted headers (lower-case names) and API Gateway's own `source_ip`.

    Raises `Refused` (403) where the edge is required and its secret is wrong or missing.
    """
    through_edge = _from_edge(headers.get(HEADER), secrets)
    if required and not through_edge:
        raise Refused(403, "edge_required", "Use the public address of the service.")
    told = headers if through_edge else {}
    # Behind the edge `source_ip` is the edge's: better than no address, and nobody's country.
    own = _parsed(_without_port(told.get("cloudfront-viewer-address", "")) if through_edge else source_ip)
    parsed = own or _parsed(source_ip) or ipaddress.ip_address(_UNKNOWN_ADDRESS)
    country = told.get("cloudfront-viewer-country", "")
    if not _COUNTRY.fullmatch(country):
        country = countries.country_of(own) if own else UNKNOWN_COUNTRY
    latitude, longitude = _position(told)
    user_agent = headers.get("user-agent", "")
    return Viewer(
        address=str(parsed),
        network=network_of(parsed),
        country=country,
        user_agent=user_agent,
        through_edge=through_edge,
        latitude=latitude,
        longitude=longitude,
        asn=_asn(told.get("cloudfront-viewer-asn", "")),
        agent=agent_of(user_agent),
    )


def network_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Give the network that stands for an address in the clear: /24, or /48 of IPv6."""
    # As `ip_network(...).with_prefixlen` writes it, at a tenth of the cost.
    if isinstance(address, ipaddress.IPv4Address):
        return f"{str(address).rpartition('.')[0]}.0/24"
    return f"{ipaddress.IPv6Address(int(address) >> _V6_HOST << _V6_HOST)}/48"


def _from_edge(presented: str | None, secrets: OriginSecrets) -> bool:
    if presented is None:
        return False
    # Every value is compared, whatever the first said: the time taken tells nothing about them.
    matches = [hmac.compare_digest(presented.encode("utf-8", "replace"), known.encode()) for known in secrets.values()]
    return any(matches)


def _without_port(text: str) -> str:
    """CloudFront writes `198.51.100.7:443` and `2001:db8::7:443`: the port follows the last colon."""
    return text.rpartition(":")[0] or text


def _position(told: Mapping[str, str]) -> tuple[float, float] | tuple[None, None]:
    """Read both coordinates, or neither: one alone, or one that is on no map, is no position."""
    latitude = _degrees(told.get("cloudfront-viewer-latitude", ""), _MAX_LATITUDE)
    longitude = _degrees(told.get("cloudfront-viewer-longitude", ""), _MAX_LONGITUDE)
    return (None, None) if latitude is None or longitude is None else (latitude, longitude)


def _degrees(text: str, most: float) -> float | None:
    # `float` alone would read "nan", "inf", "1e999" and digits of every script.
    degrees = float(text) if _DEGREES.fullmatch(text) else None
    return degrees if degrees is not None and abs(degrees) <= most else None


def _asn(text: str) -> int | None:
    number = int(text) if _NUMBER.fullmatch(text) else 0
    return number if 0 < number <= _MAX_ASN else None  # AS0 is nobody's (RFC 7607)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None  # an invented address would be worse evidence than the one that API Gateway saw
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))  # a scope id would be the caller's text
    return address

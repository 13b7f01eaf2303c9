"""Origins of pages (RFC 6454): which ones the deployment trusts with cookies and passkeys."""

from collections.abc import Iterable

_LOOPBACK = frozenset({"127.0.0.1", "localhost"})


def origins_of(text: str) -> tuple[str, ...]:
    """Read the setting: origins, separated by commas."""
    return tuple(origin for origin in (part.strip() for part in text.split(",")) if origin)


def host_of(origin: str) -> str:
    """Give the host name of an origin that we wrote ourselves."""
    return origin.partition("://")[2].partition("/")[0].partition(":")[0]


def trusted(origin: object, allowed: Iterable[str]) -> bool:
    """Tell whether `origin` (untrusted) is one of `allowed`.

    An allowed loopback origin without a port stands for every port of it, as in RFC 8252 section 7.3: development only.
    """
    return isinstance(origin, str) and any(origin == one or _of_a_port(origin, one) for one in allowed)


def _of_a_port(origin: str, allowed: str) -> bool:
    host, port = host_of(allowed), origin.removeprefix(f"{allowed}:")
    loopback = host in _LOOPBACK or host.endswith(".localhost")
    return loopback and port != origin and port.isascii() and port.isdecimal()

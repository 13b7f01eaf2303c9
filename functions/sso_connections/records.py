"""TXT records, by which a tenant shows that a mail domain is its own.

The record stands at `_muniment.<domain>`: whoever can write it administers the domain's zone. The resolver is the
system's; who controls that, or the way to it, can make up records, which DNSSEC in the resolver prevents.
"""

from collections.abc import Collection
from typing import Final, Protocol

import dns.exception
import dns.name
import dns.resolver

PREFIX: Final = "_muniment"
_SECONDS: Final = 4.0


class Records(Protocol):
    def texts(self, name: str) -> Collection[str]:
        """Give the TXT records of `name`; none where there are none, or nobody can say."""
        ...


class Dns:
    """The records of the world."""

    def texts(self, name: str) -> Collection[str]:
        try:
            answer = dns.resolver.resolve(dns.name.from_text(name), "TXT", lifetime=_SECONDS, search=False)
        except (dns.exception.DNSException, OSError):
            return ()
        return [b"".join(record.strings).decode("ascii", "replace") for record in answer]

"""Country of an address, offline: for requests that no edge has told the country of.

Rules of this module
- The table is that of `iptocc`: the five registries' own lists of who was given which addresses, IPv4 and IPv6. They
  name the country of the holder, not of the user; for whole networks the two are nearly always the same. A viewer
  header, where one counts, is better and is asked first.
- It is loaded with the first address that is looked up: functions behind an edge never load it.
- Private, documentation and other special addresses are nobody's. Like an address that is in no list, they are unknown,
  and so is everything where the table is missing. Unknown is never a guess and never silence: it is a signal with
  points (UNKNOWN_GEO, ASVS 16.5.2).
"""

import ipaddress
from collections.abc import Callable
from typing import Final, Protocol

from shared.domain.session import UNKNOWN_COUNTRY

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str], str | None]


class Countries(Protocol):
    """Where countries of addresses come from; ZZ is the answer for what is not known. Raises nothing."""

    def country_of(self, address: Address) -> str: ...


class CountryTable:
    """The bundled table, loaded when it is first needed. `load` gives the lookup, None where there is none."""

    def __init__(self, load: Callable[[], Lookup | None] | None = None) -> None:
        self._load = load or _bundled
        self._lookup: Lookup | None = None
        self._loaded = False

    def country_of(self, address: Address) -> str:
        if not address.is_global or address.is_multicast:
            return UNKNOWN_COUNTRY
        if not self._loaded:
            self._lookup = self._load()
            self._loaded = True
        found = self._lookup(str(address)) if self._lookup else None
        return found if found is not None and _is_country(found) else UNKNOWN_COUNTRY


def _bundled() -> Lookup | None:
    try:
        from iptocc import country_code  # noqa: PLC0415 - loaded when it is needed, see above
    except ImportError:
        return None
    return country_code


def _is_country(code: str) -> bool:
    """Tell countries from what registries write for a continent (EU, AP)."""
    from shared.domain.geography import middle_of  # noqa: PLC0415 - loaded with the table

    return middle_of(code) is not None


BUNDLED: Final = CountryTable()

"""Addresses to which mail can go, in the form in which mail goes there.

Rules of this module
- One plain address of ASCII characters: no display name, no list, no comment, no line break, nothing that a header
  could be made of. Letters before the `@` that only look like others (Cyrillic, full width) reach nobody: refused.
- The domain is written as it stands in the DNS (RFC 3490): a look-alike domain is visibly another one, and soft hyphens
  and other characters that no reader sees are gone. It has two labels at least and no dot at its end, which would be
  another spelling of the same mailbox (RFC 5321 section 2.3.5).
"""

import re
from typing import Final

_MAX_ADDRESS: Final = 320  # characters
# RFC 5321 section 4.5.3.1.1: 64 octets before the `@`.
_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]+\.)+[\w-]+", re.ASCII)


def deliverable(address: object) -> str | None:
    """Give the address in ASCII as SES takes it; None for what is no single plain address."""
    if not isinstance(address, str) or len(address) > _MAX_ADDRESS:
        return None
    local, _, domain = address.strip().rpartition("@")
    try:
        ascii_address = f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return None
    return ascii_address if _ADDRESS.fullmatch(ascii_address) else None

"""Roles and what each may do, as data.

Rules of this module
- Permissions are not in the access token: they follow from the role in the staff gate row that is
  read with each request (ASVS 8.3.2), so a changed role counts at once.
- An unknown role holds nothing.
"""

from collections.abc import Mapping
from typing import Final

ROLES: Final = ("owner", "admin", "member", "auditor")

STAFF_VIEW: Final = "STAFF_VIEW"
STAFF_MANAGE: Final = "STAFF_MANAGE"
SETTINGS_SECURITY_VIEW: Final = "SETTINGS_SECURITY_VIEW"
SETTINGS_SECURITY_MANAGE: Final = "SETTINGS_SECURITY_MANAGE"
IMPERSONATE: Final = "IMPERSONATE"

_ADMINISTRATION: Final = frozenset(
    {STAFF_VIEW, STAFF_MANAGE, SETTINGS_SECURITY_VIEW, SETTINGS_SECURITY_MANAGE, IMPERSONATE}
)

PERMISSIONS: Final[Mapping[str, frozenset[str]]] = {
    "owner": _ADMINISTRATION,
    "admin": _ADMINISTRATION,
    "member": frozenset(),
    "auditor": frozenset({SETTINGS_SECURITY_VIEW}),  # read-only, evidence only
}


def holds(role: str, permission: str) -> bool:
    return permission in PERMISSIONS.get(role, frozenset())


def permissions_of(role: str) -> tuple[str, ...]:
    """List what `role` holds, sorted; an unknown role holds nothing."""
    return tuple(sorted(PERMISSIONS.get(role, frozenset())))

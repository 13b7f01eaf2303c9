"""Roles and what each may do, as data: the guard, the API description, docs/access.md and the tests follow from here.

Rules of this module
- Permissions are not in the access token: they follow from the role in the staff gate row that is
  read with each request (ASVS 8.3.2), so a changed role counts at once.
- An unknown role holds nothing, covers nobody and is covered by nobody.
- Nobody gives what he does not hold: whoever changes a role, or acts on a person, must cover the roles concerned.
- Nobody acts as his equal: to impersonate somebody takes all that he holds, and more.
"""

from collections.abc import Mapping
from typing import Final

ROLES: Final = ("owner", "admin", "member", "auditor")

OWN_ACCOUNT: Final = "OWN_ACCOUNT"
STAFF_VIEW: Final = "STAFF_VIEW"
STAFF_MANAGE: Final = "STAFF_MANAGE"
SETTINGS_SECURITY_VIEW: Final = "SETTINGS_SECURITY_VIEW"
SETTINGS_SECURITY_MANAGE: Final = "SETTINGS_SECURITY_MANAGE"
IMPERSONATE: Final = "IMPERSONATE"
IMPERSONATE_WRITE: Final = "IMPERSONATE_WRITE"
OWNERSHIP: Final = "OWNERSHIP"

ABOUT: Final[Mapping[str, str]] = {
    OWN_ACCOUNT: "One's own sessions, factors and password",
    STAFF_VIEW: "See the people of the tenant",
    STAFF_MANAGE: "Invite people, change roles, deactivate, sign out, reset factors",
    SETTINGS_SECURITY_VIEW: "See security settings, address rules, connections and evidence",
    SETTINGS_SECURITY_MANAGE: "Change security settings, address rules and connections",
    IMPERSONATE: "Act as a person of a lower role, reading",
    IMPERSONATE_WRITE: "Act as a person of a lower role, writing too",
    OWNERSHIP: "Make and unmake owners, erase people, place and release legal holds",
}
_ADMINISTRATION: Final = frozenset(ABOUT) - {OWNERSHIP}

PERMISSIONS: Final[Mapping[str, frozenset[str]]] = {
    "owner": _ADMINISTRATION | {OWNERSHIP},
    "admin": _ADMINISTRATION,
    "member": frozenset({OWN_ACCOUNT}),
    "auditor": frozenset({OWN_ACCOUNT, SETTINGS_SECURITY_VIEW}),  # read-only, evidence only
}


def holds(role: str, permission: str) -> bool:
    return permission in PERMISSIONS.get(role, frozenset())


def permissions_of(role: str) -> tuple[str, ...]:
    """List what `role` holds, sorted; an unknown role holds nothing."""
    return tuple(sorted(PERMISSIONS.get(role, frozenset())))


def covers(role: str, other: str) -> bool:
    """Tell whether `role` holds all that `other` holds: then it may give it, take it, and act on whoever has it."""
    return role in PERMISSIONS and other in PERMISSIONS and PERMISSIONS[role] >= PERMISSIONS[other]


def outranks(role: str, other: str) -> bool:
    """Tell whether `role` holds all that `other` holds, and more."""
    return covers(role, other) and not covers(other, role)


def administers(role: str) -> bool:
    """Tell whether `role` may change anything but its own account: such a person must have a second factor."""
    return holds(role, STAFF_MANAGE) or holds(role, SETTINGS_SECURITY_MANAGE)

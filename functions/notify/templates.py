"""The texts of the mails, as data: what each says, and the words for the values that it may show.

Rules of this module
- A subject is a constant: nothing from outside ever stands in a header.
- Names of templates are part of the outbox: a mail that was committed before a deployment is written after it.
- A value without a label is not shown, and a value of a closed set without words of its own is not shown either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_NOT_ME: Final = "If this was not you, reset your password at once and tell an administrator of your organisation."
_ASK: Final = "If you do not know why, ask an administrator of your organisation."


@dataclass(frozen=True, slots=True)
class Link:
    """`path` is the page that it opens, up to the secret; `does` names what happens there, for a button."""

    path: str
    does: str


@dataclass(frozen=True, slots=True)
class Template:
    """`says` is what happened, `advice` what to do about it; a mail without `link` has no address in it."""

    subject: str
    says: str
    advice: str
    link: Link | None = None


TEMPLATES: Final[Mapping[str, Template]] = {
    "password_reset": Template(
        "Reset your password",
        "Somebody asked for a new password for your account. Open this link to choose one:",
        "If it was not you, there is nothing to do: without this link nothing changes.",
        Link("/reset-password#token=", "Choose a new password"),
    ),
    "password_changed": Template(
        "Your password was changed",
        "The password of your account was changed, and all other sessions were signed out.",
        _NOT_ME,
    ),
    "new_device": Template(
        "New sign-in to your account",
        "There was a sign-in to your account from a place or a device that we had not seen before.",
        _NOT_ME,
    ),
    "session_blocked": Template(
        "A sign-in to your account was blocked",
        "Somebody used your account in a way that looked too risky. It was blocked, and all sessions were signed out.",
        _NOT_ME,
    ),
    "refresh_token_reused": Template(
        "Your sessions were signed out",
        "A sign-in token of your account was used twice, as it would be after a theft. Its sessions were signed out.",
        _NOT_ME,
    ),
    "second_factor_failures": Template(
        "Wrong codes for your account",
        "Somebody who got as far as your second factor did not get past it.",
        "If this was not you, somebody knows your password: change it.",
    ),
    "factor_added": Template(
        "A sign-in factor was added",
        "A further way to prove yourself was added to your account.",
        _NOT_ME,
    ),
    "factor_removed": Template(
        "A sign-in factor was removed",
        "A way to prove yourself was removed from your account.",
        _NOT_ME,
    ),
    "recovery_code_used": Template(
        "A recovery code was used",
        "One of your recovery codes was used in place of your second factor. It does not work again.",
        _NOT_ME,
    ),
    "invite": Template(
        "You are invited to join an organisation",
        "An administrator invited you to an account. Open this link to accept and to set it up:",
        "The link serves once, and whoever holds it: keep this mail to yourself. If you did not expect it, there is "
        "nothing to do.",
        Link("/accept-invite#token=", "Accept the invitation"),
    ),
    "factors_reset": Template(
        "Your sign-in factors were reset",
        "An administrator removed every second factor of your account and signed out all of its sessions. Enrol a new "
        "one at your next sign-in.",
        "If you did not ask for this, tell another administrator of your organisation at once.",
    ),
    "signed_out": Template(
        "You were signed out",
        "An administrator ended sessions of your account. You can sign in again.",
        _ASK,
    ),
    "role_changed": Template(
        "Your role was changed",
        "An administrator changed what you may do in your organisation. Sign in again to go on.",
        _ASK,
    ),
    "role_adjusted": Template(
        "Your role was changed",
        "An administrator changed what you may do in your organisation. It counts at once; your sessions are as they "
        "were.",
        _ASK,
    ),
    "deactivated": Template(
        "Your account was deactivated",
        "An administrator deactivated your account. Its sessions were signed out, and nobody can sign in to it.",
        _ASK,
    ),
    "reactivated": Template(
        "Your account was reactivated",
        "An administrator reactivated your account. You can sign in again.",
        "If you did not expect this, tell an administrator of your organisation.",
    ),
    "impersonation_started": Template(
        "An administrator acts in your account",
        "An administrator of your organisation has begun to act in your account. Everything done there is recorded "
        "under the administrator's own name.",
        "If you did not agree to this, tell an owner of your organisation.",
    ),
    "impersonation_ended": Template(
        "An administrator no longer acts in your account",
        "The administrator who acted in your account no longer does. What was done is in the audit log of your "
        "organisation.",
        _ASK,
    ),
}

# In the order in which a mail shows them.
LABELS: Final[Mapping[str, str]] = {
    "time": "Time",
    "country": "Country",
    "network": "Network",
    "agent": "Browser",
    "factor": "Factor",
    "kind": "What happened",
    "left": "Recovery codes left",
    "role": "Role",
    "from": "Role until now",
    "to": "Role from now on",
    "mode": "Access",
    "minutes": "Valid for (minutes)",
    "hours": "Valid for (hours)",
    "reason": "Reason",
    "ticket": "Ticket",
    "cause": "Why it ended",
    "incident": "Reference",
    "tenant": "Organisation",
}

_ROLES: Final[Mapping[str, str]] = {
    "owner": "owner",
    "admin": "administrator",
    "member": "member",
    "auditor": "auditor",
}
# The words for values of closed sets.
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "factor": {
        "totp": "authenticator app",
        "passkey": "passkey",
        "recovery_code": "recovery codes",
        "sso": "single sign-on",
    },
    "kind": {
        "disabled": "The authenticator has been disabled after too many wrong codes.",
        "locked": "Codes are not accepted for a while after too many wrong ones. Passkeys still are.",
        "replay": "A code that had been used before was sent again.",
        "cloned": "A passkey answered as only a copy of it would.",
        "failures": "Several wrong codes were sent.",
    },
    "role": _ROLES,
    "from": _ROLES,
    "to": _ROLES,
    "mode": {"read": "looks at your account, changes nothing", "write": "may change things in your name"},
    "cause": {
        "ended": "The administrator ended it.",
        "superseded": "The administrator went on in somebody else's name.",
        "expired": "Its time was over.",
        "switched_off": "Your organisation no longer lets administrators do this.",
        "actor_lost_rights": "The administrator may no longer do this.",
        "actor_session_ended": "The administrator was signed out.",
        "target_changed": "Your own account or role was changed.",
        "target_ended": "It was ended among your sessions.",
    },
}
# What somebody typed: an address in it must not become a link.
FREE_TEXT: Final = frozenset({"reason", "ticket"})

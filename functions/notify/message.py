"""The mails, as text and as simple HTML.

Rules of this module
- A subject is a constant: nothing from outside ever stands in a header.
- Values from outside stand in the greeting and in the list of facts, on one line each, cut, without control characters,
  escaped in the HTML. No mail repeats a user agent, an address or a name that somebody typed at a login.
- A link leads to this deployment's own origin. A secret stands in its fragment, which no server and no Referer sees
  (ASVS 14.2.1); a mail without one has no link at all.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_MAX_VALUE: Final = 200  # characters
_NOT_ME: Final = "If this was not you, reset your password at once and tell an administrator of your organisation."
_FACTORS: Final[Mapping[str, str]] = {
    "totp": "authenticator app",
    "passkey": "passkey",
    "recovery_code": "recovery codes",
}
_KINDS: Final[Mapping[str, str]] = {
    "disabled": "The authenticator has been disabled after too many wrong codes.",
    "replay": "A code that had been used before was sent again.",
    "cloned": "A passkey answered as only a copy of it would.",
    "failures": "Several wrong codes were sent.",
}
_LABELS: Final[Mapping[str, str]] = {
    "time": "Time",
    "country": "Country",
    "network": "Network",
    "agent": "Browser",
    "factor": "Factor",
    "kind": "What happened",
    "left": "Recovery codes left",
    "minutes": "Valid for (minutes)",
    "incident": "Reference",
}
_UNKNOWN: Final = frozenset({"", "ZZ", "unknown", "None"})


@dataclass(frozen=True, slots=True)
class Template:
    """`path` is the page that the link of the mail opens; None: the mail has no link."""

    subject: str
    says: str
    advice: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    text: str
    html: str


TEMPLATES: Final[Mapping[str, Template]] = {
    "password_reset": Template(
        "Reset your password",
        "Somebody asked for a new password for your account. Open this link to choose one:",
        "If it was not you, there is nothing to do: without this link nothing changes.",
        "/reset-password#token=",
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
}


def compose(template: Template, *, name: str, tenant: str, facts: Mapping[str, Any], link: str | None) -> Message:
    """Write a mail; `name` and `facts` are untrusted, facts without a label are left out."""
    greeting = f"Hello {_clean(name)}," if _clean(name) else "Hello,"
    listed = [f"{label}: {told}" for label, told in _told({**facts, "tenant": tenant})]
    return Message(template.subject, _text(template, greeting, listed, link), _html(template, greeting, listed, link))


def _text(template: Template, greeting: str, listed: list[str], link: str | None) -> str:
    parts = [greeting, template.says, link, "\n".join(listed), template.advice]
    return "\n\n".join(part for part in parts if part) + "\n"


def _html(template: Template, greeting: str, listed: list[str], link: str | None) -> str:
    target = html.escape(link or "")
    parts = [
        f"<p>{html.escape(greeting)}</p>",
        f"<p>{html.escape(template.says)}</p>",
        f'<p><a href="{target}">{target}</a></p>' if link else "",
        "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in listed) + "</ul>",
        f"<p>{html.escape(template.advice)}</p>",
    ]
    head = f'<meta charset="utf-8"><title>{html.escape(template.subject)}</title>'
    return f"<!doctype html><html><head>{head}</head><body>{''.join(parts)}</body></html>"


def _told(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    labels = {**_LABELS, "tenant": "Organisation"}
    told = [(label, _worded(name, facts[name])) for name, label in labels.items() if name in facts]
    return [(label, words) for label, words in told if words not in _UNKNOWN]


def _worded(name: str, value: object) -> str:
    """Put a value in words; a factor or kind that has none is left out."""
    if name == "factor":
        return _FACTORS.get(str(value), "")
    return _KINDS.get(str(value), "") if name == "kind" else _clean(str(value))


def _clean(text: str) -> str:
    """Bring a text to one line of printable characters."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_MAX_VALUE]

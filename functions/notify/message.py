"""Writes a mail from its template, as text and as HTML.

Rules of this module
- Values from outside stand in the greeting and in the list of facts, on one line each, cut, without control characters,
  escaped in the HTML. No mail repeats a user agent, an address or a name that somebody typed at a login.
- What an administrator typed (a name, a reason, a ticket) is written so that no mail program makes a link of it: the
  one address in a mail is ours.
- A link leads to this deployment's own origin. A secret stands in its fragment, which no server and no Referer sees
  (ASVS 14.2.1); a mail without one has no link at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.notify.letter import Letter, html_of
from functions.notify.templates import FREE_TEXT, LABELS, WORDS, Template

_MAX_VALUE: Final = 200  # characters
_UNKNOWN: Final = frozenset({"", "ZZ", "unknown", "None"})
# The dot of evil.example, the colon of https:// and the at sign of an address; not the dot of "J. Doe".
_LINK_MARK: Final = re.compile(r"(?<=\w)(?:[.@](?=\w)|:(?=//))")


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    text: str
    html: str


def compose(template: Template, *, name: str, tenant: str, facts: Mapping[str, Any], link: str | None) -> Message:
    """Write a mail; `name` and `facts` are untrusted, facts without a label are left out."""
    letter = Letter(
        subject=template.subject,
        greeting=f"Hello {_unlinked(_clean(name))}," if _clean(name) else "Hello,",
        says=template.says,
        link=link,
        link_does="" if template.link is None else template.link.does,
        facts=_told({**facts, "tenant": tenant}),
        advice=template.advice,
    )
    return Message(template.subject, _text(letter), html_of(letter))


def _text(letter: Letter) -> str:
    listed = "\n".join(f"{label}: {told}" for label, told in letter.facts)
    parts = [letter.greeting, letter.says, letter.link, listed, letter.advice]
    return "\n\n".join(part for part in parts if part) + "\n"


def _told(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    told = [(label, _worded(name, facts[name])) for name, label in LABELS.items() if name in facts]
    return [(label, words) for label, words in told if words not in _UNKNOWN]


def _worded(name: str, value: object) -> str:
    """Put a value in words; one of a closed set that has none is left out."""
    if name in WORDS:
        return WORDS[name].get(str(value), "")
    return _unlinked(_clean(str(value))) if name in FREE_TEXT else _clean(str(value))


def _clean(text: str) -> str:
    """Bring a text to one line of printable characters."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_MAX_VALUE]


def _unlinked(text: str) -> str:
    """Write an address so that people can read it and no program makes a link of it: evil[.]example."""
    return _LINK_MARK.sub(lambda mark: f"[{mark[0]}]", text)

"""The HTML of a mail: one column, styles at each element, nothing that is fetched from anywhere.

Rules of this module
- Everything that is written in is escaped here, text and attribute alike.
- No image, font, script or address of another server: opening a mail tells nobody that it was opened.
- It reads in the order in which it stands: a heading, paragraphs, a table whose rows have headings. Tables that only
  lay out say so (`role="presentation"`). Text has a contrast of 7:1 and more, in light and in dark.
- Programs that leave out `<style>` show the light colours; those that invert colours find none to stumble over.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_FONT: Final = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_TEXT: Final = f"margin:0 0 16px;{_FONT};font-size:16px;line-height:24px;color:#1f2933"
_DARK: Final = (
    "@media (prefers-color-scheme:dark){"
    ".page{background-color:#12181f!important}"
    ".sheet{background-color:#1c252e!important;border-color:#3a4753!important}"
    ".ink{color:#e8edf2!important}"
    ".soft{color:#b8c4cf!important}"
    ".rule{border-color:#3a4753!important}"
    ".button{background-color:#9cc4ff!important;color:#0b1b33!important}"
    "}"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail, composed but not laid out. `facts` are label and words; `link_does` names what the link does."""

    subject: str
    greeting: str
    says: str
    link: str | None
    link_does: str
    facts: Sequence[tuple[str, str]]
    advice: str


def html_of(letter: Letter) -> str:
    """Lay a mail out as one HTML document."""
    parts = [
        _heading(letter.subject),
        _paragraph(letter.greeting),
        _paragraph(letter.says),
        "" if letter.link is None else _link(letter.link, letter.link_does),
        _facts(letter.facts),
        _paragraph(letter.advice, last=True),
    ]
    return (
        '<!doctype html><html lang="en" dir="ltr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        f"<title>{html.escape(letter.subject)}</title><style>{_DARK}</style></head>"
        '<body class="page" style="margin:0;padding:0;background-color:#f2f4f7">'
        '<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" '
        'style="background-color:#f2f4f7"><tr><td align="center" style="padding:24px 12px">'
        '<table role="presentation" class="sheet" width="100%" cellpadding="0" cellspacing="0" border="0" '
        'style="max-width:560px;background-color:#ffffff;border:1px solid #d5dbe1;border-radius:8px">'
        f'<tr><td align="left" style="padding:28px 24px">{"".join(parts)}</td></tr></table>'
        "</td></tr></table></body></html>"
    )


def _heading(text: str) -> str:
    style = f"margin:0 0 20px;{_FONT};font-size:22px;line-height:28px;color:#1f2933"
    return f'<h1 class="ink" style="{style}">{html.escape(text)}</h1>'


def _paragraph(text: str, *, last: bool = False) -> str:
    style = _TEXT.replace("margin:0 0 16px", "margin:0") if last else _TEXT
    return f'<p class="ink" style="{style}">{html.escape(text)}</p>'


def _link(link: str, does: str) -> str:
    """Give the link as a button, and once more in full: some people cannot press the one, or will not unread."""
    target = html.escape(link)
    return (
        f'<p style="margin:0 0 16px"><a class="button" href="{target}" style="display:inline-block;padding:12px 20px;'
        f"{_FONT};font-size:16px;line-height:24px;font-weight:bold;color:#ffffff;background-color:#1a4480;"
        f'border-radius:6px;text-decoration:none">{html.escape(does)}</a></p>'
        f'<p class="soft" style="margin:0 0 16px;{_FONT};font-size:14px;line-height:20px;color:#3e4c59">'
        'Or copy this address into your browser:<br><span style="word-break:break-all">'
        f"{target}</span></p>"
    )


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    cell = f"padding:8px 0;{_FONT};font-size:14px;line-height:20px;border-top:1px solid #d5dbe1;vertical-align:top"
    rows = [
        f'<tr><th scope="row" class="soft rule" align="left" width="38%" style="{cell};padding-right:12px;'
        f'font-weight:normal;color:#3e4c59">{html.escape(label)}</th>'
        f'<td class="ink rule" align="left" style="{cell};color:#1f2933;word-break:break-word">'
        f"{html.escape(told)}</td></tr>"
        for label, told in facts
    ]
    return (
        '<table width="100%" cellpadding="0" cellspacing="0" border="0" style="margin:8px 0 20px;'
        f'border-collapse:collapse">{"".join(rows)}</table>'
    )

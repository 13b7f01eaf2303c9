"""The life of sessions and tokens as a diagram: steps and ways between them, as Mermaid and as SVG.

Black on white, no font that must be fetched: it is printed, and opened without a network. Lines are sentences, so that
thresholds and lifetimes are those in force, and a way that the settings have closed is not drawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple
from xml.sax.saxutils import escape

from shared.evidence.documents.sentences import Document, Facts, Paragraph, Sentence, paragraph, said

_WIDTH, _BOX, _LEFT = 640, 400, 24
_LINE, _PAD, _GAP = 18, 12, 46


class Step(NamedTuple):
    """A box: its title, its lines, and what leads from it to the next one."""

    id: str
    title: str
    lines: tuple[Sentence, ...]
    onward: tuple[Sentence, ...]


def _step(id_: str, title: str, *lines: str | Sentence, onward: tuple[str | Sentence, ...] = ()) -> Step:
    return Step(id_, title, paragraph(*lines).sentences, paragraph(*onward).sentences)


STEPS = (
    _step("client", "Client", onward=("signs in: password, or the word of an identity provider",)),
    _step(
        "sign_in",
        "Sign-in",
        "Verify what was given",
        Sentence("Compute the risk", "scored"),
        Sentence("The risk is recorded, and counts for nothing", "not_scored"),
        Sentence("{step_up_score} to {below_block_score}: second factor first", "step_up_reachable"),
        Sentence("{block_score} or more: refused, every session ends", "block_reachable"),
        onward=(
            Sentence("score below {step_up_score}, or second factor given", "step_up_reachable"),
            Sentence("whatever the score", "step_up_unreachable"),
        ),
    ),
    _step(
        "tokens",
        "Tokens are issued",
        "Access token: a JWT that lives {access_token}",
        "Refresh token: stored as {token_hash} hash",
        "Session: ends {idle} after its last exchange",
        "At the latest: {absolute}, or by role and factor",
        onward=("requests",),
    ),
    _step(
        "requests",
        "Authenticated requests",
        "Verify the JWT",
        "The session lives, by its row",
        "Session version is the person's",
        "Role and permission, as of now",
        "Last seen is noted",
        onward=("the access token expires",),
    ),
    _step(
        "refresh",
        "POST /api/auth/refresh",
        "Exchange the token for its one successor",
        "Spent token: the family ends",
        Sentence("and every session of the person", "reuse_user"),
        "From elsewhere, the risk is scored:",
        Sentence("below {step_up_score}: the session moves", "step_up_reachable"),
        Sentence("{step_up_score} to {below_block_score}: second factor first", "step_up_reachable"),
        Sentence("whatever the score, the session moves", "step_up_unreachable"),
        Sentence("{block_score} or more: every session ends", "block_reachable"),
        onward=("each of these is an event",),
    ),
    _step(
        "events",
        "Audit log",
        "Event and change are one commit",
        "Sealed every {seal_every}, signed every {digest_every}",
        "Locked for {vault_retention}, {vault_lock_mode}",
        "Verified every {verify_every}",
    ),
)
BACK = Sentence("new tokens")  # from the refresh to the requests


def mermaid(facts: Facts) -> str:
    lines = ["flowchart TD"]
    for step in STEPS:
        label = "<br/>".join([f"<b>{step.title}</b>", *said(step.lines, facts)])
        lines.append(f'  {step.id}["{label}"]')
    for step, following in itertools.pairwise(STEPS):
        lines.append(f'  {step.id} -->|"{_joined(step.onward, facts)}"| {following.id}')
    lines.append(f'  refresh -->|"{BACK.said(facts)}"| requests')
    return "\n".join(lines)


def svg(facts: Facts) -> str:
    """Draw the steps below each other, and the way back from the refresh to the requests on the right."""
    shapes, top, middles = list[str](), _PAD, dict[str, float]()
    for step in STEPS:
        lines = said(step.lines, facts)
        height = 2 * _PAD + _LINE * (len(lines) + 1)
        middles[step.id] = top + height / 2
        shapes += _box(step.title, lines, top, height)
        top += height
        if step.onward:
            shapes += _way(_joined(step.onward, facts), top)
            top += _GAP
    shapes += _back(BACK.said(facts), middles["refresh"], middles["requests"])
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top + _PAD}"'
        f' viewBox="0 0 {_WIDTH} {top + _PAD}" font-family="sans-serif" font-size="13" fill="#000">'
    )
    title = f"<title>{TITLE} (settings version {facts.settings_version})</title>"
    arrow = (
        '<defs><marker id="end" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto">'
        '<path d="M0,0 L9,4 L0,8 z"/></marker></defs>'
    )
    paper = f'<rect width="{_WIDTH}" height="{top + _PAD}" fill="#fff"/>'
    return "\n".join([head, title, arrow, paper, *shapes, "</svg>"]) + "\n"


def lifecycle(facts: Facts) -> str:
    """Write the diagram as a document: Mermaid for those who render it, the same steps in words for all others."""
    words = []
    for step in STEPS:
        words.append(f"**{step.title}**")
        if lines := said(step.lines, facts):
            words.append("\n".join(f"- {line}" for line in lines))
        if step.onward:
            words.append(f"↓ {_joined(step.onward, facts)}")
    drawing = f"```mermaid\n{mermaid(facts)}\n```"
    return "\n\n".join([Document("lifecycle", TITLE, None, ()).written(facts).strip(), drawing, *words]) + "\n"


def lines_of(facts: Facts) -> Iterator[str]:
    """Give every text that stands in a box, for whoever checks that it fits."""
    for step in STEPS:
        yield from said(step.lines, facts)


TITLE = "Life of sessions and tokens"
ALL_SENTENCES: tuple[Sentence, ...] = (BACK, *(each for step in STEPS for each in (*step.lines, *step.onward)))


def _joined(sentences: tuple[Sentence, ...], facts: Facts) -> str:
    return Paragraph(sentences).written(facts)


def _box(title: str, lines: list[str], top: int, height: int) -> Iterator[str]:
    yield f'<rect x="{_LEFT}" y="{top}" width="{_BOX}" height="{height}" fill="#fff" stroke="#000"/>'
    for number, line in enumerate((title, *lines)):
        weight = "" if number else ' font-weight="bold"'
        y = top + _PAD + _LINE * (number + 1) - 4
        yield f'<text x="{_LEFT + _PAD}" y="{y}"{weight}>{escape(line)}</text>'


def _way(label: str, top: int) -> Iterator[str]:
    x = _LEFT + _PAD + 6
    yield f'<path d="M{x},{top} L{x},{top + _GAP}" stroke="#000" marker-end="url(#end)"/>'
    yield f'<text x="{x + 12}" y="{top + _GAP // 2 + 4}">{escape(label)}</text>'


def _back(label: str, begin: float, end: float) -> Iterator[str]:
    edge, bend = _LEFT + _BOX, _LEFT + _BOX + 60
    path = f"M{edge},{begin:g} L{bend},{begin:g} L{bend},{end:g} L{edge},{end:g}"
    yield f'<path d="{path}" fill="none" stroke="#000" marker-end="url(#end)"/>'
    yield f'<text x="{bend + 8}" y="{(begin + end) / 2:g}">{escape(label)}</text>'

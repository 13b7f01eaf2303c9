"""Sentences with places for facts, and documents made of them.

Rules of this module
- A sentence holds no figure of its own: each stands in a place that facts fill. What it claims only under a condition
  names the flags of `when`, all of which must be set; for the contrary there is another sentence.
- A place that no fact fills is a fault (`KeyError`), never a gap.
- Documents are Markdown. A block without a sentence left is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple


class Facts(NamedTuple):
    """What is in force: texts by place, and the conditions that hold. `since` None: nobody noted since when."""

    values: Mapping[str, str]
    flags: frozenset[str]
    settings_version: int
    since: str | None


class Sentence(NamedTuple):
    text: str
    when: str = ""

    def holds(self, facts: Facts) -> bool:
        return facts.flags.issuperset(self.when.split())

    def said(self, facts: Facts) -> str:
        return self.text.format_map(facts.values)


class Paragraph(NamedTuple):
    sentences: tuple[Sentence, ...]

    def written(self, facts: Facts) -> str:
        return " ".join(said(self.sentences, facts))


class Points(NamedTuple):
    sentences: tuple[Sentence, ...]

    def written(self, facts: Facts) -> str:
        return "\n".join(f"- {point}" for point in said(self.sentences, facts))


class Heading(NamedTuple):
    text: str

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        return (Sentence(self.text),)

    def written(self, facts: Facts) -> str:
        return f"## {self.text.format_map(facts.values)}"


Block = Paragraph | Points | Heading


class Document(NamedTuple):
    """`section` is the group of the requirements whose reports are its evidence; None: it belongs to all of them."""

    id: str
    title: str
    section: str | None
    blocks: tuple[Block, ...]

    def written(self, facts: Facts) -> str:
        blocks = (block.written(facts) for block in (*HEAD, *self.blocks))
        return "\n\n".join([f"# {self.title}", *filter(None, blocks)]) + "\n"

    def sentences(self) -> Iterator[Sentence]:
        for block in (*HEAD, *self.blocks):
            yield from block.sentences


def paragraph(*sentences: str | Sentence) -> Paragraph:
    return Paragraph(tuple(_sentence(each) for each in sentences))


def points(*sentences: str | Sentence) -> Points:
    return Points(tuple(_sentence(each) for each in sentences))


def said(sentences: Iterable[Sentence], facts: Facts) -> list[str]:
    return [each.said(facts) for each in sentences if each.holds(facts)]


def listed(names: Sequence[str], joined: str = "and") -> str:
    """Write an enumeration: "a, b and c"; "none" of nothing."""
    *rest, last = names or ("none",)
    return f"{', '.join(rest)} {joined} {last}" if rest else last


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table of Markdown; a cell must hold neither a line's end nor a bar."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _sentence(each: str | Sentence) -> Sentence:
    return each if isinstance(each, Sentence) else Sentence(each)


HEAD = (
    paragraph(
        Sentence(
            "Written from the settings in force, version {settings_version} of those that the tenant makes.",
            "of_tenant",
        ),
        Sentence(
            "What holds where nobody has set anything. `GET /api/compliance/policies` and every evidence bundle have"
            " the same text for the settings in force.",
            "of_nobody",
        ),
        Sentence("They are in force since {since}.", "since_known"),
        Sentence(
            "Since when is in the log: SECURITY_SETTING_CHANGED names the version (`policy_version`).", "since_unknown"
        ),
        Sentence("What the tenant has not set is the deployment's.", "of_tenant"),
    ),
)

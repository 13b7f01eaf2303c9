"""What the documents say in numbers is what the code does: the tables in docs/sessions.md are those of the code."""

import re
from pathlib import Path

import pytest

from shared.domain.risk import RULES
from shared.domain.security_policy import CHOICES, NUMBERS
from shared.domain.step_up import PURPOSES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "sessions.md"


def settings() -> str:
    rows = [
        f"| `{number.name}` | {number.about} | {number.default:,} | {number.least:,} to {number.most:,} |"
        for number in NUMBERS
    ]
    rows += [
        f"| `{choice.name}` | {choice.about} | {choice.options[0]} | {', '.join(choice.options)} |"
        for choice in CHOICES
    ]
    return "\n".join(["| setting | what | default | from, to |", "| --- | --- | --- | --- |", *rows])


def signals() -> str:
    rows = [f"| {rule.name} | {rule.group} | {rule.points} | {rule.about} |" for rule in RULES]
    return "\n".join(["| signal | group | points | when |", "| --- | --- | --- | --- |", *rows])


def purposes() -> str:
    rows = [
        f"| `{purpose.name}` | {purpose.max_age_seconds} | {'once' if purpose.single_use else 'any number of times'} |"
        for purpose in PURPOSES.values()
    ]
    return "\n".join(["| purpose | seconds | serves |", "| --- | --- | --- |", *rows])


@pytest.mark.parametrize(
    ("name", "rendered"), [("settings", settings()), ("signals", signals()), ("purposes", purposes())]
)
def test_table_in_the_document_is_the_one_of_the_code(name: str, rendered: str) -> None:
    found = re.search(rf"<!-- {name} -->\n\n(.*?)\n\n", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert found[1] == rendered, f"docs/sessions.md differs; it should read:\n{rendered}"

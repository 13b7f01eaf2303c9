"""Samples: the n rows that rank lowest under the nonce, whoever draws them and in however many stretches."""

import hashlib
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.catalogue import load
from shared.evidence.sample import Sampler, rank, sample_document, sampled_report, united
from shared.evidence.segment import Event, parse

EVENTS = [parse(json.dumps({"id": f"event-{number}"}).encode()) for number in range(60)]


def drawn(
    events: list[Event], number: int, cuts: list[int], nonce: str = "eight888"
) -> tuple[int, list[dict[str, object]]]:
    """Draw with one sampler for each stretch between `cuts`."""
    bounds = [0, *sorted(cuts), len(events)]
    parts = []
    for start, end in itertools.pairwise(bounds):
        sampler = Sampler(nonce, number)
        for index in range(start, end):
            sampler.add(100 + index, events[index])
        parts.append(json.loads(json.dumps(sampler.document())))
    return united(parts, number)


def by_definition(events: list[Event], number: int, nonce: str) -> list[dict[str, object]]:
    """Rank every row as docs/formats.md says it."""
    ranks = [
        hashlib.sha256(b"muniment-sample-1\0" + nonce.encode() + b"\0" + event.members["id"].encode()).digest()
        for event in events
    ]
    lowest = sorted(sorted(range(len(events)), key=lambda index: ranks[index])[:number])
    return [
        {
            "row": index + 1,
            "index": 100 + index,
            "event_id": events[index].members["id"],
            "leaf_hash": events[index].leaf.hex(),
        }
        for index in lowest
    ]


@given(
    st.integers(0, 60), st.integers(1, 70), st.lists(st.integers(0, 60), max_size=6), st.text("abc xyz~", min_size=8)
)
def test_any_division_of_the_rows_gives_the_sample_of_the_definition(
    size: int, number: int, cuts: list[int], nonce: str
) -> None:
    events = EVENTS[:size]
    population, rows = drawn(events, number, [min(cut, size) for cut in cuts], nonce)
    assert population == size
    assert rows == by_definition(events, number, nonce)


def test_another_nonce_draws_other_rows() -> None:
    assert drawn(EVENTS, 10, [], "eight888") != drawn(EVENTS, 10, [], "eight889")


def test_a_known_rank() -> None:
    assert rank("12345678", "A") == hashlib.sha256(b"muniment-sample-1\x0012345678\x00A").hexdigest()


def test_memory_holds_no_more_than_the_sample() -> None:
    sampler = Sampler("eight888", 3)
    for index, event in enumerate(EVENTS):
        sampler.add(index, event)
        assert len(sampler.document()["kept"]) == min(index + 1, 3)


def test_the_document_says_what_was_asked_and_of_how_many() -> None:
    asked = {"file": "f.csv", "n": 2, "nonce": "12345678"}
    assert sample_document(asked, 5, []) == {
        "type": "sample",
        "v": 1,
        "algorithm": "sha256-lowest-1",
        **asked,
        "population": 5,
        "rows": [],
    }


@pytest.mark.parametrize(
    ("file", "extension", "slug"),
    [
        ("CC6_Access_Control/access_logs.csv", "csv", "access-logs"),
        ("CC6_Access_Control/access_logs.json", "json", "access-logs"),
        ("CC6_Access_Control/access_logs.json", "csv", None),
        ("README.txt", "csv", None),
        ("", "csv", None),
    ],
)
def test_a_file_is_a_report_in_the_format_of_its_bundle_or_none(file: str, extension: str, slug: str | None) -> None:
    report = sampled_report(load(), file, extension)
    assert (report.slug if report else None) == slug

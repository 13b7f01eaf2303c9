"""Records made from lines at speed, against the row, its cells and the writer that they stand for."""

import csv
import gzip
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.evidence_pipeline.csv_records import CsvRecords, Sorted
from functions.evidence_pipeline.event_lines import Line, blocks_of, leaf_of, whole
from shared.audit.canonical import MAX_INTEGER, canonical
from shared.audit.catalogue import load
from shared.audit.merkle import leaf_hash
from shared.evidence.csv_rows import CsvWriter, records
from shared.evidence.evidence_row import cells, evidence_row

CATALOGUE = load()
FIRST = 41
HOSTILE = st.text(st.sampled_from("=+-@\t\r\n\0\x1e\x1f\",\\'ab\u00fc\uff1d\U0001f600"), max_size=4)
TEXTS = st.sampled_from(["DE", "usr_1", "password"]) | HOSTILE | st.text(st.characters(exclude_categories=["Cs"]))
NULLABLE = st.none() | TEXTS
KEYS = st.text("abXY_09", min_size=1, max_size=4)
LEAVES = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(TEXTS, max_size=2) | st.dictionaries(KEYS, inner, max_size=3))
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=3)
ACTIONS = st.sampled_from(["AUTH_LOGIN_SUCCESS", "SESSION_INVALIDATED", "GONE"])
PERSONS = st.lists(
    st.builds(
        lambda of, values: {"of": of, "erased": True} if values is None else {"of": of, "values": values},
        st.sampled_from(["actor", "target"]),
        st.none() | st.dictionaries(st.sampled_from(["email", "ip", "user_agent", "reason", "name"]), TEXTS),
    ),
    max_size=2,
)
LINES = st.fixed_dictionaries(
    {
        "v": st.just(1),
        "action": ACTIONS,
        "actor": st.fixed_dictionaries(
            {"type": TEXTS, "id": NULLABLE, "role": NULLABLE, "session": NULLABLE, "auth": NULLABLE}
        ),
        "change": st.none()
        | st.fixed_dictionaries({}, optional={"before": VALUES, "after": VALUES, "fields": st.lists(TEXTS)}),
        "context": st.fixed_dictionaries(
            {}, optional={"ip_net": NULLABLE, "country": NULLABLE, "correlation_id": NULLABLE, "device": NULLABLE}
        ),
        "id": TEXTS,
        "lane": TEXTS,
        "meta": OBJECTS,
        "on_behalf_of": NULLABLE,
        "outcome": TEXTS,
        "pii": st.just([]),
        "prev": TEXTS,
        "reason": NULLABLE | st.just("reuse_detected"),
        "resource": TEXTS,
        "risk": st.none() | OBJECTS,
        "seq": st.integers(1, MAX_INTEGER),
        "targets": st.lists(st.fixed_dictionaries({"type": TEXTS, "id": TEXTS}), max_size=2),
        "time": TEXTS,
    }
)
OTHER = st.tuples(st.sampled_from(["resource", "outcome", "reason", "on_behalf_of"]), LEAVES) | st.tuples(
    st.sampled_from(["resource", "outcome"]), st.lists(TEXTS)
)


def sorted_rows(lines: list[dict[str, Any]], persons: list[list[dict[str, Any]]]) -> list[Sorted]:
    packed = gzip.compress(b"".join(canonical(members) + b"\n" for members in lines))
    read = [pair for block, members in blocks_of(packed) for pair in zip(block, members, strict=True)]
    return [
        Sorted(FIRST + place, line, members, leaf_of(line), disclosed)
        for place, ((line, members), disclosed) in enumerate(zip(read, persons, strict=True))
    ]


def plainly(rows: list[Sorted]) -> tuple[list[list[str]], list[bytes], dict[int, int]]:
    """Write rows by the definition; gives the texts of their cells as well."""
    texts, written, neutralised = [], [], {}
    for place, row in enumerate(rows):
        writer = CsvWriter()
        texts.append([str(row.index), *cells(evidence_row(whole(row.line), row.disclosed, CATALOGUE))])
        written.append(writer.record(texts[-1]))
        if writer.neutralised_cells:
            neutralised[place] = writer.neutralised_cells
    return texts, written, neutralised


@given(st.lists(st.tuples(LINES, PERSONS), min_size=1, max_size=4))
def test_records_made_at_speed_are_those_of_the_definition(drawn: list[tuple[dict[str, Any], Any]]) -> None:
    rows = sorted_rows([line for line, _ in drawn], [persons for _, persons in drawn])
    assert all(isinstance(row.members, Line) for row in rows)
    told, neutralised = CsvRecords(CATALOGUE)(rows)
    _, expected, counts = plainly(rows)
    assert [record.encode() for record in told] == expected
    assert neutralised == counts


@given(st.lists(st.tuples(LINES, OTHER), min_size=1, max_size=3))
def test_lines_with_members_of_other_types_are_written_by_the_definition(
    drawn: list[tuple[dict[str, Any], tuple[str, Any]]],
) -> None:
    rows = sorted_rows([line | {name: value} for line, (name, value) in drawn], [[] for _ in drawn])
    told, neutralised = CsvRecords(CATALOGUE)(rows)
    _, expected, counts = plainly(rows)
    assert ([record.encode() for record in told], neutralised) == (expected, counts)


WORDS = st.text("ab\" ',:{}\n\u00fc", max_size=6).filter(lambda text: text[:1] != "\n")


@given(st.lists(st.lists(WORDS, min_size=2, max_size=2), max_size=5))
def test_harmless_records_are_what_the_csv_module_writes(rows: list[list[str]]) -> None:
    joined = [f"{number}\x1f" + "\x1f".join(row) + "\x1e" for number, row in enumerate(rows)]
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([number, *row] for number, row in enumerate(rows))
    written = records(joined, 3)
    assert written is not None
    assert "".join(written) == stream.getvalue()


@pytest.mark.parametrize("cell", ["=1", "@a", "\uff0b1", "a\0", "a\x1fb", "a\x1eb", "a\x1fb\x1ec"])
def test_records_that_must_be_looked_at_are_not_written_together(cell: str) -> None:
    assert records(["1\x1fa\x1fb\x1e", f"2\x1f{cell}\x1fb\x1e"], 3) is None


@given(st.binary())
def test_the_leaf_hash_is_that_of_the_tree(line: bytes) -> None:
    assert leaf_of(line) == leaf_hash(line).hex()

"""CSV against Python's own reader, and the cells that a spreadsheet would execute."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.evidence.csv_rows import CsvWriter, header

STARTS = "=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def read(encoded: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(encoded.decode(), newline=""), strict=True))


def neutral(cell: str) -> str:
    return (f"'{cell}" if cell and cell[0] in STARTS else cell).replace("\0", "\ufffd")


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=5), max_size=8))
def test_reader_of_rfc_4180_gives_the_cells_back(records: list[list[str]]) -> None:
    writer = CsvWriter()
    encoded = b"".join(map(writer.record, records))
    assert read(encoded) == [[neutral(cell) for cell in record] for record in records]
    assert writer.neutralised_cells == sum(neutral(cell) != cell for record in records for cell in record)


@pytest.mark.parametrize("start", list(STARTS))
def test_cell_that_could_begin_a_formula_is_neutralised_and_counted(start: str) -> None:
    writer = CsvWriter()
    cell = f"{start}cmd|' /C calc'!A0"
    assert read(writer.record([cell])) == [[f"'{cell}".replace("\0", "\ufffd")]]
    assert writer.neutralised_cells == 1


@pytest.mark.parametrize("cell", ["", "a=1", "'=1", " x", '"', "1-1", "mail@acme.example", "0", "\u00fc", "\u2028"])
def test_harmless_cell_stays_as_it_is_and_is_not_counted(cell: str) -> None:
    writer = CsvWriter()
    assert read(writer.record([cell])) == [[cell]]
    assert writer.neutralised_cells == 0


def test_every_field_is_quoted_and_a_record_ends_with_crlf() -> None:
    assert CsvWriter().record(["a", "", 'say "x"', "1"]) == b'"a","","say ""x""","1"\r\n'


def test_line_ends_inside_a_cell_stay_inside_one_record() -> None:
    cells = ["first\r\nsecond", "a\nb", "c\rd", 'quote\r\n"=1+1"']
    assert read(CsvWriter().record(cells)) == [cells]


def test_quote_cannot_break_out_of_its_cell_into_a_formula() -> None:
    writer = CsvWriter()
    assert read(writer.record(['x",=1+1,"y', "z"])) == [['x",=1+1,"y', "z"]]
    assert read(writer.record(['"\r\n=1+1'])) == [['"\r\n=1+1']]


def test_text_is_utf_8_without_a_byte_order_mark() -> None:
    assert CsvWriter().record(["\u00fc\U0001f600"]) == '"\u00fc\U0001f600"\r\n'.encode()


def test_count_runs_over_all_records_of_a_writer() -> None:
    writer = CsvWriter()
    for record in (["=a", "b"], ["c", "-d", "@e"]):
        writer.record(record)
    assert writer.neutralised_cells == 3


def test_header_is_a_record_of_its_names() -> None:
    assert header(["index", "event_id"]) == b'"index","event_id"\r\n'


@pytest.mark.parametrize("cell", ["a\0b", "\0", "\0\0=1", "=\0"])
def test_nul_that_readers_refuse_is_replaced_and_its_cell_counted_once(cell: str) -> None:
    writer = CsvWriter()
    encoded = writer.record([cell])
    assert b"\0" not in encoded
    assert "\ufffd" in encoded.decode()
    assert writer.neutralised_cells == 1

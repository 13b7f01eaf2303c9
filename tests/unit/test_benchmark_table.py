"""The page of benchmarks: what it keeps of an earlier run when some of the parts are run again."""

from dataclasses import replace

from tests.benchmarks.table import Document, Row

HERE = {"processor": "a, 2 cores", "system": "Linux"}


def document(date: str, *parts: str) -> Document:
    rows = [Row("P1", part, f"of {date}", "", "", met=False, part=part, date=date) for part in parts]
    return Document(date, HERE, {"Python": date, f"of {parts[0]}": date}, rows)


def test_rows_of_parts_that_were_not_run_stay_with_their_date_and_in_the_order_of_the_table() -> None:
    earlier = document("2026-11-01", "requests", "evidence", "ledger")
    merged = document("2026-11-28", "evidence").after(earlier)
    assert [(row.part, row.date, row.ours) for row in merged.rows] == [
        ("requests", "2026-11-01", "of 2026-11-01"),
        ("evidence", "2026-11-28", "of 2026-11-28"),
        ("ledger", "2026-11-01", "of 2026-11-01"),
    ]
    assert merged.date == "2026-11-28"
    assert merged.versions == {"Python": "2026-11-28", "of requests": "2026-11-01", "of evidence": "2026-11-28"}


def test_rows_of_another_processor_are_not_kept() -> None:
    elsewhere = replace(document("2026-11-01", "requests"), machine={"processor": "b, 8 cores", "system": "Linux"})
    found = document("2026-11-28", "evidence")
    assert found.after(elsewhere) == found
    assert found.after(None) == found


def test_what_was_written_is_read_again() -> None:
    found = document("2026-11-28", "requests", "ledger")
    assert Document.read(found.json()) == found
    assert "| **no** | 2026-11-28 |" in found.markdown()

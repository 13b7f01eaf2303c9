"""What the documents say in tables is what the code does."""

import pytest

from tests.architecture.rendered import DOCUMENTS, Table, found
from tests.architecture.sources import ROOT

TABLES = [(document, name, rendered) for document, tables in DOCUMENTS.items() for name, rendered in tables.items()]


@pytest.mark.parametrize(("document", "name", "rendered"), TABLES, ids=[f"{table[0]}-{table[1]}" for table in TABLES])
def test_table_in_the_document_is_the_one_of_the_code(document: str, name: str, rendered: Table) -> None:
    place = found((ROOT / document).read_text(encoding="utf-8"), name)
    assert place is not None
    assert place[1] == rendered(), f"{document} differs from the code: make docs writes it"

"""Who makes a salt may put a row, and a put could overwrite one: the one put there is carries a condition."""

import ast

import pytest

from tests.architecture.sources import python_files, tree_of

_HOME = "shared/store/subject_keys.py"


def puts_salt(node: ast.AST) -> bool:
    """Tell a put or an update of a row of `subject_keys` by the names in it."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in {"put", "update"}:
        return False
    return "subject_key" in ast.unparse(node)


def test_no_module_but_its_own_puts_a_salt() -> None:
    files = [path for path in python_files("functions", "shared", "infra") if not path.as_posix().endswith(_HOME)]
    assert len(files) > 300
    assert [path.as_posix() for path in files if any(map(puts_salt, ast.walk(tree_of(path))))] == []


def test_the_one_put_of_a_salt_demands_that_there_is_none() -> None:
    (home,) = [path for path in python_files("shared") if path.as_posix().endswith(_HOME)]
    puts = [node for node in ast.walk(tree_of(home)) if puts_salt(node)]
    assert [ast.unparse(node) for node in puts] == ["put(table, row, absent('tenant'), label='subject_key')"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("put(tables.subject_keys, row)", True),
        ("put(table, {**subject_key(tenant, one), 'salt': b''})", True),
        ("update(self.tables.subject_keys, key, set_={})", True),
        ("delete(tables.subject_keys, key)", False),
        ("put(tables.tenant_staff, row)", False),
    ],
)
def test_what_counts_as_a_put_of_a_salt(text: str, *, found: bool) -> None:
    assert puts_salt(ast.parse(text, mode="eval").body) == found

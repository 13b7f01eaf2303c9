"""Who may know whom."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, closure, imports_of, module_of, python_files, tree_of

# A ring may import the rings listed for it, itself, and libraries.
RINGS = {
    "shared.domain": set(),
    "shared.audit": {"shared.domain"},
    "shared.store": {"shared.audit", "shared.domain"},
    "shared.runtime": {"shared.store", "shared.audit", "shared.domain"},
    "shared.evidence": {"shared.store", "shared.audit", "shared.domain"},
    "shared.edge": {"shared.runtime", "shared.store", "shared.audit", "shared.domain"},
}
CONCERNS = sorted(path.name for path in (ROOT / "functions").iterdir() if (path / "handler.py").exists())


def ring_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("path", python_files("shared"), ids=module_of)
def test_shared_modules_import_inner_rings_only(path: Path) -> None:
    ring = ring_of(module_of(path))
    if ring == "shared":
        return
    for imported in imports_of(path):
        assert not imported.startswith(("functions", "infra", "tests")), imported
        if imported.startswith("shared."):
            assert ring_of(imported) in RINGS[ring] | {ring}, imported


@pytest.mark.parametrize("path", python_files("shared/domain"), ids=module_of)
def test_domain_modules_import_the_standard_library_only(path: Path) -> None:
    for imported in imports_of(path):
        root = imported.partition(".")[0]
        assert root in sys.stdlib_module_names or imported.startswith("shared.domain"), imported


@pytest.mark.parametrize("path", python_files("functions"), ids=module_of)
def test_no_function_knows_another(path: Path) -> None:
    concern = module_of(path).split(".")[1] if "." in module_of(path) else ""
    for imported in imports_of(path):
        if imported.startswith("functions."):
            assert imported.split(".")[1] == concern, imported
        assert not imported.startswith(("infra", "tests")), imported


@pytest.mark.parametrize("path", python_files("functions", "shared"), ids=module_of)
def test_only_store_modules_speak_dynamodb(path: Path) -> None:
    """Operations of the database are named in store modules; everybody else calls those."""
    if module_of(path).startswith("shared.store"):
        return
    text = path.read_text(encoding="utf-8")
    operations = ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "BatchGetItem", '"Query"', '"Scan"')
    named = [operation for operation in operations if operation in text]
    assert not named


def test_every_shared_module_is_read_by_two_concerns() -> None:
    """Rules, formats and tables belong into `domain`, `audit` and `store`; all else is shared only if it is."""
    needed = {concern: closure(f"functions.{concern}.handler") for concern in CONCERNS}
    lonely = {}
    for path in python_files("shared"):
        module = module_of(path)
        if path.name == "__init__.py" or module.startswith(("shared.domain", "shared.audit", "shared.store")):
            continue
        readers = sorted(concern for concern, modules in needed.items() if module in modules)
        if len(readers) < 2:
            lonely[module] = readers
    assert lonely == ALLOWED_LONELY


# Why a module with one reader is shared all the same.
ALLOWED_LONELY: dict[str, list[str]] = {
    "shared.evidence.crc32": ["evidence_pipeline"],  # ZIP by reference is one piece of work of its own
    "shared.evidence.deflate": ["evidence_pipeline"],
    "shared.evidence.multipart_packing": ["evidence_pipeline"],
    "shared.evidence.s3_archive": ["evidence_pipeline"],
    "shared.evidence.verify_bundle": [],  # a program, which bundles carry and which is published
    "shared.evidence.zip_by_reference": ["evidence_pipeline"],
    "shared.evidence.zip_layout": ["evidence_pipeline"],
}


def test_shared_is_found_in_the_repository_and_nowhere_else() -> None:
    found = importlib.util.find_spec("shared")
    assert found is not None
    assert found.origin is not None
    assert Path(found.origin).is_relative_to(ROOT)
    assert ".venv" not in found.origin


def test_tests_start_no_node_by_being_collected() -> None:
    """Each process of `make test` collects every test, and the CDK starts Node when it is imported."""
    trees = [tree_of(path) for path in python_files("tests")]
    named = {node.module for tree in trees for node in tree.body if isinstance(node, ast.ImportFrom) and node.module}
    infra = sorted(name for name in named if name.startswith("infra.") and not name.startswith("infra.local"))
    assert "infra.tables" in infra
    program = f"import sys, {', '.join(infra)}; sys.exit('jsii' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)  # noqa: S603 - this interpreter

"""What the files of the console keep to: no foreign origin, no markup from strings, libraries as published."""

import hashlib
import re
from pathlib import Path

import pytest

STATIC = Path("functions/console/static")
OURS = sorted(
    path for path in STATIC.rglob("*") if path.suffix in {".js", ".css", ".html", ".svg"} and "vendor" not in path.parts
)
SCRIPTS = [path for path in OURS if path.suffix == ".js"]
MOST_LINES = 400


def test_every_library_is_byte_for_byte_what_was_published() -> None:
    listed = {}
    for line in (STATIC / "vendor" / "hashes.txt").read_text(encoding="utf-8").splitlines():
        digest, name = line.split()
        listed[name] = digest
    found = {path.name: path for path in (STATIC / "vendor").iterdir() if path.name not in {"hashes.txt", "README.txt"}}
    assert found.keys() == listed.keys()
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()} == listed


def test_every_library_has_its_licence_and_says_where_it_is_from() -> None:
    told = (STATIC / "vendor" / "README.txt").read_text(encoding="utf-8")
    for path in (STATIC / "vendor").glob("*.js"):
        assert re.search(rf"^{re.escape(path.name)}\n(  .*\n)*  .*LICENSE\.txt", told, re.MULTILINE), path.name


@pytest.mark.parametrize("path", OURS, ids=str)
def test_no_file_names_a_foreign_origin(path: Path) -> None:
    addresses = re.findall(r"https?://[^\s\"'`<>)]+", path.read_text(encoding="utf-8"))
    assert [each for each in addresses if not each.startswith("http://www.w3.org/")] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=str)
def test_no_string_becomes_markup_or_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    banned = (
        r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|\beval\(|new Function|\sstyle="
    )
    assert re.findall(banned, text) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=str)
def test_no_token_is_kept_where_another_script_could_read_it(path: Path) -> None:
    """Memory only: what is kept in the browser is a tenant's name, a connection's, and that somebody was signed in."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"sessionStorage|indexedDB|document\.cookie|console\.(?:log|debug|info)", text) == []
    for kept in re.findall(r"localStorage\.setItem\(([^)]*)\)", text):
        assert not re.search(r"token|password|secret|code", kept, re.IGNORECASE), kept


@pytest.mark.parametrize("path", OURS, ids=str)
def test_a_file_of_the_console_holds_one_thing(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", SCRIPTS, ids=str)
def test_every_file_says_first_what_it_is_for(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("// "), "begin with a comment"


IMPORT = re.compile(r"""import\s+(?:(\w+)\s*,?\s*)?(?:\{([^}]*)\}\s*)?from\s+"(\.[^"]+)";""")
LAZY = re.compile(r"""import\("(\.[^"]+)"\)""")


def exported(path: Path) -> set[str]:
    """Read the names that a module gives to others, its default among them."""
    text = path.read_text(encoding="utf-8")
    names = set(re.findall(r"export (?:async )?(?:function\*?|const|let|class) (\w+)", text))
    for listed in re.findall(r"export\s*\{([^}]*)\}", text):
        names |= {part.split(" as ")[-1].strip() for part in listed.split(",") if part.strip()}
    return names | ({"default"} if "export default" in text else set())


@pytest.mark.parametrize("path", SCRIPTS, ids=str)
def test_every_import_leads_to_a_file_that_has_what_is_asked_of_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for default, listed, target in IMPORT.findall(text):
        module = path.parent / target
        assert module.is_file(), target
        wanted = {part.split(" as ")[0].strip() for part in listed.split(",") if part.strip()}
        assert wanted | ({"default"} if default else set()) <= exported(module), target
    assert all((path.parent / target).is_file() for target in LAZY.findall(text))


def test_the_test_of_imports_reads_them_all() -> None:
    text = (STATIC / "core" / "main.js").read_text(encoding="utf-8")
    assert len(IMPORT.findall(text)) == len(re.findall(r"^import ", text, re.MULTILINE)) > 5
    assert {"html", "useState"} <= exported(STATIC / "core" / "library.js")

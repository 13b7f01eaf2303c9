import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from infra.concerns import CONCERNS
from infra.packaging import (
    BuiltPackages,
    LayerFailed,
    concern_sources,
    layer_digest,
    pip_command,
    source_digest,
)
from infra.stage import ROOT, Stage, deployment_context

LOCAL = Stage.local(python=(3, 11), machine="x86_64")
PRODUCTION = Stage.production(deployment_context())


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in {
        "functions/__init__.py": "",
        "functions/login/flow.py": "one",
        "functions/login/__pycache__/flow.pyc": "cache",
        "functions/refresh/flow.py": "other",
        "shared/store/wire.py": "wire",
        "shared/store/tests/test_wire.py": "test",
        "shared/audit/catalogues/2026-11.json": "{}",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_function_carries_its_own_concern_and_shared_without_caches_and_tests(checkout: Path) -> None:
    carried = [path.relative_to(checkout).as_posix() for path in concern_sources(checkout, "login")]
    assert carried == [
        "functions/__init__.py",
        "functions/login/flow.py",
        "shared/audit/catalogues/2026-11.json",
        "shared/store/wire.py",
    ]


def test_the_code_asset_is_a_copy_of_the_sources(checkout: Path) -> None:
    package = BuiltPackages(LOCAL, root=checkout).concern("login")
    assert (package.path / "functions/login/flow.py").read_text(encoding="utf-8") == "one"
    assert not (package.path / "functions/refresh").exists()


def content(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    files = (path for path in folder.rglob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_both_stages_deploy_the_same_code(checkout: Path) -> None:
    local, production = (BuiltPackages(stage, root=checkout).concern("login") for stage in (LOCAL, PRODUCTION))
    assert local.digest == production.digest
    for pattern in ("*.py", "*.json"):
        assert content(local.path, pattern) == content(production.path, pattern)


def test_bytecode_goes_along_for_the_interpreter_that_builds_and_for_no_other(checkout: Path) -> None:
    own = replace(LOCAL, runtime=f"python{sys.version_info.major}.{sys.version_info.minor}")
    tag = sys.implementation.cache_tag
    compiled = BuiltPackages(own, root=checkout).concern("login").path
    assert (compiled / f"functions/login/__pycache__/flow.{tag}.pyc").is_file()
    assert (compiled / f"shared/store/__pycache__/wire.{tag}.pyc").is_file()
    other = BuiltPackages(replace(own, runtime="python3.99"), root=checkout).concern("login").path
    assert content(other, "*.pyc") == {}


def test_the_same_sources_give_the_same_bytecode_wherever_and_whenever_it_is_compiled(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("another") / "checkout"
    shutil.copytree(checkout, elsewhere)
    for path in elsewhere.rglob("*.py"):
        os.utime(path, (1, 1))
    own = replace(LOCAL, runtime=f"python{sys.version_info.major}.{sys.version_info.minor}")
    one, other = (content(BuiltPackages(own, root=root).concern("login").path) for root in (checkout, elsewhere))
    assert one == other
    assert not any(str(root).encode() in body for root in (checkout, elsewhere) for body in one.values())


def test_bytecode_is_taken_without_a_look_at_its_source(checkout: Path) -> None:
    own = replace(LOCAL, runtime=f"python{sys.version_info.major}.{sys.version_info.minor}")
    bytecode = content(BuiltPackages(own, root=checkout).concern("login").path, "*.pyc")
    assert bytecode
    assert {int.from_bytes(body[4:8], "little") for body in bytecode.values()} == {1}  # PEP 552: hashed, unchecked


def test_every_concern_has_the_handler_that_infra_names() -> None:
    for concern in CONCERNS:
        module, _, function = concern.handler.rpartition(".")
        source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
        assert f"\ndef {function}(" in source, concern.handler


def test_the_digest_of_the_code_follows_its_bytes_and_names_and_nothing_else(checkout: Path) -> None:
    before = source_digest(checkout, concern_sources(checkout, "login"))
    (checkout / "functions/refresh/flow.py").write_text("changed", encoding="utf-8")
    (checkout / "functions/login/flow.py").touch()
    assert source_digest(checkout, concern_sources(checkout, "login")) == before
    (checkout / "shared/store/wire.py").write_text("changed", encoding="utf-8")
    assert source_digest(checkout, concern_sources(checkout, "login")) != before


def test_a_concern_without_a_folder_is_broken_wiring(checkout: Path) -> None:
    with pytest.raises(RuntimeError, match="functions/logout does not exist"):
        concern_sources(checkout, "logout")


def test_the_digest_of_a_layer_follows_requirements_runtime_and_platform() -> None:
    digests = {
        layer_digest(b"a==1", PRODUCTION),
        layer_digest(b"a==2", PRODUCTION),
        layer_digest(b"a==1", replace(PRODUCTION, architecture="x86_64")),
        layer_digest(b"a==1", replace(PRODUCTION, runtime="python3.14")),
        layer_digest(b"a==1", LOCAL),
    }
    assert len(digests) == 5
    assert layer_digest(b"a==1", PRODUCTION) == layer_digest(b"a==1", PRODUCTION)


def test_production_layers_are_resolved_for_lambda_and_local_ones_for_this_interpreter() -> None:
    production = pip_command(Path("hot.txt"), Path("out"), PRODUCTION)
    local = pip_command(Path("hot.txt"), Path("out"), LOCAL)
    assert {"manylinux2014_aarch64", "manylinux_2_34_aarch64", "manylinux_2_17_aarch64"} <= set(production)
    assert production[production.index("--python-version") + 1] == "3.13"
    assert "--platform" not in local
    for command in (production, local):
        assert {"--require-hashes", "--only-binary=:all:"} <= set(command)


def test_a_layer_that_cannot_be_built_is_one_clear_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    (tmp_path / "requirements").mkdir()
    requirement = f"muniment-missing==1.0 --hash=sha256:{'0' * 64}\n"
    (tmp_path / "requirements/hot.txt").write_text(requirement, encoding="utf-8")
    with pytest.raises(LayerFailed, match=r"layer `hot` for python3\.11 on x86_64 could not be built") as failure:
        BuiltPackages(LOCAL, root=tmp_path).layer("hot")
    assert "\n" not in str(failure.value)
    assert list((tmp_path / ".muniment/layers").iterdir()) == []


def test_a_layer_is_built_once_for_each_digest(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/hot.txt").write_text("", encoding="utf-8")
    stage = replace(PRODUCTION, runtime="python3.99")
    built = tmp_path / ".muniment/layers" / layer_digest(b"", stage)
    (built / "python").mkdir(parents=True)
    assert BuiltPackages(stage, root=tmp_path).layer("hot").path == built

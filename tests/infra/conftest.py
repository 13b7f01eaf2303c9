"""One synthesis of each stage a session: it takes seconds."""

from pathlib import Path

import pytest

from tests.infra.template import Template, synthesized


@pytest.fixture(scope="session")
def unbuilt_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbuilt")
    (folder / "unbuilt").write_text("tests build nothing", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory, unbuilt_folder: Path) -> Template:
    return synthesized("production", tmp_path_factory.mktemp("production"), unbuilt_folder)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory, unbuilt_folder: Path) -> Template:
    return synthesized("local", tmp_path_factory.mktemp("local"), unbuilt_folder)

"""Bundles and the verifier, in process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.evidence import verify_bundle
from shared.evidence.verify_bundle import FAILED
from tests.evidence.bundle_builder import Files, World, archive
from tests.evidence.tampering import Tell, Told, Verify


@pytest.fixture
def verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Give a function that verifies files (or the bytes of an archive) and reads the JSON report."""

    def run(bundle: Files | bytes, pins: list[str] | None = None) -> Told:
        path = tmp_path / "bundle.zip"
        path.write_bytes(bundle if isinstance(bundle, bytes) else archive(bundle))
        options = [option for pin in pins or [] for option in ("--key-fingerprint", pin)]
        code = verify_bundle.main([str(path), "--json", *options])
        return Told(code, json.loads(capsys.readouterr().out))

    return run


@pytest.fixture(params=[0, 2, 3], ids=["from the start", "after digest 2", "after idle digest 3"])
def world(request: pytest.FixtureRequest) -> World:
    return World(opening=request.param)


@pytest.fixture
def log() -> World:
    return World()


@pytest.fixture
def valid(log: World) -> Files:
    return log.signed(log.files())


@pytest.fixture
def tell(log: World, valid: Files, verify: Verify) -> Tell:
    """Give a function that verifies a forged archive of `valid`, which must fail in step 1."""

    def run(bundle: bytes) -> Told:
        assert bundle != archive(valid)
        told = verify(bundle, log.pins())
        assert (told.code, told.status(1)) == (FAILED, "failed")
        return told

    return run

import re
from collections.abc import Mapping

import pytest

from infra import app
from infra.stage import deployment_context


def one_line(captured: str) -> str:
    assert captured.count("\n") == 1
    return captured


def test_without_node_the_app_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.main(["local"], {"PATH": "/nonexistent"}) == 1
    assert "Node.js 18 or later is needed" in one_line(capsys.readouterr().err)


def test_a_node_that_is_too_old_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    node = tmp_path_factory.mktemp("bin") / "node"
    node.write_text("#!/bin/sh\necho v16.20.2\n", encoding="utf-8")
    node.chmod(0o755)
    with pytest.raises(app.NodeMissing, match=re.escape("found: v16.20.2")):
        app.require_node({"JSII_NODE": str(node)})


def test_without_a_retention_nothing_is_synthesized(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    from infra import synthesis  # noqa: PLC0415 - starts Node: not for the tests above

    def unstated() -> Mapping[str, object]:
        return {name: value for name, value in deployment_context().items() if name != "vault_retention_days"}

    outdir = tmp_path_factory.mktemp("refused")
    monkeypatch.setattr(synthesis, "deployment_context", unstated)
    monkeypatch.setattr(app, "require_node", lambda _environ: None)
    assert app.main(["production", "--outdir", str(outdir)], {}) == 1
    assert "`vault_retention_days` is not set" in one_line(capsys.readouterr().err)
    assert list(outdir.iterdir()) == []

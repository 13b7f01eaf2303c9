"""What the verifier said, as its `--json` tells it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.evidence import verify_bundle


def report_on(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    """Run the verifier's command line in this process; gives its exit code and its report."""
    code = verify_bundle.main([str(path), "--json", *options])
    return code, json.loads(capsys.readouterr().out)


def found(report: dict[str, Any], file: str, problem: str) -> bool:
    """Tell whether a finding names `file` and speaks of `problem`."""
    return any(
        finding["file"] == file and problem in finding["problem"]
        for step in report["steps"]
        for finding in step["findings"]
    )

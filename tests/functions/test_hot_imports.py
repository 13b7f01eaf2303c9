"""Cold starts: the hot functions load none of the heavy libraries, and `refresh` little at all (performance.md, P1)."""

import subprocess
import sys

import pytest

HEAVY = ("boto3", "botocore", "pydantic", "aws_lambda_powertools", "aws_xray_sdk", "jwt", "requests", "urllib3")


def loaded_by(module: str) -> set[str]:
    program = f"import sys; before = set(sys.modules); import {module}; print('\\n'.join(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    return set(result.stdout.split())


@pytest.mark.parametrize("concern", ["front", "login", "refresh", "sessions", "step_up"])
def test_hot_function_loads_no_heavy_library(concern: str) -> None:
    loaded = {name.partition(".")[0] for name in loaded_by(f"functions.{concern}.handler")}
    assert loaded.isdisjoint(HEAVY)


def test_refresh_loads_neither_password_hashing_nor_totp() -> None:
    assert {name.partition(".")[0] for name in loaded_by("functions.refresh.handler")}.isdisjoint({"argon2", "pyotp"})

"""Programs that some tests need and that pip does not install."""

import os
from typing import NoReturn

import pytest


def missing(what: str, how: str) -> NoReturn:
    """Skip where a developer has not what the test needs; in continuous integration that is a failure."""
    sentence = f"{what} is not installed: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)

"""Unit tests touch nothing but memory: a socket that opens is a failure."""

import pytest


@pytest.fixture(autouse=True)
def _closed_sockets(socket_disabled: None) -> None:
    """Take pytest-socket's fixture for every test of this folder."""

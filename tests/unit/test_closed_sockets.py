"""The promise of this folder."""

import socket

import pytest
from pytest_socket import SocketBlockedError


def test_socket_does_not_open_in_a_unit_test() -> None:
    with pytest.warns(UserWarning, match="tried to use socket"), pytest.raises(SocketBlockedError):
        socket.socket()

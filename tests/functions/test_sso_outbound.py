"""Where calls to identity providers go, and where they never do."""

import ssl
from collections.abc import Sequence

import pytest

from functions.sso.distrust import Distrusted
from functions.sso.outbound import Outbound
from shared.domain.federation import public_address, sound_url

PRIVATE = [
    "10.0.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address that is refused
    "224.0.0.1",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "::ffff:8.8.8.8",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_inside_is_not_called(address: str) -> None:
    assert not public_address(address)

    def resolve(host: str, port: int) -> Sequence[str]:
        assert (host, port) == ("idp.example", 443)
        return ["8.8.8.8", address]

    outbound = Outbound(loopback=True, seconds=0.1, context=ssl.create_default_context(), resolve=resolve)
    with pytest.raises(Distrusted, match="SSO_PROVIDER_ADDRESS"):
        outbound.get("https://idp.example/jwks")


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert public_address(address)


def test_plain_http_is_for_the_loopback_of_a_local_stage_alone() -> None:
    assert sound_url("http://127.0.0.1:8080/x", loopback=True)
    assert not sound_url("http://127.0.0.1:8080/x", loopback=False)
    assert not sound_url("http://localhost:8080/x", loopback=True)
    assert sound_url("https://idp.example/x?y=1", loopback=False)

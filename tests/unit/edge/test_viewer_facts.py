"""Whose headers are believed."""

from collections.abc import Mapping

import pytest

from shared.edge.problem import Refused
from shared.edge.viewer import Viewer, viewer_of

CURRENT, PREVIOUS = "current-secret", "previous-secret"


class Secrets:
    def __init__(self) -> None:
        self.asked = 0

    def values(self) -> tuple[str, ...]:
        self.asked += 1
        return (CURRENT, PREVIOUS)


def viewer(headers: Mapping[str, str], source_ip: str = "192.0.2.9", *, required: bool = False) -> Viewer:
    return viewer_of(headers, source_ip, Secrets(), required=required)


def edge(address: str = "198.51.100.7:443", country: str = "DE", secret: str = CURRENT) -> dict[str, str]:
    return {
        "x-origin-verify": secret,
        "cloudfront-viewer-address": address,
        "cloudfront-viewer-country": country,
    }


@pytest.mark.parametrize("secret", [CURRENT, PREVIOUS])
def test_edge_with_the_current_or_previous_secret_is_believed(secret: str) -> None:
    seen = viewer(edge(secret=secret), required=True)
    assert (seen.address, seen.network, seen.country) == ("198.51.100.7", "198.51.100.0/24", "DE")
    assert seen.through_edge


@pytest.mark.parametrize("secret", ["", "wrong", CURRENT + "x", CURRENT[:-1], "\u00fcber", "\ud800"])
def test_headers_beside_a_wrong_secret_are_nothing(secret: str) -> None:
    seen = viewer(edge(secret=secret))
    assert (seen.address, seen.country, seen.through_edge) == ("192.0.2.9", "ZZ", False)


def test_headers_without_a_secret_are_nothing_and_cost_no_lookup() -> None:
    secrets = Secrets()
    headers = {name: value for name, value in edge().items() if name != "x-origin-verify"}
    assert viewer_of(headers, "192.0.2.9", secrets, required=False).address == "192.0.2.9"
    assert secrets.asked == 0


@pytest.mark.parametrize("headers", [{}, edge(secret="wrong")])
def test_where_the_edge_is_required_everything_else_is_403(headers: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        viewer(headers, required=True)
    assert (refused.value.status, refused.value.code) == (403, "edge_required")


@pytest.mark.parametrize(
    ("address", "known", "network"),
    [
        ("2001:db8:1:2::7:443", "2001:db8:1:2::7", "2001:db8:1::/48"),
        ("2001:0db8:0000:0000:0000:0000:0000:0001:50000", "2001:db8::1", "2001:db8::/48"),
        ("::ffff:203.0.113.5:443", "203.0.113.5", "203.0.113.0/24"),
        ("nonsense", "192.0.2.9", "192.0.2.0/24"),
        ("", "192.0.2.9", "192.0.2.0/24"),
        ("fe80::1%eth0:443", "fe80::1", "fe80::/48"),
    ],
)
def test_addresses_are_normalised_to_what_rules_can_compare(address: str, known: str, network: str) -> None:
    seen = viewer(edge(address=address))
    assert (seen.address, seen.network) == (known, network)


@pytest.mark.parametrize("country", ["de", "DEU", "D", "", "D\n", "\uff24\uff25"])
def test_country_that_is_no_code_is_unknown(country: str) -> None:
    assert viewer(edge(country=country)).country == "ZZ"


def test_forwarded_for_is_never_read() -> None:
    assert viewer({"x-forwarded-for": "203.0.113.1"}).address == "192.0.2.9"

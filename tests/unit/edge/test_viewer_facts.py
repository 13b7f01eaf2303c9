"""Whose headers are believed."""

import ipaddress
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.problem import Refused
from shared.edge.viewer import Viewer, network_of, viewer_of

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


class Table:
    """A country table that tells what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def country_of(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
        self.asked.append(str(address))
        return "CH"


@pytest.mark.parametrize(
    ("headers", "country", "asked"),
    [
        (edge(), "DE", []),
        (edge(country=""), "CH", ["198.51.100.7"]),
        (edge(country="de"), "CH", ["198.51.100.7"]),
        (edge(country="ZZ"), "ZZ", []),
        (edge(secret="wrong"), "CH", ["192.0.2.9"]),
        ({}, "CH", ["192.0.2.9"]),
        # Behind the edge the source address is the edge's own: nobody's country.
        (edge(address="nonsense", country=""), "ZZ", []),
    ],
)
def test_offline_table_is_asked_for_the_viewers_own_address_and_only_where_no_header_counts(
    headers: dict[str, str], country: str, asked: list[str]
) -> None:
    table = Table()
    seen = viewer_of(headers, "192.0.2.9", Secrets(), required=False, countries=table)
    assert (seen.country, table.asked) == (country, asked)


def test_without_an_edge_the_bundled_table_tells_the_country() -> None:
    assert viewer({}, "193.0.6.139").country == "NL"
    assert viewer({}, "2001:67c:2e8:22::c100:68b").country == "NL"
    assert viewer({}, "nonsense").country == "ZZ"


def located(latitude: str | None, longitude: str | None = "13.40", **more: str) -> Viewer:
    told = {"cloudfront-viewer-latitude": latitude, "cloudfront-viewer-longitude": longitude}
    return viewer({**edge(), **{name: text for name, text in told.items() if text is not None}, **more})


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        ("52.52", "13.40", (52.52, 13.4)),
        ("-33.8688", "151.2093", (-33.8688, 151.2093)),
        ("0", "-0", (0, 0)),
        ("90", "-180.0", (90, -180)),
        ("90.0001", "13.40", (None, None)),
        ("91", "13.40", (None, None)),
        ("52.52", "180.1", (None, None)),
        ("52.52", None, (None, None)),
        (None, "13.40", (None, None)),
        ("52.52", "", (None, None)),
    ],
)
def test_position_is_both_coordinates_on_the_map_or_none(
    latitude: str | None, longitude: str | None, expected: tuple[float | None, float | None]
) -> None:
    seen = located(latitude, longitude)
    assert (seen.latitude, seen.longitude) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "nan", "inf", "-inf", "Infinity", "1e1", "1e999", "0x10", "1_0", "+5", "--5"),
        *(" 5", "5 ", "5\n", "\u0665", "5.", ".5", "5,5", "1" * 400, "5." + "5" * 400, "\ud800"),
    ],
)
def test_what_is_no_plain_number_is_no_coordinate(text: str) -> None:
    assert located(text).latitude is None
    assert located("5", text).longitude is None


@pytest.mark.parametrize(
    ("text", "asn"),
    [
        *(("64500", 64500), ("4294967295", 4_294_967_295), ("4294967296", None), ("0", None), ("", None)),
        *(("AS64500", None), ("-1", None), ("1.5", None), ("\u0661", None), ("9" * 4_400, None)),
    ],
)
def test_autonomous_system_is_a_number_that_can_be_one(text: str, asn: int | None) -> None:
    assert located("5", **{"cloudfront-viewer-asn": text}).asn == asn


def test_position_and_network_count_only_beside_the_secret() -> None:
    told = {"cloudfront-viewer-latitude": "5", "cloudfront-viewer-longitude": "5", "cloudfront-viewer-asn": "64500"}
    for headers in (told, {**edge(secret="wrong"), **told}):
        seen = viewer(headers)
        assert (seen.latitude, seen.longitude, seen.asn) == (None, None, None)


def test_kind_of_client_is_what_its_own_header_says() -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
    assert viewer({"user-agent": agent}).agent == "Firefox/Linux"
    assert viewer({}).agent == "unknown"


@given(st.ip_addresses())
def test_a_network_is_written_as_the_standard_library_writes_it(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    prefix = 24 if address.version == 4 else 48
    assert network_of(address) == ipaddress.ip_network((address, prefix), strict=False).with_prefixlen

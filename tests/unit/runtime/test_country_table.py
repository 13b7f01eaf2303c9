"""Countries of addresses without a network: what the table knows, and what is nobody's."""

import ipaddress
import subprocess
import sys

import pytest

from shared.runtime.country_table import BUNDLED, CountryTable, Lookup


def country(address: str, table: CountryTable = BUNDLED) -> str:
    return table.country_of(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("193.0.6.139", "NL"),  # RIPE NCC
        ("2001:67c:2e8:22::c100:68b", "NL"),
        ("200.160.2.3", "BR"),  # NIC.br
        ("2001:12ff::1", "BR"),
        ("202.12.29.175", "AU"),  # APNIC
        ("192.134.5.1", "FR"),  # AFNIC
        ("81.91.170.12", "DE"),  # DENIC
    ],
)
def test_table_knows_long_standing_networks_of_both_families(address: str, expected: str) -> None:
    assert country(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.16.0.1", "192.168.1.1", "fd00::1"),  # private
        *("192.0.2.9", "198.51.100.7", "203.0.113.5", "2001:db8::1"),  # documentation
        *("127.0.0.1", "::1", "169.254.1.1", "fe80::1", "0.0.0.0", "::"),  # noqa: S104 - this host and its links
        *("100.64.0.1", "198.18.0.1", "224.0.0.1", "ff02::1", "240.0.0.1", "255.255.255.255"),  # shared, tests, many
    ],
)
def test_special_addresses_are_nobodys_and_load_nothing(address: str) -> None:
    table = CountryTable(lambda: pytest.fail("loaded"))
    assert country(address, table) == "ZZ"


def test_table_is_loaded_once_and_with_the_first_address_that_needs_it() -> None:
    loads: list[int] = []

    def load() -> Lookup:
        loads.append(1)
        return {"193.0.6.139": "NL"}.get

    table = CountryTable(load)
    assert loads == []
    assert [country(address, table) for address in ("193.0.6.139", "193.0.6.140", "10.0.0.1")] == ["NL", "ZZ", "ZZ"]
    assert loads == [1]


def test_what_is_no_country_is_unknown() -> None:
    table = CountryTable(lambda: {"193.0.6.139": "EU", "193.0.6.140": "", "193.0.6.141": "NL"}.get)
    found = [country(f"193.0.6.{last}", table) for last in (139, 140, 141)]
    assert found == ["ZZ", "ZZ", "NL"]


def test_without_the_package_everything_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "iptocc", None)
    assert country("193.0.6.139", CountryTable()) == "ZZ"


def test_importing_the_module_loads_neither_the_table_nor_geography() -> None:
    program = "import sys, shared.edge.viewer; print({'iptocc', 'shared.domain.geography'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert result.stdout.strip() == "set()"

"""Rows of `throttles`: whose they are, and what is read from them."""

from dataclasses import dataclass

from shared.domain.throttle import Allowed, Tries, Wait
from shared.store.throttles import (
    LoginKeys,
    address_digest,
    digest,
    failed,
    failures,
    judge,
    login_keys,
    spraying,
    succeeded,
)

NOW = 1_800_000_000


@dataclass(frozen=True)
class Origin:
    address: str
    network: str


HOME = Origin("198.51.100.7", "198.51.100.0/24")
ELSEWHERE = Origin("203.0.113.9", "203.0.113.0/24")


def keys(origin: Origin = HOME, email: str = "ada@acme.example") -> LoginKeys:
    return login_keys("acme", email, origin)


def buckets(keys: LoginKeys, now: float = NOW) -> list[str]:
    return [key["bucket"] for key in keys.to_read(now)]


def test_keys_name_neither_tenant_nor_address_nor_e_mail() -> None:
    told = " ".join(buckets(keys(email="lovelace@acme.example")))
    assert not [word for word in ("acme", "lovelace", "198.51", "example") if word in told]


def test_keys_ignore_how_the_address_was_typed() -> None:
    assert keys(email=" ADA@Acme.example ") == keys()
    assert keys(email="eve@acme.example").account != keys().account


def test_texts_that_are_cut_elsewhere_give_another_digest() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("a", "") != digest("a")


def test_all_of_an_ipv6_64_is_one_address_and_a_neighbour_of_an_ipv4_is_not() -> None:
    assert address_digest("2001:db8::1") == address_digest("2001:db8::ffff:1")
    assert address_digest("2001:db8:0:1::1") != address_digest("2001:db8::1")
    assert address_digest("198.51.100.7") != address_digest("198.51.100.8")


def test_networks_share_the_account_and_nothing_that_delays() -> None:
    home, elsewhere = buckets(keys()), buckets(keys(ELSEWHERE))
    shared = set(home) & set(elsewhere)
    assert {bucket.partition("#")[0] for bucket in shared} == {"account"}


def test_success_touches_the_row_of_its_own_network_alone() -> None:
    item = succeeded("throttles", keys(), NOW)
    assert dict(item.key)["bucket"] == buckets(keys())[0]
    assert dict(item.key)["bucket"] not in buckets(keys(ELSEWHERE))
    assert "ConditionExpression" not in item.request


def test_failure_leaves_signs_on_no_condition() -> None:
    items = failed("throttles", keys(), NOW)
    assert [dict(item.key)["bucket"].partition("#")[0] for item in items] == ["account", "spray"]
    assert all("ConditionExpression" not in item.request for item in items)


def test_rows_that_are_not_there_count_nothing() -> None:
    assert judge([], NOW) == Allowed(None, Tries(1, NOW))
    assert failures([], NOW) == 0
    assert not spraying([], NOW)


def test_rows_are_told_apart_by_their_bucket() -> None:
    rows = [
        {"bucket": "address#x#1", "used": 30, "ttl": 1},
        {"bucket": "pair#y", "tries": 3, "last_at": NOW - 1, "ttl": 1},
    ]
    assert isinstance(judge(rows, NOW), Wait)
    assert judge(rows[1:], NOW) == Allowed(Tries(3, NOW - 1), Tries(4, NOW))


def test_failures_of_a_quarter_of_an_hour_count_over_the_border_of_two_windows() -> None:
    minute = NOW // 60
    rows = [
        {"bucket": "account#x#2", f"m{minute}": 2, f"m{minute - 1}": 3, "ttl": 1},
        {"bucket": "account#x#1", f"m{minute - 14}": 5, f"m{minute - 15}": 7, f"m{minute - 40}": 11, "ttl": 1},
    ]
    assert failures(rows, minute * 60) == 10


def test_address_that_failed_on_ten_accounts_in_ten_minutes_sprays() -> None:
    nine = {f"a{number:016x}": NOW - 599 for number in range(9)}
    now, before = {"bucket": "spray#x#2", "ttl": 1, **nine}, {"bucket": "spray#x#1", "ttl": 1}
    assert not spraying([now, before], NOW)
    assert spraying([now, {**before, "aff": NOW - 599}], NOW)
    assert not spraying([now, {**before, "aff": NOW - 600}], NOW)
    assert not spraying([now, {**before, f"a{3:016x}": NOW - 700}], NOW), "one account twice is one account"

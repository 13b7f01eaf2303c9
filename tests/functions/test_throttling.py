"""Throttling with real rows: races, floods, and who is never delayed by them."""

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.login.handler import handler as login_handler
from shared.domain.throttle import ADDRESS_ATTEMPTS, FREE_FAILURES, Allowed, Wait
from shared.store.item import batch_get
from shared.store.throttles import (
    LoginKeys,
    failed,
    failures,
    judge,
    login_keys,
    reserve,
    reserve_budget,
    spraying,
    succeeded,
)
from shared.store.wire import Unavailable
from tests.functions.estate import PASSWORD, Estate, MovableClock, Person, Place, Response, call, event


class Origin:
    def __init__(self, address: str, network: str) -> None:
        self.address, self.network = address, network


class Desk:
    """The throttle of one person, as flows use it."""

    def __init__(self, estate: Estate) -> None:
        self.estate, self.table = estate, estate.environ["THROTTLES_TABLE"]
        self.email = f"{secrets.token_hex(6)}@acme.example"

    def keys(self, number: int = 0, email: str | None = None) -> LoginKeys:
        """Give the keys of an attempt from the network with that number."""
        third = secrets.token_hex(2)
        origin = Origin(f"2001:db8:{number:x}:{third}::1", f"2001:db8:{number:x}::/48")
        return login_keys("acme", email or self.email, origin)

    def rows(self, keys: LoginKeys, now: float) -> list[dict[str, object]]:
        return batch_get(self.estate.dynamodb, {self.table: keys.to_read(now)})[self.table]

    def judged(self, keys: LoginKeys, now: float) -> Allowed | Wait:
        return judge(self.rows(keys, now), now)

    def wins(self, keys: LoginKeys, seen: Allowed, now: float) -> bool:
        return reserve(self.estate.dynamodb, self.table, keys, seen, now)

    def attempt(self, keys: LoginKeys, now: float) -> bool:
        """Judge and reserve as a flow does; False: told to wait."""
        for _ in range(40):
            judged = self.judged(keys, now)
            if isinstance(judged, Wait):
                return False
            if self.wins(keys, judged, now):
                return True
        raise AssertionError("never got a decision")

    def write(self, *items: object) -> None:
        for item in items:
            self.estate.dynamodb.call("UpdateItem", dict(item.request))  # type: ignore[attr-defined]


@pytest.fixture
def desk(estate: Estate) -> Desk:
    return Desk(estate)


NOW = 1_900_000_000.5


def test_of_twenty_who_judged_the_same_row_one_wins(desk: Desk) -> None:
    keys = desk.keys()
    seen = desk.judged(keys, NOW)
    assert isinstance(seen, Allowed)
    with ThreadPoolExecutor(20) as pool:
        won = list(pool.map(lambda _: desk.wins(keys, seen, NOW), range(20)))
    assert sum(won) == 1
    assert desk.judged(keys, NOW) == Allowed(seen.after, type(seen.after)(2, int(NOW)))


def test_of_twenty_at_once_exactly_the_free_ones_get_through(desk: Desk) -> None:
    keys = desk.keys()
    with ThreadPoolExecutor(20) as pool:
        through = list(pool.map(lambda _: desk.attempt(keys, NOW), range(20)))
    assert sum(through) == FREE_FAILURES
    assert desk.judged(keys, NOW) == Wait(1)


def test_address_that_tries_many_accounts_at_once_stops_at_thirty(desk: Desk) -> None:
    origin = Origin("192.0.2.99", "192.0.2.0/24")
    keys = [login_keys("acme", f"{secrets.token_hex(6)}@acme.example", origin) for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        through = list(pool.map(lambda one: desk.attempt(one, NOW), keys))
    assert sum(through) == ADDRESS_ATTEMPTS
    assert isinstance(desk.judged(keys[0], NOW + 60), Allowed)


def test_success_forgets_its_own_network_and_no_other(desk: Desk) -> None:
    mine, other = desk.keys(1), desk.keys(2)
    for keys in (mine, other):
        for _ in range(FREE_FAILURES):
            assert desk.attempt(keys, NOW)
        assert desk.judged(keys, NOW) == Wait(1)
    desk.write(succeeded(desk.table, mine, NOW))
    assert isinstance(desk.judged(mine, NOW), Allowed)
    assert desk.judged(other, NOW) == Wait(1)


def test_failures_of_all_networks_are_counted_for_the_account(desk: Desk) -> None:
    for number in range(12):
        desk.write(*failed(desk.table, desk.keys(number), NOW + number))
    keys = desk.keys(77)
    assert failures(desk.rows(keys, NOW + 12), NOW + 12) == 12
    assert failures(desk.rows(keys, NOW + 17 * 60), NOW + 17 * 60) == 0
    assert isinstance(desk.judged(keys, NOW + 12), Allowed), "they delay nobody"


def test_address_that_fails_on_ten_accounts_is_known_to_spray(desk: Desk) -> None:
    origin = Origin("192.0.2.100", "192.0.2.0/24")
    seen = []
    for number in range(10):
        keys = login_keys("acme", f"spray-{number}@acme.example", origin)
        desk.write(*failed(desk.table, keys, NOW))
        desk.write(*failed(desk.table, keys, NOW + 1))
        seen.append(spraying(desk.rows(keys, NOW + 2), NOW + 2))
    assert seen == [False] * 9 + [True]


def test_budget_lets_so_many_through_at_once_and_renews_itself(desk: Desk) -> None:
    bucket = f"test#{secrets.token_hex(8)}"

    def take(now: float) -> Wait | None:
        return reserve_budget(desk.estate.dynamodb, desk.table, bucket, 5, 60, now)

    with ThreadPoolExecutor(20) as pool:
        taken = list(pool.map(lambda _: take(NOW), range(20)))
    assert taken.count(None) == 5
    assert {wait.retry_after_seconds for wait in taken if wait} == {60 - int(NOW) % 60}
    assert take(NOW + 60) is None


def test_table_that_cannot_be_written_is_no_permission(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = desk.keys()
    seen = desk.judged(keys, NOW)
    assert isinstance(seen, Allowed)

    class Down:
        def call(self, *_arguments: object, **_options: object) -> dict[str, object]:
            raise Unavailable("injected")

    monkeypatch.setattr(desk.estate, "dynamodb", Down())
    with pytest.raises(Unavailable):
        desk.wins(keys, seen, NOW)
    with pytest.raises(Unavailable):
        reserve_budget(desk.estate.dynamodb, desk.table, "x", 1, 60, NOW)


def login_from(person: Person, password: str, address: str) -> Response:
    body = {"tenant": person.tenant, "email": person.email, "password": password, "device_id": "device-1"}
    return call(login_handler, event("POST /api/auth/login", body, place=Place(address=address)))


def test_dozens_of_wrong_passwords_from_elsewhere_never_delay_the_person_at_home(
    person: Person, clock: MovableClock
) -> None:
    assert login_from(person, PASSWORD, "198.51.100.7").status == 200
    refused = set()
    for number in range(36):
        refused.add(login_from(person, f"guess {number}", f"203.0.{113 + number % 4}.{number + 1}").status)
        if number % 9 == 8:
            assert login_from(person, PASSWORD, "198.51.100.7").status == 200
    assert refused == {401, 429}
    assert clock.offset == 0

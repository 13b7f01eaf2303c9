"""`throttles`: counters of attempts, by digests of whom they are about. Rows end by themselves (`ttl`).

| `bucket` | what it holds |
| --- | --- |
| `pair#<digest>` | `tries`, `last_at`: attempts on one account from one network that proved nothing |
| `address#<digest>#<minute>` | `used`: attempts of one address in that minute |
| `account#<digest>#<window>` | `m<minute>`: wrong passwords of one account in that minute, over all networks |
| `spray#<digest>#<window>` | `a<digest>`: when the address last failed on that account |
| `budget#<name>#<window>` | `used`: how much of a budget of so many in so long is gone |

Rules of this module
- No name, address or e-mail stands in a key: keys are SHA-256 digests. Whoever can read the table can try guesses on
  them, so they do not outlive their use: a day after the last attempt they are gone.
- Counting in advance is conditional: of twenty guesses at once each wins a count of its own, or comes back to be judged
  anew. What a failure leaves behind is unconditional: no flood can refute the commit of somebody else's failure.
- A success touches its own network's row alone: rows that a stranger can keep busy are not in its way.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Final, Protocol

from shared.domain import throttle
from shared.domain.password import normal_email
from shared.domain.throttle import Allowed, Tries, Wait
from shared.store.attribute import Row, marshal
from shared.store.condition import absent, equals
from shared.store.item import Item, update
from shared.store.wire import JsonService, ServiceError

_HOUR: Final = 3_600
_MINUTE: Final = 60
_V6_PREFIX: Final = 64  # who has one IPv6 address has the /64
_ACCOUNT_CHARACTERS: Final = 16  # of a digest, inside the row of one address and ten minutes
_LOST: Final = frozenset(
    {"TransactionCanceledException", "TransactionConflictException", "ConditionalCheckFailedException"}
)


class Origin(Protocol):
    """Where an attempt comes from; a viewer of the edge is one."""

    @property
    def address(self) -> str: ...
    @property
    def network(self) -> str: ...


@dataclass(frozen=True, slots=True)
class LoginKeys:
    """Whom an attempt is about, as digests: account and network together, the account, the address."""

    pair: str
    account: str
    address: str

    def to_read(self, now: float) -> list[dict[str, str]]:
        """Give the keys of the rows that `judge`, `failures` and `spraying` look at, for one BatchGetItem."""
        windows = throttle.FAILURES_WINDOW_SECONDS, throttle.SPRAY_WINDOW_SECONDS
        account, spray = (throttle.window(seconds, now) for seconds in windows)
        return [
            _key(_pair(self)),
            _key(_minute_of(self, now)),
            *(_key(f"account#{self.account}#{account - back}") for back in (0, 1)),
            *(_key(f"spray#{self.address}#{spray - back}") for back in (0, 1)),
        ]


def login_keys(tenant: str, email: str, viewer: Origin) -> LoginKeys:
    """Name the rows of an attempt; `tenant` and `email` as typed, untrusted, whether they exist or not."""
    name = normal_email(email)
    return LoginKeys(
        pair=digest(tenant, viewer.network, name), account=digest(tenant, name), address=address_digest(viewer.address)
    )


def digest(*parts: str) -> str:
    """Give the SHA-256 of several texts; no two different lists of texts give the same."""
    framed = b"".join(b"%d:%s" % (len(part.encode()), part.encode()) for part in parts)
    return sha256(framed).hexdigest()


def address_digest(address: str) -> str:
    """Give the digest under which an address is counted; all of an IPv6 /64 is one."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return digest(str(ip_network((parsed, _V6_PREFIX), strict=False)))
    return digest(str(parsed))


def judge(rows: Sequence[Row], now: float) -> Allowed | Wait:
    """Decide on the attempt whose rows (`LoginKeys.to_read`) were read; a row that is not there counts nothing."""
    pair = next(_of(rows, "pair#"), None)
    before = None if pair is None else Tries(pair["tries"], pair["last_at"])
    used = next((int(row["used"]) for row in _of(rows, "address#")), 0)
    return throttle.judge(before, used, int(now))


def reserve(dynamodb: JsonService, table: str, keys: LoginKeys, seen: Allowed, now: float) -> bool:
    """Count the attempt before the password is looked at, in one transaction.

    False: somebody else counted in between, so the rows must be read and judged again. Raises `Unavailable`.
    """
    before = seen.before
    clauses = [absent("tries")]
    if before is not None:
        clauses = [equals("tries", before.count), equals("last_at", before.last_at)]
    pair = update(
        table,
        _key(_pair(keys)),
        *clauses,
        set_={"tries": seen.after.count, "last_at": seen.after.last_at, "ttl": int(now) + throttle.FORGET_SECONDS},
    )
    address = _spent(table, _minute_of(keys, now), throttle.ADDRESS_ATTEMPTS, int(now) + _HOUR)
    request = {
        "TransactItems": [{pair.kind: dict(pair.request)}, {"Update": address}],
        "ClientRequestToken": secrets.token_hex(16),
    }
    try:
        dynamodb.call("TransactWriteItems", request)
    except ServiceError as refusal:
        if refusal.code not in _LOST:
            raise
        return False
    return True


def failed(table: str, keys: LoginKeys, now: float) -> tuple[Item, Item]:
    """Give what a wrong password leaves behind in its commit: signs for the risk policy, on no condition at all."""
    slot, account = f"m{int(now) // _MINUTE}", f"a{keys.account[:_ACCOUNT_CHARACTERS]}"
    number = throttle.window(throttle.FAILURES_WINDOW_SECONDS, now)
    spray = throttle.window(throttle.SPRAY_WINDOW_SECONDS, now)
    ttl = {"ttl": int(now) + _HOUR}
    return (
        update(table, _key(f"account#{keys.account}#{number}"), set_=ttl, add={slot: 1}, label="account_failures"),
        update(table, _key(f"spray#{keys.address}#{spray}"), set_={**ttl, account: int(now)}, label="address_failures"),
    )


def succeeded(table: str, keys: LoginKeys, now: float) -> Item:
    """Forget the attempts of this network in the commit of a proof (label "tries"); other networks' rows stay."""
    changes = {"tries": 0, "last_at": 0, "ttl": int(now) + throttle.FORGET_SECONDS}
    return update(table, _key(_pair(keys)), set_=changes, label="tries")


def failures(rows: Sequence[Row], now: float) -> int:
    """Count the wrong passwords of the account in the last quarter of an hour, over all networks."""
    earliest = int(now) - throttle.FAILURES_WINDOW_SECONDS
    slots = [_numbers(row, "m") for row in _of(rows, "account#")]
    return sum(number for slot in slots for minute, number in slot if int(minute) * _MINUTE > earliest)


def spraying(rows: Sequence[Row], now: float) -> bool:
    """Tell whether the address has failed on too many accounts lately."""
    latest: dict[str, int] = {}
    for row in _of(rows, "spray#"):
        for account, instant in _numbers(row, "a"):
            latest[account] = max(instant, latest.get(account, 0))
    return throttle.recent(latest.values(), throttle.SPRAY_WINDOW_SECONDS, now) >= throttle.SPRAY_ACCOUNTS


def reserve_budget(
    dynamodb: JsonService, table: str, bucket: str, limit: int, window_seconds: int, now: float
) -> Wait | None:
    """Take one from the budget of `bucket`; `Wait` until its next window when all `limit` of this one are gone.

    One call. `bucket` is a name and digests, no personal data. Raises `Unavailable`.
    """
    key = f"budget#{bucket}#{throttle.window(window_seconds, now)}"
    try:
        dynamodb.call("UpdateItem", _spent(table, key, limit, int(now) + window_seconds + _HOUR))
    except ServiceError as refusal:
        if refusal.code not in _LOST:
            raise
        return Wait(throttle.seconds_left(window_seconds, now))
    return None


def _spent(table: str, bucket: str, limit: int, ttl: int) -> dict[str, Any]:
    """Add one to `used` where there is room below `limit`; the first one of a window makes its row."""
    return {
        "TableName": table,
        "Key": marshal(_key(bucket)),
        "UpdateExpression": "SET #t = :t ADD #u :one",
        # A conjunction of clauses cannot say it: the row is not there yet, or has room.
        "ConditionExpression": "attribute_not_exists(#u) OR #u < :limit",
        "ExpressionAttributeNames": {"#u": "used", "#t": "ttl"},
        "ExpressionAttributeValues": marshal({":one": 1, ":limit": limit, ":t": ttl}),
    }


def _key(bucket: str) -> dict[str, str]:
    return {"bucket": bucket}


def _pair(keys: LoginKeys) -> str:
    return f"pair#{keys.pair}"


def _minute_of(keys: LoginKeys, now: float) -> str:
    return f"address#{keys.address}#{throttle.window(throttle.ADDRESS_WINDOW_SECONDS, now)}"


def _of(rows: Sequence[Row], prefix: str) -> Iterator[Row]:
    return (row for row in rows if str(row["bucket"]).startswith(prefix))


def _numbers(row: Mapping[str, Any], prefix: str) -> list[tuple[str, int]]:
    """Give the counters of a row by what follows `prefix` in their names."""
    return [(name.removeprefix(prefix), value) for name, value in row.items() if name.startswith(prefix)]

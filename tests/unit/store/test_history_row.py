"""The row of a history: nothing is lost in it, and it stays small."""

import hashlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.audit.event import new_event_id
from shared.domain.geography import Place
from shared.domain.history import MAX_COUNTRIES, MAX_DEVICES, MAX_NETWORKS, MAX_SESSIONS, History, LiveSession
from shared.store.attribute import unmarshal
from shared.store.histories import history_key, history_of, remembered

NOW = 4_102_444_800  # 2100
MAX_ROW_BYTES = 4_096


def stored(history: History, before: History | None = None, staff_id: str = "u_1") -> dict[str, Any]:
    item = remembered("tenant_staff", "t_acme", staff_id, before or History(), history)
    row: dict[str, Any] = item.request["Item"]
    return row


def bytes_of(value: dict[str, Any]) -> int:
    """Count as DynamoDB counts (developer guide, "DynamoDB item sizes and formats"), never too little."""
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + bytes_of(member) for name, member in content.items())
    if kind == "L":
        return 3 + sum(1 + bytes_of(member) for member in content)
    if kind == "N":
        return (len(content.lstrip("-")) + 1) // 2 + 2
    if kind == "B":
        return len(content) * 3 // 4  # base64
    return len(content.encode()) if kind == "S" else 1


def fullest() -> History:
    session = LiveSession(new_event_id(NOW), NOW, NOW, 2**31, "DE", "0123abcd")
    return History(
        devices={hashlib.sha256(bytes([number])).hexdigest()[:24]: NOW for number in range(MAX_DEVICES)},
        countries={f"X{number}": NOW for number in range(MAX_COUNTRIES)},
        networks={f"2001:db8f:{number + 40960:x}::/48": NOW for number in range(MAX_NETWORKS)},
        last_place=Place("DE", -53, -113, NOW),
        last_at=NOW,
        hours=(200,) * 24,
        step_up_device="a" * 24,
        step_up_at=NOW,
        sessions=(session,) * MAX_SESSIONS,
        version=10**9,
    )


def test_history_of_nobody_is_empty() -> None:
    assert history_of(None) == History()


def test_fullest_history_stays_below_one_read_unit() -> None:
    row = stored(fullest(), fullest(), staff_id="u" * 64)
    assert sum(len(name) + bytes_of(value) for name, value in row.items()) < MAX_ROW_BYTES
    assert len(history_of(unmarshal(row)).sessions) == MAX_SESSIONS


def test_row_is_written_where_none_was_or_where_the_one_that_was_read_still_is() -> None:
    first = remembered("tenant_staff", "t_acme", "u_1", History(), History(version=9)).wire()["Put"]
    assert (first["ConditionExpression"], first["Item"]["version"]) == ("attribute_not_exists(#n0)", {"N": "1"})
    assert history_key("t_acme", "u_1") == {"tenant": "t_acme", "item": "u_1#history"}
    assert {name: first["Item"][name]["S"] for name in ("tenant", "item")} == history_key("t_acme", "u_1")
    item = remembered("tenant_staff", "t_acme", "u_1", History(version=3), History())
    again = item.wire()["Put"]
    assert (item.label, again["Item"]["version"]) == ("history", {"N": "4"})
    assert again["ConditionExpression"] == "#n0 = :v0"
    assert (again["ExpressionAttributeNames"], again["ExpressionAttributeValues"]) == (
        {"#n0": "version"},
        {":v0": {"N": "3"}},
    )


instants = st.integers(0, 2**32 - 1)
names = st.text("0123456789abcdef:./AS", min_size=1, max_size=24)
countries = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)
degrees = st.none() | st.integers(-180, 180)
devices = st.just("") | st.text("0123456789abcdef", min_size=8, max_size=8).filter(lambda text: text != "0" * 8)
ids = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZabc_-", min_size=1, max_size=64)
histories = st.builds(
    History,
    devices=st.dictionaries(names, instants),
    countries=st.dictionaries(countries, instants),
    networks=st.dictionaries(names, instants),
    last_place=st.none() | st.builds(Place, countries, degrees, degrees, instants),
    last_at=instants,
    hours=st.lists(st.integers(0, 200), min_size=24, max_size=24).map(tuple),
    step_up_device=names,
    step_up_at=instants,
    sessions=st.lists(st.builds(LiveSession, ids, instants, instants, instants, countries, devices), max_size=6).map(
        tuple
    ),
    version=st.just(1),
)


@given(histories)
def test_what_is_written_is_what_is_read(history: History) -> None:
    assert history_of(unmarshal(stored(history))) == history

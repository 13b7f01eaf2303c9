"""Event lines: final in form, safe against what the outside sends."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.canonical import canonical
from shared.audit.event import (
    GENESIS,
    MAX_LINE_BYTES,
    MAX_TEXT,
    Actor,
    Draft,
    Position,
    Target,
    compose,
    new_event_id,
)
from shared.audit.merkle import leaf_hash

POSITION = Position("prod", "t_acme", 1, "0", 1, GENESIS)
TIME = "2026-10-01T09:30:12.345Z"


def draft(**members: Any) -> Draft:
    standard: dict[str, Any] = {
        "event_id": "01JD8ZZZZZZZZZZZZZZZZZZZZZ",
        "action": "AUTH_LOGIN_SUCCESS",
        "outcome": "success",
        "actor": Actor("user", "u_17", "admin", "s_9", "password+totp", "su_1"),
        "resource": "login",
        "context": {"request_id": "r", "country": "DE"},
    }
    return Draft(**(standard | members))


def test_the_line_has_exactly_the_members_of_the_format() -> None:
    line = json.loads(compose(draft(targets=(Target("user", "u_42"),)), POSITION, TIME).text)
    assert line == {
        "v": 1,
        "id": "01JD8ZZZZZZZZZZZZZZZZZZZZZ",
        "log": "prod",
        "tenant": "t_acme",
        "epoch": 1,
        "lane": "0",
        "seq": 1,
        "prev": GENESIS,
        "time": TIME,
        "action": "AUTH_LOGIN_SUCCESS",
        "outcome": "success",
        "reason": None,
        "actor": {
            "type": "user",
            "id": "u_17",
            "role": "admin",
            "session": "s_9",
            "auth": "password+totp",
            "step_up": "su_1",
        },
        "on_behalf_of": None,
        "targets": [{"type": "user", "id": "u_42"}],
        "resource": "login",
        "context": {"request_id": "r", "country": "DE"},
        "change": None,
        "risk": None,
        "pii": [],
        "meta": {},
    }


def test_the_line_is_canonical_and_its_leaf_is_the_hash_of_its_bytes() -> None:
    line = compose(draft(), POSITION, TIME)
    assert canonical(json.loads(line.text)) == line.text.encode()
    assert line.leaf == leaf_hash(line.text.encode()).hex()


@given(st.text(alphabet=st.characters()))
def test_no_text_from_outside_can_break_the_line_or_begin_another(text: str) -> None:
    line = compose(draft(meta={"note": text}, context={"route": text}), POSITION, TIME).text
    assert "\n" not in line
    assert canonical(json.loads(line)).decode() == line


def test_a_user_agent_of_200_kilobytes_is_cut() -> None:
    line = compose(draft(meta={"agent": "x" * 200_000}), POSITION, TIME)
    assert json.loads(line.text)["meta"]["agent"] == "x" * MAX_TEXT


def test_a_line_that_no_row_could_hold_is_refused() -> None:
    many = {f"k{number}": "x" * MAX_TEXT for number in range(MAX_LINE_BYTES // MAX_TEXT + 1)}
    with pytest.raises(ValueError, match="exceeds"):
        compose(draft(meta=many), POSITION, TIME)


def test_event_ids_sort_by_their_millisecond_and_do_not_repeat() -> None:
    earlier, later = new_event_id(1_790_000_000.001), new_event_id(1_790_000_000.002)
    assert earlier < later
    assert len({new_event_id(1.0) for _ in range(500)}) == 500
    assert len(earlier) == 26

"""Cursors: what was not just handed out to this session, for this query, is refused."""

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.compliance.cursor import LIFETIME_SECONDS, BadCursorError, Cursor, open_cursor, seal_cursor
from shared.audit.personal_data import PersonalData

NOW = 1_790_000_000
ACME, OTHER = PersonalData(b"k" * 32, "acme"), PersonalData(b"k" * 32, "other")
BOUND = {
    "report": "access-logs",
    "session": "s_1",
    "format": "json",
    "from": "2026-07-01",
    "to": "2026-09-30",
    "tz": "UTC",
}
CURSOR = Cursor(
    export_id="exp_0123456789abcdef01234567",
    boundary={"0": 120, "17": 3},
    before=("2026-09-21T14:13:20.000Z", "0", 77),
    handed_out=100,
    total=450,
    watermark="2026-09-21T14:13:16.000Z",
    expires_at=NOW + LIFETIME_SECONDS,
)
SEALED = seal_cursor(CURSOR, ACME, BOUND)


def refused(text: str, *, personal: PersonalData = ACME, bound: dict[str, str] = BOUND, now: float = NOW) -> bool:
    with pytest.raises(BadCursorError):
        open_cursor(text, personal, bound, now)
    return True


def test_cursor_comes_back_as_it_was_sealed() -> None:
    assert open_cursor(SEALED, ACME, BOUND, NOW) == CURSOR


def test_cursor_travels_in_a_url_unescaped() -> None:
    assert set(SEALED) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=")


def test_cursor_lives_until_its_last_second_and_not_longer() -> None:
    assert open_cursor(SEALED, ACME, BOUND, CURSOR.expires_at - 0.001) == CURSOR
    assert refused(SEALED, now=CURSOR.expires_at)


def test_cursor_of_another_tenant_is_refused_even_under_the_same_key() -> None:
    assert refused(SEALED, personal=OTHER)


def test_cursor_of_another_key_is_refused() -> None:
    assert refused(SEALED, personal=PersonalData(b"x" * 32, "acme"))


@pytest.mark.parametrize("member", list(BOUND))
def test_cursor_of_another_session_or_query_is_refused(member: str) -> None:
    assert refused(SEALED, bound=BOUND | {member: "2026-01-01"})


def test_what_a_cursor_is_bound_to_cannot_be_moved_from_one_member_to_another() -> None:
    assert refused(SEALED, bound=BOUND | {"report": "access-logss", "session": "_1"})


@pytest.mark.parametrize("length", [0, 1, 4, 31, 32, 43, 44, 60])
def test_truncated_cursor_is_refused(length: int) -> None:
    assert refused(SEALED[:length])


def test_every_single_changed_byte_is_noticed() -> None:
    blob = base64.urlsafe_b64decode(SEALED)
    for place in range(len(blob)):
        changed = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        assert refused(base64.urlsafe_b64encode(changed).decode())


def test_body_that_asks_for_more_is_refused_without_the_key() -> None:
    blob = base64.urlsafe_b64decode(SEALED)
    body = json.dumps(json.loads(blob[32:]) | {"expires_at": NOW * 2}, sort_keys=True, separators=(",", ":")).encode()
    assert refused(base64.urlsafe_b64encode(blob[:32] + body).decode())


@given(st.text(max_size=80))
def test_no_text_is_a_cursor(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize("text", ["%%%", "\ud800", "\u00fc", " " + SEALED, SEALED + "\n", SEALED + "AAAA", "=" * 8])
def test_what_is_not_the_encoding_is_refused(text: str) -> None:
    assert refused(text)


def test_two_cursors_do_not_share_their_macs() -> None:
    later = seal_cursor(replace(CURSOR, handed_out=200), ACME, BOUND)
    first, second = base64.urlsafe_b64decode(SEALED), base64.urlsafe_b64decode(later)
    assert first[:32] != second[:32]
    assert refused(base64.urlsafe_b64encode(first[:32] + second[32:]).decode())

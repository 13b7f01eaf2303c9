"""The text of a refresh token."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.permission import ROLES
from shared.domain.refresh_token import RefreshToken, parse, token_hash, written
from shared.domain.session import AAL1, AAL2, SessionId, StaffId, Standing, TenantId

SECRET = bytes(range(32))

ids = st.from_regex("[A-Za-z0-9_-]{1,64}", fullmatch=True)
instants = st.integers(0, 2**32 - 1)
standings = st.builds(
    Standing,
    role=st.sampled_from(ROLES),
    acr=st.sampled_from([AAL1, AAL2]),
    amr=st.sampled_from(
        [("pwd",), ("pwd", "otp"), ("pwd", "rc"), ("pwd", "otp", "rc"), ("pwd", "pop"), ("fed",), ("fed", "otp"), ()]
    ),
    auth_time=instants,
    created_at=instants,
    absolute_expires_at=instants,
    idle_seconds=st.integers(0, 65_535).map(lambda minutes: minutes * 60),
    cookie=st.booleans(),
)
tokens = st.builds(
    RefreshToken,
    tenant=ids.map(TenantId),
    staff_id=ids.map(StaffId),
    session_id=ids.map(SessionId),
    generation=st.integers(0, 999_999_999),
    session_version=st.integers(0, 9_999_999_999),
    standing=standings,
)


@given(tokens, st.binary(min_size=32, max_size=32))
def test_what_is_written_is_read_back(token: RefreshToken, secret: bytes) -> None:
    assert parse(written(token, secret)) == token


@given(tokens)
def test_token_has_seven_parts_and_begins_with_its_version(token: RefreshToken) -> None:
    parts = written(token, SECRET).split(".")
    assert parts[:6] == [
        "rt1",
        token.tenant,
        token.staff_id,
        token.session_id,
        str(token.generation),
        str(token.session_version),
    ]
    assert len(parts) == 7
    assert base64.urlsafe_b64decode(parts[6])[:32] == SECRET


@given(st.text(max_size=700))
def test_hostile_text_is_no_token_and_raises_nothing(text: str) -> None:
    assert parse(text) is None
    assert len(token_hash(text)) == 64


@given(tokens, st.data())
def test_any_changed_character_is_another_token(token: RefreshToken, data: st.DataObject) -> None:
    text = written(token, SECRET)
    position = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters(codec="ascii").filter(lambda drawn: drawn != text[position]))
    changed = text[:position] + character + text[position + 1 :]
    assert token_hash(changed) != token_hash(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("rt1.", "rt2.", 1),
        lambda text: text + "A",
        lambda text: text + "\n",
        lambda text: text.replace(".1.1.", ".01.1.", 1),
        lambda text: text.replace(".1.1.", ".-1.1.", 1),
        lambda text: text.replace(".1.1.", ".\u0661.1.", 1),
        lambda text: text.replace("acme", "ac#me", 1),
        lambda text: text.replace("acme", "", 1),
        lambda text: text[:-1] + "=",
    ],
)
def test_forms_that_were_never_written_are_refused(change: "type[str]") -> None:
    standing = Standing("owner", AAL1, ("pwd",), 1, 1, 2, 60)
    text = written(RefreshToken(TenantId("acme"), StaffId("u"), SessionId("s"), 1, 1, standing), SECRET)
    assert parse(text) is not None
    assert parse(change(text)) is None


def test_standing_with_an_unknown_code_is_refused() -> None:
    head = "rt1.acme.u.s.1.1."
    for standing in (b"\x02\x00\x00\x01", b"\x01\x09\x00\x01", b"\x01\x00\x07\x01", b"\x01\x00\x00\xff"):
        last = base64.urlsafe_b64encode(SECRET + standing + bytes(15)).decode()
        assert parse(head + last) is None
    right = base64.urlsafe_b64encode(SECRET + b"\x01\x00\x00\x01" + bytes(15)).decode()
    assert parse(head + right) is not None
    third_mode = base64.urlsafe_b64encode(SECRET + b"\x01\x00\x00\x01" + bytes(14) + b"\x02").decode()
    assert parse(head + third_mode) is None


@pytest.mark.parametrize("tenant", ["a.b", "a#b", "", "a" * 65, "\u00fc"])
def test_id_that_would_not_be_read_back_is_our_own_fault(tenant: str) -> None:
    standing = Standing("owner", AAL1, ("pwd",), 1, 1, 2, 60)
    with pytest.raises(RuntimeError, match="cannot stand in a token"):
        written(RefreshToken(TenantId(tenant), StaffId("u"), SessionId("s"), 1, 1, standing), SECRET)


def test_short_secret_is_our_own_fault() -> None:
    standing = Standing("owner", AAL1, ("pwd",), 1, 1, 2, 60)
    token = RefreshToken(TenantId("acme"), StaffId("u"), SessionId("s"), 1, 1, standing)
    with pytest.raises(RuntimeError, match="32 random octets"):
        written(token, b"short")


def test_longest_generation_that_is_read_has_a_successor_that_can_be_written() -> None:
    standing = Standing("owner", AAL1, ("pwd",), 1, 1, 2, 60)
    token = RefreshToken(TenantId("acme"), StaffId("u"), SessionId("s"), 999_999_999, 1, standing)
    text = written(token, SECRET)
    assert parse(text) == token
    following = RefreshToken(token.tenant, token.staff_id, token.session_id, 1_000_000_000, 1, standing)
    assert parse(written(following, SECRET)) is None

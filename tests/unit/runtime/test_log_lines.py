"""Log lines: one a line, and no secret in any."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.log import REDACTED, Log, clean


def written(message: str = "m", **members: object) -> dict[str, Any]:
    stream = io.StringIO()
    Log(lambda: 0.0, stream, concern="test").info(message, **members)
    (line,) = stream.getvalue().splitlines()
    document: dict[str, Any] = json.loads(line)
    return document


def test_line_has_time_level_message_and_members() -> None:
    assert written("hello", status=200) == {
        "time": "1970-01-01T00:00:00.000Z",
        "level": "INFO",
        "message": "hello",
        "concern": "test",
        "status": 200,
    }


@given(st.text())
def test_no_text_breaks_out_of_its_line(text: str) -> None:
    stream = io.StringIO()
    Log(lambda: 0.0, stream).warning(text, member=text)
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().isascii()


@pytest.mark.parametrize("name", ["password", "Authorization", "refresh_token", "code", "Set-Cookie", "email"])
def test_members_with_telling_names_are_blanked_at_any_depth(name: str) -> None:
    assert clean({"body": [{name: "hunter2"}]}) == {"body": [{name: REDACTED}]}


@pytest.mark.parametrize(
    "secret",
    [
        "rt1.acme.u.s.1.1.AbC-_9",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln",
        "Bearer abc.def",
        "-----BEGIN PRIVATE KEY-----MIIB",
    ],
)
def test_tokens_are_cut_out_of_any_text(secret: str) -> None:
    assert secret.rsplit(maxsplit=1)[-1] not in json.dumps(written(f"failed with {secret} here"))


def test_fault_is_described_by_type_and_place() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="rt1") as caught:
        int("rt1.acme.u.s.1.1.secret")
    Log(lambda: 0.0, stream).error("broke", caught.value)
    line = json.loads(stream.getvalue())
    assert line["fault"] == "ValueError"
    assert line["frames"][-1].startswith("test_log_lines.py:")
    assert "secret" not in stream.getvalue()

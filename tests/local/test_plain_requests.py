"""Plain requests are answered in one write, and byte for byte as vanilla answers them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOST = "Host: 127.0.0.1:1\r\n"
PLAIN = {
    "a question": [f"GET /a%20b/c?d=%20e&f HTTP/1.1\r\n{HOST}Accept-Encoding: identity\r\n\r\n"],
    "a body": [f"POST / HTTP/1.1\r\n{HOST}Content-Length: 5\r\nX-Amz-Target: a.B\r\n\r\nabcde"],
    "an empty body": [f"PUT /b/k HTTP/1.1\r\n{HOST}content-length:0\r\n\r\n"],
    "an empty header": [f"DELETE /b/k HTTP/1.1\r\n{HOST}X-Empty:\r\nX-Odd: \t a \xe9 b \t\r\n\r\n"],
    "a name twice": [f"GET / HTTP/1.1\r\n{HOST}X-A: 1\r\nx-a: 2\r\n\r\n"],
    "a body that comes later": [f"POST / HTTP/1.1\r\n{HOST}Content-Length: 9\r\n\r\n", "abc", "defg", "hi"],
    "nothing to send": [f"GET /none HTTP/1.1\r\n{HOST}\r\n"],
    "nothing new": [f"GET /not-modified HTTP/1.1\r\n{HOST}\r\n"],
    "a status without a name": [f"GET /odd HTTP/1.1\r\n{HOST}\r\n"],
    "an answer that closes": [f"GET /closes HTTP/1.1\r\n{HOST}\r\n"],
    "an answer that says it stays": [f"GET /stays HTTP/1.1\r\n{HOST}\r\n"],
    "two cookies": [f"GET /cookies HTTP/1.1\r\n{HOST}\r\n"],
    "an answer of no stated length": [f"GET /unsized HTTP/1.1\r\n{HOST}\r\n"],
    "more than the answer": [f"GET /goes-on HTTP/1.1\r\n{HOST}\r\n"],
    "a fault": [f"GET /fails HTTP/1.1\r\n{HOST}\r\n"],
}
OTHERS = {
    "an answer in parts": [f"GET /drips HTTP/1.1\r\n{HOST}\r\n"],
    "an answer in parts of a stated length": [f"GET /drips-sized HTTP/1.1\r\n{HOST}\r\n"],
    "a fault amidst the answer": [f"GET /breaks HTTP/1.1\r\n{HOST}\r\n"],
    "a head that is asked for alone": [f"HEAD / HTTP/1.1\r\n{HOST}\r\n"],
    "a client that waits for leave": [
        f"PUT / HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        "ab",
    ],
    "chunks": [f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n", "2\r\nab\r\n0\r\n\r\n"],
    "a client that closes": [f"GET / HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"],
    "the version before": [f"GET / HTTP/1.0\r\n{HOST}\r\n"],
    "a head in two pieces": [f"GET / HTTP/1.1\r\n{HOST}", "\r\n"],
    "a folded line": [f"GET / HTTP/1.1\r\n{HOST}X-A: 1\r\n  2\r\n\r\n"],
    "two requests at once": [f"GET /1 HTTP/1.1\r\n{HOST}\r\nGET /2 HTTP/1.1\r\n{HOST}\r\n"],
    "a body that begins the next": [
        f"POST / HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\na",
        f"bcdGET / HTTP/1.1\r\n{HOST}\r\n",
    ],
    "an address of another form": [f"OPTIONS * HTTP/1.1\r\n{HOST}\r\n"],
    "no host": ["GET / HTTP/1.1\r\n\r\n", ""],
    "two hosts": [f"GET / HTTP/1.1\r\n{HOST}{HOST}\r\n"],
    "two lengths": [f"POST / HTTP/1.1\r\n{HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
    "a length that is none": [f"POST / HTTP/1.1\r\n{HOST}Content-Length: +1\r\n\r\na"],
    "a name with a blank": [f"GET / HTTP/1.1\r\n{HOST}X A: 1\r\n\r\n"],
    "a line feed alone": [f"GET / HTTP/1.1\r\n{HOST}X-A: 1\nX-B: 2\r\n\r\n"],
    "a head without end": [f"GET / HTTP/1.1\r\n{HOST}X-A: {'a' * 20_000}\r\n\r\n"],
    "no HTTP": ["\x16\x03\x01\x02\r\n\r\n"],
}
ONE_AFTER_THE_OTHER = [
    pieces
    for each in ("a body", "chunks", "a question", "a head in two pieces")
    for pieces in ({**PLAIN, **OTHERS}[each])
]
NOT_AS_LONG = {
    "shorter than it says": [f"GET /short HTTP/1.1\r\n{HOST}\r\n"],
    "longer than it says": [f"GET /long HTTP/1.1\r\n{HOST}\r\n"],
}
FORGED = [f"GET /forged HTTP/1.1\r\n{HOST}\r\n"]


ALL = {**PLAIN, **OTHERS, **NOT_AS_LONG, "one after the other": ONE_AFTER_THE_OTHER, "a forged header": FORGED}
LONGEST_IDLE = 0.2

Written = list[str | bool]


def told(given: object, *arguments: str) -> Any:
    program = [sys.executable, "-m", "tests.local.both_servers", *arguments]
    house = Path(__file__).parents[2]
    ran = subprocess.run(  # noqa: S603 -- our own interpreter
        program, input=json.dumps(given), capture_output=True, text=True, check=True, cwd=house
    )
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def answers() -> dict[str, Written]:
    left_out = "plain_requests" in os.environ.get("EMBEDDED_AWS_WITHOUT_PATCH", "").split()
    return dict(zip(ALL, told([*ALL.values()], *(["vanilla"] if left_out else [])), strict=True))


@pytest.fixture(scope="module")
def of_vanilla() -> dict[str, Written]:
    return dict(zip(ALL, told([*ALL.values()], "vanilla"), strict=True))


def bytes_of(written: Written) -> tuple[str, bool]:
    """Give all that was written but the hour, and whether the connection was closed."""
    whole = "".join(piece for piece in written if isinstance(piece, str))
    return re.sub("\r\ndate: [^\r]*", "", whole), True in written


@pytest.mark.parametrize("name", [*PLAIN, *OTHERS, "one after the other"])
def test_an_answer_is_byte_for_byte_that_of_vanilla(
    name: str, answers: dict[str, Written], of_vanilla: dict[str, Written]
) -> None:
    assert bytes_of(answers[name]) == bytes_of(of_vanilla[name])
    assert bytes_of(answers[name])[0].startswith("HTTP/1.1 ")


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_request_is_answered_in_one_write(name: str, answers: dict[str, Written]) -> None:
    assert len([piece for piece in answers[name] if isinstance(piece, str)]) == 1


def test_a_header_that_would_begin_another_is_sent_nowhere(answers: dict[str, Written]) -> None:
    written, closed = bytes_of(answers["a forged header"])
    assert "x-other" not in written
    assert closed


@pytest.mark.parametrize("name", NOT_AS_LONG)
def test_behind_an_answer_that_is_not_as_long_as_it_says_the_connection_ends(
    name: str, answers: dict[str, Written], of_vanilla: dict[str, Written]
) -> None:
    assert bytes_of(answers[name])[1]
    assert bytes_of(of_vanilla[name])[1]


@pytest.mark.parametrize("whose", ["ours", "of vanilla"])
def test_a_connection_is_closed_when_it_was_idle_long_enough_and_not_while_it_is_used(whose: str) -> None:
    *paths, rest, seconds = told([], "idle", whose)
    assert paths == ["/1", "/2", "/3", "/slow"]
    assert rest == ""
    assert seconds >= LONGEST_IDLE * 0.9

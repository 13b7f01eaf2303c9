"""Answers over HTTP/1.1, with the standard library's client as the oracle."""

import http.client
import time
from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.store.http_exchange import MAX_HEAD_BYTES, Answer, BadAnswer, Connection, Hung
from tests.unit.store.memory_socket import MemorySocket

NAMES = st.from_regex("[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True).map(lambda name: f"X-{name}")
VALUES = st.from_regex("(?:[!-~](?:[ -~]{0,30}[!-~])?)?", fullmatch=True)
BODILESS = {204, 304}


@dataclass(frozen=True, slots=True)
class Written:
    """A well-formed answer and the places at which the network cuts it."""

    octets: bytes
    cuts: list[int]


@st.composite
def answers(draw: st.DrawFn) -> Written:
    version, status = draw(st.sampled_from(["1.1", "1.0"])), draw(st.integers(200, 599))
    reason = draw(st.from_regex("(?: [ -~]{0,20})?", fullmatch=True))
    lines = [f"{name}: {value}" for name, value in draw(st.lists(st.tuples(NAMES, VALUES), max_size=6))]
    ending = draw(st.sampled_from([None, "close", "Close", "keep-alive", "x, close"]))
    if ending:
        lines.append(f"Connection: {ending}")
    body = b"" if status in BODILESS else draw(st.binary(max_size=3_000))
    if status not in BODILESS:
        chunked = version == "1.1" and draw(st.booleans())
        lines.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}")
        body = chunks_of(draw, body) if chunked else body
    head = f"HTTP/{version} {status}{reason}\r\n" + "".join(f"{line}\r\n" for line in draw(st.permutations(lines)))
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100\r\nx: y\r\n\r\n"]))
    octets = interim + head.encode() + b"\r\n" + body
    return Written(octets, draw(st.lists(st.integers(0, len(octets)), max_size=8)))


def chunks_of(draw: st.DrawFn, body: bytes) -> bytes:
    written = b""
    while body:
        size = draw(st.integers(1, len(body)))
        extension = draw(st.sampled_from([b"", b";a", b' ; a="b"']))
        written += b"%x" % size + extension + b"\r\n" + body[:size] + b"\r\n"
        body = body[size:]
    return written + b"0\r\n" + draw(st.sampled_from([b"", b"Expires: never\r\n"])) + b"\r\n"


def read(octets: bytes, cuts: list[int]) -> tuple[Answer, bool]:
    connection = Connection(cast("Any", MemorySocket(octets, cuts)))
    return connection.post({"host": "x"}, b"", 5), connection.reusable


@given(answers())
def test_what_the_standard_library_reads_we_read(written: Written) -> None:
    answer, reusable = read(written.octets, written.cuts)
    theirs = http.client.HTTPResponse(cast("Any", MemorySocket(written.octets)), method="POST")
    theirs.begin()
    assert (answer.status, answer.body) == (theirs.status, theirs.read())
    assert dict(answer.headers) == {
        name.lower(): ", ".join(theirs.headers.get_all(name, ())) for name in theirs.headers
    }
    # Ours is the stricter one: what an answer of HTTP/1.0 promises is not relied on.
    assert reusable == (theirs.version == 11 and not theirs.will_close)
    theirs.close()


@given(answers(), st.data())
def test_nothing_that_breaks_off_is_believed(written: Written, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(written.octets) - 1))
    with pytest.raises((BadAnswer, Hung)):
        read(written.octets[:end], written.cuts)


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=4))
def test_noise_is_no_answer_and_nothing_worse(noise: bytes, cuts: list[int]) -> None:
    for head in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        try:
            answer, _ = read(head + noise, cuts)
        except (BadAnswer, Hung):
            continue
        assert answer.status == 200


@given(answers(), st.binary(min_size=1, max_size=20))
def test_octets_behind_an_answer_end_the_connection(written: Written, more: bytes) -> None:
    whole, _ = read(written.octets, [])
    answer, reusable = read(written.octets + more, [])
    assert (answer, reusable) == (whole, False)


@given(
    headers=st.dictionaries(NAMES.map(str.lower), VALUES, max_size=5),
    body=st.binary(max_size=5_000),
)
def test_a_request_is_what_the_standard_library_sends(headers: dict[str, str], body: bytes) -> None:
    ours, theirs = MemorySocket(b"HTTP/1.1 204 X\r\n\r\n"), MemorySocket(b"")
    Connection(cast("Any", ours)).post({"host": "x", **headers}, body, 5)
    client = http.client.HTTPConnection("x")
    client.sock = cast("Any", theirs)
    client.putrequest("POST", "/", skip_host=True, skip_accept_encoding=True)
    for name, value in {"host": "x", **headers, "content-length": str(len(body))}.items():
        client.putheader(name, value)
    client.endheaders(body)
    assert ours.sent == theirs.sent


def test_a_request_that_the_kernel_takes_in_pieces_goes_out_whole_and_once() -> None:
    socket, body = MemorySocket(b"HTTP/1.1 204 X\r\n\r\n"), bytes(range(256)) * 20
    Connection(cast("Any", socket)).post({"host": "x"}, body, 5)
    assert socket.sent == b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5120\r\n\r\n" + body


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\rb"])
def test_a_line_break_in_a_header_is_never_sent(value: str) -> None:
    quiet = MemorySocket(b"")
    with pytest.raises(ValueError, match="line break"):
        Connection(cast("Any", quiet)).post({"host": value}, b"", 5)
    assert quiet.sent == b""


def test_an_exchange_without_time_left_is_not_begun() -> None:
    quiet = MemorySocket(b"")
    with pytest.raises(TimeoutError):
        Connection(cast("Any", quiet)).post({"host": "x"}, b"", 0)
    assert quiet.sent == b""


def test_a_drip_is_cut_off_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    class Drip(MemorySocket):
        def recv(self, _limit: int) -> bytes:
            now[0] += 1.0
            return b"H"

    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with pytest.raises(TimeoutError):
        Connection(cast("Any", Drip(b""))).post({"host": "x"}, b"", 5)
    assert now[0] == 105.0


@pytest.mark.parametrize(
    ("before", "again"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8", b";x"),
    ],
)
def test_what_never_ends_is_given_up_at_its_limit(before: bytes, again: bytes) -> None:
    class Endless(MemorySocket):
        taken = 0

        def recv(self, _limit: int) -> bytes:
            self.taken += len(again)
            return super().recv(_limit) or again

    endless = Endless(before)
    with pytest.raises(BadAnswer):
        Connection(cast("Any", endless)).post({"host": "x"}, b"", 5)
    assert endless.taken <= MAX_HEAD_BYTES + len(again)

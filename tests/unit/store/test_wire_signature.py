"""Signature Version 4, with botocore as the oracle."""

import hashlib
import http.client
import io
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from shared.store import wire as wire_module
from shared.store.attribute import attribute
from shared.store.http_exchange import Connection
from shared.store.wire import Wire, sign
from tests.unit.store.memory_socket import MemorySocket
from tests.unit.store.test_attribute import VALUES

PRINTABLE = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
STAMP = "20261001T093012Z"


@given(
    body=st.binary(max_size=300),
    access_key=st.from_regex("[A-Z0-9]{16,20}", fullmatch=True),
    secret=PRINTABLE,
    token=st.none() | PRINTABLE,
    region=st.sampled_from(["us-east-1", "eu-central-1"]),
    service=st.sampled_from(["dynamodb", "kms", "secretsmanager"]),
    target=st.from_regex("[A-Za-z_0-9]{4,20}[.][A-Za-z]{3,20}", fullmatch=True),
)
def test_our_signature_is_botocores(
    body: bytes, access_key: str, secret: str, token: str | None, region: str, service: str, target: str
) -> None:
    host = f"{service}.{region}.amazonaws.com"
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": host,
        "x-amz-date": STAMP,
        "x-amz-target": target,
    }
    if token:
        headers["x-amz-security-token"] = token
    environ = {"AWS_REGION": region, "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret}
    ours = sign(headers, body, environ, service=service, stamp=STAMP)

    request = AWSRequest("POST", f"https://{host}/", headers=headers, data=body)
    request.context["timestamp"] = STAMP
    auth = SigV4Auth(Credentials(access_key, secret, token), service, region)
    canonical = auth.canonical_request(request)
    theirs = auth.signature(auth.string_to_sign(request, canonical), request)

    assert ours.rpartition("Signature=")[2] == theirs
    assert f"Credential={access_key}/{datetime(2026, 10, 1, tzinfo=UTC):%Y%m%d}/{region}/{service}/" in ours
    assert hashlib.sha256(body).hexdigest() in canonical


def sent_by(wire: Wire, *requests: Any) -> tuple[list[MemorySocket], list[Any]]:
    """Call once for each request, each time over a connection of its own; gives what was sent, and whither."""
    sockets, opened = [], []

    def to(*whither: Any) -> Connection:
        sockets.append(MemorySocket(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
        opened.append(whither)
        return Connection(cast("Any", sockets[-1]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire_module, "Connection", type("InMemory", (), {"to": staticmethod(to)}))
        patch.setattr(wire_module, "_tls", lambda: "the context")
        for request in requests:
            wire.call("PutItem", request)
            wire.close()
    return sockets, opened


def read_request(sent: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = sent.partition(b"\r\n\r\n")
    first, _, lines = head.partition(b"\r\n")
    assert first == b"POST / HTTP/1.1"
    headers = dict(http.client.parse_headers(io.BytesIO(lines + b"\r\n\r\n")).items())
    assert int(headers.pop("content-length")) == len(body)
    return headers, body


@given(
    credentials=st.tuples(st.from_regex("[A-Z0-9]{16,20}", fullmatch=True), PRINTABLE, st.none() | PRINTABLE),
    region=st.from_regex("[a-z]{2}-[a-z]{4,9}-[1-9]", fullmatch=True),
    service=st.sampled_from(["dynamodb", "kms", "secretsmanager"]),
    endpoint=st.none() | st.sampled_from(["http://localhost:4566", "https://127.0.0.1:8443/", "http://[::1]:65535"]),
    now=st.integers(0, 2**32),
    row=VALUES,
)
def test_what_goes_out_over_the_wire_is_signed_as_botocore_signs_it(
    credentials: tuple[str, str, str | None], region: str, service: str, endpoint: str | None, now: int, row: Any
) -> None:
    access_key, secret, token = credentials
    environ = {"AWS_REGION": region, "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret}
    environ |= {"AWS_SESSION_TOKEN": token} if token else {}
    environ |= {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    wire = Wire.from_environment(service, environ, lambda: float(now))
    (socket,), _ = sent_by(wire, {"Item": attribute(row)})
    headers, body = read_request(socket.sent)
    authorization = headers.pop("authorization")

    url = endpoint or f"https://{service}.{region}.amazonaws.com"
    request = AWSRequest("POST", url, headers=headers, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(access_key, secret, token), service, region)
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert authorization.rpartition("Signature=")[2] == signature
    assert f"SignedHeaders={auth.signed_headers(auth.headers_to_sign(request))}," in authorization
    assert headers["host"] == url.rstrip("/").rpartition("/")[2]
    assert headers.get("x-amz-security-token") == token
    assert headers["x-amz-date"] == f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"


@pytest.mark.parametrize(
    ("endpoint", "whither"),
    [
        (None, ("kms.eu-central-1.amazonaws.com", 443, "the context")),
        ("http://localhost", ("localhost", 80, None)),
        ("http://localhost:4566/", ("localhost", 4566, None)),
        ("https://127.0.0.1:8443", ("127.0.0.1", 8443, "the context")),
        ("http://[::1]:65535", ("::1", 65_535, None)),
    ],
)
def test_a_wire_connects_to_its_endpoint_and_no_other(endpoint: str | None, whither: tuple[object, ...]) -> None:
    environ = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "a"}
    environ |= {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    _, opened = sent_by(Wire.from_environment("kms", environ, lambda: 0.0), {})
    assert opened[0][:3] == whither


def test_new_credentials_count_from_the_next_call_on() -> None:
    environ = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "a"}
    wire = Wire.from_environment("kms", environ, lambda: 0.0)
    (first,), _ = sent_by(wire, {})
    environ |= {"AWS_SECRET_ACCESS_KEY": "b"}
    (second,), _ = sent_by(wire, {})
    environ |= {"AWS_ACCESS_KEY_ID": "B", "AWS_SESSION_TOKEN": "t"}
    (third,), _ = sent_by(wire, {})
    signatures = {socket.sent.partition(b"Signature=")[2][:64] for socket in (first, second, third)}
    assert len(signatures) == 3
    assert b"Credential=B/" in third.sent
    assert b"x-amz-security-token: t" in third.sent

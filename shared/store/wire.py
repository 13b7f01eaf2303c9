"""A small client for the JSON services of AWS: DynamoDB, KMS, Secrets Manager.

The SDK costs a cold start ten times what a login or a refresh costs; these functions need five operations of it.
Requests are signed with Signature Version 4, connections stay open, and every answer is checked before it is believed.
Rules:

* a request that may already have taken effect is only ever repeated byte for byte (transactions carry a client token);
* throttling, server faults and broken connections are tried again with jitter until the deadline, then `Unavailable`;
* an answer that the service means (a failed condition, a denied call) is `ServiceError` at once.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import json
import random
import re
import time
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from shared.store.http_exchange import Answer, BadAnswer, Connection

if TYPE_CHECKING:
    from ssl import SSLContext

Clock = Callable[[], float]

CONNECT_TIMEOUT_SECONDS = 2.0
ATTEMPT_TIMEOUT_SECONDS = 3.0  # a connection that died while the environment was frozen must not cost the whole call
CALL_TIMEOUT_SECONDS = 10.0  # below the time-out of every function, so that it can still answer
MAX_ATTEMPTS = 4
_BACKOFF_SECONDS = 0.05
_OK, _FIRST_SERVER_FAULT = 200, 500
_PORTS = {"http": 80, "https": 443}
_ENDPOINT = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?")

_RETRYABLE = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionInProgressException",  # our own earlier copy of the request is still at work
    }
)


class ServiceError(RuntimeError):
    """The service understood the request and refused it; `code` is the name without its namespace."""

    def __init__(self, code: str, message: str, body: Mapping[str, Any]) -> None:
        super().__init__(code)  # not the message, which may repeat the request: faults are logged
        self.code = code
        self.message = message
        self.body = body


class Unavailable(RuntimeError):
    """No answer that can be believed came before the deadline: whether the request took effect is unknown."""


class JsonService(Protocol):
    """What stores need of a client; the wire is one, a fault-injecting wrapper in the tests is another."""

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]: ...


class _Service(NamedTuple):
    signing_name: str
    target: str
    content_type: str


_SERVICES = {
    "dynamodb": _Service("dynamodb", "DynamoDB_20120810", "application/x-amz-json-1.0"),
    "kms": _Service("kms", "TrentService", "application/x-amz-json-1.1"),
    "secretsmanager": _Service("secretsmanager", "secretsmanager", "application/x-amz-json-1.1"),
}


class Wire:
    """One service at one endpoint. Safe to share between threads: a connection serves one call at a time."""

    def __init__(self, service: str, endpoint: str, environ: Mapping[str, str], clock: Clock) -> None:
        self._service = _SERVICES[service]
        self._endpoint = _endpoint_of(endpoint)
        self._environ = environ
        self._clock = clock
        self._idle: list[Connection] = []

    @classmethod
    def from_environment(cls, service: str, environ: Mapping[str, str], clock: Clock = time.time) -> Wire:
        """Aim at the Region of the Lambda environment, or at `AWS_ENDPOINT_URL` where one is set."""
        endpoint = environ.get("AWS_ENDPOINT_URL") or (f"https://{service}.{environ['AWS_REGION']}.amazonaws.com")
        return cls(service, endpoint, environ, clock)

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        """Send one operation; `deadline` is the Unix second after which no attempt may start or go on.

        Raises `ServiceError` for a refusal and `Unavailable` when nothing believable came back.
        """
        body = _WRITTEN(request).encode()
        limit = self._clock() + CALL_TIMEOUT_SECONDS
        limit = limit if deadline is None else min(limit, deadline)
        failure: Exception | None = None
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                time.sleep(_BACKOFF_SECONDS * 2**attempt * random.random())  # noqa: S311 - jitter, no secret
            remaining = limit - self._clock()
            if remaining <= 0:
                break
            try:
                return self._exchange(operation, body, min(remaining, ATTEMPT_TIMEOUT_SECONDS))
            except (OSError, BadAnswer, _Unbelievable) as fault:
                failure = fault
        raise Unavailable(f"{self._service.signing_name} {operation}: {failure}") from failure

    def close(self) -> None:
        """Close the connections that wait for a next call; the wire opens new ones when it is used again."""
        while self._idle:
            self._idle.pop().close()

    def _exchange(self, operation: str, body: bytes, remaining: float) -> dict[str, Any]:
        ends_at = time.monotonic() + remaining
        headers = self._signed_headers(operation, body)
        reused = None
        with contextlib.suppress(IndexError):
            reused = self._idle.pop()
        if reused is not None:
            # Where the peer closed the connection while it was idle, the request never reached it.
            with contextlib.suppress(ConnectionError):
                return _believed(self._post(reused, headers, body, ends_at))
        return _believed(self._post(self._opened(ends_at), headers, body, ends_at))

    def _opened(self, ends_at: float) -> Connection:
        scheme, host, port, _ = self._endpoint
        timeout = min(CONNECT_TIMEOUT_SECONDS, _left(ends_at))
        return Connection.to(host, port, _tls() if scheme == "https" else None, timeout)

    def _post(self, connection: Connection, headers: Mapping[str, str], body: bytes, ends_at: float) -> Answer:
        try:
            answer = connection.post(headers, body, _left(ends_at))
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _signed_headers(self, operation: str, body: bytes) -> dict[str, str]:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        headers = {
            "content-type": self._service.content_type,
            "host": self._endpoint.authority,
            "x-amz-date": stamp,
            "x-amz-target": f"{self._service.target}.{operation}",
        }
        if token := self._environ.get("AWS_SESSION_TOKEN"):
            headers["x-amz-security-token"] = token
        headers["authorization"] = sign(headers, body, self._environ, service=self._service.signing_name, stamp=stamp)
        return headers


def sign(headers: Mapping[str, str], body: bytes, environ: Mapping[str, str], *, service: str, stamp: str) -> str:
    """Give the Authorization header of a POST to `/` (Signature Version 4); `headers` are lower-case and all signed."""
    region, day = environ["AWS_REGION"], stamp[:8]
    names = sorted(headers)
    signed = ";".join(names)
    canonical_headers = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in names])
    digest = hashlib.sha256(body).hexdigest()
    request = f"POST\n/\n\n{canonical_headers}\n{signed}\n{digest}"
    scope = f"{day}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = _signing_key(environ["AWS_SECRET_ACCESS_KEY"], day, region, service)
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"{environ['AWS_ACCESS_KEY_ID']}/{scope}"
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}"


@functools.lru_cache(maxsize=8)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Derive the key of a day: it is the same for all of its requests."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@functools.cache
def _tls() -> SSLContext:
    """Make the one TLS context of this process. Reading the authorities costs more than the import of this package."""
    import ssl  # noqa: PLC0415 - with the first connection that needs it; the local stage needs none

    return ssl.create_default_context()


_WRITTEN = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class _Endpoint(NamedTuple):
    """`authority` is what the Host header says."""

    scheme: str
    host: str
    port: int
    authority: str


def _endpoint_of(text: str) -> _Endpoint:
    match = _ENDPOINT.fullmatch(text)
    if match is None:
        raise RuntimeError(f"{text!r} is no endpoint: scheme, host and port, without a path")
    scheme, host, port = match[1], match[2], match[3]
    authority = f"{host}:{port}" if port else host
    return _Endpoint(scheme, host.strip("[]"), int(port) if port else _PORTS[scheme], authority)


def _left(ends_at: float) -> float:
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("the attempt has used up its time")
    return left


class _Unbelievable(Exception):
    """An answer that says nothing: a server fault, throttling, a body that does not match its checksum."""


def _believed(answer: Answer) -> dict[str, Any]:
    status, headers, content = answer
    checksum = headers.get("x-amz-crc32")
    if checksum is not None and (not checksum.isdecimal() or int(checksum) != zlib.crc32(content)):
        raise _Unbelievable("the body does not match x-amz-crc32")
    try:
        document = json.loads(content.decode()) if content else {}
    except (ValueError, RecursionError) as fault:
        raise _Unbelievable(f"status {status} without a JSON body") from fault
    if status == _OK and isinstance(document, dict):
        return document
    code = str(document.get("__type", "")).rpartition("#")[2] if isinstance(document, dict) else ""
    if status >= _FIRST_SERVER_FAULT or code in _RETRYABLE or not code:
        raise _Unbelievable(f"status {status} {code}")
    raise ServiceError(code, str(document.get("message") or document.get("Message") or ""), document)

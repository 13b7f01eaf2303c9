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
import hashlib
import hmac
import http.client
import json
import random
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

Clock = Callable[[], float]

CONNECT_TIMEOUT_SECONDS = 2.0
ATTEMPT_TIMEOUT_SECONDS = 3.0  # a connection that died while the environment was frozen must not cost the whole call
CALL_TIMEOUT_SECONDS = 10.0  # below the time-out of every function, so that it can still answer
MAX_ATTEMPTS = 4
_BACKOFF_SECONDS = 0.05
_FIRST_SERVER_FAULT = 500

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
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.body = body


class Unavailable(RuntimeError):
    """No answer that can be believed came before the deadline: whether the request took effect is unknown."""


class JsonService(Protocol):
    """What stores need of a client; the wire is one, a fault-injecting wrapper in the tests is another."""

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class _Service:
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
        self._endpoint = urlsplit(endpoint)
        self._environ = environ
        self._clock = clock
        self._idle: list[http.client.HTTPConnection] = []
        self._tls = ssl.create_default_context() if self._endpoint.scheme == "https" else None

    @classmethod
    def from_environment(cls, service: str, environ: Mapping[str, str], clock: Clock = time.time) -> Wire:
        """Aim at the Region of the Lambda environment, or at `AWS_ENDPOINT_URL` where one is set."""
        endpoint = environ.get("AWS_ENDPOINT_URL") or (f"https://{service}.{environ['AWS_REGION']}.amazonaws.com")
        return cls(service, endpoint, environ, clock)

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        """Send one operation; `deadline` is the Unix second after which no attempt may start or go on.

        Raises `ServiceError` for a refusal and `Unavailable` when nothing believable came back.
        """
        body = json.dumps(request, separators=(",", ":")).encode()
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
            except (OSError, http.client.HTTPException, _Unbelievable) as fault:
                failure = fault
        raise Unavailable(f"{self._service.signing_name} {operation}: {failure}") from failure

    def close(self) -> None:
        """Close the connections that wait for a next call; the wire opens new ones when it is used again."""
        while self._idle:
            self._idle.pop().close()

    def _exchange(self, operation: str, body: bytes, remaining: float) -> dict[str, Any]:
        headers = self._signed_headers(operation, body)
        connection, reused = self._connection(remaining)
        try:
            response, content = _round_trip(connection, body, headers)
        except (ConnectionError, http.client.RemoteDisconnected, http.client.BadStatusLine):
            connection.close()
            if not reused:
                raise
            # The peer closed the connection while it was idle: the request never reached it.
            connection = self._open(remaining)
            response, content = _round_trip(connection, body, headers)
        except BaseException:
            connection.close()
            raise
        self._keep(connection, response)
        return _believed(response, content)

    def _connection(self, remaining: float) -> tuple[http.client.HTTPConnection, bool]:
        with contextlib.suppress(IndexError):
            connection = self._idle.pop()
            if connection.sock is not None:
                connection.sock.settimeout(remaining)
                return connection, True
        return self._open(remaining), False

    def _open(self, remaining: float) -> http.client.HTTPConnection:
        host, port = self._endpoint.hostname or "", self._endpoint.port
        timeout = min(CONNECT_TIMEOUT_SECONDS, remaining)
        connection: http.client.HTTPConnection
        if self._tls:
            connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=timeout)
        connection.connect()
        connection.sock.settimeout(remaining)
        return connection

    def _keep(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)

    def _signed_headers(self, operation: str, body: bytes) -> dict[str, str]:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        headers = {
            "content-type": self._service.content_type,
            "host": self._endpoint.netloc,
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
    signed = ";".join(sorted(headers))
    canonical_headers = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    digest = hashlib.sha256(body).hexdigest()
    request = f"POST\n/\n\n{canonical_headers}\n{signed}\n{digest}"
    scope = f"{day}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"{environ['AWS_ACCESS_KEY_ID']}/{scope}"
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}"


class _Unbelievable(Exception):
    """An answer that says nothing: a server fault, throttling, a body that does not match its checksum."""


def _round_trip(
    connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    connection.request("POST", "/", body, dict(headers))
    response = connection.getresponse()
    return response, response.read()


def _believed(response: http.client.HTTPResponse, content: bytes) -> dict[str, Any]:
    checksum = response.headers.get("x-amz-crc32")
    if checksum is not None and int(checksum) != zlib.crc32(content):
        raise _Unbelievable("the body does not match x-amz-crc32")
    try:
        document = json.loads(content) if content else {}
    except ValueError as fault:
        raise _Unbelievable(f"status {response.status} without a JSON body") from fault
    if response.status == http.client.OK and isinstance(document, dict):
        return document
    code = str(document.get("__type", "")).rpartition("#")[2] if isinstance(document, dict) else ""
    if response.status >= _FIRST_SERVER_FAULT or code in _RETRYABLE or not code:
        raise _Unbelievable(f"status {response.status} {code}")
    raise ServiceError(code, str(document.get("message") or document.get("Message") or ""), document)

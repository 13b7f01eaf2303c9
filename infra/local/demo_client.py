"""An HTTP client that plays one person's device behind the edge: what a browser or an app would send."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pyotp

STEP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


class UnexpectedAnswerError(RuntimeError):
    """The product answered otherwise than the demonstration says it does."""


class Device:
    """Sends requests as the distribution would hand them on: with the viewer's address and country."""

    def __init__(self, demo: Mapping[str, Any], *, address: str, country: str, device_id: str) -> None:
        self._base = urlsplit(demo["base_url"])
        self._device_id = device_id
        self._tenant = demo["tenant"]
        self._viewer = {
            "X-Origin-Verify": demo["origin_verify"],
            "CloudFront-Viewer-Address": f"{address}:443",
            "CloudFront-Viewer-Country": country,
            "User-Agent": "MunimentDemo/1.0",
        }
        self.access_token = ""
        self.refresh_token = ""

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        further: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send with the device's own headers and `further` ones; gives whatever is answered."""
        headers = {**self._viewer, **(further or {})}
        if self.access_token:
            headers["Authorization"] = f"Bearer {self.access_token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        return fetch(self._base.geturl() + path, method, headers, None if body is None else json.dumps(body).encode())

    def expect(self, status: int, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Send, and raise `UnexpectedAnswerError` for any other status than `status`."""
        answer = self.send(method, path, body)
        if answer.status != status:
            raise UnexpectedAnswerError(f"{method} {path}: {answer.status} {answer.body[:300].decode()}")
        return answer

    def login(self, email: str, password: str, status: int = 200) -> Answer:
        answer = self.expect(status, "POST", "/api/auth/login", self.credentials(email, password))
        self.take(answer)
        return answer

    def credentials(self, email: str, password: str) -> dict[str, Any]:
        return {"tenant": self._tenant, "email": email, "password": password, "device_id": self._device_id}

    def refresh(self, token: str | None = None, status: int = 200) -> Answer:
        body = {"refresh_token": token or self.refresh_token, "device_id": self._device_id}
        answer = self.expect(status, "POST", "/api/auth/refresh", body)
        self.take(answer)
        return answer

    def step_up(self, totp_secret: str, purpose: str = "data_export") -> None:
        """Prove the second factor for `purpose`; a time step whose code is spent is waited for."""
        last = -1
        while True:
            step = max(int(time.time()) // STEP_SECONDS - 1, last + 1)
            time.sleep(max(0.0, step * STEP_SECONDS - time.time()))
            answer = self._verify(purpose, {"code": pyotp.TOTP(totp_secret).at(step * STEP_SECONDS)})
            if answer.status == http.client.OK:
                return
            if answer.status != http.client.UNAUTHORIZED or step > int(time.time()) // STEP_SECONDS:
                raise UnexpectedAnswerError(f"step-up: {answer.status} {answer.body[:300].decode()}")
            last = step

    def step_up_by_recovery_code(self, code: str, purpose: str) -> None:
        """Prove a second factor with a recovery code, which is spent by it."""
        answer = self._verify(purpose, {"recovery_code": code})
        if answer.status != http.client.OK:
            raise UnexpectedAnswerError(f"step-up: {answer.status} {answer.body[:300].decode()}")

    def _verify(self, purpose: str, proof: Mapping[str, str]) -> Answer:
        """Answer a challenge for `purpose`; the stronger access token is kept."""
        challenge = self.expect(201, "POST", "/api/auth/step-up/challenges", {"purpose": purpose}).json()
        answer = self.send("POST", "/api/auth/step-up/verify", {"challenge_id": challenge["challenge_id"], **proof})
        if answer.status == http.client.OK:
            self.access_token = answer.json()["access_token"]
        return answer

    def answer(self, challenge_id: str, totp_secret: str) -> None:
        """Answer the challenge of a risky sign-in with the code of this moment: a session opens."""
        code = pyotp.TOTP(totp_secret).now()
        body = {"challenge_id": challenge_id, "code": code}
        self.take(self.expect(200, "POST", "/api/auth/step-up/verify", body))

    def take(self, answer: Answer) -> None:
        """Keep the tokens of an answer that has some."""
        if answer.status == http.client.OK:
            tokens = answer.json()
            self.access_token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]


def fetch(url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Answer:
    """Make one request; redirects are answers, not followed. Plain http on this machine only."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        sent = {
            name: ", ".join(response.headers.get_all(name, [])) for name in response.headers
        }  # cookies come in several
        return Answer(response.status, sent, response.read())
    finally:
        connection.close()

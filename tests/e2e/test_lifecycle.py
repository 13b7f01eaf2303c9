"""Every route of a session's life, as deployed: each function under its own role, through the local front."""

import re
import secrets
import time
from typing import Any

import pyotp
import pytest

from infra.local.demo_client import Device, fetch
from tests.e2e.newcomer import newcomer
from tests.running_stage import Stage

CODE_SECONDS = 30


@pytest.fixture
def person(stage: Stage, bundles: list[str]) -> Any:
    """Give a member whom the demonstration has let live as it says."""
    assert bundles
    return stage.demo["users"]["member"]


@pytest.fixture
def at_home(stage: Stage, person: Any) -> Device:
    """Give a device of the member in a place of its own, known from a first sign-in with whatever was asked for."""
    device = stage.device(address="203.0.113.200", country="NL", device_id="lifecycle")
    sign_in(device, person)
    return device


def sign_in(device: Device, person: Any) -> None:
    answer = device.send("POST", "/api/auth/login", device.credentials(person["email"], person["password"]))
    if answer.status == 200:
        device.take(answer)
        return
    asked = answer.json()
    assert asked["code"] == "insufficient_user_authentication", asked
    verified = proved(device, person, "/api/auth/step-up/verify", {"challenge_id": asked["challenge_id"]})
    device.take(verified)


def proved(device: Device, person: Any, path: str, body: dict[str, Any]) -> Any:
    """Send `body` with the oldest code that counts and that nobody has spent: whoever asks next need not wait."""
    totp, last = pyotp.TOTP(person["totp_secret"]), -1
    for _ in range(4):
        last = max(int(time.time()) // CODE_SECONDS - 1, last + 1)
        time.sleep(max(0.0, last * CODE_SECONDS - time.time() + 0.1))
        answer = device.send("POST", path, body | {"code": totp.at(last * CODE_SECONDS)})
        if answer.status == 200:
            return answer
        assert answer.json()["code"] == "invalid_credentials", answer.json()
    raise AssertionError("no code was accepted")


def stepped_up(device: Device, person: Any, purpose: str) -> None:
    challenge = device.expect(201, "POST", "/api/auth/step-up/challenges", {"purpose": purpose}).json()
    answer = proved(device, person, "/api/auth/step-up/verify", {"challenge_id": challenge["challenge_id"]})
    device.access_token = answer.json()["access_token"]


def test_new_device_in_a_new_country_scores_75_over_http(stage: Stage, at_home: Device, person: Any) -> None:
    assert at_home.access_token
    abroad = stage.device(address="192.0.2.201", country="LU", device_id=f"phone-{secrets.token_hex(4)}")
    asked = abroad.login(person["email"], person["password"], status=401).json()
    assert asked["code"] == "insufficient_user_authentication"
    risk = next(event["risk"] for event in reversed(stage.events()) if event["action"] == "ANOMALY_SCORED")
    assert (risk["score"], risk["reasons"], risk["action"]) == (75, ["NEW_DEVICE", "NEW_COUNTRY"], "STEP_UP_REQUIRED")


def test_sessions_are_listed_ended_and_all_ended_but_one(stage: Stage, at_home: Device, person: Any) -> None:
    other = stage.device(address="203.0.113.200", country="NL", device_id="lifecycle")
    sign_in(other, person)
    listed = at_home.expect(200, "GET", "/api/auth/sessions").json()["sessions"]
    current = next(session["session_id"] for session in listed if session["current"])
    mine = other.expect(200, "GET", "/api/auth/me").json()["session"]["session_id"]
    assert {current, mine} <= {session["session_id"] for session in listed}
    at_home.expect(204, "DELETE", f"/api/auth/sessions/{mine}")
    other.expect(401, "GET", "/api/auth/me")
    sign_in(other, person)
    kept = at_home.expect(200, "POST", "/api/auth/logout-all", {"keep_current": True})
    at_home.take(kept)
    other.expect(401, "GET", "/api/auth/me")
    at_home.expect(200, "GET", "/api/auth/me")
    at_home.refresh()


def test_password_is_changed_and_reset_by_mail(stage: Stage, at_home: Device, person: Any) -> None:
    new = f"a new pass phrase {secrets.token_hex(6)}"
    before = person["password"]
    at_home.take(at_home.expect(200, "POST", "/api/auth/password", {"current": before, "new": new}))
    person["password"] = new
    at_home.expect(200, "GET", "/api/auth/me")
    refused = at_home.expect(422, "POST", "/api/auth/password", {"current": new, "new": "password1234567"}).json()
    assert refused["code"] == "password_rejected"
    at_home.expect(202, "POST", "/api/auth/password/reset", {"tenant": stage.demo["tenant"], "email": person["email"]})
    token = mailed_token(stage, person["email"])
    again = f"another pass phrase {secrets.token_hex(6)}"
    body = {"token": token, "new": again}
    at_home.expect(204, "POST", "/api/auth/password/reset/complete", body)
    person["password"] = again
    at_home.expect(401, "POST", "/api/auth/password/reset/complete", body)
    at_home.expect(401, "GET", "/api/auth/me")
    sign_in(at_home, person)


def mailed_token(stage: Stage, address: str) -> str:
    """Read the token out of the newest mail to `address` that carries one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        sent = fetch(f"{stage.deployment.aws_endpoint}/_ministack/ses/messages", "GET", {}, None)
        accounts = sent.json()["messages"].values()
        messages = [message for messages in accounts for message in messages if address in message["To"]]
        for message in sorted(messages, key=lambda one: one["Timestamp"], reverse=True):
            found = re.search(r"#token=([A-Za-z0-9_-]+)", message["BodyText"])
            if found:
                return found[1]
        time.sleep(0.3)
    raise AssertionError("no reset mail arrived")


def test_factors_are_added_and_removed(at_home: Device, person: Any) -> None:
    stepped_up(at_home, person, "account_security")
    codes = at_home.expect(200, "POST", "/api/auth/factors/recovery-codes", {}).json()["recovery_codes"]
    assert len(codes) == 10
    options = at_home.expect(201, "POST", "/api/auth/factors/passkeys", {}).json()
    assert options["publicKey"]["rp"]["id"] == "muniment.localhost"
    assert at_home.expect(200, "GET", "/api/auth/factors/passkeys").json() == {"passkeys": []}
    challenge = at_home.expect(201, "POST", "/api/auth/step-up/challenges", {"purpose": "account_security"}).json()
    answer = {"challenge_id": challenge["challenge_id"], "recovery_code": codes[0]}
    at_home.expect(200, "POST", "/api/auth/step-up/verify", answer)


@pytest.mark.usefixtures("bundles")
def test_security_settings_are_shown_and_changed_by_whoever_may(stage: Stage) -> None:
    owner = newcomer(stage, "owner")
    device = stage.device(address="203.0.113.210", country="DE", device_id="settings")
    sign_in(device, owner)
    device.expect(200, "GET", "/api/settings/security")
    device.expect(401, "PATCH", "/api/settings/security", {"max_replays": 7})
    stepped_up(device, owner, "rbac_admin")
    device.expect(200, "PATCH", "/api/settings/security", {"max_replays": 7})
    change = stage.await_event("SECURITY_SETTING_CHANGED")["change"]
    assert change["after"] == {"max_replays": 7}
    refused = device.expect(400, "PATCH", "/api/settings/security", {"max_replays": 0}).json()
    assert refused["errors"][0]["pointer"] == "/max_replays"


def test_blocked_sign_in_is_contained_and_told_under_one_incident(stage: Stage, at_home: Device, person: Any) -> None:
    thief = stage.device(address="192.0.2.202", country="JP", device_id=f"thief-{secrets.token_hex(4)}")
    blocked = thief.login(person["email"], person["password"], status=401).json()
    assert blocked["code"] == "session_blocked"
    at_home.expect(401, "GET", "/api/auth/me")
    detected = next(event for event in reversed(stage.events()) if event["action"] == "SESSION_BLOCKED")
    told = stage.await_event("SECURITY_ALERT_SENT", of_incident=detected["context"]["correlation_id"])
    assert told["meta"]["seconds_since_detection"] >= 0


def test_browser_keeps_its_token_in_a_cookie(stage: Stage, person: Any) -> None:
    browser = stage.device(address="203.0.113.200", country="NL", device_id="lifecycle")
    origin = stage.demo["base_url"]
    page = {"Origin": origin, "Sec-Fetch-Site": "same-origin", "X-Muniment-CSRF": "1"}
    body = browser.credentials(person["email"], person["password"]) | {"mode": "cookie"}
    del body["device_id"]
    answer = browser.send("POST", "/api/auth/login", body, page)
    if answer.status == 401:  # a browser is a new device, and may be asked
        asked = answer.json()
        jar = cookies(answer)
        code = pyotp.TOTP(person["totp_secret"]).now()
        proof = {"challenge_id": asked["challenge_id"], "code": code}
        answer = browser.send("POST", "/api/auth/step-up/verify", proof, page | {"Cookie": header(jar)})
    assert answer.status == 200
    assert "refresh_token" not in answer.json()
    jar = cookies(answer)
    assert jar["__Host-rt"]
    refused = browser.send("POST", "/api/auth/refresh", {}, {"Cookie": header(jar)})
    assert refused.json()["code"] == "csrf_rejected"
    assert browser.send("POST", "/api/auth/refresh", {}, page | {"Cookie": header(jar)}).status == 200


def cookies(answer: Any) -> dict[str, str]:
    found = re.findall(r"(__Host-[a-z]+)=([^;,]*)", answer.headers.get("Set-Cookie", ""))
    return dict(found)


def header(jar: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in jar.items())

"""The part of the demonstration in which access changes: invite, role, impersonation, address rule, leaver.

Everything goes over HTTP, as a client would do it; the one thing that is looked up elsewhere is the mail with the link.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import pyotp

from infra.local.demo_client import Device, UnexpectedAnswerError, fetch

NEWCOMER = "nora@acme.example"
PASS_PHRASE = "violet harbour counts nine lanterns"  # noqa: S105 - of a person who exists as long as the demonstration
BLOCKED_NETWORK = "198.18.7.0/24"  # RFC 2544: nobody's
_MAIL_WITHIN_SECONDS = 30.0
_OK, _CREATED, _GONE, _UNAUTHORIZED, _REFUSED = 200, 201, 204, 401, 403


class People:
    """A newcomer's days, from the invite to the last one. `device` makes a device at an address."""

    def __init__(
        self, demo: Mapping[str, Any], owner: Device, aws_endpoint: str, device: Callable[[str, str, str], Device]
    ) -> None:
        self._demo = demo
        self._owner = owner
        self._endpoint = aws_endpoint
        self.newcomer = device("203.0.113.77", "DE", "demo-newcomer-laptop")
        self._stranger = device("198.18.7.9", "US", "demo-stranger")
        self._codes: list[str] = []
        self.staff_id = ""

    def join(self) -> None:
        """Invite an administrator, accept by the link of the mail, and enrol the factor that comes before all else."""
        self._owner.step_up(self._demo["users"]["owner"]["totp_secret"], "rbac_admin")
        self._owner.expect(_CREATED, "POST", "/api/staff/invites", {"email": NEWCOMER, "role": "admin"})
        token = mailed_token(self._endpoint, NEWCOMER)
        body = {"token": token, "password": PASS_PHRASE, "name": "Nora Lund", "device_id": "demo-newcomer-laptop"}
        accepted = self.newcomer.expect(_OK, "POST", "/api/auth/invites/accept", body)
        self.newcomer.take(accepted)
        self.staff_id = accepted.json()["session"]["staff_id"]
        self.newcomer.expect(_UNAUTHORIZED, "GET", "/api/staff")  # mfa_enrollment_required
        secret = self.newcomer.expect(_CREATED, "POST", "/api/auth/factors/totp", {}).json()["secret"]
        confirmed = self.newcomer.expect(
            _OK, "POST", "/api/auth/factors/totp/confirm", {"code": pyotp.TOTP(secret).now()}
        )
        self._codes = confirmed.json()["recovery_codes"]
        self.newcomer.expect(_OK, "GET", "/api/staff")

    def impersonate(self) -> str:
        """Act as a member, read-only; gives what the banner says. Owners are nobody's to act as."""
        self.newcomer.step_up_by_recovery_code(self._codes.pop(), "impersonate")
        users = self._demo["users"]
        wanted = {"target_id": users["member"]["staff_id"], "reason": "Sees an empty page", "ticket": "SUP-2041"}
        begun = self.newcomer.expect(_CREATED, "POST", "/api/impersonation", {**wanted, "minutes": 5}).json()
        own_token, self.newcomer.access_token = self.newcomer.access_token, begun["access_token"]
        me = self.newcomer.expect(_OK, "GET", "/api/auth/me")
        today = time.strftime("%Y-%m-%d", time.gmtime())
        export = {"from": today, "to": today, "format": "csv"}
        self.newcomer.expect(_REFUSED, "POST", "/api/compliance/export/bundle", export)
        self.newcomer.expect(_GONE, "DELETE", "/api/impersonation")
        self.newcomer.expect(_UNAUTHORIZED, "GET", "/api/auth/me")
        self.newcomer.access_token = own_token
        self.newcomer.expect(
            _REFUSED, "POST", "/api/impersonation", {**wanted, "target_id": users["owner"]["staff_id"]}
        )
        banner = me.json()["impersonation"]
        return f"{banner['mode']} mode, seen as {me.json()['staff']['email']}, header {me.headers['X-Impersonated-By']}"

    def rule(self) -> None:
        """Block a network: its people are refused from the next request on, and the rule is confirmed."""
        self.newcomer.step_up_by_recovery_code(self._codes.pop(), "rbac_admin")
        rule = {"cidr": BLOCKED_NETWORK, "action": "deny", "note": "Scans us every night"}
        made = self.newcomer.expect(_CREATED, "POST", "/api/ip-rules", rule).json()
        member = self._demo["users"]["member"]
        self._stranger.login(member["email"], member["password"], status=_REFUSED)
        self.newcomer.expect(_OK, "POST", f"/api/ip-rules/{made['rule_id']}/confirm")
        own = {"cidr": "203.0.113.0/24", "action": "deny"}
        lockout = self.newcomer.send("POST", "/api/ip-rules", own).json()
        if lockout["code"] != "lockout_risk":
            raise UnexpectedAnswerError(f"a rule against its own author was answered with {lockout['code']}")

    def leave(self) -> None:
        """Come back without the role, and lose all access: it counts with the next request."""
        person = f"/api/staff/{self.staff_id}"
        self.newcomer.login(NEWCOMER, PASS_PHRASE)
        self.newcomer.expect(_REFUSED, "GET", "/api/staff")
        self._owner.expect(_OK, "POST", f"{person}/deactivate", {"reason": "Contract ended"})
        self.newcomer.expect(_UNAUTHORIZED, "GET", "/api/auth/me")
        self.newcomer.refresh(status=_UNAUTHORIZED)
        self.newcomer.login(NEWCOMER, PASS_PHRASE, status=_UNAUTHORIZED)


def mailed_token(aws_endpoint: str, address: str) -> str:
    """Read the token out of the newest mail to `address`, as the person would; it comes from the outbox in a moment."""
    deadline = time.monotonic() + _MAIL_WITHIN_SECONDS
    while time.monotonic() < deadline:
        accounts = fetch(f"{aws_endpoint}/_ministack/ses/messages").json()["messages"].values()
        sent = [message for messages in accounts for message in messages if address in message["To"]]
        for message in sorted(sent, key=lambda one: one["Timestamp"], reverse=True):
            found = re.search(r"#token=([A-Za-z0-9._~-]+)", message["BodyText"])
            if found:
                return found[1]
        time.sleep(0.2)
    raise UnexpectedAnswerError(f"no mail came to {address}")

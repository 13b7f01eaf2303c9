"""`make demo`: the product's main job, end to end, over HTTP.

Activity of a tenant, an attack, the evidence bundle of the last quarter and of today, both verified offline, and a copy
with one flipped byte, refused. Each step prints a line with the time that it took.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local.daily_streams import missing, told
from infra.local.demo_auditor import Auditing, shown
from infra.local.demo_client import Device, UnexpectedAnswerError
from infra.local.demo_evidence import Evidence, line, pins, say
from infra.local.demo_people import People
from infra.local.demo_stage import bring_up
from infra.local.demo_tenant import demo_file, read_demo
from infra.local.deploy import DeployFailed
from infra.local.record import Deployment
from infra.local.simulated_quarter import Quarter
from infra.local.stage import StageFailed, StageSettings, stop

REFUSED = 1  # exit code of the verifier for an integrity failure


class Demo:
    """One walk through the product against a running stage."""

    def __init__(self, deployment: Deployment, demo: Mapping[str, Any], folder: Path) -> None:
        self._deployment = deployment
        self._demo = demo
        self._evidence = Evidence(deployment, folder)
        self._users = demo["users"]
        self._owner = self._device("203.0.113.11", "DE", "demo-owner-laptop")
        self._admin = self._device("203.0.113.12", "DE", "demo-admin-laptop")
        self._auditing = Auditing(self._owner, self._admin, self._evidence, _last_quarter())
        self._event_id = ""

    def run(self) -> list[Path]:
        """Walk; gives the two bundles. Raises `UnexpectedAnswerError` where the product does not do what it should."""
        with line("people sign in from DE, FR and SE; wrong passwords and strangers are refused"):
            self._sign_ins()
        with line("a right password on a new device in a new country: asked for a second factor, and let in with it"):
            self._risky_sign_in()
        with line("sessions refresh; a token that is sent twice gets the same successor"):
            self._refreshes()
        with line("a thief presents a spent refresh token: the family and all sessions are revoked"):
            self._stolen_token()
        self._people()
        with line("the owner proves a second factor; without it, evidence is refused"):
            self._step_up()
        made = self._evidence.export(self._owner, *_last_quarter())
        quarter = self._evidence.download(self._owner, self._users["owner"], made)
        self._audit(made[0].rpartition("/")[2], quarter)
        with line("today's activity is sealed and signed"):
            self._evidence.await_signed(time.time())
        today = datetime.now(UTC).date().isoformat()
        self._admin.step_up(self._users["admin"]["totp_secret"])
        live = self._evidence.bundle(self._admin, self._users["admin"], today, today)
        for path in (quarter, live):
            self._verify(path)
            say(f"  sealed in it: {told(path)}")
        self._require_streams(live)
        self._flip(quarter)
        with line("everybody signs out"):
            self._owner.expect(204, "POST", "/api/auth/logout")
            self._admin.expect(204, "POST", "/api/auth/logout")
        return [quarter, live]

    def _device(self, address: str, country: str, device_id: str) -> Device:
        return Device(self._demo, address=address, country=country, device_id=device_id)

    def _sign_ins(self) -> None:
        member = self._users["member"]
        stranger = self._device("192.0.2.77", "BR", "unknown")
        stranger.login("root@acme.example", "letmein-letmein", status=401)
        typing = self._device("198.51.100.13", "FR", "demo-member-laptop")
        typing.login(member["email"], "not the password", status=401)
        self._owner.login(self._users["owner"]["email"], self._users["owner"]["password"])
        self._admin.login(self._users["admin"]["email"], self._users["admin"]["password"])
        auditor = self._device("198.51.100.14", "SE", "demo-auditor-tablet")
        auditor.login(self._users["auditor"]["email"], self._users["auditor"]["password"])
        auditor.expect(200, "GET", "/api/auth/me")
        auditor.expect(204, "POST", "/api/auth/logout")

    def _risky_sign_in(self) -> None:
        member = self._users["member"]
        home = self._device("198.51.100.13", "FR", "demo-member-laptop")
        home.login(member["email"], member["password"])
        phone = self._device("192.0.2.44", "BE", "demo-member-new-phone")
        asked = phone.login(member["email"], member["password"], status=401).json()
        if asked["code"] != "insufficient_user_authentication":
            raise UnexpectedAnswerError(f"a new device in a new country was answered with {asked['code']}")
        phone.answer(asked["challenge_id"], member["totp_secret"])
        phone.expect(200, "GET", "/api/auth/me")
        phone.expect(200, "POST", "/api/auth/logout-all", {})
        home.expect(401, "GET", "/api/auth/me")

    def _people(self) -> None:
        people = People(self._demo, self._owner, self._deployment.aws_endpoint, self._device)
        with line("an administrator is invited by mail, joins, and must enrol a second factor before anything else"):
            people.join()
        with line("she acts as a member for a ticket: read-only, announced, on the record; as the owner: refused"):
            banner = people.impersonate()
        say(f"  {banner}")
        with line("a network is blocked: refused with the next request; a rule against its own author is not taken"):
            people.rule()
        with line("an access review of the administrators: her role is revoked with the decision, and it is attested"):
            reviewed = self._auditing.review(self._users, people.staff_id, people.newcomer)
        say(f"  {reviewed}")
        with line("she signs in without the role, then she leaves: it counts with her next request"):
            people.leave()

    def _audit(self, export_id: str, quarter: Path) -> None:
        """Show what an auditor asks for besides the bundle."""
        with line("the evidence calendar of the quarter: what was owed of each period, and collected"):
            grid = list(self._auditing.calendar())
        shown(grid)
        with line("an auditor without an account fetches the bundle by a share link, which is then revoked"):
            shared = self._auditing.share(export_id, quarter, self._device("198.51.100.99", "AT", "auditor"))
        say(f"  {shared}")
        with line("an auditor's question is answered from the settings in force, and counted in the log"):
            answer = list(self._auditing.answer())
        shown(answer)
        with line("one event is proven by the signed log alone: verify_bundle.py --proof accepts it"):
            proven = self._auditing.prove(self._event_id, quarter.parent)
        say(f"  {proven}")

    @staticmethod
    def _require_streams(path: Path) -> None:
        lacking = missing(path)
        if lacking:
            raise UnexpectedAnswerError(f"the sealed log of {path.name} lacks {', '.join(lacking)}")

    def _refreshes(self) -> None:
        before = self._admin.refresh_token
        first = self._admin.refresh().json()["refresh_token"]
        again = self._admin.refresh(before).json()["refresh_token"]
        if first != again:
            raise UnexpectedAnswerError("a repeated refresh gave another successor")
        self._owner.refresh()

    def _stolen_token(self) -> None:
        member = self._users["member"]
        laptop = self._device("198.51.100.13", "FR", "demo-member-laptop")
        laptop.login(member["email"], member["password"])
        stolen = laptop.refresh_token
        laptop.refresh()
        laptop.refresh()
        thief = self._device("192.0.2.99", "RO", "demo-thief")
        thief.refresh(stolen, status=401)
        laptop.expect(401, "GET", "/api/auth/me")
        laptop.refresh(status=401)

    def _step_up(self) -> None:
        report = f"/api/compliance/cc6/access-logs?from={_last_quarter()[0]}&to={_last_quarter()[1]}&limit=5"
        self._owner.expect(401, "GET", report)
        self._owner.step_up(self._users["owner"]["totp_secret"])
        page = self._owner.expect(200, "GET", report).json()
        self._event_id = page["evidence"][0]["event_id"]
        say(f"  access log of the quarter: {page['total']} events, newest {page['evidence'][0]['time_utc']}")

    def _verify(self, path: Path) -> None:
        with line(f"verify_bundle.py accepts {path.name}"):
            outcome = self._evidence.verifier(path)
            if outcome.returncode != 0:
                raise UnexpectedAnswerError(f"the verifier says {outcome.returncode}:\n{outcome.stdout}")

    def _flip(self, path: Path) -> None:
        with line("one byte of a copy is flipped, and verify_bundle.py refuses it"):
            body = bytearray(path.read_bytes())
            body[len(body) // 2] ^= 1
            copy = path.with_name(f"{path.stem}.flipped.zip")
            copy.write_bytes(body)
            outcome = self._evidence.verifier(copy)
            if outcome.returncode != REFUSED:
                raise UnexpectedAnswerError(f"the verifier says {outcome.returncode} of a flipped copy")
        finding = next(line for line in outcome.stdout.splitlines() if line.startswith("     "))
        say(f"  {finding.strip()}")


def _last_quarter() -> tuple[str, str]:
    quarter = Quarter.before(time.time())
    first, last = (datetime.fromtimestamp(at, UTC).date().isoformat() for at in (quarter.start, quarter.end - 1))
    return first, last


def main() -> int:
    began = time.monotonic()
    try:
        settings = StageSettings.from_environment(os.environ)
        with line("the stage is up: embedded AWS, the synthesized template deployed, a quarter of history written"):
            deployment, fresh = bring_up(settings)
        try:
            demo = Demo(deployment, read_demo(demo_file(settings.home)), settings.home / "evidence")
            bundles = demo.run()
            key = pins(deployment)
        finally:
            if fresh:
                stop(settings.home)
    except (StageFailed, DeployFailed, UnexpectedAnswerError) as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    sys.stdout.write(f"\nDone in {time.monotonic() - began:.0f} s. The evidence:\n")
    for path in bundles:
        sys.stdout.write(f"  {os.path.relpath(path)}\n")
    sys.stdout.write(f"Verify it yourself:\n  make verify BUNDLE={os.path.relpath(bundles[0])} KEY={key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

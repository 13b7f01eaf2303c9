"""Somebody's time in a company, from the invite to the return, as deployed: each function under its own role of IAM."""

import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyotp
import pytest

from infra.local.demo_client import Device
from infra.local.demo_people import mailed_token
from tests.e2e.test_permission_matrix import StageEstate
from tests.functions.signed_in import SignedIn, sign_in
from tests.running_stage import Stage

PASS_PHRASE = "violet harbour counts nine lanterns"


@pytest.fixture
def estate(stage: Stage) -> Iterator[StageEstate]:
    with contextlib.closing(StageEstate(stage)) as estate:
        yield estate


@dataclass(slots=True)
class Company:
    """A tenant of its own with one owner, signed in and proved in the tables: no time step has to be waited for."""

    stage: Stage
    owner: SignedIn
    email: str = field(default_factory=lambda: f"nora-{secrets.token_hex(4)}@acme.example")

    def device(self, address: str, device_id: str) -> Device:
        demo = {**self.stage.demo, "tenant": self.owner.person.tenant}
        return Device(demo, address=address, country="DE", device_id=device_id)

    def administrator(self) -> Device:
        device = self.device("203.0.113.81", "company-owner")
        device.access_token = self.owner.access_token
        return device

    def joined(self, administrator: Device) -> tuple[Device, str]:
        """Let an administrator be invited, and join by the link of the mail; gives the device and the staff id."""
        invited = administrator.expect(201, "POST", "/api/staff/invites", {"email": self.email, "role": "admin"})
        listed = administrator.expect(200, "GET", "/api/staff/invites").json()["invites"]
        assert [(one["invite_id"], one["status"]) for one in listed] == [(invited.json()["invite_id"], "OPEN")]
        token = mailed_token(self.stage.deployment.aws_endpoint, self.email)
        newcomer = self.device("203.0.113.82", "company-newcomer")
        body = {"token": token, "password": PASS_PHRASE, "name": "Nora Lund", "device_id": "company-newcomer"}
        accepted = newcomer.expect(200, "POST", "/api/auth/invites/accept", body)
        newcomer.take(accepted)
        assert newcomer.send("POST", "/api/auth/invites/accept", body).json()["code"] == "invalid_grant"
        return newcomer, accepted.json()["session"]["staff_id"]

    def events(self) -> list[dict[str, Any]]:
        """Give the log in the order of time: under contention it has several lanes."""
        return sorted(self.owner.estate.events(self.owner.person.tenant), key=lambda event: str(event["time"]))


@pytest.fixture
def company(stage: Stage, estate: StageEstate) -> Company:
    tenant = estate.new_tenant()
    owner = sign_in(estate, estate.new_person(tenant, "owner", totp=True))
    owner.prove("rbac_admin")
    return Company(stage, owner)


def enrol(device: Device) -> None:
    """Enrol the factor without which an administrator is served nothing else."""
    refused = device.expect(401, "GET", "/api/staff").json()
    assert refused["code"] == "mfa_enrollment_required"
    secret = device.expect(201, "POST", "/api/auth/factors/totp", {}).json()["secret"]
    device.expect(200, "POST", "/api/auth/factors/totp/confirm", {"code": pyotp.TOTP(secret).now()})
    device.expect(200, "GET", "/api/staff")


def test_newcomer_is_invited_changed_signed_out_taken_out_and_let_in_again(company: Company) -> None:
    owner = company.administrator()
    newcomer, staff_id = company.joined(owner)
    person, why = f"/api/staff/{staff_id}", {"reason": "as the test has it"}
    enrol(newcomer)
    measures: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("PATCH", "role", {"role": "member"}),
        ("PATCH", "role", {"role": "admin"}),
        ("POST", "logout", why),
        ("POST", "factors/reset", why),
        ("POST", "deactivate", why),
    )
    for method, measure, body in measures:
        newcomer.expect(200, "GET", "/api/auth/me")
        owner.expect(200, method, f"{person}/{measure}", body)
        newcomer.expect(401, "GET", "/api/auth/me")
        newcomer.refresh(status=401)
        newcomer.access_token = ""
        newcomer.login(company.email, PASS_PHRASE, status=401 if measure == "deactivate" else 200)
    told = owner.expect(200, "GET", person).json()
    assert (told["status"], told["sessions"], told["factors"]["totp"]) == ("DEACTIVATED", [], False)
    owner.expect(200, "POST", f"{person}/reactivate", why)
    newcomer.login(company.email, PASS_PHRASE)
    enrol(newcomer)
    actions = [line["action"] for line in company.events()]
    assert [action for action in actions if action.startswith(("USER_", "INVITE_", "MFA_"))][1:] == [
        *("USER_INVITED", "INVITE_ACCEPTED", "USER_PROVISIONED", "MFA_ENROLLED"),
        *("USER_ROLE_CHANGED", "USER_ROLE_CHANGED", "MFA_RESET_BY_ADMIN", "USER_DEACTIVATED", "USER_REACTIVATED"),
        "MFA_ENROLLED",
    ]
    assert company.email not in json.dumps(company.events())


def test_list_of_invites_and_one_person_have_routes_of_their_own(company: Company) -> None:
    owner = company.administrator()
    assert owner.expect(200, "GET", "/api/staff/invites").json() == {"invites": [], "truncated": False}
    mine = company.owner.person.staff_id
    assert owner.expect(200, "GET", f"/api/staff/{mine}").json()["staff_id"] == mine
    unknown = owner.expect(404, "GET", "/api/staff/invite").json()
    assert unknown["detail"] == "Nobody of your tenant has this id."
    invited = owner.expect(201, "POST", "/api/staff/invites", {"email": company.email, "role": "member"}).json()
    owner.expect(204, "DELETE", f"/api/staff/invites/{invited['invite_id']}")
    assert owner.expect(200, "GET", "/api/staff/invites").json()["invites"][0]["status"] == "REVOKED"

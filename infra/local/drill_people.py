"""The people of the drill: what they do before the disaster, and what each must find afterwards, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from infra.local.demo_client import Device, UnexpectedAnswerError
from infra.local.demo_people import PASS_PHRASE, mailed_token

NEWCOMER: Final = "nora@acme.example"
NEW_PASSWORD: Final = "eleven grey herons at noon"  # noqa: S105 - of a person who exists as long as the drill
_OK, _CREATED, _UNAUTHORIZED, _REFUSED = 200, 201, 401, 403
_HOMES: Final = {
    "owner": ("203.0.113.11", "DE", "demo-owner-laptop"),
    "admin": ("203.0.113.12", "DE", "demo-admin-laptop"),
    "member": ("198.51.100.13", "FR", "demo-member-laptop"),
    "auditor": ("198.51.100.14", "SE", "demo-auditor-tablet"),
    "newcomer": ("203.0.113.77", "DE", "demo-newcomer-laptop"),
}


class Town:
    """The demonstration's four people and a newcomer, each at home; `owner` is where evidence is asked for."""

    def __init__(self, demo: Mapping[str, Any], aws_endpoint: str) -> None:
        self._demo, self._endpoint = demo, aws_endpoint
        self._devices = {role: self._device(role) for role in _HOMES}
        self._newcomer_id = ""

    @property
    def owner(self) -> Device:
        return self._devices["owner"]

    @property
    def totp_secret(self) -> str:
        return str(self._demo["users"]["owner"]["totp_secret"])

    def work(self) -> None:
        for role in ("owner", "admin", "member", "auditor"):
            self._sign_in(role)
            self._devices[role].refresh()
        self._prove("rbac_admin")
        self.owner.expect(_CREATED, "POST", "/api/staff/invites", {"email": NEWCOMER, "role": "member"})
        body = {"token": mailed_token(self._endpoint, NEWCOMER), "password": PASS_PHRASE, "name": "Nora Lund"}
        device = self._devices["newcomer"]
        accepted = device.expect(_OK, "POST", "/api/auth/invites/accept", {**body, "device_id": _HOMES["newcomer"][2]})
        device.take(accepted)
        self._newcomer_id = accepted.json()["session"]["staff_id"]

    def change(self) -> None:
        """Do what the restored tables will not know."""
        self._measure("PATCH", self._id("admin"), "role", {"role": "member"})
        self._measure("POST", self._id("auditor"), "deactivate", {"reason": "Contract ended"})
        body = {"current": self._user("member")["password"], "new": NEW_PASSWORD}
        self._devices["member"].expect(_OK, "POST", "/api/auth/password", body)
        self._measure("POST", self._newcomer_id, "deactivate", {"reason": "Wants to be forgotten"})
        self._measure("POST", self._newcomer_id, "erase", {"reason": "Asked for it in a letter"})

    def proofs(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Give what must hold once people are let in, in words and as what tries it."""
        yield "every token from before is dead, access and refresh", self._tokens_are_dead
        yield "who had left is out, and who was erased cannot sign in and is nobody's name", self._leavers_are_out
        yield "the lowered role is still the lowered one", self._role_is_lowered
        yield "the old password is refused, and so is the new one: a link by mail makes another", self._password
        yield "the owner signs in and proves a second factor; evidence is given to nobody without", self.sign_in_again

    def sign_in_again(self) -> None:
        self._sign_in("owner")
        self.owner.expect(_UNAUTHORIZED, "POST", "/api/compliance/export/bundle", {})
        self._prove("data_export")

    def _tokens_are_dead(self) -> None:
        for device in self._devices.values():
            device.expect(_UNAUTHORIZED, "GET", "/api/auth/me")
            device.refresh(status=_UNAUTHORIZED)
            device.access_token = ""

    def _leavers_are_out(self) -> None:
        self._sign_in("auditor", _UNAUTHORIZED)
        self._devices["newcomer"].login(NEWCOMER, PASS_PHRASE, status=_UNAUTHORIZED)
        self._sign_in("owner")
        self._prove("rbac_admin")
        listed = self.owner.expect(_OK, "GET", "/api/staff")
        if NEWCOMER in listed.body.decode() or "Nora" in listed.body.decode():
            raise UnexpectedAnswerError("who was erased is listed with a name")
        self._require_status(listed.json(), self._id("auditor"), "DEACTIVATED")
        self._require_status(listed.json(), self._newcomer_id, "ERASED")

    def _role_is_lowered(self) -> None:
        self._sign_in("admin")
        role = self._devices["admin"].expect(_OK, "GET", "/api/auth/me").json()["role"]
        if role != "member":
            raise UnexpectedAnswerError(f"the lowered role is {role}")
        self._devices["admin"].expect(_REFUSED, "GET", "/api/staff")

    def _password(self) -> None:
        self._sign_in("member", _UNAUTHORIZED)
        self._devices["member"].login(self._user("member")["email"], NEW_PASSWORD, status=_UNAUTHORIZED)

    @staticmethod
    def _require_status(listed: Mapping[str, Any], staff_id: str, status: str) -> None:
        found = {person["staff_id"]: person["status"] for person in listed["staff"]}
        if found.get(staff_id) != status:
            raise UnexpectedAnswerError(f"{staff_id} is {found.get(staff_id)}, expected {status}")

    def _measure(self, method: str, staff_id: str, what: str, body: Mapping[str, Any]) -> None:
        self.owner.expect(_OK, method, f"/api/staff/{staff_id}/{what}", body)

    def _prove(self, purpose: str) -> None:
        self.owner.step_up(self.totp_secret, purpose)

    def _sign_in(self, role: str, status: int = _OK) -> None:
        self._devices[role].access_token = ""
        self._devices[role].login(self._user(role)["email"], self._user(role)["password"], status=status)

    def _user(self, role: str) -> Mapping[str, str]:
        user: Mapping[str, str] = self._demo["users"][role]
        return user

    def _id(self, role: str) -> str:
        return self._user(role)["staff_id"]

    def _device(self, role: str) -> Device:
        address, country, device_id = _HOMES[role]
        return Device(self._demo, address=address, country=country, device_id=device_id)

"""The events of somebody who joins: the invite is used, the person exists, and is signed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.audit.personal_data import PersonalData
from shared.edge.provenance import auth_of, context_of, sealed_actor
from shared.edge.request import Request
from shared.store.invites import ACCEPTED, OPEN, Invite
from shared.store.tenant_staff import NewStaff

PROOF: Final = "invite_token"  # what the actor proved before there was a session


@dataclass(frozen=True, slots=True)
class Joining:
    invite: Invite
    staff: NewStaff
    salt: bytes
    session_id: str
    amr: tuple[str, ...]


def joining_events(request: Request, joining: Joining, personal: PersonalData, device_hash: str) -> list[Draft]:
    """Write the events in their order: INVITE_ACCEPTED, USER_PROVISIONED, AUTH_LOGIN_SUCCESS."""
    told = _Told(request, joining, personal, context_of(request, device_hash))
    invite, staff = joining.invite, joining.staff
    return [
        told.event(
            "INVITE_ACCEPTED",
            f"invites/{invite.invite_id}",
            change={"before": {"status": OPEN}, "after": {"status": ACCEPTED}},
            meta={"role": invite.role, "invited_by": invite.invited_by},
        ),
        told.event(
            "USER_PROVISIONED",
            f"tenant_staff/{staff.staff_id}",
            change={"before": None, "after": {"role": staff.role, "status": "ACTIVE"}},
            meta={"source": "invite", "invite_id": invite.invite_id, "must_enrol": staff.must_enrol},
        ),
        told.signed_in(),
    ]


@dataclass(frozen=True, slots=True)
class _Told:
    request: Request
    joining: Joining
    personal: PersonalData
    context: Mapping[str, Json]

    def event(self, action: str, resource: str, *, change: Mapping[str, Json], meta: Mapping[str, Json]) -> Draft:
        staff, event_id = self.joining.staff, new_event_id(self.request.now)
        values = {"email": staff.email, "name": staff.name}
        whom = self.personal.entry(
            self.joining.salt, subject=staff.staff_id, of="target", event_id=event_id, values=values
        )
        return Draft(
            event_id=event_id,
            action=action,
            outcome="success",
            actor=Actor("user", staff.staff_id, staff.role, None, PROOF),
            resource=resource,
            context=self.context,
            targets=(Target("user", staff.staff_id),),
            change=change,
            personal=(self._who(event_id), whom),
            meta=meta,
        )

    def signed_in(self) -> Draft:
        joining, event_id = self.joining, new_event_id(self.request.now)
        staff = joining.staff
        return Draft(
            event_id=event_id,
            action="AUTH_LOGIN_SUCCESS",
            outcome="success",
            actor=Actor("user", staff.staff_id, staff.role, joining.session_id, auth_of(joining.amr)),
            resource=f"user_sessions/{joining.session_id}",
            context=self.context,
            targets=(Target("session", joining.session_id),),
            personal=(self._who(event_id),),
        )

    def _who(self, event_id: str) -> Mapping[str, Json]:
        staff = self.joining.staff
        return sealed_actor(
            self.personal,
            self.joining.salt,
            subject=staff.staff_id,
            event_id=event_id,
            request=self.request,
            email=staff.email,
        )

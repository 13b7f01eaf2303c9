"""A session as answers tell of it: nothing in it opens anything, and a device is told apart, not named."""

from typing import Any

from shared.audit.moment import rfc3339
from shared.domain.impersonation import Impersonation
from shared.domain.session import NO_DEVICE, UNKNOWN_COUNTRY, Binding
from shared.edge.provenance import told_device
from shared.edge.user_agent import UNKNOWN
from shared.store.user_sessions import Session


def session_document(session: Session) -> dict[str, Any]:
    act = session.impersonation
    # Where somebody acts from in another's name is told to nobody but the auditors.
    place = session.binding if act is None else Binding(NO_DEVICE, UNKNOWN_COUNTRY, "", UNKNOWN)
    return {
        "session_id": session.session_id,
        "created_at": rfc3339(session.created_at),
        "last_seen_at": rfc3339(session.last_seen_at),
        "idle_expires_at": rfc3339(session.idle_expires_at),
        "absolute_expires_at": rfc3339(session.absolute_expires_at),
        "acr": session.acr,
        "country": None if place.country == UNKNOWN_COUNTRY else place.country,
        "agent": place.agent,
        "device": told_device(place.device_hash),
        "impersonation": None if act is None else _by(act, session),
    }


def _by(act: Impersonation, session: Session) -> dict[str, Any]:
    return {
        "actor": {"staff_id": act.actor.staff_id},
        "mode": act.mode,
        "expires_at": rfc3339(session.absolute_expires_at),
    }

"""A session as answers tell of it: nothing in it opens anything, and a device is told apart, not named."""

from typing import Any

from shared.audit.moment import rfc3339
from shared.domain.session import UNKNOWN_COUNTRY
from shared.edge.provenance import told_device
from shared.store.user_sessions import Session


def session_document(session: Session) -> dict[str, Any]:
    place = session.binding
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
    }

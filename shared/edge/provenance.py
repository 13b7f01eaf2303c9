"""Where a request came from, as events tell it: coarse facts in the clear, personal ones sealed."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from shared.domain.session import NO_DEVICE, UNKNOWN_COUNTRY, Binding
from shared.edge.request import Request

if TYPE_CHECKING:
    from shared.audit.canonical import Json
    from shared.audit.personal_data import PersonalData

_FACTORS: Final[Mapping[str, str]] = {
    "pwd": "password",
    "fed": "sso",
    "otp": "totp",
    "rc": "recovery_code",
    "pop": "passkey",
}
_DEVICE_CHARACTERS = 16  # of 64: enough to tell a person's devices apart, useless as a credential


def context_of(
    request: Request, device_hash: str | None = None, correlation_id: str | None = None
) -> "Mapping[str, Json]":
    """Give the `context` of an event. Events of one incident are told apart by one `correlation_id`."""
    country = request.viewer.country
    return {
        "request_id": request.request_id,
        "correlation_id": correlation_id or request.request_id,
        "route": request.route,
        "ip_net": request.viewer.network,
        "country": None if country == UNKNOWN_COUNTRY else country,
        "device": told_device(device_hash),
    }


def binding_of(request: Request, device_hash: str) -> Binding:
    """Give the place that a request shows; what it says of itself counts as much as a session is bound to it."""
    viewer = request.viewer
    place = (viewer.latitude, viewer.longitude)
    latitude, longitude = (None if degrees is None else round(degrees) for degrees in place)
    return Binding(device_hash, viewer.country, viewer.network, viewer.agent, latitude, longitude)


def auth_of(amr: Iterable[str]) -> str:
    """Name the factors of a session as events tell them: "password+totp"."""
    return "+".join(_FACTORS[method] for method in amr)


def told_device(device_hash: str | None) -> str | None:
    """Cut a device's hash to what tells a person's devices apart; None for a client that names none."""
    return None if device_hash is None or device_hash == NO_DEVICE else device_hash[:_DEVICE_CHARACTERS]


def sealed_actor(
    personal: "PersonalData", salt: bytes, *, subject: str, event_id: str, request: Request, email: str | None = None
) -> "Mapping[str, Json]":
    """Seal who acted from where; `subject` owns the salt, `email` is what he is known by or what he typed."""
    values = {"ip": request.viewer.address, "user_agent": request.viewer.user_agent}
    if email is not None:
        values["email"] = email
    return personal.entry(salt, subject=subject, of="actor", event_id=event_id, values=values)


def sealed_unless_erased(
    personal: "PersonalData", salt: bytes | None, subject: str, event_id: str, request: Request
) -> "tuple[Mapping[str, Json], ...]":
    """Give the `personal` of an event: who acted from where, or nothing of somebody whose salt is gone."""
    if salt is None:
        return ()
    return (sealed_actor(personal, salt, subject=subject, event_id=event_id, request=request),)

"""The bodies that routes take. The concern reads them, and the API description is generated from them."""

from collections.abc import Mapping
from typing import Final

from shared.domain.step_up import PURPOSES
from shared.edge.fields import Body, Field

IDENTIFIER: Final = "[A-Za-z0-9_-]{1,64}"  # ids are parts of keys and of tokens: no dot, no hash
_DATE: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

_DEVICE: Final = Field(
    "device_id", "Random id of this installation, kept by the client", required=False, max_length=256
)

LOGIN: Final = Body(
    (
        Field("tenant", "The tenant to log in to", pattern=IDENTIFIER),
        Field("email", "E-mail address of the staff member", max_length=320),
        Field("password", "The password", max_length=1024),
        _DEVICE,
        Field("mode", "How the refresh token travels", required=False, choices=("native", "cookie")),
    )
)
REFRESH: Final = Body((Field("refresh_token", "The current refresh token", max_length=2048), _DEVICE))
TOTP_CONFIRM: Final = Body((Field("code", "The code that the authenticator shows", max_length=32),))
CHALLENGE: Final = Body((Field("purpose", "What the proof is for", choices=tuple(PURPOSES)),))
VERIFY: Final = Body(
    (
        Field("challenge_id", "The challenge that is answered", max_length=128),
        Field("code", "The code that the authenticator shows", required=False, max_length=32),
        Field("recovery_code", "One of the recovery codes", required=False, max_length=32),
    ),
    one_of=("code", "recovery_code"),
)
BUNDLE: Final = Body(
    (
        Field("from", "First day, inclusive", pattern=_DATE),
        Field("to", "Last day, inclusive", pattern=_DATE),
        Field("format", "Format of the evidence files", choices=("csv", "json")),
    )
)
EMPTY: Final = Body()

BODIES: Final[Mapping[str, Body]] = {
    "POST /api/auth/login": LOGIN,
    "POST /api/auth/refresh": REFRESH,
    "POST /api/auth/logout": EMPTY,
    "POST /api/auth/factors/totp": EMPTY,
    "POST /api/auth/factors/totp/confirm": TOTP_CONFIRM,
    "POST /api/auth/step-up/challenges": CHALLENGE,
    "POST /api/auth/step-up/verify": VERIFY,
    "POST /api/compliance/export/bundle": BUNDLE,
}

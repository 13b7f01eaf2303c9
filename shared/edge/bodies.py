"""The bodies that routes take. The concern reads them; functions/front says which route takes which."""

from typing import Final

from shared.domain.impersonation import MODES
from shared.domain.permission import ROLES
from shared.domain.security_policy import CHOICES, NUMBERS
from shared.domain.step_up import PURPOSES
from shared.edge.fields import LINE, WORDS, WORDS_FORM, Body, Field

IDENTIFIER: Final = "[A-Za-z0-9_-]{1,64}"  # ids are parts of keys and of tokens: no dot, no hash
_DATE: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

_DEVICE: Final = Field(
    "device_id", "Random id of this installation, kept by the client", required=False, max_length=256
)
_MODE: Final = Field(
    "mode",
    "How the refresh token travels; cookie asks for an allowed Origin and the header X-Muniment-CSRF, here and later",
    required=False,
    choices=("native", "cookie"),
)

LOGIN: Final = Body(
    (
        Field("tenant", "The tenant to log in to", pattern=IDENTIFIER),
        Field("email", "E-mail address of the staff member", max_length=320),
        Field("password", "The password", max_length=1024),
        _DEVICE,
        _MODE,
    )
)
_REFRESH_TOKEN: Final = Field(
    "refresh_token", "The current refresh token, unless it travels in the cookie", required=False, max_length=2048
)
REFRESH: Final = Body((_REFRESH_TOKEN, _DEVICE))
LOGOUT_ALL: Final = Body(
    (Field("keep_current", "Whether this session goes on, under a new version", required=False, kind=bool),)
)
TOTP_CONFIRM: Final = Body((Field("code", "The code that the authenticator shows", max_length=32),))
CHALLENGE: Final = Body((Field("purpose", "What the proof is for", choices=tuple(PURPOSES)),))
VERIFY: Final = Body(
    (
        Field("challenge_id", "The challenge that is answered", max_length=128),
        Field("code", "The code that the authenticator shows", required=False, max_length=32),
        Field("recovery_code", "One of the recovery codes", required=False, max_length=32),
        Field("passkey", "The assertion of a passkey (WebAuthn, as JSON)", required=False, kind=dict),
        Field(
            "refresh_token",
            "For the challenge of a refresh: the token that was refused, unless it travels in the cookie",
            required=False,
            max_length=2048,
        ),
        _DEVICE,
    ),
    one_of=("code", "recovery_code", "passkey"),
)
PASSKEY_CONFIRM: Final = Body(
    (
        Field("passkey", "The attestation of the new passkey (WebAuthn, as JSON)", kind=dict),
        Field("name", "What its owner calls it", required=False, pattern=LINE, form=WORDS_FORM, max_length=64),
    )
)
PASSWORD: Final = Body(
    (
        Field("current", "The password as it is", max_length=1024),
        Field("new", "The password as it shall be", max_length=1024),
    )
)
RESET: Final = Body(
    (
        Field("tenant", "The tenant of the staff member", pattern=IDENTIFIER),
        Field("email", "E-mail address of the staff member", max_length=320),
    )
)
INTROSPECTION: Final = Body(
    (
        Field("token", "The access token that is asked about", max_length=4096),
        Field("token_type_hint", "Ignored: only access tokens are introspected", required=False, max_length=64),
    )
)
SECURITY_SETTINGS: Final = Body(
    (
        *(Field(number.name, number.about, required=False, kind=int) for number in NUMBERS),
        *(Field(choice.name, choice.about, required=False, choices=choice.options) for choice in CHOICES),
        Field(
            "preset",
            "Several settings at once; strict: a refresh token is spent by one use",
            required=False,
            choices=("strict",),
        ),
        Field("risk_weights", "Signal -> points, in place of the risk policy's own", required=False, kind=dict),
        Field("risk_modes", "Signal -> off, observe or enforce", required=False, kind=dict),
        Field("if_version", "Change nothing unless this is the version in force", required=False, kind=int),
    )
)
IMPERSONATION: Final = Body(
    (
        Field("target_id", "In whose name", pattern=IDENTIFIER),
        Field(
            "reason",
            "Why; kept as evidence, and told to that person",
            pattern=WORDS,
            form=WORDS_FORM,
            max_length=500,
        ),
        Field("ticket", "Where the reason is filed", required=False, pattern=LINE, form=WORDS_FORM, max_length=100),
        Field("minutes", "How long at most, 1 to 60; 30 without it", required=False, kind=int),
        Field("mode", "Whether anything may be changed; read without it", required=False, choices=MODES),
    )
)
RESET_COMPLETE: Final = Body(
    (
        Field("token", "The token of the reset message", max_length=128),
        Field("new", "The password as it shall be", max_length=1024),
    )
)
BUNDLE: Final = Body(
    (
        Field("from", "First day, inclusive", pattern=_DATE),
        Field("to", "Last day, inclusive", pattern=_DATE),
        Field("format", "Format of the evidence files", choices=("csv", "json")),
        Field(
            "samples",
            "At most ten samples for the bundle to hold, each {file, n, nonce}",
            kind=list,
            items=dict,
            required=False,
        ),
    )
)
SAMPLE: Final = Body(
    (
        Field("export_id", "A completed bundle", max_length=64),
        Field("file", "A report file of the bundle, as its manifest lists it", max_length=128),
        Field("n", "How many rows", kind=int, between=(1, 1_000)),
        Field(
            "nonce",
            "The auditor's own choice",
            pattern="[\x20-\x7e]+",
            form="This must be printable characters of ASCII.",
            min_length=8,
            max_length=128,
        ),
    )
)
ROLE: Final = Body((Field("role", "The role that the person shall have", choices=ROLES),))
MEASURE: Final = Body(
    (Field("reason", "Why, in the administrator's own words", pattern=WORDS, form=WORDS_FORM, max_length=500),)
)
LEGAL_HOLD: Final = Body(
    (
        Field("scope", "Whom it keeps: everybody of the tenant, or one person", choices=("tenant", "staff")),
        Field("staff_id", "That person; goes with the scope staff alone", required=False, pattern=IDENTIFIER),
        Field("reason", "Why; kept as evidence", pattern=WORDS, form=WORDS_FORM, max_length=500),
        Field(
            "case",
            "Where the case is filed; stays in the log in the clear",
            required=False,
            pattern=LINE,
            form=WORDS_FORM,
            max_length=100,
        ),
    )
)
_NAME: Final = Field("name", "What the person is called", required=False, pattern=LINE, form=WORDS_FORM, max_length=200)
INVITE: Final = Body(
    (
        Field("email", "E-mail address of whoever is invited", max_length=320),
        Field("role", "What the person will be", choices=ROLES),
        _NAME,
    )
)
INVITE_ACCEPT: Final = Body(
    (
        Field("token", "The token of the invitation", max_length=256),
        Field("password", "The password of the new person", max_length=1024),
        _NAME,
        _DEVICE,
        _MODE,
    )
)
SSO_TOKEN: Final = Body((Field("code", "The code of the callback", max_length=128), _DEVICE, _MODE))
EMPTY: Final = Body()

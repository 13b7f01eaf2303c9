"""The bodies of single sign-on and of the connections behind it."""

from collections.abc import Mapping
from typing import Final

from shared.edge.fields import LINE, WORDS_FORM, Body, Field

_CHANGING: Final = (
    Field("client_secret", "The secret of a confidential client; never shown", required=False, max_length=512),
    Field("algorithms", "Signatures that count: some of RS256, PS256, ES256, EdDSA", required=False, kind=list),
    Field(
        "domains",
        "Mail domains; once proven, they lead to it, and their people may be provisioned",
        required=False,
        kind=list,
    ),
    Field("enabled", "Whether it signs anybody in", required=False, kind=bool),
    Field("provisioning", "Whether somebody new becomes a member by signing in", required=False, kind=bool),
    Field("max_age_seconds", "How long ago the provider may have asked; 0: any", required=False, kind=int),
)
_NAME: Final = Field("name", "What people call it", pattern=LINE, form=WORDS_FORM, max_length=64)

SSO_CONNECTION: Final = Body(
    (
        _NAME,
        Field("issuer", "The issuer, exactly as its tokens name it", max_length=512),
        Field("client_id", "What the provider calls this service", max_length=256),
        *_CHANGING,
    )
)
SSO_CHANGE: Final = Body(
    (
        _NAME._replace(required=False),
        *_CHANGING,
        Field("if_version", "Change nothing unless the connection has this version", required=False, kind=int),
    )
)
SSO_DOMAIN: Final = Body((Field("domain", "One of the connection's domains", max_length=253),))

SSO_DISCOVER: Final = Body(
    (Field("email", "The address of somebody who wants to sign in; its domain alone is looked at", max_length=320),)
)
SSO_LINK: Final = Body(
    (
        Field("connection_id", "By which connection", pattern="[A-Za-z0-9_-]{1,64}"),
        Field("mode", "json: the callback answers 204", required=False, choices=("console", "json")),
    )
)

SSO_BODIES: Final[Mapping[str, Body]] = {
    "POST /api/auth/sso/discover": SSO_DISCOVER,
    "POST /api/auth/sso/link": SSO_LINK,
    "POST /api/sso-connections": SSO_CONNECTION,
    "PATCH /api/sso-connections/{connection_id}": SSO_CHANGE,
    "POST /api/sso-connections/{connection_id}/domains/verify": SSO_DOMAIN,
}

"""Which body each route takes: the API description is generated from it. No concern loads it for a body of its own."""

from collections.abc import Mapping
from typing import Final

from shared.edge.access_review_bodies import ACCESS_REVIEW_BODIES
from shared.edge.bodies import (
    BUNDLE,
    CHALLENGE,
    EMPTY,
    IMPERSONATION,
    INTROSPECTION,
    INVITE,
    INVITE_ACCEPT,
    LEGAL_HOLD,
    LOGIN,
    LOGOUT_ALL,
    MEASURE,
    PASSKEY_CONFIRM,
    PASSWORD,
    REFRESH,
    RESET,
    RESET_COMPLETE,
    ROLE,
    SAMPLE,
    SECURITY_SETTINGS,
    SSO_TOKEN,
    TOTP_CONFIRM,
    VERIFY,
)
from shared.edge.calendar_bodies import CALENDAR_BODIES
from shared.edge.fields import Body
from shared.edge.ip_rule_bodies import IP_RULE_BODIES
from shared.edge.share_link_bodies import SHARE_LINK_BODIES
from shared.edge.sso_bodies import SSO_BODIES

BODIES: Final[Mapping[str, Body]] = {
    "POST /api/auth/login": LOGIN,
    "POST /api/auth/sso/token": SSO_TOKEN,
    **SSO_BODIES,
    "DELETE /api/auth/sso/identities/{identity_id}": EMPTY,
    "DELETE /api/sso-connections/{connection_id}": EMPTY,
    "POST /api/auth/refresh": REFRESH,
    "POST /api/auth/logout": EMPTY,
    "POST /api/auth/logout-all": LOGOUT_ALL,
    "POST /api/auth/factors/totp": EMPTY,
    "POST /api/auth/factors/totp/confirm": TOTP_CONFIRM,
    "POST /api/auth/factors/recovery-codes": EMPTY,
    "POST /api/auth/factors/passkeys": EMPTY,
    "POST /api/auth/factors/passkeys/confirm": PASSKEY_CONFIRM,
    "POST /api/auth/step-up/challenges": CHALLENGE,
    "POST /api/auth/step-up/verify": VERIFY,
    "POST /api/auth/password": PASSWORD,
    "POST /api/auth/password/reset": RESET,
    "POST /api/auth/password/reset/complete": RESET_COMPLETE,
    "POST /api/auth/introspect": INTROSPECTION,
    "POST /api/auth/invites/accept": INVITE_ACCEPT,
    "POST /api/staff/invites": INVITE,
    "DELETE /api/staff/invites/{invite_id}": EMPTY,
    "DELETE /api/auth/sessions/{session_id}": EMPTY,
    "DELETE /api/auth/factors/totp": EMPTY,
    "DELETE /api/auth/factors/passkeys/{passkey_id}": EMPTY,
    "PATCH /api/settings/security": SECURITY_SETTINGS,
    "PATCH /api/staff/{staff_id}/role": ROLE,
    "POST /api/staff/{staff_id}/deactivate": MEASURE,
    "POST /api/staff/{staff_id}/reactivate": MEASURE,
    "POST /api/staff/{staff_id}/logout": MEASURE,
    "POST /api/staff/{staff_id}/factors/reset": MEASURE,
    "POST /api/staff/{staff_id}/erase": MEASURE,
    "POST /api/legal-holds": LEGAL_HOLD,
    "DELETE /api/legal-holds/{hold_id}": MEASURE,
    "POST /api/impersonation": IMPERSONATION,
    "DELETE /api/impersonation": EMPTY,
    **IP_RULE_BODIES,
    **ACCESS_REVIEW_BODIES,
    **CALENDAR_BODIES,
    "POST /api/compliance/export/bundle": BUNDLE,
    "POST /api/compliance/samples": SAMPLE,
    **SHARE_LINK_BODIES,
}

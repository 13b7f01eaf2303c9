"""The functions of single sign-on."""

from typing import Final

from infra.concern import GUARD, OPENS_DATA_KEY, SEAL, UNSEAL, Concern, united

SINGLE_SIGN_ON: Final[tuple[Concern, ...]] = (
    Concern(
        name="sso",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=29,  # API Gateway gives up after 30; a callback asks its provider three times at most
        tables=united(
            GUARD,
            {
                "tenants": ("GetItem",),
                # The deletion is that of an identity that its owner unlinks.
                "tenant_staff": ("GetItem", "PutItem", "UpdateItem", "DeleteItem"),
                "subject_keys": ("GetItem", "PutItem"),
                "user_sessions": ("PutItem",),
                "refresh_tokens": ("PutItem",),
                "step_up_challenges": ("PutItem",),
                "throttles": ("UpdateItem",),
                "one_time_tokens": ("BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
                "sso_connections": ("BatchGetItem", "GetItem", "ConditionCheckItem"),
                "outbox": ("PutItem",),
            },
        ),
        unseals={**OPENS_DATA_KEY, "access_token_key": UNSEAL, "sso_client": UNSEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="sso_connections",
        layer="cold",
        memory_mb=512,
        timeout_seconds=15,
        tables=united(
            GUARD,
            {
                "sso_connections": ("GetItem", "Query", "PutItem", "DeleteItem"),
                "outbox": ("PutItem",),
            },
        ),
        unseals={**OPENS_DATA_KEY, "sso_client": SEAL},
        reads_origin_secret=True,
    ),
)

"""The functions by which people join, are seen to, and leave."""

from typing import Final

from infra.concern import GUARD, OPENS_DATA_KEY, SEAL, UNSEAL, Concern, united

PEOPLE: Final[tuple[Concern, ...]] = (
    Concern(
        name="staff",
        handler="functions.staff.handler.handler",
        settings="functions.staff.settings:Settings",
        layer="hot",
        memory_mb=512,
        timeout_seconds=15,
        tables=united(
            GUARD,
            {
                # One partition holds all people of a tenant; the deletions are those of reset factors.
                "tenant_staff": ("Query", "PutItem", "UpdateItem", "DeleteItem"),
                "user_sessions": ("Query",),
                "outbox": ("PutItem",),
            },
        ),
        unseals=OPENS_DATA_KEY,
        reads_origin_secret=True,
    ),
    Concern(
        name="invites",
        handler="functions.invites.handler.handler",
        settings="functions.invites.settings:Settings",
        layer="hot",
        memory_mb=1769,  # argon2id, as at the login
        timeout_seconds=15,
        tables=united(
            GUARD,
            {
                "invites": ("BatchGetItem", "GetItem", "Query", "PutItem", "UpdateItem"),
                # A person is made: rows, and one owner more.
                "tenant_staff": ("PutItem", "UpdateItem"),
                "user_sessions": ("PutItem",),
                "refresh_tokens": ("PutItem",),
                "subject_keys": ("BatchGetItem", "PutItem"),
                "throttles": ("UpdateItem",),
                "outbox": ("PutItem",),
            },
        ),
        unseals={**OPENS_DATA_KEY, "access_token_key": UNSEAL, "outbox": SEAL},
        reads_origin_secret=True,
    ),
)

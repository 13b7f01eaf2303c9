"""The functions by which people join, are seen to, and leave."""

from collections.abc import Mapping
from typing import Final

from infra.concern import APPEND, GUARD, OPENS_DATA_KEY, SEAL, UNSEAL, Actions, Concern, united

# What a measure about a person takes besides his own rows.
_ENDS: Final[Mapping[str, Actions]] = {
    "outbox": ("PutItem",),
    # Those that end with the access of one of their people: an open row makes way for its record.
    "impersonations": ("Query", "PutItem", "DeleteItem"),
    # Those of whoever is deactivated: their addresses are free again.
    "invites": ("Query", "UpdateItem"),
}

PEOPLE: Final[tuple[Concern, ...]] = (
    Concern(
        name="staff",
        layer="hot",
        memory_mb=512,
        timeout_seconds=15,
        tables=united(
            GUARD,
            {
                # One partition holds all people of a tenant; the deletions are those of reset factors.
                "tenant_staff": ("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
                "user_sessions": ("Query",),
            },
            _ENDS,
        ),
        unseals=OPENS_DATA_KEY,
        reads_origin_secret=True,
    ),
    Concern(
        name="invites",
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
    Concern(
        name="impersonation",
        layer="hot",
        memory_mb=512,
        timeout_seconds=15,
        tables=united(
            GUARD,
            {
                "tenants": ("ConditionCheckItem",),
                "user_sessions": ("PutItem",),
                "impersonations": ("GetItem", "Query", "PutItem", "DeleteItem"),
                "outbox": ("PutItem",),
                "throttles": ("UpdateItem",),
            },
        ),
        unseals={**OPENS_DATA_KEY, "access_token_key": UNSEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="impersonation_sweep",
        entry="impersonation.sweep",
        layer="hot",
        memory_mb=512,
        timeout_seconds=290,
        tables={
            "tenants": ("Scan", "BatchGetItem"),
            "tenant_staff": ("BatchGetItem",),
            "user_sessions": ("BatchGetItem", "UpdateItem"),
            "impersonations": ("Query", "PutItem", "DeleteItem"),
            "outbox": ("PutItem",),
            "audit_logs": APPEND,
        },
        every_minutes=5,
    ),
    Concern(
        name="erasure",
        layer="hot",
        memory_mb=512,
        timeout_seconds=29,  # it reads all invites and salts of the tenant
        tables=united(
            GUARD,
            {
                "tenant_staff": ("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
                "subject_keys": ("Query", "DeleteItem"),  # nobody else deletes a salt
                "invites": ("Query",),
                "legal_holds": ("BatchGetItem", "ConditionCheckItem"),
                "erasures": ("BatchGetItem", "PutItem"),
                "outbox": ("PutItem",),
            },
        ),
        unseals=OPENS_DATA_KEY,
        reads_origin_secret=True,
    ),
    Concern(
        name="erasure_sweep",
        entry="erasure.sweep",
        layer="hot",
        memory_mb=512,
        timeout_seconds=290,
        tables={
            "erasures": ("Scan", "UpdateItem"),
            "tenant_staff": ("Query", "DeleteItem"),
            "user_sessions": ("Query", "DeleteItem"),
            "step_up_challenges": ("Scan", "DeleteItem"),
            "outbox": ("Query", "DeleteItem"),
            "invites": ("Query", "DeleteItem"),
            "impersonations": ("Query", "UpdateItem"),
            "legal_holds": ("Query", "UpdateItem"),
            "access_reviews": ("Query", "UpdateItem"),
        },
        every_minutes=5,
    ),
    Concern(
        name="legal_holds",
        layer="hot",
        memory_mb=512,
        timeout_seconds=15,
        tables=united(
            GUARD,
            {
                "tenant_staff": ("GetItem",),
                "legal_holds": ("GetItem", "Query", "PutItem", "UpdateItem"),
            },
        ),
        unseals=OPENS_DATA_KEY,
        reads_origin_secret=True,
    ),
    Concern(
        name="access_reviews",
        layer="hot",
        memory_mb=1024,
        timeout_seconds=29,  # it reads everybody of the tenant, and the sessions of whoever is listed
        tables=united(
            GUARD,
            {
                "access_reviews": ("BatchGetItem", "GetItem", "Query", "PutItem", "UpdateItem"),
                # What a decision carries out is what `staff` does; nobody's factors are reset here.
                "tenant_staff": ("GetItem", "Query", "UpdateItem"),
                "user_sessions": ("Query",),
            },
            _ENDS,
        ),
        unseals=OPENS_DATA_KEY,
        reads_origin_secret=True,
    ),
    Concern(
        name="access_review_sweep",
        entry="access_reviews.sweep",
        layer="hot",
        memory_mb=512,
        timeout_seconds=290,
        tables={
            "tenants": ("Scan",),
            "access_reviews": ("Query", "UpdateItem"),
            "audit_logs": APPEND,
        },
        every_minutes=60,
    ),
)

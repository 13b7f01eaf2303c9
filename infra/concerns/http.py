"""The functions behind API Gateway."""

from typing import Final

from infra.concern import (
    ADDRESS_RULES,
    APPEND,
    GUARD,
    OPENS_DATA_KEY,
    READ_OBJECT,
    SEAL,
    UNSEAL,
    Concern,
    Objects,
    united,
)
from shared.store.exports import RUNNING_BY_DEADLINE

HTTP: Final[tuple[Concern, ...]] = (
    Concern(
        name="front",
        layer="hot",
        memory_mb=256,
        timeout_seconds=10,
        reads_origin_secret=True,
    ),
    Concern(
        name="console",
        layer="hot",
        memory_mb=256,
        timeout_seconds=10,
        reads_origin_secret=True,
    ),
    Concern(
        name="login",
        layer="hot",
        memory_mb=1769,  # one whole vCPU: argon2id is 80 % of a login
        timeout_seconds=15,
        tables={
            **ADDRESS_RULES,
            "tenant_staff": ("BatchGetItem", "ConditionCheckItem", "PutItem", "UpdateItem"),
            "subject_keys": ("BatchGetItem", "PutItem"),
            "user_sessions": ("BatchGetItem", "PutItem", "UpdateItem"),
            "refresh_tokens": ("PutItem",),
            "step_up_challenges": ("PutItem",),
            "throttles": ("BatchGetItem", "UpdateItem"),
            "outbox": ("PutItem",),
            "signing_keys": ("Query",),
            "audit_logs": APPEND,
        },
        unseals={"tenant_data_key": UNSEAL, "access_token_key": UNSEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="refresh",
        layer="hot",
        memory_mb=512,
        timeout_seconds=15,
        tables={
            **ADDRESS_RULES,
            "tenant_staff": ("BatchGetItem", "ConditionCheckItem", "UpdateItem"),
            "subject_keys": ("BatchGetItem", "PutItem"),  # the salt of a month's unknown people
            "user_sessions": ("UpdateItem",),
            "refresh_tokens": ("PutItem", "UpdateItem", "ConditionCheckItem"),
            "step_up_challenges": ("PutItem",),
            "outbox": ("PutItem",),
            "signing_keys": ("Query",),
            "audit_logs": APPEND,
        },
        unseals={"tenant_data_key": UNSEAL, "access_token_key": UNSEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="sessions",
        layer="hot",
        memory_mb=512,
        timeout_seconds=15,
        tables=united(
            GUARD,
            {
                "tenant_staff": ("GetItem", "UpdateItem"),
                "user_sessions": ("Query",),
                "refresh_tokens": ("PutItem",),
                "throttles": ("UpdateItem",),
            },
        ),
        unseals={**OPENS_DATA_KEY, "access_token_key": UNSEAL},  # a session that outlives the others gets new tokens
        reads_origin_secret=True,
    ),
    Concern(
        name="settings",
        layer="hot",
        memory_mb=512,
        timeout_seconds=15,
        tables=united(GUARD, {"tenants": ("UpdateItem",)}),
        unseals=OPENS_DATA_KEY,
        reads_origin_secret=True,
    ),
    Concern(
        name="step_up",
        layer="hot",
        memory_mb=1769,  # recovery codes are argon2id hashes too
        timeout_seconds=15,
        tables=united(
            GUARD,
            {
                "tenant_staff": ("GetItem", "PutItem", "UpdateItem", "DeleteItem"),
                # The sign-in that answered its challenge; and the other sessions, which end with a factor.
                "user_sessions": ("PutItem", "Query"),
                "step_up_challenges": ("GetItem", "PutItem", "UpdateItem"),
                "refresh_tokens": ("PutItem",),
                "outbox": ("PutItem",),
            },
        ),
        unseals={"tenant_data_key": UNSEAL, "access_token_key": UNSEAL, "factor": UNSEAL + SEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="introspection",
        layer="hot",
        memory_mb=512,
        timeout_seconds=15,
        tables={
            "tenants": ("BatchGetItem",),
            "tenant_staff": ("BatchGetItem",),
            "user_sessions": ("BatchGetItem",),
            "signing_keys": ("Query",),
        },
        reads_origin_secret=True,
        reads_introspection_secret=True,
    ),
    Concern(
        name="password",
        layer="hot",
        memory_mb=1769,  # argon2id, as at the login
        timeout_seconds=15,
        tables=united(
            GUARD,
            {
                "tenant_staff": ("UpdateItem",),
                "subject_keys": ("BatchGetItem", "PutItem", "ConditionCheckItem"),
                "refresh_tokens": ("PutItem",),
                "throttles": ("BatchGetItem", "UpdateItem"),
                # The checks are of rows that nobody has: a reset of nobody takes as long as anybody's.
                "one_time_tokens": ("GetItem", "PutItem", "UpdateItem", "ConditionCheckItem"),
                "outbox": ("PutItem", "ConditionCheckItem"),
            },
        ),
        unseals={"tenant_data_key": UNSEAL, "access_token_key": UNSEAL, "outbox": SEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="compliance",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=29,  # API Gateway gives up after 30
        tables=united(
            GUARD,
            {
                "subject_keys": ("Query",),
                "audit_seals": ("GetItem", "Query"),
                "exports": ("GetItem", "PutItem", "UpdateItem"),
                "throttles": ("UpdateItem",),
            },
        ),
        objects=(Objects("vault", "log/*", READ_OBJECT),),
        unseals={"tenant_data_key": UNSEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="evidence_bundle",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=29,
        tables=united(
            GUARD,
            {
                "subject_keys": ("GetItem",),
                "exports": ("BatchGetItem", "GetItem", "Query", "PutItem"),
                "share_links": ("GetItem",),
                "throttles": ("UpdateItem",),
                "outbox": ("PutItem",),
            },
        ),
        indexes={"exports": RUNNING_BY_DEADLINE},
        # The presigned address that it hands out carries this role's permission and nothing more; so it is below.
        objects=(Objects("exports", "bundles/*", ("GetObject", "GetObjectVersion")),),
        unseals={"tenant_data_key": UNSEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="evidence_calendar",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=29,
        tables=united(
            GUARD,
            {
                "subject_keys": ("GetItem",),
                "evidence_calendar": ("ConditionCheckItem", "GetItem", "PutItem", "Query"),
                "audit_verifications": ("GetItem",),
            },
        ),
        unseals=OPENS_DATA_KEY,
        reads_origin_secret=True,
    ),
    Concern(
        name="share_links",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=29,
        tables=united(
            GUARD,
            {
                "subject_keys": ("ConditionCheckItem", "PutItem"),
                "exports": ("BatchGetItem", "GetItem"),
                "share_links": ("BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"),
                "throttles": ("UpdateItem",),
            },
        ),
        objects=(Objects("exports", "bundles/*", ("GetObject", "GetObjectVersion")),),
        unseals=OPENS_DATA_KEY,
        reads_origin_secret=True,
    ),
    Concern(
        name="policies",
        layer="cold",
        memory_mb=1769,  # a quarter can have some ten thousand seal rows, and each is counted
        timeout_seconds=29,
        tables=united(
            GUARD,
            {
                "audit_seals": ("GetItem", "Query"),
                "audit_verifications": ("GetItem",),
                "legal_holds": ("Query",),
            },
        ),
        objects=(Objects("vault", "log/*", READ_OBJECT),),  # segments at the ends of a range, and deactivations
        unseals=OPENS_DATA_KEY,
        reads_origin_secret=True,
    ),
    Concern(
        name="transparency",
        layer="cold",
        memory_mb=1769,  # hashes the lines of whole segments
        timeout_seconds=29,
        tables=united(
            GUARD,
            {
                "subject_keys": ("GetItem",),
                "audit_seals": ("GetItem", "Query"),
                "audit_verifications": ("GetItem",),
                "legal_holds": ("Query",),
                "exports": ("GetItem", "PutItem", "UpdateItem"),
                "throttles": ("UpdateItem",),
            },
        ),
        objects=(Objects("vault", "log/*", READ_OBJECT), Objects("vault", "keys/*", READ_OBJECT)),
        unseals=OPENS_DATA_KEY,
        reads_origin_secret=True,
    ),
)

"""The functions behind API Gateway."""

from typing import Final

from infra.concern import APPEND, GUARD, READ_OBJECT, SEAL, UNSEAL, Concern, Objects, united

HTTP: Final[tuple[Concern, ...]] = (
    Concern(
        name="front",
        handler="functions.front.handler.handler",
        settings="functions.front.settings:Settings",
        layer="hot",
        memory_mb=256,
        timeout_seconds=10,
        reads_origin_secret=True,
    ),
    Concern(
        name="login",
        handler="functions.login.handler.handler",
        settings="functions.login.settings:Settings",
        layer="hot",
        memory_mb=1769,  # one whole vCPU: argon2id is 80 % of a login
        timeout_seconds=15,
        tables={
            "tenants": ("BatchGetItem",),
            "tenant_staff": ("BatchGetItem", "ConditionCheckItem"),
            "subject_keys": ("BatchGetItem", "PutItem"),
            "user_sessions": ("PutItem",),
            "refresh_tokens": ("PutItem",),
            "signing_keys": ("Query",),
            "audit_logs": APPEND,
        },
        unseals={"tenant_data_key": UNSEAL, "access_token_key": UNSEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="refresh",
        handler="functions.refresh.handler.handler",
        settings="functions.refresh.settings:Settings",
        layer="hot",
        memory_mb=512,
        timeout_seconds=15,
        tables={
            "tenants": ("BatchGetItem",),
            "tenant_staff": ("ConditionCheckItem", "UpdateItem"),
            "subject_keys": ("BatchGetItem",),
            "user_sessions": ("UpdateItem",),
            "refresh_tokens": ("PutItem", "UpdateItem", "ConditionCheckItem"),
            "signing_keys": ("Query",),
            "audit_logs": APPEND,
        },
        unseals={"tenant_data_key": UNSEAL, "access_token_key": UNSEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="sessions",
        handler="functions.sessions.handler.handler",
        settings="functions.sessions.settings:Settings",
        layer="hot",
        memory_mb=512,
        timeout_seconds=15,
        tables=united(GUARD, {"tenant_staff": ("GetItem",)}),
        reads_origin_secret=True,
    ),
    Concern(
        name="step_up",
        handler="functions.step_up.handler.handler",
        settings="functions.step_up.settings:Settings",
        layer="hot",
        memory_mb=1769,  # recovery codes are argon2id hashes too
        timeout_seconds=15,
        tables=united(
            GUARD,
            {
                "tenant_staff": ("GetItem", "PutItem", "UpdateItem"),
                "subject_keys": ("BatchGetItem",),
                "step_up_challenges": ("GetItem", "PutItem", "UpdateItem"),
            },
        ),
        unseals={"tenant_data_key": UNSEAL, "access_token_key": UNSEAL, "factor": UNSEAL + SEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="compliance",
        handler="functions.compliance.handler.handler",
        settings="functions.compliance.settings:Settings",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=29,  # API Gateway gives up after 30
        tables=united(
            GUARD,
            {
                "subject_keys": ("Query",),
                "audit_seals": ("GetItem", "Query"),
                "exports": ("GetItem", "PutItem", "UpdateItem"),
            },
        ),
        objects=(Objects("vault", "log/*", READ_OBJECT),),
        unseals={"tenant_data_key": UNSEAL},
        reads_origin_secret=True,
    ),
    Concern(
        name="evidence_bundle",
        handler="functions.evidence_bundle.handler.handler",
        settings="functions.evidence_bundle.settings:Settings",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=29,
        tables=united(
            GUARD,
            {
                "subject_keys": ("GetItem",),
                "exports": ("GetItem", "Query", "PutItem"),
                "outbox": ("PutItem",),
            },
        ),
        # The presigned address that it hands out carries this role's permission and nothing more.
        objects=(Objects("exports", "bundles/*", ("GetObject", "GetObjectVersion")),),
        unseals={"tenant_data_key": UNSEAL},
        reads_origin_secret=True,
    ),
)

"""What a schedule or a stream starts."""

from typing import Final

from infra.concern import (
    APPEND,
    CHECKPOINTS,
    DIGESTS,
    LOCK_OBJECT,
    READ_OBJECT,
    SEAL,
    SEGMENTS,
    UNSEAL,
    WATCH_OBJECT,
    Concern,
    Objects,
)
from shared.store.session_reviews import DUE_FOR_REVIEW

BACKGROUND: Final[tuple[Concern, ...]] = (
    Concern(
        name="audit_seal",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=290,  # below its own period: two sealers never overlap for long
        tables={
            "tenants": ("Scan",),
            "audit_logs": ("Query",),
            "audit_seals": ("GetItem", "PutItem"),
        },
        objects=(Objects("vault", SEGMENTS, (*LOCK_OBJECT, "ListBucketVersions")),),
        every_minutes=5,
    ),
    Concern(
        name="audit_digest",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=600,
        tables={
            "tenants": ("Scan",),
            "audit_logs": APPEND,
            "audit_seals": ("GetItem", "Query", "PutItem"),
        },
        objects=(
            Objects("vault", DIGESTS, LOCK_OBJECT),
            Objects("vault", CHECKPOINTS, LOCK_OBJECT),
            Objects("vault", "keys/*", LOCK_OBJECT),
            Objects("vault", "anchor/v1/*", LOCK_OBJECT),
        ),
        keys={"ledger": ("Sign", "GetPublicKey")},
        every_minutes=60,
    ),
    Concern(
        name="audit_verify",
        layer="cold",
        memory_mb=1769,  # one whole core: it hashes
        timeout_seconds=900,
        tables={
            "tenants": ("Scan",),
            "audit_logs": APPEND,
            "audit_seals": ("GetItem", "Query"),
            "audit_verifications": ("GetItem", "PutItem"),
            "outbox": ("PutItem",),
        },
        objects=(
            Objects("vault", "log/*", WATCH_OBJECT),
            Objects("vault", "keys/*", WATCH_OBJECT),
            Objects("vault", "anchor/v1/*", WATCH_OBJECT),
        ),
        keys={"ledger": ("GetPublicKey",)},
        every_minutes=1_440,
        schedule_input='{"run": "<aws.scheduler.scheduled-time>"}',  # a start that is repeated is the same run
    ),
    Concern(
        name="housekeeping",
        layer="hot",
        memory_mb=512,
        timeout_seconds=290,
        tables={
            "signing_keys": ("GetItem", "Query", "PutItem", "UpdateItem"),
            "tenants": ("Scan", "UpdateItem"),
            "audit_logs": APPEND,
        },
        unseals={"access_token_key": SEAL},
        every_minutes=5,
    ),
    Concern(
        name="cleanup",
        layer="hot",
        memory_mb=512,
        timeout_seconds=290,
        tables={
            "tenants": ("Scan", "UpdateItem"),
            "tenant_staff": ("BatchGetItem",),
            "user_sessions": ("BatchGetItem", "UpdateItem"),
            "refresh_tokens": ("UpdateItem",),
            "audit_logs": APPEND,
        },
        indexes={"user_sessions": DUE_FOR_REVIEW},
        every_minutes=60,
    ),
    Concern(
        name="evidence_collection",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=290,
        tables={
            "tenants": ("GetItem", "Scan", "UpdateItem"),
            "evidence_calendar": ("ConditionCheckItem", "GetItem", "PutItem", "Query", "UpdateItem"),
            "exports": ("GetItem", "PutItem"),
            "outbox": ("PutItem",),
            "audit_seals": ("GetItem", "Query"),
            "audit_logs": APPEND,
        },
        objects=(Objects("vault", "log/*", READ_OBJECT),),  # segments that reach over the edge of a day
        every_minutes=10,  # the canary is to be missed within 15 minutes or little more
    ),
    Concern(
        name="audit_tripwire",
        layer="cold",
        memory_mb=512,
        timeout_seconds=60,
        tables={
            "audit_logs": APPEND,
            "audit_seals": ("GetItem",),
            "tenants": ("GetItem",),
            "outbox": ("PutItem",),
        },
        stream_of="audit_logs",
        stream_events=("MODIFY", "REMOVE"),  # appending is not its business, and is what happens all the time
    ),
    Concern(
        name="notify",
        layer="cold",
        memory_mb=512,
        timeout_seconds=60,
        tables={
            "outbox": ("GetItem", "Scan", "UpdateItem"),
            "tenant_staff": ("GetItem",),  # the address of whoever is told
            "invites": ("GetItem",),  # and of whoever is invited
            "audit_logs": APPEND,
        },
        unseals={"outbox": UNSEAL},
        publishes_events=True,
        sends_mail=True,
        starts_evidence=True,
        stream_of="outbox",
        stream_events=("INSERT",),
        every_minutes=5,  # the sweep: what the stream lost
    ),
)

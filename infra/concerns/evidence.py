"""The steps of the evidence pipeline."""

from typing import Final

from infra.concern import APPEND, LOCK_OBJECT, READ_OBJECT, UNSEAL, WRITE_OBJECT, Concern, Objects
from shared.store.exports import RUNNING_BY_DEADLINE

_READS_LOG: Final = Objects("vault", "log/*", READ_OBJECT)

EVIDENCE: Final[tuple[Concern, ...]] = (
    Concern(
        name="evidence_plan",
        entry="evidence_pipeline.plan",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=300,
        tables={
            "exports": ("GetItem", "UpdateItem"),
            "audit_seals": ("GetItem", "Query"),
            "tenants": ("GetItem",),
            # Who has administrative access while it is planned.
            "tenant_staff": ("Query",),
            "user_sessions": ("Query",),
        },
        objects=(
            _READS_LOG,  # the first event of a log that was started again
            Objects("exports", "rendering/*", WRITE_OBJECT),
        ),
    ),
    Concern(
        name="evidence_render",
        entry="evidence_pipeline.render",
        layer="cold",
        memory_mb=1769,
        timeout_seconds=900,
        tables={
            "exports": ("UpdateItem",),
            "subject_keys": ("Query",),
            "tenants": ("GetItem",),
        },
        objects=(_READS_LOG, Objects("exports", "rendering/*", (*WRITE_OBJECT, "AbortMultipartUpload"))),
        unseals={"tenant_data_key": UNSEAL},
    ),
    Concern(
        name="evidence_manifest",
        entry="evidence_pipeline.manifest",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=300,
        tables={"exports": ("UpdateItem",)},
        objects=(
            _READS_LOG,
            Objects("vault", "keys/*", READ_OBJECT),
            Objects("vault", "anchor/v1/*", READ_OBJECT),
            Objects("exports", "rendering/*", WRITE_OBJECT),
        ),
        keys={"evidence": ("Sign", "GetPublicKey")},
    ),
    Concern(
        name="evidence_assemble",
        entry="evidence_pipeline.assemble",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=900,
        tables={"exports": ("UpdateItem",)},
        objects=(
            Objects("exports", "rendering/*", WRITE_OBJECT),  # out of which fragments are copied inside S3
            # The lock is set when the upload is created, hence PutObjectRetention (capped by the bucket policy).
            Objects(
                "exports",
                "bundles/*",
                (*LOCK_OBJECT, "PutObjectRetention", "AbortMultipartUpload", "ListBucketMultipartUploads"),
            ),
        ),
    ),
    Concern(
        name="evidence_finish",
        entry="evidence_pipeline.finish",
        layer="cold",
        memory_mb=512,
        timeout_seconds=60,
        tables={"exports": ("GetItem", "UpdateItem"), "audit_logs": APPEND},
        objects=(Objects("exports", "rendering/*", READ_OBJECT),),
    ),
    Concern(
        name="evidence_fail",
        entry="evidence_pipeline.fail",
        layer="cold",
        memory_mb=512,
        timeout_seconds=60,
        tables={
            "exports": ("GetItem", "UpdateItem"),
            "audit_logs": APPEND,
            "tenants": ("Scan",),
        },
        indexes={"exports": RUNNING_BY_DEADLINE},
        on_bad_end=True,
        every_minutes=5,  # the sweep: exports that still run behind their deadline
        schedule_input='{"sweep": true}',
    ),
)

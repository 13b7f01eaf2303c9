"""The Lambda functions of the product, as data: what each runs, what starts it, and all that its role may do.

Rules of this module
- Every permission of a function stands here in words of the service (`GetItem`, `Sign`); a flow that needs one more
  action changes one line of this file. There is no `*` action, and none is accepted.
- `audit_logs` is written by `PutItem` and read by `Query`, by nobody changed or deleted (tests/infra asserts it).
- Members of a TransactWriteItems need the permission of their own kind: `PutItem`, `UpdateItem`, `DeleteItem`,
  `ConditionCheckItem`. There is no permission for the transaction itself.
- The ledger key is signed with by `audit_digest` alone, the evidence key by `evidence_manifest` alone.
- The sealer cannot write a digest and the signer cannot write a segment: each role puts its own kind of key only, so
  it takes both to forge a stretch of the log.
- The data key opens what it sealed for one purpose: a role names the purposes (`unseals`), and IAM compares them with
  the encryption context of the request. Who reads evidence cannot open a signing key or a second factor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from infra.packaging import Layer

Bucket = Literal["vault", "exports"]
Key = Literal["ledger", "evidence"]
Purpose = Literal["tenant_data_key", "access_token_key", "factor"]
Actions = tuple[str, ...]

APPEND: Final[Actions] = ("PutItem", "Query")
READ_OBJECT: Final[Actions] = ("GetObject", "GetObjectVersion", "ListBucket")
WRITE_OBJECT: Final[Actions] = ("PutObject", *READ_OBJECT)
# HeadObject tells the lock of an object only to those who may read its retention.
LOCK_OBJECT: Final[Actions] = (*WRITE_OBJECT, "GetObjectRetention")
UNSEAL: Final[Actions] = ("Decrypt",)
SEAL: Final[Actions] = ("Encrypt",)

# Keys of the log are log/v1/LOG/TENANT/EPOCH/KIND/NUMBER (shared/evidence/vault.py). A `*` of IAM crosses slashes, so
# all three levels are spelled out: otherwise the digests of a tenant called "seg" would count as segments.
_LOG: Final = "log/v1/*/*/*"
SEGMENTS: Final = f"{_LOG}/seg/*"
DIGESTS: Final = f"{_LOG}/digest/*"
CHECKPOINTS: Final = f"{_LOG}/checkpoint/*"


@dataclass(frozen=True, slots=True)
class Objects:
    """Actions on the objects of `bucket` whose key matches `pattern`, where `*` stands for anything, slashes included.

    `ListBucket` lists prefixes that match it and no others.
    """

    bucket: Bucket
    pattern: str
    actions: Actions


@dataclass(frozen=True, slots=True)
class Concern:
    """One function. `settings` is `module:class`; `tables` and `keys` map a name to actions without their prefix.

    `unseals` maps what the data key protects to actions of KMS. `schedule_input` is the JSON event of a scheduled run,
    EventBridge's own if None.
    """

    name: str
    handler: str
    settings: str
    layer: Layer
    memory_mb: int
    timeout_seconds: int
    tables: Mapping[str, Actions] = field(default_factory=dict)
    objects: tuple[Objects, ...] = ()
    keys: Mapping[Key, Actions] = field(default_factory=dict)
    unseals: Mapping[Purpose, Actions] = field(default_factory=dict)
    reads_origin_secret: bool = False
    starts_evidence: bool = False
    every_minutes: int | None = None
    schedule_input: str | None = None
    stream_of: str | None = None
    stream_events: Actions = ()
    on_bad_end: bool = False

    @property
    def folder(self) -> str:
        return self.handler.split(".")[1]

    @property
    def asynchronous(self) -> bool:
        """Nobody waits for its answer: what it cannot do goes to the dead letters."""
        return self.every_minutes is not None or self.on_bad_end


_GUARD: Final[Mapping[str, Actions]] = {
    # One consistent BatchGetItem a request; the update touches `last_seen_at` and confirms a generation; the checks are
    # those of the acting session and its gate inside every commit.
    "tenants": ("BatchGetItem",),
    "tenant_staff": ("BatchGetItem", "ConditionCheckItem"),
    "user_sessions": ("BatchGetItem", "ConditionCheckItem", "UpdateItem"),
    "signing_keys": ("Query",),
    "audit_logs": APPEND,
}


def _with(*grants: Mapping[str, Actions]) -> Mapping[str, Actions]:
    """Unite grants; a table that stands in several keeps every action, each once."""
    tables = sorted({table for grant in grants for table in grant})
    return {table: tuple(sorted({action for grant in grants for action in grant.get(table, ())})) for table in tables}


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
        tables=_with(_GUARD, {"tenant_staff": ("GetItem",)}),
        reads_origin_secret=True,
    ),
    Concern(
        name="step_up",
        handler="functions.step_up.handler.handler",
        settings="functions.step_up.settings:Settings",
        layer="hot",
        memory_mb=1769,  # recovery codes are argon2id hashes too
        timeout_seconds=15,
        tables=_with(
            _GUARD,
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
        tables=_with(
            _GUARD,
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
        tables=_with(
            _GUARD,
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

_READS_LOG: Final = Objects("vault", "log/*", READ_OBJECT)

EVIDENCE: Final[tuple[Concern, ...]] = (
    Concern(
        name="evidence_plan",
        handler="functions.evidence_pipeline.handler.plan",
        settings="functions.evidence_pipeline.settings:PlanSettings",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=300,
        tables={
            "exports": ("GetItem", "UpdateItem"),
            "audit_seals": ("Query",),
            "tenants": ("GetItem",),
        },
        objects=(Objects("exports", "work/*", WRITE_OBJECT),),
    ),
    Concern(
        name="evidence_render",
        handler="functions.evidence_pipeline.handler.render",
        settings="functions.evidence_pipeline.settings:RenderSettings",
        layer="cold",
        memory_mb=1769,
        timeout_seconds=900,
        tables={
            "exports": ("UpdateItem",),
            "subject_keys": ("Query",),
            "tenants": ("GetItem",),
        },
        objects=(_READS_LOG, Objects("exports", "work/*", WRITE_OBJECT)),
        unseals={"tenant_data_key": UNSEAL},
    ),
    Concern(
        name="evidence_manifest",
        handler="functions.evidence_pipeline.handler.manifest",
        settings="functions.evidence_pipeline.settings:ManifestSettings",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=300,
        tables={"exports": ("UpdateItem",)},
        objects=(
            _READS_LOG,
            Objects("vault", "keys/*", READ_OBJECT),
            Objects("exports", "work/*", WRITE_OBJECT),
        ),
        keys={"evidence": ("Sign", "GetPublicKey")},
    ),
    Concern(
        name="evidence_assemble",
        handler="functions.evidence_pipeline.handler.assemble",
        settings="functions.evidence_pipeline.settings:AssembleSettings",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=900,
        tables={"exports": ("UpdateItem",)},
        objects=(
            _READS_LOG,  # segments are copied into the archive inside S3
            Objects("exports", "work/*", WRITE_OBJECT),
            # The lock is set when the upload is created, hence PutObjectRetention (capped by the bucket policy).
            Objects(
                "exports",
                "bundles/*",
                (*LOCK_OBJECT, "PutObjectRetention", "AbortMultipartUpload"),
            ),
        ),
    ),
    Concern(
        name="evidence_finish",
        handler="functions.evidence_pipeline.handler.finish",
        settings="functions.evidence_pipeline.settings:FinishSettings",
        layer="cold",
        memory_mb=512,
        timeout_seconds=60,
        tables={"exports": ("GetItem", "UpdateItem"), "audit_logs": APPEND},
        objects=(Objects("exports", "work/*", READ_OBJECT),),
    ),
    Concern(
        name="evidence_fail",
        handler="functions.evidence_pipeline.handler.fail",
        settings="functions.evidence_pipeline.settings:FailSettings",
        layer="cold",
        memory_mb=512,
        timeout_seconds=60,
        tables={
            "exports": ("GetItem", "Query", "UpdateItem"),
            "audit_logs": APPEND,
            "tenants": ("Scan",),
        },
        on_bad_end=True,
        every_minutes=5,  # the sweep: exports that still run behind their deadline
        schedule_input='{"sweep": true}',
    ),
)

BACKGROUND: Final[tuple[Concern, ...]] = (
    Concern(
        name="audit_seal",
        handler="functions.audit_seal.handler.handler",
        settings="functions.audit_seal.settings:Settings",
        layer="cold",
        memory_mb=1024,
        timeout_seconds=290,  # below its own period: two sealers never overlap for long
        tables={
            "tenants": ("Scan",),
            "audit_logs": ("Query",),
            "audit_seals": ("GetItem", "PutItem"),
        },
        objects=(Objects("vault", SEGMENTS, LOCK_OBJECT),),
        every_minutes=5,
    ),
    Concern(
        name="audit_digest",
        handler="functions.audit_digest.handler.handler",
        settings="functions.audit_digest.settings:Settings",
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
        ),
        keys={"ledger": ("Sign", "GetPublicKey")},
        every_minutes=60,
    ),
    Concern(
        name="housekeeping",
        handler="functions.housekeeping.handler.handler",
        settings="functions.housekeeping.settings:Settings",
        layer="hot",
        memory_mb=512,
        timeout_seconds=290,
        tables={"signing_keys": ("Query", "PutItem")},
        unseals={"access_token_key": SEAL},
        every_minutes=5,
    ),
    Concern(
        name="audit_tripwire",
        handler="functions.audit_tripwire.handler.handler",
        settings="functions.audit_tripwire.settings:Settings",
        layer="cold",
        memory_mb=512,
        timeout_seconds=60,
        tables={"audit_logs": APPEND, "audit_seals": ("GetItem",)},
        stream_of="audit_logs",
        stream_events=("MODIFY", "REMOVE"),  # appending is not its business, and is what happens all the time
    ),
    Concern(
        name="notify",
        handler="functions.notify.handler.handler",
        settings="functions.notify.settings:Settings",
        layer="cold",
        memory_mb=512,
        timeout_seconds=60,
        tables={"outbox": ("Scan", "UpdateItem")},
        starts_evidence=True,
        stream_of="outbox",
        stream_events=("INSERT",),
        every_minutes=5,  # the sweep: what the stream lost
    ),
)

CONCERNS: Final[tuple[Concern, ...]] = (*HTTP, *EVIDENCE, *BACKGROUND)

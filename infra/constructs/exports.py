"""The exports bucket: fragments at work, and finished evidence bundles under their own lock.

Rules of this module
- `rendering/` holds fragments of bundles being made; they expire by lifecycle. `bundles/` holds finished archives,
  locked for the exports' retention, which the assembling role sets when it creates the upload. The bucket has no
  default: it would lock the fragments too.
- A bundle's key is written once. The condition can only be asked of the requests that create an object:
  CreateMultipartUpload, UploadPart and UploadPartCopy carry none, hence `s3:ObjectCreationOperation`.
- After the lock has let a bundle go, the lifecycle clears it: it holds personal data in clear, and can be made again as
  long as the sealed log is kept. S3's own legal hold on a version keeps that version.
- Exports hold personal data in clear: encrypted with the customer's key, handed out by presigned address alone.
"""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.tables import removal_policy
from infra.constructs.vault import ABANDONED_UPLOADS, DELETIONS, LEGAL_HOLDS, deny, let_hold, locks_set_by
from infra.stage import Stage
from shared.domain.retention import GRACE_DAYS

RENDERING_PREFIX: Final = "rendering/"
_FRAGMENTS_KEPT_DAYS: Final = 3
_BUNDLES_PREFIX: Final = "bundles/"


class Exports(Construct):
    """`bucket`; nobody can lock an object in it before `restrict_locks`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        key: kms.IKey,
        access_logs: s3.IBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        self._retention_days = stage.exports_lock.days
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            versioned=True,
            object_lock_enabled=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix="exports/",
            lifecycle_rules=[_fragments_expiry(), _bundle_expiry(stage.exports_lock.days), ABANDONED_UPLOADS],
            removal_policy=removal_policy(stage),
        )
        for statement in _write_once_policy(self.bucket):
            self.bucket.add_to_resource_policy(statement)

    def restrict_locks(self, *, assembler: iam.IRole, hold_role: iam.Role) -> None:
        """Name the role that locks a bundle, and the one that may place a legal hold on it."""
        statements = locks_set_by(
            self.bucket,
            retention=assembler,
            legal_hold=hold_role,
            days=self._retention_days + 1,  # S3 counts a begun day
        )
        for statement in statements:
            self.bucket.add_to_resource_policy(statement)
        let_hold(hold_role, self.bucket, LEGAL_HOLDS)


def _write_once_policy(bucket: s3.IBucket) -> list[iam.PolicyStatement]:
    written_once = iam.PolicyStatement(
        sid="WrittenOnce",
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=["s3:PutObject"],
        # A worker that is tried again writes its fragment again, so rendering/ is left out.
        not_resources=[bucket.arn_for_objects(f"{RENDERING_PREFIX}*")],
        conditions={
            "Null": {"s3:if-none-match": "true"},
            "Bool": {"s3:ObjectCreationOperation": "true"},
        },
    )
    return [deny("NothingIsDeleted", DELETIONS, [bucket.arn_for_objects("*")]), written_once]


def _fragments_expiry() -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="Fragments",
        prefix=RENDERING_PREFIX,
        expiration=cdk.Duration.days(_FRAGMENTS_KEPT_DAYS),
        noncurrent_version_expiration=cdk.Duration.days(1),
    )


def _bundle_expiry(locked_days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="AfterTheLock",
        prefix=_BUNDLES_PREFIX,
        expiration=cdk.Duration.days(locked_days + GRACE_DAYS),
        noncurrent_version_expiration=cdk.Duration.days(1),
    )

"""The vault: the object-locked bucket that holds the sealed log, and the role that may hold its objects longer.

Rules of this module
- Object Lock is decided at creation: neither it nor versioning can ever be switched off, a COMPLIANCE period never
  shortened. Retention comes from the bucket's default; nobody but the hold role sets one on an object (an attacker
  with that permission could lock objects for a hundred years, which is a bill).
- An object is written once: a key that exists refuses the second PUT (`If-None-Match`), so two racing sealers cannot
  both win. Multipart uploads carry no condition when they are created, hence there are none.
- Delete markers are not locked, so deleting is denied to everybody; the lifecycle alone clears what the
  lock has let go.
- SSE-S3, on purpose: whoever deletes a KMS key deletes what it encrypts, which would undo the lock. A PUT that brings
  a key of its own is denied for the same reason.
- A copy in another account (`Stage.replica`) is made by S3 with a role that reads versions here and replicates there,
  and can do nothing else; deletions are not copied, the lock of each object is.
- S3's access logs of the bucket name the address of each caller; they expire with infra/constructs/access_logs.py.
"""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.acknowledgement import acknowledge
from infra.constructs.naming import logical_id
from infra.constructs.tables import removal_policy
from infra.stage import Lock, Replica, Stage
from shared.domain.retention import GRACE_DAYS

ABANDONED_UPLOADS: Final = s3.LifecycleRule(
    # The parts of an upload that was never completed are not locked and not listed, but paid for.
    id="AbandonedUploads",
    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
)
DELETIONS: Final = (
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:BypassGovernanceRetention",
)
LEGAL_HOLDS: Final = (
    "s3:GetObjectRetention",
    "s3:GetObjectLegalHold",
    "s3:PutObjectLegalHold",
)
# Ten years, as the longest default period: a legal hold has no end, a retention must have a sane one.
_LONGEST_HOLD_DAYS: Final = 3653
# S3 copies the lock of an object only where it may read retention and legal hold (S3 user guide, replication setup).
_REPLICATED_FROM: Final = (
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionTagging",
    "s3:GetObjectRetention",
    "s3:GetObjectLegalHold",
)
_REPLICATED_TO: Final = ("s3:ReplicateObject", "s3:ReplicateTags", "s3:ObjectOwnerOverrideToBucketOwner")
REPLICATION_RULE: Final = "SecondCopy"
_EXPIRING_PREFIXES: Final = ("log/", "anchor/")  # public keys under keys/ stay for ever


class Vault(Construct):
    """`bucket`; `hold_role` is for people, with MFA, to extend a lock or place a legal hold, on exports a hold only."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, access_logs: s3.IBucket) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            versioned=True,
            object_lock_enabled=True,
            object_lock_default_retention=_default_retention(stage.vault_lock),
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix="vault/",
            lifecycle_rules=_lifecycle(stage.vault_lock),
            removal_policy=removal_policy(stage),
        )
        self.hold_role = _hold_role(self)
        let_hold(self.hold_role, self.bucket, (*LEGAL_HOLDS, "s3:PutObjectRetention"))
        for statement in _vault_policy(self.bucket, self.hold_role):
            self.bucket.add_to_resource_policy(statement)
        if stage.replica is not None:
            _copy_to(self, self.bucket, stage.replica)


def deny(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: dict[str, dict[str, object]] | None = None,
) -> iam.PolicyStatement:
    """Compose a statement that denies everybody, under `conditions` if any."""
    return iam.PolicyStatement(
        sid=sid,
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=list(actions),
        resources=list(resources),
        conditions=conditions,
    )


def let_hold(role: iam.Role, bucket: s3.Bucket, actions: Sequence[str]) -> None:
    """Allow the hold role `actions` on every object of `bucket`."""
    role.add_to_principal_policy(
        iam.PolicyStatement(actions=list(actions), resources=[bucket.arn_for_objects("*")]),
    )
    acknowledge(
        role,
        {
            f"AwsSolutions-IAM5[Resource::<{logical_id(bucket)}.Arn>/*]": "A hold falls on objects "
            "that a court or an auditor names later; the role reads and sets locks and nothing else."
        },
    )


def locks_set_by(
    bucket: s3.IBucket, *, retention: iam.IRole, legal_hold: iam.IRole, days: int
) -> list[iam.PolicyStatement]:
    """Deny setting locks on objects to all but two roles, and a retention beyond `days` from now to all."""
    objects = [bucket.arn_for_objects("*")]
    return [
        deny("OneRoleRetains", ["s3:PutObjectRetention"], objects, _anyone_but(retention)),
        deny("OneRoleHolds", ["s3:PutObjectLegalHold"], objects, _anyone_but(legal_hold)),
        deny(
            "NobodyRetainsLonger",
            ["s3:PutObjectRetention"],
            objects,
            {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": str(days)}},
        ),
    ]


def _anyone_but(role: iam.IRole) -> dict[str, dict[str, object]]:
    return {"ArnNotEquals": {"aws:PrincipalArn": role.role_arn}}


def _vault_policy(bucket: s3.IBucket, hold_role: iam.IRole) -> list[iam.PolicyStatement]:
    objects = [bucket.arn_for_objects("*")]
    return [
        deny("NothingIsDeleted", DELETIONS, objects),
        deny("WrittenOnce", ["s3:PutObject"], objects, {"Null": {"s3:if-none-match": "true"}}),
        deny(
            "NoForeignEncryption",
            ["s3:PutObject"],
            objects,
            {
                "Null": {"s3:x-amz-server-side-encryption": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"},
            },
        ),
        deny(
            "NoCustomerKeys",
            ["s3:PutObject"],
            objects,
            {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}},
        ),
        *locks_set_by(bucket, retention=hold_role, legal_hold=hold_role, days=_LONGEST_HOLD_DAYS),
    ]


def _copy_to(scope: Construct, bucket: s3.Bucket, replica: Replica) -> None:
    """Replicate every object with its lock, into the ownership of the other account."""
    role = iam.Role(
        scope,
        "ReplicationRole",
        description="Muniment: S3 copies the vault into another account",
        assumed_by=iam.ServicePrincipal(
            "s3.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}}
        ),
    )
    grants = {
        bucket.bucket_arn: ("s3:GetReplicationConfiguration", "s3:ListBucket"),
        bucket.arn_for_objects("*"): _REPLICATED_FROM,
        f"{replica.bucket_arn}/*": _REPLICATED_TO,
    }
    for resource, granted in grants.items():
        role.add_to_principal_policy(iam.PolicyStatement(actions=list(granted), resources=[resource]))
    whole = "Every object of the vault is copied, whatever its key; the actions are those of replication."
    patterns = (f"<{logical_id(bucket)}.Arn>/*", f"{replica.bucket_arn}/*")
    acknowledge(role, {f"AwsSolutions-IAM5[Resource::{pattern}]": whole for pattern in patterns})
    underlying = bucket.node.default_child
    if not isinstance(underlying, s3.CfnBucket):
        raise TypeError("the vault is no bucket")
    underlying.replication_configuration = s3.CfnBucket.ReplicationConfigurationProperty(
        role=role.role_arn, rules=[_replication_rule(replica)]
    )


def _replication_rule(replica: Replica) -> s3.CfnBucket.ReplicationRuleProperty:
    return s3.CfnBucket.ReplicationRuleProperty(
        id=REPLICATION_RULE,
        status="Enabled",
        priority=1,
        filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=""),
        delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status="Disabled"),
        destination=s3.CfnBucket.ReplicationDestinationProperty(
            bucket=replica.bucket_arn,
            account=replica.account,
            # The copy belongs to whoever keeps it: the writers of the vault cannot touch it.
            access_control_translation=s3.CfnBucket.AccessControlTranslationProperty(owner="Destination"),
            metrics=s3.CfnBucket.MetricsProperty(status="Enabled"),
        ),
    )


def _default_retention(lock: Lock) -> s3.ObjectLockRetention:
    period = cdk.Duration.days(lock.days)
    if lock.mode == "COMPLIANCE":
        return s3.ObjectLockRetention.compliance(period)
    return s3.ObjectLockRetention.governance(period)


def _lifecycle(lock: Lock) -> list[s3.LifecycleRule]:
    expiries = [
        s3.LifecycleRule(
            id=f"AfterTheLock{prefix.removesuffix('/').capitalize()}",
            prefix=prefix,
            expiration=cdk.Duration.days(lock.days + GRACE_DAYS),
            noncurrent_version_expiration=cdk.Duration.days(1),
        )
        for prefix in _EXPIRING_PREFIXES
    ]
    return [*expiries, ABANDONED_UPLOADS]


def _hold_role(scope: Construct) -> iam.Role:
    return iam.Role(
        scope,
        "HoldRole",
        description="Muniment: people, with MFA, extend a lock or place a legal hold",
        assumed_by=iam.AccountRootPrincipal().with_conditions({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    )

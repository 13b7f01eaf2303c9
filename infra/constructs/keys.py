"""The KMS keys and who may use them.

Rules of this module
- Two signing keys (ECC_NIST_P256, `openssl dgst -verify` checks their signatures in one line): the ledger key signs
  digests and checkpoints, the evidence key signs manifests. Each may be used by one role; everybody else is denied,
  whatever an IAM policy says, so an exploited export cannot forge a digest.
- Another ledger key is made beside the earlier ones (`Stage.ledger_keys`), which all stay: their digests are verified
  as long as there are any, and what one of them had begun is finished with it.
- The data key encrypts tables, exports and secrets and seals the tenants' data keys.
- In production nobody may schedule the deletion of a key: deleting one deletes what it protects. An administrator who
  means it must change the key policy first, in the open.
"""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.constructs.tables import removal_policy
from infra.stage import Stage

_ADMINISTRATION: Final = (
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:GetPublicKey",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:UpdateKeyDescription",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:UpdateAlias",
    "kms:CancelKeyDeletion",
    "kms:ScheduleKeyDeletion",
)
# What IAM policies of this account may hand out; DynamoDB, S3 and Secrets Manager act for the caller with these.
_USE_OF_DATA_KEY: Final = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:CreateGrant",
    "kms:RetireGrant",
    "kms:RevokeGrant",
)


class Keys(Construct):
    """`data`, `ledgers` (oldest first) and `evidence`; the signing keys are of use only after `restrict_signing`."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        self.data = kms.Key(
            self,
            "Data",
            description="Muniment: tables, exports, secrets, and the tenants' sealed data keys",
            enable_key_rotation=True,
            policy=_policy(stage, _ADMINISTRATION + _USE_OF_DATA_KEY),
            removal_policy=removal_policy(stage),
        )
        # The first keeps its name of before there was a second: another logical id would be another key.
        names = ["Ledger", *(f"Ledger{number}" for number in range(2, stage.ledger_keys + 1))]
        self.ledgers = [self._signing_key(name, "digests and checkpoints of the log", stage) for name in names]
        self.evidence = self._signing_key("Evidence", "manifests of evidence bundles", stage)

    def restrict_signing(self, *, ledger: iam.IRole, evidence: iam.IRole) -> None:
        """Name the one role that may sign with each key."""
        for key in self.ledgers:
            _only_signer(key, ledger)
        _only_signer(self.evidence, evidence)

    def allow_service(self, service: str, *, says_account: bool) -> None:
        """Let an AWS service publish to what the data key encrypts: for this account alone, where it says for which."""
        self.data.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}} if says_account else {},
            )
        )

    def _signing_key(self, name: str, signs: str, stage: Stage) -> kms.Key:
        return kms.Key(
            self,
            name,
            description=f"Muniment: signs {signs}",
            key_spec=kms.KeySpec.ECC_NIST_P256,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            policy=_policy(stage, _ADMINISTRATION),
            removal_policy=removal_policy(stage),
        )


def _policy(stage: Stage, delegated: tuple[str, ...]) -> iam.PolicyDocument:
    statements = [
        iam.PolicyStatement(
            sid="ThisAccount",
            principals=[iam.AccountRootPrincipal()],
            actions=list(delegated),
            resources=["*"],
        )
    ]
    if stage.protected:
        statements.append(
            iam.PolicyStatement(
                sid="NeverDeleted",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["kms:ScheduleKeyDeletion"],
                resources=["*"],
            )
        )
    return iam.PolicyDocument(statements=statements)


def _only_signer(key: kms.Key, role: iam.IRole) -> None:
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="OneSigner",
            principals=[role],
            actions=["kms:Sign", "kms:GetPublicKey"],
            resources=["*"],
        )
    )
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="NobodyElseSigns",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["kms:Sign"],
            resources=["*"],
            conditions={"ArnNotEquals": {"aws:PrincipalArn": role.role_arn}},
        )
    )

"""The bucket that takes the access logs of the other buckets and of CloudFront.

Rules of this module
- These logs hold personal data in clear: CloudFront and S3 write the address of whoever asked, and for a bundle that is
  fetched the person's own. They serve the search for faults and attacks, no evidence rests on them, and they are gone
  after 30 days (GDPR Art. 5 (1) (e)). Evidence of who did what is the audit log's alone, where addresses are sealed.
"""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.tables import removal_policy
from infra.stage import Stage

_KEPT_DAYS: Final = 30


class AccessLogs(Construct):
    """Object Lock is off here: S3 cannot deliver access logs into a locked bucket."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            # CloudFront delivers by ACL; without an edge no ACL is honoured at all.
            object_ownership=(
                s3.ObjectOwnership.BUCKET_OWNER_PREFERRED if stage.edge else s3.ObjectOwnership.BUCKET_OWNER_ENFORCED
            ),
            lifecycle_rules=[s3.LifecycleRule(id="Expiry", expiration=cdk.Duration.days(_KEPT_DAYS))],
            removal_policy=removal_policy(stage),
        )

"""The queue of what could not be done: somebody is told (infra/constructs/observability.py), nothing is lost."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.acknowledgement import acknowledge


class DeadLetters(Construct):
    """One `queue` for streams, schedules, events and functions that nobody waits for."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),  # the longest that SQS knows
        )
        reason = "This queue is itself where undelivered work ends; an alarm watches its depth."
        acknowledge(self.queue, {"AwsSolutions-SQS3": reason, "Serverless-SQSRedrivePolicy": reason})

    def allow_sending(self, role: iam.Role) -> None:
        """Let a role put into the queue what it could not deliver."""
        role.add_to_principal_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.queue.queue_arn]))

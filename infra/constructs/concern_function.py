"""One concern = one Lambda function = one role = one log group.

Rules of this module
- The environment is the concern's Settings class, field by field, out of one registry: a field that the registry does
  not know stops the synthesis, so infrastructure and code cannot drift.
- The role is the function's own and starts empty; CDK's managed policies are not used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.concern import Concern, environment
from infra.constructs.acknowledgement import acknowledge
from infra.constructs.dead_letters import DeadLetters
from infra.constructs.grants import Estate, statements
from infra.constructs.naming import logical_id
from infra.constructs.tables import removal_policy
from infra.packaging import Layer, Packages
from infra.stage import Stage

LOG_RETENTION: Final = logs.RetentionDays.THIRTEEN_MONTHS  # a Type II period and a month


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every function is made with."""

    stage: Stage
    packages: Packages
    layers: Mapping[Layer, lambda_.LayerVersion]
    estate: Estate
    dead_letters: DeadLetters


class ConcernFunction(Construct):
    """`function`, `role` and `log_group` of one concern."""

    def __init__(
        self, scope: Construct, construct_id: str, concern: Concern, workshop: Workshop, registry: Mapping[str, str]
    ) -> None:
        super().__init__(scope, construct_id)
        stage = workshop.stage
        self.concern = concern
        self.log_group = log_group(self, f"/muniment/{concern.name}", stage)
        self.role = iam.Role(
            self,
            "Role",
            description=f"Muniment: what {concern.name} may do",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        package = workshop.packages.concern(concern.folder)
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"Muniment: {concern.name}",
            runtime=lambda_.Runtime(stage.runtime, lambda_.RuntimeFamily.PYTHON),
            architecture=architecture_of(stage),
            handler=concern.handler,
            code=lambda_.Code.from_asset(str(package.path), asset_hash=package.digest),
            layers=[workshop.layers[concern.layer]],
            memory_size=concern.memory_mb,
            timeout=cdk.Duration.seconds(concern.timeout_seconds),
            environment=environment(concern, registry),
            role=self.role,
            log_group=self.log_group,
            dead_letter_queue=workshop.dead_letters.queue if concern.asynchronous else None,
        )
        self._permit(workshop.estate)
        acknowledge(self, _reasons(concern))

    def _permit(self, estate: Estate) -> None:
        self.role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[self.log_group.log_group_arn],
            )
        )
        for statement in statements(self.concern, estate):
            self.role.add_to_principal_policy(statement)
        acknowledge(self.role, self._patterns(estate))

    def _patterns(self, estate: Estate) -> dict[str, str]:
        """Say of each pattern of keys that the role may use why its objects cannot be named one by one."""
        return {
            f"AwsSolutions-IAM5[Resource::<{logical_id(estate.buckets[each.bucket])}.Arn>/{each.pattern}]": (
                f"Keys like {each.pattern} are counters and ids made at run time; {self.concern.name} is "
                f"held to that pattern in the {each.bucket} bucket and to listed actions."
            )
            for each in self.concern.objects
        }


def _reasons(concern: Concern) -> dict[str, str]:
    runtime = (
        "python3.13 on Amazon Linux 2023 is what the locked wheels of requirements/ are resolved for; "
        "raised with the lock files."
    )
    reasons = {
        "AwsSolutions-L1": runtime,
        "Serverless-LambdaLatestVersion": runtime,
        "Serverless-LambdaTracing": "A trace would be a second, unlocked record of who did what; "
        "correlation_id joins the events of one request in the log itself.",
    }
    if not concern.asynchronous:
        reasons["Serverless-LambdaDLQ"] = (
            "Invoked synchronously (HTTP, Step Functions, stream): the caller gets the error, a stream "
            "has its own on-failure queue."
        )
    return reasons


def layer_version(
    scope: Construct, construct_id: str, group: Layer, packages: Packages, stage: Stage
) -> lambda_.LayerVersion:
    """Make the layer of one group of requirements."""
    package = packages.layer(group)
    return lambda_.LayerVersion(
        scope,
        construct_id,
        description=f"Muniment: requirements/{group}.txt",
        code=lambda_.Code.from_asset(str(package.path), asset_hash=package.digest),
        compatible_runtimes=[lambda_.Runtime(stage.runtime, lambda_.RuntimeFamily.PYTHON)],
        compatible_architectures=[architecture_of(stage)],
    )


def log_group(scope: Construct, name: str, stage: Stage) -> logs.LogGroup:
    """Make a log group with the retention that every log of the product has."""
    return logs.LogGroup(
        scope,
        "LogGroup",
        log_group_name=name,
        retention=LOG_RETENTION,
        removal_policy=removal_policy(stage),
    )


def architecture_of(stage: Stage) -> lambda_.Architecture:
    return lambda_.Architecture.ARM_64 if stage.architecture == "arm64" else lambda_.Architecture.X86_64

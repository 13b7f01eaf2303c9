"""The state machine that makes an evidence bundle: what runs it, what it may do, who hears of its end.

Its states stand in infra/evidence_machine.py.

Rules of this module
- Every bad end leads to `evidence_fail`: a caught error through the state machine, a timeout or an abort through the
  EventBridge rule. It runs twice for a caught error and must not mind.
- The execution is named after the export, so starting it twice starts it once.
"""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra.constructs.acknowledgement import acknowledge
from infra.constructs.concern_function import ConcernFunction, log_group
from infra.constructs.naming import logical_id
from infra.evidence_machine import LISTS, MAP_LABEL, definition
from infra.stage import Stage

_BAD_ENDS: Final = ("FAILED", "TIMED_OUT", "ABORTED")
_LONGEST: Final = cdk.Duration.hours(6)


class EvidencePipeline(Construct):
    """`state_machine`; calls of `evidence_fail` that cannot be made end in `undelivered`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        functions: Mapping[str, ConcernFunction],
        exports: s3.Bucket,
        key: kms.IKey,
        undelivered: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        arns = {name: each.function.function_arn for name, each in functions.items()}
        self.role = iam.Role(
            self,
            "Role",
            description="Muniment: what the evidence state machine may do",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com", conditions=self._only_for_our_machines()),
        )
        self.role.add_to_principal_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[arns[name] for name in sorted(arns)])
        )
        self.state_machine = self._state_machine(arns, exports.bucket_name, stage)
        self._allow_distributed_map(exports, key)
        for each in functions.values():
            if each.concern.on_bad_end:
                self._watch_bad_ends(each, undelivered)

    def _only_for_our_machines(self) -> dict[str, dict[str, str]]:
        # The machine refers to its role, so the role cannot refer to the machine: any of this account and region.
        machines = cdk.Stack.of(self).format_arn(
            service="states",
            resource="stateMachine",
            resource_name="*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        return {
            "StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID},
            "ArnLike": {"aws:SourceArn": machines},
        }

    def allow_start(self, starter: ConcernFunction) -> None:
        """Let the role of `starter` start executions of this machine."""
        starter.role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["states:StartExecution"],
                resources=[self.state_machine.state_machine_arn],
            )
        )

    def _allow_distributed_map(self, exports: s3.Bucket, key: kms.IKey) -> None:
        """Let the map start its children, executions of the same machine, watch and stop them, and read its items.

        A policy of its own: the machine waits for its role's, which so cannot name the machine.
        """
        stack, name = cdk.Stack.of(self), self.state_machine.state_machine_name
        children = [  # of a Map Run, with and without its label
            stack.format_arn(
                service="states",
                resource="execution",
                resource_name=resource_name,
                arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
            )
            for resource_name in (f"{name}:*", f"{name}/{MAP_LABEL}:*")
        ]
        statements = [
            iam.PolicyStatement(actions=["states:StartExecution"], resources=[self.state_machine.state_machine_arn]),
            iam.PolicyStatement(actions=["states:DescribeExecution", "states:StopExecution"], resources=children),
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[exports.arn_for_objects(LISTS)]),
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"s3.{cdk.Aws.REGION}.amazonaws.com"}},
            ),
        ]
        policy = iam.Policy(self, "DistributedMap", statements=statements)
        policy.attach_to_role(self.role)
        machine = f"<{logical_id(self.state_machine)}.Name>"
        execution = "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution"
        reasons = {
            f"{execution}:{machine}:*": "A Distributed Map names its children by itself.",
            f"{execution}:{machine}/{MAP_LABEL}:*": "A Distributed Map names its children by itself.",
            f"<{logical_id(exports)}.Arn>/{LISTS}": "Each export has a list of its own.",
        }
        acknowledge(policy, {f"AwsSolutions-IAM5[Resource::{each}]": why for each, why in reasons.items()})

    def _state_machine(self, arns: Mapping[str, str], exports: str, stage: Stage) -> stepfunctions.StateMachine:
        machine = stepfunctions.StateMachine(
            self,
            "StateMachine",
            definition_body=stepfunctions.DefinitionBody.from_string(
                cdk.Stack.of(self).to_json_string(definition(arns, exports, stage.sealing_wait_seconds))
            ),
            role=self.role,
            timeout=_LONGEST,
            tracing_enabled=True,
            logs=stepfunctions.LogOptions(
                destination=log_group(self, "/aws/vendedlogs/states/muniment-evidence", stage),
                level=stepfunctions.LogLevel.ALL,
                include_execution_data=False,
            ),
        )
        acknowledge(
            self.role,
            {
                "AwsSolutions-IAM5[Resource::*]": "Step Functions' log delivery and X-Ray know no resources; "
                "the statement lists their actions one by one."
            },
        )
        return machine

    def _watch_bad_ends(self, fail: ConcernFunction, undelivered: sqs.IQueue) -> None:
        events.Rule(
            self,
            "BadEnds",
            description="Muniment: an export whose execution ended badly is marked as failed",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "status": list(_BAD_ENDS),
                    "stateMachineArn": [self.state_machine.state_machine_arn],
                },
            ),
            targets=[targets.LambdaFunction(fail.function, dead_letter_queue=undelivered, retry_attempts=8)],
        )

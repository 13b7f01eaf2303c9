"""The state machine that makes an evidence bundle: plan, render, manifest, assemble, finish.

Rules of this module
- States carry ids and numbers of shards only; AWS allows 256 KB a state, and no row of evidence belongs into a history.
- Every bad end leads to `evidence_fail`: a caught error through the state machine, a timeout or an abort through the
  EventBridge rule. It runs twice for a caught error and must not mind.
- The execution is named after the export, so starting it twice starts it once.
"""

from collections.abc import Mapping
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from infra.constructs.acknowledgement import acknowledge
from infra.constructs.concern_function import ConcernFunction, log_group
from infra.stage import Stage

_BAD_ENDS: Final = ("FAILED", "TIMED_OUT", "ABORTED")
_LONGEST: Final = cdk.Duration.hours(6)
_WORKERS: Final = 40
_SEALING_ATTEMPTS: Final = 150
_FAULTS: Final = {
    # Faults of Lambda, and of the services behind a step; what else a handler raises is meant and not repeated.
    "ErrorEquals": [
        "Unavailable",
        "Contended",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
        "Lambda.ClientExecutionTimeoutException",
    ],
    "IntervalSeconds": 2,
    "MaxAttempts": 6,
    "BackoffRate": 2,
}
# What a step answers is set aside. `None` would discard it, but CDK drops null members, and then it replaces the state.
_ANSWER: Final = "$.answer"
_EXPORT: Final = {"tenant.$": "$.tenant", "export_id.$": "$.export_id"}
_CATCH: Final = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "MarkFailed"}]


class EvidencePipeline(Construct):
    """`state_machine`; calls of `evidence_fail` that cannot be made end in `undelivered`."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: Stage,
        functions: Mapping[str, ConcernFunction],
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
        self.state_machine = self._state_machine(arns, stage)
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

    def _state_machine(self, arns: Mapping[str, str], stage: Stage) -> stepfunctions.StateMachine:
        machine = stepfunctions.StateMachine(
            self,
            "StateMachine",
            definition_body=stepfunctions.DefinitionBody.from_string(
                cdk.Stack.of(self).to_json_string(definition(arns, stage.sealing_wait_seconds))
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


def definition(arns: Mapping[str, str], sealing_wait_seconds: int) -> dict[str, Any]:
    """Compose the machine in Amazon States Language (JSONPath); `arns` maps a function's name to its ARN.

    The plan's answer holds `shards`, each the whole input of one worker; what the other steps answer is set aside.
    """
    not_sealed_yet = {
        "ErrorEquals": ["NotSealedYetError"],
        "IntervalSeconds": sealing_wait_seconds,
        "MaxAttempts": _SEALING_ATTEMPTS,
        "BackoffRate": 1,
    }
    plan = _step(arns["evidence_plan"], "RenderAll") | {
        "Retry": [not_sealed_yet, _FAULTS],
        "ResultSelector": {"shards.$": "$.shards"},
        "ResultPath": "$.plan",
    }
    return {
        "Comment": "One SOC 2 evidence bundle. Input: {tenant, export_id}.",
        "QueryLanguage": "JSONPath",
        "StartAt": "Plan",
        "States": {
            "Plan": plan,
            "RenderAll": _render_all(arns["evidence_render"], "Manifest"),
            "Manifest": _step(arns["evidence_manifest"], "Assemble"),
            "Assemble": _step(arns["evidence_assemble"], "Finish"),
            "Finish": _step(arns["evidence_finish"], "Done"),
            "Done": {"Type": "Succeed"},
            "MarkFailed": _mark_failed(arns["evidence_fail"]),
            "Failed": {"Type": "Fail", "Error": "ExportFailed", "Cause": "See the export's row"},
        },
    }


def _step(arn: str, following: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": arn,
        "Parameters": _EXPORT,
        "ResultPath": _ANSWER,
        "Retry": [_FAULTS],
        "Catch": _CATCH,
        "Next": following,
    }


def _render_all(arn: str, following: str) -> dict[str, Any]:
    # Only its short answer goes on: up to 40 of them stand in one state.
    render = {"Type": "Task", "Resource": arn, "Retry": [_FAULTS], "End": True}
    return {
        "Type": "Map",
        "ItemsPath": "$.plan.shards",
        "MaxConcurrency": _WORKERS,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Render",
            "States": {"Render": render},
        },
        "ResultPath": _ANSWER,
        "Catch": _CATCH,
        "Next": following,
    }


def _mark_failed(arn: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": arn,
        "Parameters": _EXPORT | {"error.$": "$.error"},
        "ResultPath": _ANSWER,
        "Retry": [_FAULTS],
        "Next": "Failed",
    }

"""EventBridge Scheduler: what runs by the clock (`every_minutes` in infra/concern.py)."""

from collections.abc import Iterable
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.concern import rate
from infra.constructs.concern_function import ConcernFunction
from infra.constructs.dead_letters import DeadLetters
from infra.naming import camel_case

_ATTEMPTS: Final = 2  # the next run comes by itself
_OLDEST_SECONDS: Final = 300


class Schedules(Construct):
    """One schedule a function, one role that may invoke exactly these; runs that cannot start are dead letters."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Iterable[ConcernFunction],
        missed: DeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        scheduled = [each for each in functions if each.concern.every_minutes is not None]
        self.role = iam.Role(
            self,
            "Role",
            description="Muniment: starts what runs by the clock",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=self._only_for_our_schedules()),
        )
        self.role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["lambda:InvokeFunction"],
                resources=[each.function.function_arn for each in scheduled],
            )
        )
        missed.allow_sending(self.role)
        for each in scheduled:
            self._schedule(each, missed.queue.queue_arn)

    def _only_for_our_schedules(self) -> dict[str, dict[str, str]]:
        # The source that Scheduler names is the group of a schedule ("Confused deputy prevention", its user guide).
        group = cdk.Stack.of(self).format_arn(service="scheduler", resource="schedule-group", resource_name="default")
        return {"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID, "aws:SourceArn": group}}

    def _schedule(self, each: ConcernFunction, missed_arn: str) -> None:
        schedule = scheduler.CfnSchedule(
            self,
            camel_case(each.concern.name),
            description=f"Muniment: {each.concern.name}",
            schedule_expression=rate(each.concern.every_minutes or 0),
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=each.function.function_arn,
                role_arn=self.role.role_arn,
                input=each.concern.schedule_input,
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=missed_arn),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=_ATTEMPTS,
                    maximum_event_age_in_seconds=_OLDEST_SECONDS,
                ),
            ),
        )
        schedule.node.add_dependency(self.role)

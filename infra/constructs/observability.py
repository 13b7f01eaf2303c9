"""Alarms: what must wake a person, and the topic that tells them.

Rules of this module
- An alarm stands for a promise of the product that would break silently: the log is sealed, digests are signed,
  verified, tampering is seen, nothing undelivered lies about. A missing metric is no alarm there: a quiet tenant is no
  incident.
- What runs by the clock raises no error when it no longer runs. There, a metric that is missing is the alarm: two
  periods without one invocation. (A busy stream can stand in for the schedule of `notify`; then its work is done too.)
- Whoever breaks the glass of a tenant's address rules is known at once: the bus leads that one event to the topic.
"""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.concern_function import ConcernFunction
from infra.constructs.vault import REPLICATION_RULE
from infra.naming import camel_case
from infra.stage import Replica, Stage, TimeStamping

_WATCHED: Final = (
    *("audit_seal", "audit_digest", "audit_verify", "audit_tripwire"),
    *("cleanup", "erasure_sweep", "evidence_collection", "housekeeping", "notify"),
)
_PERIOD: Final = cdk.Duration.minutes(5)
_LONGEST_PERIOD: Final = 86_400 // 60  # minutes; CloudWatch sums over no longer one
_LONGEST_LAG: Final = cdk.Duration.minutes(15)
_DAYS_WITHOUT_TOKEN: Final = 2
_REFUSALS_OF_OURS: Final = 5  # a throttled moment, or one lost race too many, is no incident
_MISSED_RUNS: Final = 2  # one run may be late, or be tried again
_AT_LEAST: Final = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_LESS_THAN: Final = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


class Observability(Construct):
    """`topic`: subscribe whoever is on call; it is encrypted with the data key and takes messages over TLS only."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Mapping[str, ConcernFunction],
        undelivered: sqs.IQueue,
        failed_exports: cloudwatch.IMetric,
        event_bus: events.IEventBus,
        key: kms.IKey,
        vault: s3.IBucket,
        stage: Stage,
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        for name in _WATCHED:
            errors = functions[name].function.metric_errors(period=_PERIOD)
            self._alarm(f"{camel_case(name)}Errors", f"{name} raised an error", errors)
        for each in functions.values():
            if each.concern.every_minutes is not None:
                self._alarm_when_stopped(each, each.concern.every_minutes)
        depth = undelivered.metric_approximate_number_of_messages_visible(period=_PERIOD)
        self._alarm("Undelivered", "work that could not be done lies in the dead letters", depth)
        self._alarm("FailedExports", "an evidence bundle could not be made", failed_exports)
        self._alarm(
            "Tampering",
            "a row of the log was changed or removed",
            _counted("audit_tripwire", "AuditTamperDetected"),
        )
        self._alarm(
            "Integrity",
            "the daily verification found a fault in a log, or in itself",
            _counted("audit_verify", "AuditIntegrityFailed"),
        )
        self._alarms_of_broken_logs()
        self._alarms_of_failing_requests()
        if stage.time_stamping != TimeStamping():
            self._alarm_of_lacking_tokens()
        if stage.replica is not None:
            self._alarm_of_replication(vault, stage.replica)
        self._alarm_of_lag(functions["audit_seal"].concern.every_minutes or 0)
        self._alarms_of_evidence()
        self._ring_for_broken_glass(event_bus, undelivered)

    def _alarms_of_broken_logs(self) -> None:
        self._alarm(
            "BrokenLane",
            "a log is sealed no further: the table does not continue what is sealed of it",
            _counted("audit_seal", "AuditLaneBroken"),
        )
        self._alarm(
            "LogBroken",
            "somebody asked for evidence, and the log does not hold what was written into it",
            _counted_anywhere("LogBroken"),
        )

    def _alarms_of_evidence(self) -> None:
        """Ring when the canary of the day is not sealed in time, and when evidence was due and is not there."""
        lag = cloudwatch.Metric(
            namespace="Muniment",
            metric_name="AuditCanaryLag",
            dimensions_map={"service": "evidence_collection"},
            statistic="Maximum",
            period=_LONGEST_LAG,
        )
        seconds = round(_LONGEST_LAG.to_seconds())
        self._alarm("CanaryLag", "the canary of the day waits too long for its seal", lag, threshold=seconds)
        missed = _counted("evidence_collection", "EvidenceMissed")
        self._alarm("EvidenceMissed", "evidence was due and was not collected", missed)

    def _alarms_of_failing_requests(self) -> None:
        """Ring for what callers see as 500 and 503 of ours: we fail closed, so nothing else would tell."""
        self._alarm(
            "UnexpectedFault",
            "a request met a fault that nobody foresaw, and was answered 500",
            _counted_anywhere("UnexpectedFault"),
        )
        self._alarm(
            "ControlFailure",
            f"nothing could be decided: {_REFUSALS_OF_OURS} or more requests were refused, in each of two periods",
            _counted_anywhere("ControlFailure"),
            threshold=_REFUSALS_OF_OURS,
            periods=2,
        )

    def _alarm_of_lag(self, every_minutes: int) -> None:
        """Ring when the oldest event of any log waits for its seal too long, and when nobody says how long it waits."""
        alarm = cloudwatch.Alarm(
            self,
            "SealingLag",
            alarm_description="Muniment: events wait too long for their seal, or nobody measures how long",
            metric=cloudwatch.Metric(
                namespace="Muniment",
                metric_name="AuditSealLag",
                dimensions_map={"service": "audit_seal"},
                statistic="Maximum",
                period=cdk.Duration.minutes(_MISSED_RUNS * every_minutes),
            ),
            threshold=_LONGEST_LAG.to_seconds(),
            evaluation_periods=1,
            comparison_operator=_AT_LEAST,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))

    def _alarm_of_lacking_tokens(self) -> None:
        """Ring when the authority gave nothing for so many days: a token that comes later says so much less."""
        alarm = cloudwatch.Alarm(
            self,
            "AnchorTimeStamps",
            alarm_description=f"Muniment: anchors have had no time stamp for {_DAYS_WITHOUT_TOKEN} days",
            metric=cloudwatch.Metric(
                namespace="Muniment",
                metric_name="AnchorTimeStampMissing",
                dimensions_map={"service": "audit_digest"},
                statistic="Sum",
                period=cdk.Duration.days(1),
            ),
            threshold=1,
            evaluation_periods=_DAYS_WITHOUT_TOKEN,
            comparison_operator=_AT_LEAST,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))

    def _alarm_of_replication(self, vault: s3.IBucket, replica: Replica) -> None:
        """Ring for an object that was not copied: S3 tries again and says no more of it."""
        dimensions = {
            "SourceBucket": vault.bucket_name,
            "DestinationBucket": replica.bucket_arn.rpartition(":")[2],
            "RuleId": REPLICATION_RULE,
        }
        failed = cloudwatch.Metric(
            namespace="AWS/S3",
            metric_name="OperationsFailedReplication",
            dimensions_map=dimensions,
            statistic="Sum",
            period=_PERIOD,
        )
        self._alarm("ReplicationFailed", "an object of the vault was not copied to the second bucket", failed)

    def _ring_for_broken_glass(self, event_bus: events.IEventBus, undelivered: sqs.IQueue) -> None:
        topic = self.topic.topic_arn
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("events.amazonaws.com")], actions=["sns:Publish"], resources=[topic]
            )
        )
        # Named by its ARN: CDK would let the service use the key with more actions than it needs.
        named = sns.Topic.from_topic_arn(self, "Named", topic)
        events.Rule(
            self,
            "BreakGlass",
            description="Muniment: the address rules of a tenant were suspended by an operator, or put in force again",
            event_bus=event_bus,
            event_pattern=_broken_glass(),
            targets=[targets.SnsTopic(named, dead_letter_queue=undelivered)],
        )

    def _alarm_when_stopped(self, each: ConcernFunction, every_minutes: int) -> None:
        name, minutes = each.concern.name, min(_MISSED_RUNS * every_minutes, _LONGEST_PERIOD)
        runs = each.function.metric_invocations(period=cdk.Duration.minutes(minutes), statistic="Sum")
        says = f"{name} no longer runs every {every_minutes} minutes"
        periods = _MISSED_RUNS * every_minutes // minutes
        self._alarm(f"{camel_case(name)}Stopped", says, runs, stopped=True, periods=periods)

    def _alarm(
        self,
        name: str,
        says: str,
        metric: cloudwatch.IMetric,
        *,
        stopped: bool = False,
        periods: int = 1,
        threshold: int = 1,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=f"Muniment: {says}",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=_LESS_THAN if stopped else _AT_LEAST,
            treat_missing_data=(
                cloudwatch.TreatMissingData.BREACHING if stopped else cloudwatch.TreatMissingData.NOT_BREACHING
            ),
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))


def _counted(concern: str, name: str) -> cloudwatch.IMetric:
    """Name a metric that a function emits itself (namespace, name and dimension as in its handler)."""
    return cloudwatch.Metric(
        namespace="Muniment",
        metric_name=name,
        dimensions_map={"service": concern},
        statistic="Sum",
        period=_PERIOD,
    )


def _counted_anywhere(name: str) -> cloudwatch.IMetric:
    """Name a metric that every function at an API emits under the same name (`counted` of shared/runtime/log.py)."""
    return cloudwatch.Metric(namespace="Muniment", metric_name=name, statistic="Sum", period=_PERIOD)


def _broken_glass() -> events.EventPattern:
    """Match what infra/break_glass.py commits, as functions/notify/bus.py puts it on the bus (docs/events.md)."""
    return events.EventPattern(
        source=["muniment"], detail_type=["IP Rule Changed"], detail={"detail": {"reason": ["BREAK_GLASS"]}}
    )


def services_that_publish() -> Mapping[str, bool]:
    """Name the services that publish to the encrypted topic, so that they may use the data key.

    True for one that says for which account it asks: EventBridge is not relied on to say so of an encrypted topic.
    """
    return {"cloudwatch.amazonaws.com": True, "events.amazonaws.com": False}

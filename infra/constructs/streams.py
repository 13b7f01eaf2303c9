"""The DynamoDB streams that wake a function (`stream_of` in infra/concern.py).

Rules of this module
- A stream is a doorbell, never the source of truth: a record that fails is tried a few times, alone, and then set aside
  in a queue with an alarm; it never blocks the shard until its 24 hours are over.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from infra.constructs.concern_function import ConcernFunction
from infra.constructs.dead_letters import DeadLetters
from infra.naming import camel_case

_BATCH: Final = 100
_ATTEMPTS: Final = 5


class Streams(Construct):
    """One mapping a function; the addresses of records that keep failing are dead letters."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Iterable[ConcernFunction],
        tables: Mapping[str, dynamodb.Table],
        undelivered: DeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        self._undelivered = undelivered
        for each in functions:
            if each.concern.stream_of is not None:
                self._map(each, tables[each.concern.stream_of])

    def _map(self, each: ConcernFunction, table: dynamodb.Table) -> None:
        self._undelivered.allow_sending(each.role)
        mapping = lambda_.EventSourceMapping(
            self,
            camel_case(each.concern.name),
            target=each.function,
            event_source_arn=table.table_stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=_BATCH,
            max_batching_window=cdk.Duration.seconds(0),
            retry_attempts=_ATTEMPTS,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            filters=[lambda_.FilterCriteria.filter({"eventName": lambda_.FilterRule.or_(*each.concern.stream_events)})],
            on_failure=sources.SqsDlq(self._undelivered.queue),
        )
        mapping.node.add_dependency(each.role)

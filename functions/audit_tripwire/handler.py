"""DynamoDB stream of `audit_logs` -> alarm for every record that is not an append or a due expiry."""

from __future__ import annotations

import functools
import os
import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from functions.audit_tripwire.flow import Tripwire
from functions.audit_tripwire.settings import Settings
from shared.runtime.settings import from_environment
from shared.store.transaction import Ledger
from shared.store.wire import Wire

logger = Logger(service="audit_tripwire")
metrics = Metrics(namespace="Muniment", service="audit_tripwire")
_processor = BatchProcessor(event_type=EventType.DynamoDBStreams)


@functools.cache
def _wiring() -> Tripwire:
    settings = from_environment(Settings, os.environ)
    dynamodb = Wire.from_environment("dynamodb", os.environ)
    return Tripwire(dynamodb, Ledger(dynamodb, settings, time.time), settings, time.time)


def _handle(record: DynamoDBRecord) -> None:
    tripwire = _wiring()
    found = tripwire.judge(record.raw_event)
    if found is not None:
        metrics.add_metric(name="AuditTamperDetected", unit=MetricUnit.Count, value=1)
        metrics.flush_metrics()  # at once: the alarm must not hang on what comes next
        logger.critical("AUDIT_TAMPER_DETECTED", extra={"lane": found.lane, "seq": found.seq, "change": found.change})
        if not tripwire.report(found):
            logger.critical("tampering without a log to tell it in", extra={"record": found.record})


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - shapes of Powertools
    return process_partial_response(event, _handle, _processor, context)

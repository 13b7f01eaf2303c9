"""DynamoDB stream of `outbox` -> deliver each new effect; EventBridge Scheduler -> sweep up what was lost."""

from __future__ import annotations

import functools
import os
import time
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from functions.notify.flow import Delivery
from functions.notify.settings import Settings
from shared.runtime.settings import from_environment
from shared.store.attribute import unmarshal
from shared.store.wire import Wire

_processor = BatchProcessor(event_type=EventType.DynamoDBStreams)


@functools.cache
def _wiring() -> Delivery:
    settings = from_environment(Settings, os.environ)
    dynamodb = Wire.from_environment("dynamodb", os.environ)
    return Delivery(dynamodb, boto3.client("stepfunctions"), settings, time.time)


def _handle(record: DynamoDBRecord) -> None:
    raw = record.raw_event
    if raw["eventName"] == "INSERT":
        _wiring().deliver(unmarshal(raw["dynamodb"]["NewImage"]))


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - shapes of Powertools
    if "Records" not in event:
        return {"delivered": _wiring().sweep()}
    return process_partial_response(event, _handle, _processor, context)

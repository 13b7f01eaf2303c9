"""DynamoDB stream of `outbox` -> deliver each new effect; EventBridge Scheduler -> sweep up what was lost."""

from __future__ import annotations

import functools
import os
import time
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from botocore.config import Config

from functions.notify.alert import AlertRecord
from functions.notify.bus import Bus
from functions.notify.courier import Courier, MailService
from functions.notify.flow import Delivery
from functions.notify.recipient import AddressBook
from functions.notify.settings import Settings
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.settings import from_environment
from shared.store.attribute import unmarshal
from shared.store.transaction import Ledger
from shared.store.wire import Wire

# Far below the function's own limit: one service that hangs must not take the other effects of a batch with it.
_IMPATIENT = Config(connect_timeout=2, read_timeout=8, retries={"mode": "standard", "total_max_attempts": 2})
_processor = BatchProcessor(event_type=EventType.DynamoDBStreams)


@functools.cache
def _wiring() -> Delivery:
    settings = from_environment(Settings, os.environ)
    dynamodb = Wire.from_environment("dynamodb", os.environ)
    mail_service: MailService = boto3.client("sesv2", config=_IMPATIENT)
    return Delivery(
        dynamodb=dynamodb,
        step_functions=boto3.client("stepfunctions", config=_IMPATIENT),
        courier=Courier(mail_service, settings.mail_from),
        bus=Bus(boto3.client("events", config=_IMPATIENT), settings.event_bus_name),
        alerts=AlertRecord(Ledger(dynamodb, settings, time.time), settings.outbox_table),
        addresses=AddressBook(dynamodb, settings.tenant_staff_table, settings.invites_table),
        sealer=SecretSealer(Wire.from_environment("kms", os.environ), settings.data_key_id),
        settings=settings,
        clock=time.time,
    )


def _handle(record: DynamoDBRecord) -> None:
    raw = record.raw_event
    if raw["eventName"] == "INSERT":
        _wiring().deliver(unmarshal(raw["dynamodb"]["NewImage"]))


def handler(event: dict[str, Any], context: Any) -> Any:  # noqa: ANN401 - shapes of Powertools
    if "Records" not in event:
        return {"delivered": _wiring().sweep()}
    return process_partial_response(event, _handle, _processor, context)

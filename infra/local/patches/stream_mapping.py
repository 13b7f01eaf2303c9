"""A DynamoDB stream mapping retries, splits, skips and reports as Lambda does.

Vanilla stores MaximumRetryAttempts and BisectBatchOnFunctionError without using them, so one poison
record blocks a stream for good; it acknowledges the failed records of a batchItemFailures answer;
it sends to OnFailure on account of age alone; and it runs the function on the one thread that polls
everything. On AWS (Lambda developer guide, "Using AWS Lambda with Amazon DynamoDB"):
- ReportBatchItemFailures: the lowest failed sequence number is the checkpoint; what lies before it
  is done, the rest is tried again. A failure without a known number fails the whole batch;
- bisect: a failed batch is split in two and each half is tried on its own, in order;
- after MaximumRetryAttempts retries the batch goes to OnFailure and the stream goes on;
- a batch whose oldest record is past MaximumRecordAgeInSeconds goes the same way.
The times between retries are shortened for a local stage. A stream has one shard here.
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.services import dynamodb, lambda_svc

from infra.local.seams import Seam

_BACKOFF_SECONDS = 0.1
_BACKOFF_CAP_SECONDS = 2.0

_LAMBDA = "ministack.services.lambda_svc"
_TABLES = "ministack.services.dynamodb"
_OF_STREAM = ("table_name", "account_id", "region")
SEAMS = (
    Seam(_LAMBDA, "_poll_dynamodb_streams", ()),
    Seam(_LAMBDA, "_iter_all_esms", ()),
    Seam(_LAMBDA, "_get_func_record_for_qualifier", ("name", "qualifier")),
    Seam(_LAMBDA, "_dynamodb_stream_table_from_arn_spec", ("spec",)),
    Seam(_LAMBDA, "_apply_filter_criteria", ("records", "esm")),
    Seam(_LAMBDA, "_execute_function", ("func", "event")),
    Seam(_LAMBDA, "_dispatch_esm_batch", ("esm_id", "fn", "args")),
    Seam(_LAMBDA, "_esm_inflight", kind="dict"),
    Seam(
        _LAMBDA,
        "_send_ddb_stream_failure_record",
        ("esm", "func_rec", "batch", "stream_arn", "result", "condition"),
    ),
    Seam(_LAMBDA, "_dynamodb_stream_positions", kind="AccountRegionScopedDict"),
    Seam(_LAMBDA, "_request_account_id", kind="ContextVar"),
    Seam(_LAMBDA, "_request_region", kind="ContextVar"),
    Seam(_TABLES, "stream_start_position", _OF_STREAM),
    Seam(
        _TABLES,
        "stream_records_since",
        ("table_name", "position", "limit", "account_id", "region"),
    ),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """The records from position `start` up to `end`, tried `attempts` times so far."""

    start: int
    end: int
    attempts: int = 0

    def halves(self) -> "tuple[Batch, Batch]":
        middle = (self.start + self.end) // 2
        return replace(self, end=middle), replace(self, start=middle)


@dataclass(slots=True)
class Progress:
    """What one mapping has yet to finish of the batch that it read."""

    waiting: deque[Batch] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class Mapping:
    """One event source mapping with its function and the limits that its owner set."""

    record: dict[str, Any]
    function: dict[str, Any]
    table: str

    @property
    def uuid(self) -> str:
        return str(self.record["UUID"])

    def retries(self) -> int | None:
        """Count the retries allowed after the first try; None where they are not limited."""
        limit = int(self.record.get("MaximumRetryAttempts", -1))
        return None if limit < 0 else limit

    def bisects(self) -> bool:
        return str(self.record.get("BisectBatchOnFunctionError", "")).lower() == "true"

    def reports_items(self) -> bool:
        return "ReportBatchItemFailures" in (self.record.get("FunctionResponseTypes") or ())

    def oldest_allowed_at(self, now: float) -> float:
        age = int(self.record.get("MaximumRecordAgeInSeconds", -1))
        return now - age if age > 0 else 0.0


_progress: dict[str, Progress] = {}
_progress_lock = threading.Lock()


def _poll() -> bool:
    """Start one try for each mapping that has records and none in flight; never blocks."""
    started = False
    for account, region, record in lambda_svc._iter_all_esms():
        account_token = lambda_svc._request_account_id.set(account)
        region_token = lambda_svc._request_region.set(region)
        try:
            started = _start(record) or started
        finally:
            lambda_svc._request_account_id.reset(account_token)
            lambda_svc._request_region.reset(region_token)
    return started


def _start(record: dict[str, Any]) -> bool:
    mapping = _mapping(record)
    if mapping is None or lambda_svc._esm_inflight.get(mapping.uuid):
        return False
    with _progress_lock:
        progress = _progress.setdefault(mapping.uuid, Progress())
    if not progress.waiting:
        read = _next_batch(mapping)
        if read is None:
            return False
        progress.waiting.append(read)
    lambda_svc._dispatch_esm_batch(mapping.uuid, _try, mapping, progress)
    return True


def _mapping(record: dict[str, Any]) -> Mapping | None:
    try:
        source = parse_arn(record.get("EventSourceArn", ""))
    except ArnParseError:
        return None
    if source.service != "dynamodb" or not record.get("Enabled", True):
        return None
    named = lambda_svc._dynamodb_stream_table_from_arn_spec(source)
    table = dynamodb._tables.get(named[0]) if named else None
    function, _config = lambda_svc._get_func_record_for_qualifier(record["FunctionName"], record.get("Qualifier"))
    if table is None or function is None or table.get("LatestStreamArn") != record["EventSourceArn"]:
        return None
    return Mapping(record, function, named[0])


def _next_batch(mapping: Mapping) -> Batch | None:
    horizon = dynamodb.stream_start_position(mapping.table)
    # Each way of creating a mapping sets its position; one without was restored after a restart.
    at = max(lambda_svc._dynamodb_stream_positions.get(mapping.uuid, horizon), horizon)
    size = int(mapping.record.get("BatchSize", 100))
    count = len(dynamodb.stream_records_since(mapping.table, at, size))
    return Batch(at, at + count) if count else None


def _try(mapping: Mapping, progress: Progress) -> None:
    batch = progress.waiting[0]
    records = dynamodb.stream_records_since(mapping.table, batch.start, batch.end - batch.start)
    matching = lambda_svc._apply_filter_criteria(records, mapping.record)
    result = lambda_svc._execute_function(mapping.function, {"Records": matching}) if matching else {}
    done = _records_done(mapping, records, result)
    progress.waiting.popleft()
    lambda_svc._dynamodb_stream_positions[mapping.uuid] = batch.start + done
    if done == len(records):
        mapping.record["LastProcessingResult"] = "OK"
        return
    mapping.record["LastProcessingResult"] = "PROBLEM: Function call failed"
    rest = Batch(batch.start + done, batch.end, batch.attempts + 1)
    _after_failure(mapping, progress, rest, result)


def _records_done(mapping: Mapping, records: list[dict[str, Any]], result: dict[str, Any]) -> int:
    if result.get("error"):
        return 0
    if not mapping.reports_items():
        return len(records)
    answer = result.get("body")
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not failures:
        return len(records)
    failed = {failure.get("itemIdentifier") for failure in failures}
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    if not failed <= set(numbers):
        return 0
    return min(numbers.index(number) for number in failed)


def _after_failure(mapping: Mapping, progress: Progress, batch: Batch, result: dict[str, Any]) -> None:
    records = dynamodb.stream_records_since(mapping.table, batch.start, batch.end - batch.start)
    oldest = float(records[0]["dynamodb"]["ApproximateCreationDateTime"]) if records else 0.0
    if oldest < mapping.oldest_allowed_at(time.time()):
        _give_up(mapping, batch, records, result, "MaxRecordAgeExceeded")
        return
    if mapping.bisects() and batch.end - batch.start > 1:
        progress.waiting.extendleft(reversed(replace(batch, attempts=batch.attempts - 1).halves()))
        return
    retries = mapping.retries()
    if retries is not None and batch.attempts > retries:
        _give_up(mapping, batch, records, result, "RetryAttemptsExhausted")
        return
    progress.waiting.appendleft(batch)
    # On the mapping's own thread: no other batch of it starts meanwhile, the poller goes on.
    time.sleep(min(_BACKOFF_SECONDS * 2 ** min(batch.attempts, 16), _BACKOFF_CAP_SECONDS))


def _give_up(
    mapping: Mapping,
    batch: Batch,
    records: list[dict[str, Any]],
    result: dict[str, Any],
    condition: str,
) -> None:
    source = mapping.record["EventSourceArn"]
    lambda_svc._send_ddb_stream_failure_record(mapping.record, mapping.function, records, source, result, condition)
    lambda_svc._dynamodb_stream_positions[mapping.uuid] = batch.end


def apply() -> None:
    """Replace the poller of DynamoDB streams."""
    lambda_svc._poll_dynamodb_streams = _poll

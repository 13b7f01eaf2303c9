"""What DynamoDB answers, with botocore's parser as the oracle."""

import json
import zlib
from typing import Any

import botocore.parsers
import botocore.session
import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.store.attribute import attribute, unmarshal
from shared.store.http_exchange import Answer
from shared.store.wire import _RETRYABLE, ServiceError, _believed, _Unbelievable
from tests.unit.store.test_attribute import TEXT, VALUES, plain

MODEL = botocore.session.get_session().get_service_model("dynamodb")
PARSER: Any = botocore.parsers.create_parser("json")
# Which values there are is the business of test_attribute; botocore takes milliseconds to read a row.
FEW = settings(max_examples=40)
ROWS = st.dictionaries(TEXT.filter(bool), VALUES, max_size=4)
ITEMS = ROWS.map(lambda row: {name: attribute(value) for name, value in row.items()})
CODES = st.sampled_from(
    [
        "ConditionalCheckFailedException",
        "ResourceNotFoundException",
        "ValidationException",
        "AccessDeniedException",
        "TransactionCanceledException",
    ]
)


def answered(document: object, status: int = 200) -> Answer:
    body = json.dumps(document).encode()
    return Answer(status, {"x-amz-crc32": str(zlib.crc32(body)), "content-length": str(len(body))}, body)


def theirs(operation: str, answer: Answer) -> Any:
    response = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body}
    return PARSER.parse(response, MODEL.operation_model(operation).output_shape)


def read(item: Any) -> Any:
    return plain({name: TypeDeserializer().deserialize(value) for name, value in item.items()})


@FEW
@given(ITEMS)
def test_a_row_that_was_got_is_the_row_that_botocore_reads(item: Any) -> None:
    answer = answered({"Item": item, "ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.5}})
    assert unmarshal(_believed(answer)["Item"]) == read(theirs("GetItem", answer)["Item"])


@FEW
@given(st.dictionaries(st.from_regex("[a-z]{3,9}", fullmatch=True), st.lists(ITEMS, max_size=3), max_size=3))
def test_rows_of_a_batch_are_the_rows_that_botocore_reads(tables: Any) -> None:
    answer = answered({"Responses": tables, "UnprocessedKeys": {}})
    ours = {table: [unmarshal(item) for item in items] for table, items in _believed(answer)["Responses"].items()}
    parsed = theirs("BatchGetItem", answer)["Responses"]
    assert ours == {table: [read(item) for item in items] for table, items in parsed.items()}


@given(
    code=CODES,
    space=st.sampled_from(["", "com.amazonaws.dynamodb.v20120810#", "com.amazon.coral.service#"]),
    message=TEXT,
    member=st.sampled_from(["message", "Message"]),
    status=st.integers(400, 499),
)
def test_a_refusal_has_the_name_and_the_words_that_botocore_reads(
    code: str, space: str, message: str, member: str, status: int
) -> None:
    answer = answered({"__type": space + code, member: message}, status)
    with pytest.raises(ServiceError) as refusal:
        _believed(answer)
    error = theirs("GetItem", answer)["Error"]
    assert (refusal.value.code, refusal.value.message) == (error["Code"], error["Message"])


@FEW
@given(st.lists(st.none() | ITEMS, min_size=1, max_size=4))
def test_the_reasons_of_a_cancelled_transaction_are_those_that_botocore_reads(rows: Any) -> None:
    reasons = [{"Code": "None"} if row is None else {"Code": "ConditionalCheckFailed", "Item": row} for row in rows]
    name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    answer = answered({"__type": name, "Message": "cancelled", "CancellationReasons": reasons}, 400)
    with pytest.raises(ServiceError) as refusal:
        _believed(answer)
    ours, parsed = refusal.value.body["CancellationReasons"], theirs("TransactWriteItems", answer)
    shape = MODEL.shape_for("TransactionCanceledException")
    modelled = PARSER._parse_shape(shape, json.loads(answer.body))
    assert parsed["Error"]["Code"] == refusal.value.code
    assert [reason["Code"] for reason in ours] == [reason["Code"] for reason in modelled["CancellationReasons"]]
    for mine, other in zip(ours, modelled["CancellationReasons"], strict=True):
        assert ("Item" in mine) == ("Item" in other)
        if "Item" in mine:
            assert unmarshal(mine["Item"]) == read(other["Item"])


@pytest.mark.parametrize("code", sorted(_RETRYABLE))
def test_what_may_pass_is_asked_again_whatever_its_namespace(code: str) -> None:
    for name in (code, f"com.amazonaws.dynamodb.v20120810#{code}"):
        with pytest.raises(_Unbelievable):
            _believed(answered({"__type": name}, 400))


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_body_is_believed_with_its_own_checksum_alone(body: bytes, other: bytes) -> None:
    sums = {"x-amz-crc32": str(zlib.crc32(other))}
    if zlib.crc32(body) != zlib.crc32(other):
        with pytest.raises(_Unbelievable, match="x-amz-crc32"):
            _believed(Answer(200, sums, body))


@given(st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT, max_size=2), st.sampled_from([200, 400, 500]))
def test_json_that_is_no_object_says_nothing(document: Any, status: int) -> None:
    with pytest.raises(_Unbelievable):
        _believed(answered(document, status))

"""The outbox delivered by hand, and what the embedded AWS sent and put on the bus for it."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

import boto3
import pytest

from functions.notify import handler as notify
from shared.store.attribute import Row, marshal
from tests.functions.estate import Estate, Person

CONTEXT: Final = SimpleNamespace(function_name="notify", aws_request_id="r")
_LINK: Final = re.compile(r"https://muniment\.example/reset-password#token=(\S+)")


@dataclass(frozen=True, slots=True)
class Mail:
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str

    @property
    def token(self) -> str:
        match = _LINK.search(self.text)
        assert match is not None, self.text
        return match[1]


class Pager:
    """A queue that a rule on the bus leads to, as an adopter's would."""

    def __init__(self, boto: Mapping[str, Any]) -> None:
        name = f"pager-{secrets.token_hex(4)}"
        self._events, self._sqs = boto3.client("events", **boto), boto3.client("sqs", **boto)
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]
        self._events.put_rule(Name=name, EventPattern=json.dumps({"source": ["muniment"]}))
        self._events.put_targets(Rule=name, Targets=[{"Id": "pager", "Arn": arn["QueueArn"]}])
        self._rule = name

    def received(self) -> list[dict[str, Any]]:
        found = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        return [json.loads(message["Body"]) for message in found.get("Messages", [])]

    def close(self) -> None:
        self._events.remove_targets(Rule=self._rule, Ids=["pager"])
        self._events.delete_rule(Name=self._rule)
        self._events.close()
        self._sqs.close()


class PostOffice:
    """With a sender that SES has verified, as `mail_from` of a deployment must be."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        with contextlib.closing(boto3.client("sesv2", **estate._boto)) as ses:
            known = [one["IdentityName"] for one in ses.list_email_identities()["EmailIdentities"]]
            if estate.environ["MAIL_FROM"] not in known:
                ses.create_email_identity(EmailIdentity=estate.environ["MAIL_FROM"])
        self.table = estate.environ["OUTBOX_TABLE"]

    def rows(self, tenant: str) -> list[Row]:
        return [row for row in self.estate.rows("outbox") if row["tenant"] == tenant]

    def deliver(self, *rows: Row) -> list[Any]:
        """Deliver rows as the stream brings them; gives the failed ones."""
        records = [record(row, number) for number, row in enumerate(rows, start=1)]
        answer: dict[str, Any] = notify.handler({"Records": records}, CONTEXT)
        return list(answer["batchItemFailures"])

    def deliver_all(self, tenant: str) -> None:
        rows = [row for row in self.rows(tenant) if row["status"] == "PENDING"]
        if rows:
            assert self.deliver(*rows) == []

    def mails(self, address: str) -> list[Mail]:
        """Read what went to an address, in the order in which it was sent."""
        inspection = f"{self.estate.environ['AWS_ENDPOINT_URL']}/_ministack/ses/messages"
        with urllib.request.urlopen(inspection) as answer:  # noqa: S310 - the engine of this session
            accounts = json.load(answer)["messages"].values()
        sent = [message for messages in accounts for message in messages if address in message["To"]]
        return [
            Mail(one["Source"], tuple(one["To"]), one["Subject"], one["BodyText"], one["BodyHtml"])
            for one in sorted(sent, key=lambda message: message["Timestamp"])
        ]

    def another_environment(self) -> None:
        """Let the next delivery read its settings anew."""
        if notify._wiring.cache_info().currsize:
            delivery = notify._wiring()
            for client in (delivery.step_functions, delivery.courier.ses, delivery.bus.events):
                client.close()
            notify._wiring.cache_clear()

    def mails_to(self, person: Person) -> list[Mail]:
        self.deliver_all(person.tenant)
        return self.mails(person.email)


def record(row: Row, number: int) -> dict[str, Any]:
    keys = marshal({name: row[name] for name in ("tenant", "effect_id")})
    return {
        "eventID": str(number),
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": keys, "SequenceNumber": str(number), "NewImage": marshal(row)},
    }


@pytest.fixture
def post(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostOffice]:
    """Deliver with the time of the estate, so that a test may let a link grow old."""
    monkeypatch.setenv("EVIDENCE_STATE_MACHINE_ARN", "arn:aws:states:us-east-1:000000000000:stateMachine:none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", estate.environ["AWS_REGION"])
    monkeypatch.setattr(notify, "time", SimpleNamespace(time=estate.clock))
    office = PostOffice(estate)
    office.another_environment()
    yield office
    office.another_environment()


@pytest.fixture
def pager(estate: Estate) -> Iterator[Pager]:
    pager = Pager(estate._boto)
    yield pager
    pager.close()

"""Mails and security alerts: sent through SES and the bus, recorded once, to people who are there."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from botocore.exceptions import ClientError

from functions.notify import handler as notify
from functions.notify.bus import Bus
from functions.notify.courier import Courier, MailService
from functions.notify.flow import Delivery
from shared.store.attribute import Row
from shared.store.item import Item
from shared.store.outbox import mail, pending_effects, security_alert
from tests.functions.estate import Estate, MovableClock, Person
from tests.functions.post_office import CONTEXT, Pager, PostOffice, pager, post, record

__all__ = ["pager", "post"]

INCIDENT = "01INCIDENT0000000000000000"


def put(post: PostOffice, person: Person, item: Item) -> Row:
    """Put an effect as a commit would have."""
    post.estate.dynamodb.call("PutItem", dict(item.request))
    return post.rows(person.tenant)[-1]


def letter(post: PostOffice, person: Person, template: str = "factor_added", **options: Any) -> Row:
    values = {"factor": "totp"}
    now = post.estate.clock()
    return put(post, person, mail(post.table, person.tenant, person.staff_id, template, now, values=values, **options))


def alert(post: PostOffice, person: Person, age: float = 7) -> Row:
    now = post.estate.clock() - age
    item = security_alert(
        post.table,
        person.tenant,
        person.staff_id,
        "session_blocked",
        now,
        incident=INCIDENT,
        detected_at=now,
        detail={"session_id": "s_1", "reasons": ["NEW_DEVICE", "NEW_COUNTRY"]},
    )
    return put(post, person, item)


def row_of(post: PostOffice, row: Row) -> Row:
    (found,) = [one for one in post.rows(row["tenant"]) if one["effect_id"] == row["effect_id"]]
    return found


def erase(estate: Estate, person: Person) -> None:
    estate.delete("tenant_staff", {"tenant": person.tenant, "item": f"{person.staff_id}#profile"})


def test_mail_goes_from_the_sender_to_the_address_of_the_profile(person: Person, post: PostOffice) -> None:
    row = letter(post, person)
    assert post.deliver(row) == []
    (sent,) = post.mails(person.email)
    assert (sent.sender, sent.to) == ("no-reply@muniment.example", (person.email,))
    assert sent.subject == "A sign-in factor was added"
    assert "Hello Ada Example," in sent.text
    assert ">Factor</th>" in sent.html
    assert ">authenticator app</td>" in sent.html
    assert row_of(post, row)["status"] == "DELIVERED"


def test_outbox_row_names_no_address(person: Person, post: PostOffice) -> None:
    assert person.email not in json.dumps(letter(post, person))


def test_mail_that_is_brought_again_is_sent_once(person: Person, post: PostOffice) -> None:
    row = letter(post, person)
    post.deliver(row)
    first = row_of(post, row)
    assert post.deliver(row) == []
    assert len(post.mails(person.email)) == 1
    assert row_of(post, row) == first


def test_alert_reaches_bus_and_person_and_is_recorded_with_its_latency(
    estate: Estate, person: Person, post: PostOffice, pager: Pager
) -> None:
    row = alert(post, person, age=7)
    assert post.deliver(row) == []
    (received,) = pager.received()
    assert (received["source"], received["detail-type"]) == ("muniment", "Session Blocked")
    assert received["detail"]["staff_id"] == person.staff_id
    assert received["detail"]["incident"] == INCIDENT
    assert received["detail"]["alert_id"] == row["effect_id"]
    assert received["detail"]["detail"]["reasons"] == ["NEW_DEVICE", "NEW_COUNTRY"]
    assert person.email not in json.dumps(received)
    (sent,) = post.mails(person.email)
    assert sent.subject == "A sign-in to your account was blocked"
    assert INCIDENT in sent.text
    line = estate.events(person.tenant)[-1]
    assert (line["action"], line["outcome"]) == ("SECURITY_ALERT_SENT", "success")
    assert line["context"]["correlation_id"] == INCIDENT
    assert line["meta"]["channels"] == ["event_bus", "email"]
    assert line["meta"]["seconds_since_detection"] in range(7, 15)
    assert row_of(post, row)["status"] == "DELIVERED"


def test_alert_that_is_brought_again_is_recorded_once(estate: Estate, person: Person, post: PostOffice) -> None:
    row = alert(post, person)
    post.deliver(row)
    post.deliver(row)
    assert estate.actions(person.tenant).count("SECURITY_ALERT_SENT") == 1
    assert len(post.mails(person.email)) == 1


def test_of_many_deliveries_of_one_alert_at_once_one_is_recorded(
    estate: Estate, person: Person, post: PostOffice
) -> None:
    row = alert(post, person)
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(notify._wiring().deliver, row) for _ in range(6)]:
            done.result()
    assert estate.actions(person.tenant).count("SECURITY_ALERT_SENT") == 1
    assert row_of(post, row)["status"] == "DELIVERED"


def test_mail_to_an_erased_person_is_closed_and_never_tried_again(
    estate: Estate, person: Person, post: PostOffice, clock: MovableClock
) -> None:
    row = letter(post, person)
    erase(estate, person)
    assert post.deliver(row) == []
    closed = row_of(post, row)
    assert (closed["status"], closed["reason"]) == ("UNDELIVERABLE", "no_recipient")
    clock.offset += 3_600
    late = pending_effects(estate.dynamodb, post.table, estate.clock())
    assert row["effect_id"] not in [one["effect_id"] for one in late], "no sweep finds it"


def test_alert_about_an_erased_person_still_reaches_the_bus(
    estate: Estate, person: Person, post: PostOffice, pager: Pager
) -> None:
    row = alert(post, person)
    erase(estate, person)
    assert post.deliver(row) == []
    assert len(pager.received()) == 1
    assert estate.events(person.tenant)[-1]["meta"]["channels"] == ["event_bus"]
    assert row_of(post, row)["status"] == "DELIVERED"


@pytest.mark.parametrize("address", ["nowhere", "ada@acme.example\r\nBcc: eve@evil.example"])
def test_address_that_is_none_is_closed_and_nothing_is_sent(
    estate: Estate, person: Person, post: PostOffice, address: str
) -> None:
    estate._dynamodb.update_item(
        TableName=estate.environ["TENANT_STAFF_TABLE"],
        Key={"tenant": {"S": person.tenant}, "item": {"S": f"{person.staff_id}#profile"}},
        UpdateExpression="SET email = :e",
        ExpressionAttributeValues={":e": {"S": address}},
    )
    row = letter(post, person)
    assert post.deliver(row) == []
    assert row_of(post, row)["reason"] == "no_address"
    assert post.mails("eve@evil.example") == []


def test_link_that_has_expired_is_not_sent(person: Person, post: PostOffice) -> None:
    row = letter(post, person, "password_reset", expires_at=int(post.estate.clock()) - 1)
    assert post.deliver(row) == []
    assert row_of(post, row)["reason"] == "expired"
    assert post.mails(person.email) == []


class Refusing:
    """SES, refusing every mail for one reason."""

    def __init__(self, code: str, message: str = "") -> None:
        self.code, self.message = code, message

    def send_email(self, **_request: Any) -> Any:
        raise ClientError({"Error": {"Code": self.code, "Message": self.message}}, "SendEmail")

    def close(self) -> None: ...


class RefusingBus:
    """EventBridge, answering 200 to an event that it did not take."""

    def put_events(self, **_request: Any) -> Any:
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}


def with_ses(ses: MailService) -> Delivery:
    return replace(notify._wiring(), courier=Courier(ses, "no-reply@muniment.example"))


def test_mail_that_ses_will_never_take_is_closed(person: Person, post: PostOffice) -> None:
    row = letter(post, person)
    with_ses(Refusing("MessageRejected", "Address is on the suppression list")).deliver(row)
    assert (row_of(post, row)["status"], row_of(post, row)["reason"]) == ("UNDELIVERABLE", "rejected")


@pytest.mark.parametrize(
    ("code", "message"),
    [("TooManyRequestsException", ""), ("MessageRejected", "Email address is not verified."), ("AccountSuspended", "")],
)
def test_mail_that_ses_may_take_later_stays_pending(person: Person, post: PostOffice, code: str, message: str) -> None:
    row = letter(post, person)
    with pytest.raises(ClientError):
        with_ses(Refusing(code, message)).deliver(row)
    assert row_of(post, row)["status"] == "PENDING"
    assert post.deliver(row) == []
    assert len(post.mails(person.email)) == 1


def test_alert_whose_mail_fails_is_recorded_when_it_has_been_sent(
    estate: Estate, person: Person, post: PostOffice
) -> None:
    row = alert(post, person)
    with pytest.raises(ClientError):
        with_ses(Refusing("TooManyRequestsException")).deliver(row)
    assert "SECURITY_ALERT_SENT" not in estate.actions(person.tenant)
    assert post.deliver(row) == []
    assert estate.events(person.tenant)[-1]["meta"]["channels"] == ["event_bus", "email"]


def test_alert_that_the_bus_refuses_sends_nobody_a_mail_and_stays_pending(
    estate: Estate, person: Person, post: PostOffice
) -> None:
    row = alert(post, person)
    refusing: Any = RefusingBus()
    with pytest.raises(RuntimeError, match="ThrottlingException"):
        replace(notify._wiring(), bus=Bus(refusing, "muniment")).deliver(row)
    assert row_of(post, row)["status"] == "PENDING"
    assert post.mails(person.email) == []
    assert "SECURITY_ALERT_SENT" not in estate.actions(person.tenant)


def test_alert_whose_record_cannot_be_written_is_brought_again(
    person: Person, post: PostOffice, audit_write_fails: Callable[[], None]
) -> None:
    row = alert(post, person)
    audit_write_fails()
    with pytest.raises(BatchProcessingError):
        post.deliver(row)
    assert row_of(post, row)["status"] == "PENDING"


def test_mail_of_no_known_template_fails_its_own_record_only(person: Person, post: PostOffice) -> None:
    unknown, known = letter(post, person, "send_pigeon"), letter(post, person)
    records = [record(unknown, 1), record(known, 2)]
    assert notify.handler({"Records": records}, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert row_of(post, known)["status"] == "DELIVERED"
    post.estate.delete("outbox", {"tenant": person.tenant, "effect_id": unknown["effect_id"]})

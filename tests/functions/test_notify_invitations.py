"""Mails to the invited, who have no profile yet, and events on the bus."""

import json
import secrets
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.notify import handler as notify
from functions.notify.bus import Bus
from shared.runtime.sealed_secret import outbox_context
from shared.store.attribute import Row, marshal
from shared.store.item import Item
from shared.store.outbox import bus_event, invitation
from tests.functions.estate import Estate
from tests.functions.post_office import Pager, PostOffice, pager, post

__all__ = ["pager", "post"]

TOKEN = "an-invite-token"


class Refusing:
    """EventBridge, answering 200 to an event that it did not take."""

    def put_events(self, **_request: Any) -> Any:
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}


def put(post: PostOffice, tenant: str, item: Item) -> Row:
    post.estate.dynamodb.call("PutItem", dict(item.request))
    return post.rows(tenant)[-1]


def invited(estate: Estate, tenant: str, **fields: Any) -> Row:
    """Put the row of an invite, as far as its mail needs it."""
    row = {
        "tenant": tenant,
        "invite_id": f"inv_{secrets.token_hex(8)}",
        "email": f"grace-{secrets.token_hex(4)}@example.com",
        "status": "OPEN",
        **fields,
    }
    request = {"TableName": estate.environ["INVITES_TABLE"], "Item": marshal(row)}
    estate.dynamodb.call("PutItem", request)
    return row


def letter(post: PostOffice, tenant: str, invite_id: str, lasts: int = 3_600) -> Row:
    now = post.estate.clock()
    item = invitation(
        post.table,
        tenant,
        invite_id,
        "invite",
        now,
        values={"role": "member", "hours": 72},
        sealed=post.estate.sealer.seal(TOKEN.encode(), outbox_context(tenant)),
        expires_at=int(now) + lasts,
    )
    return put(post, tenant, item)


def happened(post: PostOffice, tenant: str, name: str = "user_deactivated") -> Row:
    now = post.estate.clock()
    detail = {"by": "s_2", "role": "member"}
    item = bus_event(post.table, tenant, name, now, staff_id="s_1", correlation="01CORRELATION", detail=detail)
    return put(post, tenant, item)


def row_of(post: PostOffice, row: Row) -> Row:
    (found,) = [one for one in post.rows(row["tenant"]) if one["effect_id"] == row["effect_id"]]
    return found


def test_invitation_goes_to_the_address_of_the_invite_with_its_link(
    estate: Estate, tenant: str, post: PostOffice
) -> None:
    invite = invited(estate, tenant, name="Grace")
    row = letter(post, tenant, invite["invite_id"])
    assert invite["email"] not in json.dumps(marshal(row), default=str)
    assert post.deliver(row) == []
    (sent,) = post.mails(invite["email"])
    assert sent.subject == "You are invited to join an organisation"
    assert "Hello Grace," in sent.text
    for line in (f"https://muniment.example/accept-invite#token={TOKEN}", "Role: member", "Valid for (hours): 72"):
        assert line in sent.text.splitlines()
    closed = row_of(post, row)
    assert closed["status"] == "DELIVERED"
    assert "sealed" not in closed["payload"]


def test_invitation_that_is_brought_again_is_sent_once(estate: Estate, tenant: str, post: PostOffice) -> None:
    invite = invited(estate, tenant)
    row = letter(post, tenant, invite["invite_id"])
    assert post.deliver(row) == post.deliver(row) == []
    assert len(post.mails(invite["email"])) == 1


@pytest.mark.parametrize("status", ["ACCEPTED", "REVOKED"])
def test_invitation_of_an_invite_that_is_no_longer_open_is_not_sent(
    estate: Estate, tenant: str, post: PostOffice, status: str
) -> None:
    invite = invited(estate, tenant, status=status)
    row = letter(post, tenant, invite["invite_id"])
    assert post.deliver(row) == []
    assert (row_of(post, row)["status"], row_of(post, row)["reason"]) == ("UNDELIVERABLE", "no_recipient")
    assert "sealed" not in row_of(post, row)["payload"]
    assert post.mails(invite["email"]) == []


def test_invitation_of_another_tenants_invite_reaches_nobody(estate: Estate, tenant: str, post: PostOffice) -> None:
    invite = invited(estate, estate.new_tenant())
    row = letter(post, tenant, invite["invite_id"])
    assert post.deliver(row) == []
    assert row_of(post, row)["reason"] == "no_recipient"
    assert post.mails(invite["email"]) == []


def test_invitation_whose_link_has_expired_is_not_sent(estate: Estate, tenant: str, post: PostOffice) -> None:
    invite = invited(estate, tenant)
    row = letter(post, tenant, invite["invite_id"], lasts=0)
    assert post.deliver(row) == []
    assert row_of(post, row)["reason"] == "expired"
    assert post.mails(invite["email"]) == []


def test_event_reaches_the_bus_with_ids_and_is_closed(tenant: str, post: PostOffice, pager: Pager) -> None:
    row = happened(post, tenant)
    assert post.deliver(row) == []
    (received,) = pager.received()
    assert (received["source"], received["detail-type"]) == ("muniment", "User Deactivated")
    at = received["detail"].pop("at")
    assert at.endswith("Z")
    assert received["detail"] == {
        "event_id": row["effect_id"],
        "tenant": tenant,
        "staff_id": "s_1",
        "correlation": "01CORRELATION",
        "detail": {"by": "s_2", "role": "member"},
    }
    assert row_of(post, row)["status"] == "DELIVERED"


def test_event_that_was_closed_is_not_put_again(tenant: str, post: PostOffice) -> None:
    row = happened(post, tenant)
    post.deliver(row)
    replace(notify._wiring(), bus=Bus(Refusing(), "muniment")).deliver(row)  # type: ignore[arg-type]  # as far as used


def test_event_that_the_bus_refuses_stays_pending(tenant: str, post: PostOffice) -> None:
    row = happened(post, tenant)
    delivery = replace(notify._wiring(), bus=Bus(Refusing(), "muniment"))  # type: ignore[arg-type]  # as far as used
    with pytest.raises(RuntimeError, match="user_deactivated: ThrottlingException"):
        delivery.deliver(row)
    assert row_of(post, row)["status"] == "PENDING"
    assert post.deliver(row) == []


def test_invitation_that_ses_does_not_take_now_keeps_its_secret(
    estate: Estate, tenant: str, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite = invited(estate, tenant)
    row = letter(post, tenant, invite["invite_id"])

    def throttled(**_request: Any) -> Any:
        raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "SendEmail")

    with monkeypatch.context() as patch:
        patch.setattr(notify._wiring().courier.ses, "send_email", throttled)
        with pytest.raises(ClientError):
            notify._wiring().deliver(row)
    assert post.deliver(row) == []
    assert len(post.mails(invite["email"])) == 1

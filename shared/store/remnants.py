"""What the tables still hold of somebody who was erased, as the writes that take it away.

His salts, his profile and his address went in the commit of the erasure. The rest goes here, in any order of failures:
every write may be repeated, and what leads to other rows (the list of identities, the invites) goes after them.

| table | of the person | what becomes of it |
| --- | --- | --- |
| `tenant_staff` | factors, password, history, identities | deleted; the gate stays as a tombstone |
| `user_sessions` | device, country, network, client and place of each session | deleted |
| `step_up_challenges` | where a sign-in that waited came from | deleted |
| `outbox` | mails, alerts and invitations to him | deleted; an alert only once it is delivered |
| `invites` | address and name, in every invite to his address | deleted |
| `impersonations` | why somebody acted in his name, and under which ticket | overwritten, once its end was told |
| `legal_holds` | why he was held, and released | overwritten |
| `access_reviews` | why he kept or lost his access | overwritten |
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final, NamedTuple

from shared.store.access_reviews import item_key, reviews_of
from shared.store.attribute import Row, marshal, unmarshal
from shared.store.condition import absent, differs, equals, present
from shared.store.erasures import Erasure
from shared.store.identities import identities_of
from shared.store.invites import Invite, address_key, invite_key, invites_of
from shared.store.item import Item, delete, query, update
from shared.store.legal_holds import hold_key, holds_of
from shared.store.outbox import BUS_EVENT, PENDING, SECURITY_ALERT, START_EXPORT
from shared.store.step_up_challenges import challenge_key
from shared.store.tenant_staff import gate_key, identity_key, rows_of_person
from shared.store.user_sessions import owner_of
from shared.store.wire import JsonService

OVERWRITTEN: Final = "[erased]"


class RemnantTables(NamedTuple):
    tenant_staff: str
    user_sessions: str
    step_up_challenges: str
    outbox: str
    invites: str
    impersonations: str
    legal_holds: str
    access_reviews: str


class Waits(NamedTuple):
    """Something must happen before the row `name` may go: whoever takes the rest away comes again."""

    name: str


def remnants(dynamodb: JsonService, tables: RemnantTables, erasure: Erasure) -> Iterator[Item | Waits]:
    """Give the writes, and what they must wait for; without those of `challenges_of`."""
    tenant, staff_id = erasure.tenant, erasure.staff_id
    yield from _sessions(dynamodb, tables.user_sessions, tenant, staff_id)
    yield from _staff(dynamodb, tables.tenant_staff, tenant, staff_id)
    subjects = frozenset(erasure.subjects)
    invites = [one for one in invites_of(dynamodb, tables.invites, tenant) if one.staff_id in subjects]
    yield from _effects(dynamodb, tables.outbox, tenant, subjects, frozenset(one.invite_id for one in invites))
    for invite in invites:
        yield from _invite(tables.invites, invite)
    yield from _impersonations(dynamodb, tables.impersonations, tenant, staff_id)
    yield from _holds(dynamodb, tables.legal_holds, tenant, staff_id)
    yield from _reviews(dynamodb, tables.access_reviews, tenant, staff_id)


def _sessions(dynamodb: JsonService, table: str, tenant: str, staff_id: str) -> Iterator[Item]:
    for row in query(dynamodb, table, equals("owner", owner_of(tenant, staff_id))):
        yield delete(table, {"owner": row["owner"], "session_id": row["session_id"]})


def challenges_of(dynamodb: JsonService, tables: RemnantTables, erasure: Erasure) -> Iterator[Item]:
    """Find the challenges of a person, whose ids are random, by a scan over all tenants: once nothing waits."""
    owner, table = owner_of(erasure.tenant, erasure.staff_id), tables.step_up_challenges
    request: dict[str, Any] = {
        "TableName": table,
        "FilterExpression": "#o = :owner",
        "ExpressionAttributeNames": {"#o": "owner"},
        "ExpressionAttributeValues": marshal({":owner": owner}),
        "ProjectionExpression": "challenge_id",
        "ConsistentRead": True,
    }
    while True:
        answer = dynamodb.call("Scan", request)
        for row in map(unmarshal, answer.get("Items", [])):
            yield delete(table, challenge_key(row["challenge_id"]))
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _staff(dynamodb: JsonService, table: str, tenant: str, staff_id: str) -> Iterator[Item]:
    kept = gate_key(tenant, staff_id)["item"]
    for row in rows_of_person(dynamodb, table, tenant, staff_id):
        if row["item"] == f"{staff_id}#identities":
            for digest in identities_of(row).links:
                yield delete(table, identity_key(tenant, digest), equals("staff_id", staff_id))
        if row["item"] != kept:
            yield delete(table, {"tenant": tenant, "item": row["item"]})


def _effects(
    dynamodb: JsonService, table: str, tenant: str, subjects: AbstractSet[str], invite_ids: AbstractSet[str]
) -> Iterator[Item | Waits]:
    for row in query(dynamodb, table, equals("tenant", tenant)):
        if row["kind"] in {BUS_EVENT, START_EXPORT}:  # ids and no personal data, by their contract
            continue
        payload = row["payload"]
        if payload.get("staff_id") not in subjects and payload.get("invite_id") not in invite_ids:
            continue
        if (row["kind"], row["status"]) == (SECURITY_ALERT, PENDING):
            yield Waits(row["effect_id"])  # the bus must hear of it
        else:
            yield delete(table, {"tenant": tenant, "effect_id": row["effect_id"]})


def _invite(table: str, invite: Invite) -> Iterator[Item]:
    """Give what takes an invite away; its address stays where it has another invite by now, of somebody else."""
    address = address_key(invite.tenant, invite.email)
    yield delete(table, address, equals("open_invite", invite.invite_id))
    yield delete(table, address, absent("open_invite"))
    yield delete(table, invite_key(invite.tenant, invite.invite_id))


def _impersonations(dynamodb: JsonService, table: str, tenant: str, staff_id: str) -> Iterator[Item | Waits]:
    for row in query(dynamodb, table, equals("tenant", tenant)):
        if row["target"] != staff_id:
            continue
        if "ended_at" not in row:
            yield Waits(row["item"])  # whoever tells its end copies the row
        elif row["reason"] != OVERWRITTEN:
            key = {"tenant": tenant, "item": row["item"]}
            as_read = present("tenant"), differs("reason", OVERWRITTEN)
            yield update(table, key, *as_read, set_={"reason": OVERWRITTEN}, remove=("ticket",))


def _holds(dynamodb: JsonService, table: str, tenant: str, staff_id: str) -> Iterator[Item]:
    for row in holds_of(dynamodb, table, tenant):
        if row.get("staff_id") == staff_id and row["reason"] != OVERWRITTEN:
            yield update(table, hold_key(tenant, row["hold_id"]), present("tenant"), set_=_overwritten(row))


def _reviews(dynamodb: JsonService, table: str, tenant: str, staff_id: str) -> Iterator[Item]:
    for row in reviews_of(dynamodb, table, tenant):
        key, reason = item_key(tenant, row["review_id"], staff_id), "decision.reason"
        as_read = present(reason), differs(reason, OVERWRITTEN)
        yield update(table, key, *as_read, set_={reason: OVERWRITTEN})


def _overwritten(row: Row) -> dict[str, str]:
    return {name: OVERWRITTEN for name in ("reason", "release_reason") if name in row}

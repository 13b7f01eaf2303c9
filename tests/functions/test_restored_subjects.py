"""Whom an erasure that is replayed takes with it: the ids of his address, and nobody who is there."""

import time
from dataclasses import fields
from typing import Final

import pytest

from infra.restoration.erasures import Erasures
from infra.restoration.operation import Operation, Tables
from shared.audit.event import Actor
from shared.audit.moment import unix_seconds
from shared.domain.restoration import Erased, Told
from shared.store.attribute import marshal, unmarshal
from shared.store.erasures import Erasure, ordered_again
from shared.store.invites import invites_of
from shared.store.transaction import Contended
from tests.functions.catastrophe import deployment, place
from tests.functions.estate import KEYS
from tests.functions.invitations import invited
from tests.functions.staff_calls import gate
from tests.functions.test_erasure import salt_of
from tests.functions.test_restored_erasures import Firm, firm

__all__ = ["deployment", "firm", "place"]
ADDRESSES: Final = ("ada@acme.example", "bob@acme.example", "eve@acme.example")
ENDED: Final = Erased("01J00000000000000000000000", "2026-07-01T00:00:00.000Z")


def erasures_of(firm: Firm) -> Erasures:
    deployment = firm.deployment
    operation = Operation(
        dynamodb=firm.estate.dynamodb,
        tables=Tables(**{each.name: deployment.name(each.name) for each in fields(Tables)}),
        ledger=firm.estate.ledger,
        actor=Actor("system", "operator"),
        epoch=deployment.epoch,
        now=time.time(),
        correlation="01J00000000000000000000001",
    )
    return Erasures(operation, firm.tenant)


def invited_twice(firm: Firm) -> dict[str, list[str]]:
    """Invite each of the addresses twice; gives the ids of each."""
    for email in ADDRESSES * 2:
        invited(firm.owner, email)
    ids: dict[str, list[str]] = {email: [] for email in ADDRESSES}
    for invite in invites_of(firm.estate.dynamodb, firm.deployment.name("invites"), firm.tenant):
        ids[invite.email].append(invite.staff_id)
    return {email: sorted(both) for email, both in ids.items()}


def lose(firm: Firm, table: str, staff_id: str) -> None:
    """Let the rows of a table expire that name somebody."""
    for row in firm.rows(table):
        if staff_id in repr(row):
            key = marshal({name: row[name] for name in KEYS[table]})
            firm.estate.dynamodb.call("DeleteItem", {"TableName": firm.deployment.name(table), "Key": key})


def salts_told(firm: Firm) -> list[tuple[str, list[str]]]:
    """Give of each event that says whose salts went the person it is about, and whose they were."""
    events = firm.deployment.events(firm.tenant)
    told = [event for event in events if event["meta"] and event["meta"].get("measures") == ["salts"]]
    return [(event["targets"][0]["id"], event["meta"]["subjects"]) for event in told]


def test_whoever_is_erased_is_so_under_every_id_of_his_address_and_nobody_elses(firm: Firm) -> None:
    erasures = erasures_of(firm)
    for one, other in invited_twice(firm).values():
        assert erasures.subjects(one, Told(erased=ENDED), {}) == (other,)
        assert erasures.subjects(other, Told(erased=ENDED), {}) == (one,)


def test_id_of_an_address_is_known_by_its_invite_or_by_its_salt(firm: Firm) -> None:
    (one, other), (two, second), _ = invited_twice(firm).values()
    lose(firm, "invites", other)
    lose(firm, "subject_keys", second)
    assert erasures_of(firm).subjects(one, Told(erased=ENDED), {}) == (other,)
    assert erasures_of(firm).subjects(two, Told(erased=ENDED), {}) == (second,)


def test_whoever_came_is_known_by_the_address_that_he_has_and_not_by_that_of_his_invite(firm: Firm) -> None:
    ids = invited_twice(firm)
    one, own = ids[ADDRESSES[0]][0], {"email": ADDRESSES[1]}
    assert list(erasures_of(firm).subjects(one, Told(erased=ENDED), {f"{one}#profile": own})) == ids[ADDRESSES[1]]


def test_invites_that_the_address_got_after_somebody_was_erased_are_their_own(firm: Firm) -> None:
    (one, _), *_ = invited_twice(firm).values()
    assert erasures_of(firm).subjects(one, Told(erased=ENDED), {f"{one}#gate": {"status": "ERASED"}}) == ()


def test_nobody_who_is_there_is_among_those_whose_salts_go(firm: Firm) -> None:
    person = firm.estate.new_person(firm.tenant)
    told = Told(subjects=(person.staff_id, "u_gone", "u_never"))
    assert erasures_of(firm).subjects("u_gone", told, {}) == ("u_never",)


def test_each_salt_that_goes_is_told_of_once(firm: Firm) -> None:
    (one, other), *_ = invited_twice(firm).values()
    for _ in range(2):
        erasures_of(firm).forget(one, (other, "u_never"))
    assert salt_of(firm.estate, firm.tenant, other) is None
    assert salts_told(firm) == [(one, [other])]


def test_order_to_erase_keeps_whom_it_named_and_says_what_the_log_says(firm: Firm) -> None:
    table = firm.deployment.name("erasures")
    before = ordered_again(table, Erasure(firm.tenant, "u_one", ("u_before",), 1, "e_before"))
    firm.estate.dynamodb.call("PutItem", dict(before.request))
    *_, order = erasures_of(firm).ended("u_one", ENDED, ("u_two",), {})
    row = unmarshal(order.request["Item"])
    assert (row["status"], row["subjects"]) == ("OPEN", ["u_before", "u_one", "u_two"])
    assert (row["event_id"], row["erased_at"]) == (ENDED.event_id, unix_seconds(ENDED.at))


def test_address_goes_only_while_it_is_his(firm: Firm) -> None:
    person = firm.estate.new_person(firm.tenant)
    rows = {f"{person.staff_id}#profile": {"email": person.email}}
    (let_go,) = (item for item in erasures_of(firm).ended(person.staff_id, ENDED, (), rows) if item.label == "email")
    assert let_go.request["ConditionExpression"], "whoever takes it over meanwhile keeps it"
    (row,) = (row for row in firm.rows("tenant_staff") if row["item"] == let_go.request["Key"]["item"]["S"])
    firm.estate.change_row("tenant_staff", {"tenant": firm.tenant, "item": row["item"]}, {"staff_id": "u_other"})
    assert "email" not in {item.label for item in erasures_of(firm).ended(person.staff_id, ENDED, (), rows)}


def test_nobody_who_is_there_is_ended_as_if_he_were_not(firm: Firm) -> None:
    person = firm.estate.new_person(firm.tenant)
    with pytest.raises(Contended):
        erasures_of(firm).tombstone(person.staff_id, ENDED, ())
    assert gate(firm.estate, person)["status"] == "ACTIVE"
    assert salt_of(firm.estate, firm.tenant, person.staff_id) is not None

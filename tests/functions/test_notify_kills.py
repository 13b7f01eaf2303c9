"""A delivery killed at each of its calls, before it and after it took effect: nothing is lost, and it counts once.

What may happen twice is a mail whose death came between SES and the note, and an event on the bus, whose id tells the
repeated one. What never does: an execution (it bears the id of the export), a record in the log, a note in the outbox.
"""

from collections import Counter
from dataclasses import replace

from functions.notify import handler as notify
from functions.notify.alert import AlertRecord
from functions.notify.flow import Delivery
from shared.store.outbox import DELIVERED, bus_event
from shared.store.transaction import Ledger
from tests.functions.company import archive
from tests.functions.estate import Estate, Person
from tests.functions.kill_points import KillSwitch, every_kill_point, killed, undisturbed
from tests.functions.post_office import Pager, PostOffice, pager, post
from tests.functions.test_notify import Machine, machine
from tests.functions.test_notify_people import alert, letter, row_of

__all__ = ["archive", "machine", "pager", "post"]


def through(switch: KillSwitch) -> Delivery:
    """Give the delivery of an environment of its own, all of whose calls go through the switch."""
    wired = notify._wiring()
    wire = switch.service(wired.dynamodb)
    return replace(
        wired,
        dynamodb=wire,
        step_functions=switch.client(wired.step_functions),
        courier=replace(wired.courier, ses=switch.client(wired.courier.ses)),
        bus=replace(wired.bus, events=switch.client(wired.bus.events)),
        alerts=AlertRecord(Ledger(wire, wired.settings, wired.clock), wired.settings.outbox_table),
        addresses=replace(wired.addresses, dynamodb=wire),
    )


def times(switch: KillSwitch, calls: tuple[str, ...], effect: str) -> int:
    """Say how often `effect` happens in all: twice if it did before the death, and the last call, its note, did not."""
    assert switch.at is not None
    done = switch.at + (switch.moment == "after")
    return 2 if calls.index(effect) < done < len(calls) else 1


def test_a_killed_mail_is_sent_and_noted_and_twice_only_if_the_note_was_missing(
    post: PostOffice, person: Person
) -> None:
    first = letter(post, person)
    calls = tuple(undisturbed(lambda switch: through(switch).deliver(first)))
    assert calls == ("GetItem", "GetItem", "send_email", "UpdateItem")
    for switch in every_kill_point(calls):
        row, before = letter(post, person), len(post.mails(person.email))
        killed(switch, lambda switch=switch, row=row: through(switch).deliver(row))  # type: ignore[misc]  # bound now
        assert post.deliver(row) == []
        assert row_of(post, row)["status"] == DELIVERED, switch
        assert len(post.mails(person.email)) - before == times(switch, calls, "send_email"), switch


def test_a_killed_alert_is_recorded_once_and_reaches_the_person(
    estate: Estate, post: PostOffice, person: Person
) -> None:
    first = alert(post, person)
    calls = tuple(undisturbed(lambda switch: through(switch).deliver(first)))
    assert calls == ("GetItem", "put_events", "GetItem", "send_email", "Query", "TransactWriteItems")
    for switch in every_kill_point(calls):
        row, before = alert(post, person), len(post.mails(person.email))
        killed(switch, lambda switch=switch, row=row: through(switch).deliver(row))  # type: ignore[misc]  # bound now
        assert post.deliver(row) == []
        assert row_of(post, row)["status"] == DELIVERED, switch
        assert len(post.mails(person.email)) - before == times(switch, calls, "send_email"), switch
    recorded = [event["resource"] for event in estate.events(person.tenant) if event["action"] == "SECURITY_ALERT_SENT"]
    assert sorted(recorded) == sorted(f"outbox/{row['effect_id']}" for row in post.rows(person.tenant))


def test_a_killed_event_reaches_the_bus_and_its_id_tells_a_repeated_one(
    estate: Estate, post: PostOffice, pager: Pager, tenant: str
) -> None:
    def put() -> str:
        now = estate.clock()
        item = bus_event(post.table, tenant, "user_deactivated", now, staff_id="u_1", correlation="c", detail={})
        estate.dynamodb.call("PutItem", dict(item.request))
        return str(post.rows(tenant)[-1]["effect_id"])

    known, expected = put(), Counter[str]()
    (row,) = post.rows(tenant)
    calls = tuple(undisturbed(lambda switch: through(switch).deliver(row)))
    assert calls == ("GetItem", "put_events", "UpdateItem")
    expected[known] = 1
    for switch in every_kill_point(calls):
        known = put()
        (row,) = [one for one in post.rows(tenant) if one["effect_id"] == known]
        killed(switch, lambda switch=switch, row=row: through(switch).deliver(row))  # type: ignore[misc]  # bound now
        assert post.deliver(row) == []
        assert row_of(post, row)["status"] == DELIVERED, switch
        expected[known] = times(switch, calls, "put_events")
    found = Counter[str]()
    while messages := pager.received():
        found.update(message["detail"]["event_id"] for message in messages)
    assert found & expected == expected
    assert found.keys() >= expected.keys()


def test_a_killed_start_starts_the_export_once(machine: Machine) -> None:
    first = machine.put()
    calls = tuple(undisturbed(lambda switch: through(switch).deliver(first)))
    assert calls == ("GetItem", "start_execution", "UpdateItem")
    rows = [first]
    for switch in every_kill_point(calls):
        row = machine.put()
        rows.append(row)
        killed(switch, lambda switch=switch, row=row: through(switch).deliver(row))  # type: ignore[misc]  # bound now
        through(KillSwitch()).deliver(row)
        assert machine.row(row["effect_id"])["status"] == DELIVERED, switch
    assert sorted(machine.started()) == sorted(row["effect_id"] for row in rows)

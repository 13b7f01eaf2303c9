"""What the log, the mails and the bus say of an impersonation."""

from typing import Any

import pytest

from functions.notify.templates import LABELS
from tests.functions.estate import Estate, Person
from tests.functions.impersonating import REASON, Impersonating, begin, impersonate
from tests.functions.signed_in import SignedIn
from tests.functions.test_impersonation import acting, actor, member
from tests.functions.test_staff_measures import disclosed

__all__ = ["acting", "actor", "member"]


def effects(estate: Estate, tenant: str) -> list[dict[str, Any]]:
    return [dict(row["payload"], kind=row["kind"]) for row in estate.partition("outbox", "tenant", tenant)]


def test_beginning_is_recorded_with_who_for_whom_and_why(estate: Estate, acting: Impersonating) -> None:
    line = estate.events(acting.target.tenant)[-1]
    assert (line["action"], line["reason"]) == ("IMPERSONATION_STARTED", None)
    assert (line["actor"]["id"], line["on_behalf_of"]) == (acting.actor.person.staff_id, acting.target.staff_id)
    assert line["actor"]["step_up"] == "challenge-impersonate"
    assert line["meta"] == {
        "impersonation_id": acting.impersonation_id,
        "mode": "read",
        "minutes": 30,
        "target_role": "member",
        "notice": "end",
        "ticket": "T-1",
    }


def test_why_is_sealed_as_the_persons_own_and_whence_as_the_actors(
    estate: Estate, tenant: str, acting: Impersonating
) -> None:
    begin(acting.actor, acting.actor.person.staff_id)
    impersonate(acting.actor, acting.target)
    acting.finish(acting.actor.access_token)
    events = [line for line in estate.events(tenant) if line["action"].startswith("IMPERSONATION_")]
    actor, target = acting.actor.person.staff_id, acting.target.staff_id
    told = [(line["action"].partition("_")[2], {one["of"]: one["sub"] for one in line["pii"]}) for line in events]
    alone, both = {"actor": actor}, {"actor": actor, "target": target}
    assert told == [("STARTED", both), ("DENIED", alone), ("ENDED", alone), ("STARTED", both), ("ENDED", alone)]
    for line in events:
        values = disclosed(estate, tenant, line)
        assert set(values.pop("actor")) == {"ip", "user_agent"}
        assert values == ({"target": {"reason": REASON}} if line["action"].endswith("STARTED") else {})
    assert REASON not in str(events)


def test_end_in_the_others_name_is_sealed_as_the_actors_too(estate: Estate, tenant: str, acting: Impersonating) -> None:
    acting.finish()
    assert [one["sub"] for one in estate.events(tenant)[-1]["pii"]] == [acting.actor.person.staff_id]


def test_of_whoever_was_erased_nothing_is_written_and_the_other_is_told_of(
    estate: Estate, tenant: str, actor: SignedIn, member: Person
) -> None:
    for person, left in ((member, ["actor"]), (actor.person, [])):
        estate.delete("subject_keys", {"tenant": tenant, "subject": person.staff_id})
        impersonate(actor, member)
        assert [one["of"] for one in estate.events(tenant)[-1]["pii"]] == left


def test_erasing_the_person_erases_why(estate: Estate, tenant: str, acting: Impersonating) -> None:
    estate.delete("subject_keys", {"tenant": tenant, "subject": acting.target.staff_id})
    assert disclosed(estate, tenant, estate.events(tenant)[-1])["target"] == {}


@pytest.mark.parametrize(
    ("notice", "mails"),
    [("end", ["impersonation_ended"]), ("start", ["impersonation_started"]), ("never", [])],
)
def test_person_is_told_when_the_tenant_has_it_so(
    estate: Estate, tenant: str, actor: SignedIn, member: Person, notice: str, mails: list[str]
) -> None:
    estate.change_settings(tenant, {"impersonation_notice": notice})
    assert impersonate(actor, member, mode="write", minutes=7, ticket="T-7").finish().status == 204
    sent = effects(estate, tenant)
    assert [one["template"] for one in sent if one["kind"] == "mail"] == mails
    for one in sent:
        if one["kind"] == "mail":
            assert one["staff_id"] == member.staff_id
            values = dict(one["values"])
            assert values.pop("time").endswith("Z")
            over = {"cause": "ended"} if notice == "end" else {}
            told = {"role": "admin", "mode": "write", "minutes": 7, "reason": REASON, "ticket": "T-7"}
            assert values == {**told, **over}
            assert set(values) <= set(LABELS), "what has no label is not shown"
    bus = {one["name"]: one for one in sent if one["kind"] == "bus_event"}
    assert set(bus) == {"impersonation_started", "impersonation_ended"}
    assert {one["staff_id"] for one in bus.values()} == {member.staff_id}
    assert all(REASON not in str(one) for one in bus.values()), "free text stays off the bus"

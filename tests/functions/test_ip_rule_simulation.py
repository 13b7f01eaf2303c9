"""POST /api/ip-rules/simulate: who would be refused; and what the rules cost where they have not changed."""

from typing import Any

import pytest

from shared.domain.ip_rule import CREATION, DELETION
from tests.functions.address_book import HOME, SHOW, SIMULATE, ask, put_rules, stored_rules
from tests.functions.conftest import Calls
from tests.functions.estate import Estate, Place, login
from tests.functions.signed_in import SignedIn
from tests.functions.test_ip_rules import ALLOW_OFFICE, DENY_OFFICE, admin

__all__ = ["admin"]


def test_simulation_names_who_signed_in_from_where_the_rule_refuses_and_tells_no_address(
    estate: Estate, admin: SignedIn
) -> None:
    near, far = (estate.new_person(admin.person.tenant, "member") for _ in range(2))
    for person, address in ((near, "198.51.100.20"), (far, "203.0.113.77"), (far, "203.0.113.78")):
        assert login(person, place=Place(address=address)).status == 200
    simulated = ask(admin, SIMULATE, DENY_OFFICE)
    assert simulated.status == 200
    body = simulated.body
    assert body["sign_ins"] == {"total": 4, "refused": 2, "unreadable": 1}  # the one without an address is of a fixture
    assert body["people"] == {"total": 2, "refused": 1}
    assert body["refused"] == [
        {
            "staff_id": far.staff_id,
            "sign_ins": 2,
            "refused": 2,
            "last_refused_at": body["refused"][0]["last_refused_at"],
            "networks": ["203.0.113.0/24"],
        }
    ]
    assert (body["complete"], body["refuses_you"]) == (True, False)
    assert "203.0.113.7" not in simulated.text
    assert body["your_address"] == HOME.address
    narrow = ask(admin, SIMULATE, {"cidr": "203.0.113.78", "action": "deny"}).body
    assert narrow["refused"][0]["refused"] == 1
    assert ask(admin, SIMULATE, ALLOW_OFFICE).body["refuses_you"] is True
    assert stored_rules(estate, admin.person.tenant) == []


def test_simulation_goes_by_the_rules_that_there_are_with_one_more_or_one_less(estate: Estate, admin: SignedIn) -> None:
    person, tenant = estate.new_person(admin.person.tenant, "member"), admin.person.tenant
    login(person, place=Place(address="203.0.113.77"))
    home, office = put_rules(estate, tenant, ("allow", "198.51.100.0/24"), ("allow", "203.0.113.0/24"))
    put_rules(estate, tenant, ("deny", "203.0.113.77", CREATION, estate.clock() - 1))
    assert ask(admin, SIMULATE, {"without": office}).body["people"]["refused"] == 1
    assert ask(admin, SIMULATE, {"without": home}).body["people"]["refused"] == 0
    assert ask(admin, SIMULATE, {"cidr": "192.0.2.0/24", "action": "allow"}).body["people"]["refused"] == 0
    assert ask(admin, SIMULATE, {"without": "r_unknown"}).status == 404


def test_simulation_reads_thirty_days_and_says_where_it_stopped(
    estate: Estate, admin: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = estate.new_person(admin.person.tenant, "member")
    login(person, place=Place(address="203.0.113.77"))
    monkeypatch.setattr("functions.ip_rules.simulation.MOST_EVENTS", 1)
    short = ask(admin, SIMULATE, DENY_OFFICE).body
    assert (short["complete"], short["sign_ins"]["total"]) == (False, 0)
    monkeypatch.undo()
    monkeypatch.setattr("functions.ip_rules.simulation.DAYS", 0)
    assert ask(admin, SIMULATE, DENY_OFFICE).body["sign_ins"]["total"] == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"cidr": "203.0.113.0/24"}, "/action"),
        ({"cidr": "203.0.113.0/24", "without": "r"}, ""),
        ({"cidr": "203.0.113.9/24", "action": "deny"}, "/cidr"),
    ],
)
def test_simulation_of_what_makes_no_sense_is_refused(admin: SignedIn, body: dict[str, Any], pointer: str) -> None:
    response = ask(admin, SIMULATE, body)
    assert response.status == 400
    assert [error["pointer"] for error in response.body["errors"]] == [pointer]


def test_erased_person_stays_erased_in_a_simulation(estate: Estate, admin: SignedIn) -> None:
    person = estate.new_person(admin.person.tenant, "member")
    login(person, place=Place(address="203.0.113.77"))
    estate.delete("subject_keys", {"tenant": person.tenant, "subject": person.staff_id})
    assert ask(admin, SIMULATE, DENY_OFFICE).body["sign_ins"] == {"total": 2, "refused": 0, "unreadable": 2}


def test_tenant_without_rules_costs_no_call_and_one_with_rules_none_until_they_change(
    admin: SignedIn, calls: Calls
) -> None:
    def reads() -> int:
        calls.clear()
        assert ask(admin, SHOW).status == 200
        return calls.operations().count("Query")

    reads()
    assert reads() == 1  # the list itself
    put_rules(admin.estate, admin.person.tenant, ("deny", "203.0.113.0/24"))
    assert [reads(), reads()] == [2, 1]
    put_rules(admin.estate, admin.person.tenant, ("deny", "192.0.2.0/24", DELETION, admin.estate.clock() + 60))
    assert [reads(), reads()] == [2, 1]

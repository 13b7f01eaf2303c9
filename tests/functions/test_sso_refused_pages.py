"""A person whose sign-in is refused on its way is told so in the console; a program gets the problem document."""

import pytest

from tests.functions.conftest import Calls
from tests.functions.estate import Place
from tests.functions.identity_provider import Account
from tests.functions.single_sign_on import Browser, Federation, federation, nobody_is_in, provider

__all__ = ["federation", "provider"]

ADA = Account("ada-1", "ada@acme.example")
CONSOLE = "https://muniment.example/#sso_failed="


@pytest.fixture
def person(federation: Federation) -> Browser:
    """Give a browser that says of itself that it goes from page to page."""
    return Browser(federation, place=Place(extra={"sec-fetch-mode": "navigate"}))


def test_an_unknown_connection_leads_back_to_the_console(federation: Federation, person: Browser) -> None:
    federation.remove()
    answer = person.start()
    assert (answer.status, answer.headers["Location"]) == (302, f"{CONSOLE}not_found")


def test_a_refused_callback_leads_to_the_console_and_its_reason_stays_in_the_log(
    federation: Federation, person: Browser
) -> None:
    answer = person.come_back({**person.leave(ADA), "state": "another"})
    assert (answer.status, answer.headers["Location"]) == (302, f"{CONSOLE}invalid_credentials")
    assert federation.reasons() == ["SSO_STATE"]
    nobody_is_in(federation)


def test_a_callback_without_a_journey_leads_to_the_console(person: Browser) -> None:
    answer = person.come_back({"code": "code", "state": "state"})
    assert (answer.status, answer.headers["Location"]) == (302, f"{CONSOLE}invalid_credentials")


def test_a_client_that_asked_for_json_is_refused_in_json_on_the_way_out_and_back(
    federation: Federation, person: Browser
) -> None:
    query = person.leave(ADA, "mode=json")
    assert person.come_back({**query, "state": "another"}).code == "invalid_credentials"
    federation.remove()
    assert person.start("mode=json").code == "not_found"


def test_throttled_callback_leads_to_the_console_and_reads_nothing_of_the_tenant(
    person: Browser, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cookie can be made up: who is told to wait costs the count of the budget and no more."""
    person.place.address = "192.0.2.83"  # nobody else's: a budget of one is soon taken
    monkeypatch.setattr("functions.sso.chronicle.ADDRESS_BUDGET", 1)
    person.come_back({"code": "code", "state": "state"})
    query = person.leave(ADA)
    calls.clear()
    answer = person.come_back(query)
    assert (answer.status, answer.headers["Location"]) == (302, f"{CONSOLE}rate_limited")
    assert not {"GetItem", "BatchGetItem", "Query"} & {operation for operation, _ in calls}


def test_what_does_not_navigate_gets_the_problem(federation: Federation) -> None:
    program = Browser(federation)
    federation.remove()
    assert program.start().code == "not_found"
    assert program.come_back({"code": "code", "state": "state"}).code == "invalid_credentials"

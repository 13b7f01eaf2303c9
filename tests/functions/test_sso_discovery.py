"""A mail domain leads to the provider of whoever has proven it, and says nothing of anybody."""

from typing import Any

import pytest

from shared.store.sso_connections import Domain, domain_key, proven_domain
from tests.functions.estate import Place, Response
from tests.functions.single_sign_on import DOMAIN, START, Browser, Federation, federation, provider

__all__ = ["federation", "provider"]

DISCOVER = "POST /api/auth/sso/discover"


@pytest.fixture
def proven(federation: Federation) -> Federation:
    """Give a connection that has proven `DOMAIN`, as its own row says too."""
    federation.change(domains={DOMAIN: Domain("proof", 1), "waiting.example": Domain("proof", None)})
    prove(federation, DOMAIN)
    return federation


def prove(federation: Federation, domain: str) -> None:
    estate = federation.estate
    estate.delete("sso_connections", domain_key(domain))  # another test's
    item = proven_domain(estate.prefix + "sso_connections", federation.connection, domain, 1)
    estate.dynamodb.call("PutItem", dict(item.request))


def discover(federation: Federation, email: Any, place: Place | None = None) -> Response:
    return Browser(federation, place or Place()).visit(DISCOVER, {"email": email})


@pytest.mark.parametrize("email", [f"ada@{DOMAIN}", f"  Nobody.At.All@{DOMAIN.upper()} "])
def test_an_address_leads_to_the_start_of_its_domain_whoever_it_is_of(proven: Federation, email: str) -> None:
    answer = discover(proven, email)
    assert answer.status == 200
    assert answer.body == {"tenant": proven.tenant, "connection_id": proven.connection.connection_id}
    named = {"tenant": answer.body["tenant"], "connection": answer.body["connection_id"]}
    assert Browser(proven).visit(START, path_parameters=named).status == 302


@pytest.mark.parametrize("email", ["ada@unknown.example", "ada@waiting.example", f"ada@sub.{DOMAIN}"])
def test_a_domain_that_is_not_proven_leads_nowhere(proven: Federation, email: str) -> None:
    answer = discover(proven, email)
    assert (answer.status, answer.code) == (404, "not_found")


def test_a_connection_that_signs_nobody_in_is_not_told_of(proven: Federation) -> None:
    proven.change(enabled=False)
    assert discover(proven, f"ada@{DOMAIN}").status == 404
    proven.change(enabled=True)
    assert discover(proven, f"ada@{DOMAIN}").status == 200
    proven.estate.change_row("tenants", {"tenant": proven.tenant}, {"status": "SUSPENDED"})
    assert discover(proven, f"ada@{DOMAIN}").status == 404


def test_a_domain_that_its_connection_does_not_name_any_more_leads_nowhere(proven: Federation) -> None:
    proven.change(domains={})
    assert discover(proven, f"ada@{DOMAIN}").status == 404
    proven.remove()
    assert discover(proven, f"ada@{DOMAIN}").status == 404


@pytest.mark.parametrize("email", ["", "ada", f"@{DOMAIN}", "ada@bücher.example", f"{'a' * 320}@{DOMAIN}", 7, None])
def test_what_is_no_address_is_told_where(proven: Federation, email: Any) -> None:
    answer = discover(proven, email)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert answer.body["errors"][0]["pointer"] == "/email"


def test_whoever_tries_domains_is_slowed_down_and_nothing_is_written(proven: Federation) -> None:
    place = Place(address="192.0.2.78")
    statuses = [discover(proven, f"ada@{number}.example", place).status for number in range(31)]
    assert statuses == [404] * 30 + [429]
    assert proven.estate.actions(proven.tenant) == []

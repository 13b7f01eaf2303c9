"""What is another tenant's does not exist: for no route, under no id, whoever asks and whatever he says of tenants."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from shared.edge.route import Route
from shared.edge.routes import ROUTES
from shared.store.attribute import Row
from tests.functions.company import archive
from tests.functions.conftest import Calls
from tests.functions.estate import KEYS, Estate
from tests.functions.route_calls import AUTHORITY, CALLS, GUARDED, asked, code_of, entitled, sent, unlike
from tests.functions.signed_in import SignedIn, sign_in

__all__ = ["archive"]
pytestmark = pytest.mark.usefixtures("archive")  # the archive: what routes of the evidence read

# Routes that are open, and served to the signed-in as well.
SIGNED_IN_OR_NOT = {"POST /api/auth/step-up/verify"}
NAMING = [
    route
    for route in ROUTES
    if route.key in CALLS and CALLS[route.key].names_objects and (route.authenticated or route.key in SIGNED_IN_OR_NOT)
]


def key_of(route: Route) -> str:
    return route.key


@pytest.fixture(scope="module")
def here(estate: Estate) -> str:
    return estate.new_tenant()


@pytest.fixture(scope="module")
def elsewhere(estate: Estate) -> str:
    return estate.new_tenant()


def somebody(estate: Estate, tenant: str) -> SignedIn:
    return sign_in(estate, estate.new_person(tenant, "owner"))


def owner_for(estate: Estate, tenant: str, route: Route) -> SignedIn:
    """Sign in an owner with every right to call `route`."""
    return entitled(somebody(estate, tenant), route)


def rows_of(estate: Estate, tenant: str) -> dict[str, list[Row]]:
    """Read every row of a tenant, whatever table it is in and however it is found there."""
    staff = estate.partition("tenant_staff", "tenant", tenant)
    people = [row["item"].removesuffix("#gate") for row in staff if row["item"].endswith("#gate")]
    found: dict[str, list[Row]] = {}
    for table, (partition, *_) in KEYS.items():
        if partition == "tenant":
            found[table] = estate.partition(table, partition, tenant)
        elif partition == "log_lane":
            found[table] = estate.partition(table, partition, f"{tenant}#1#0")
        elif partition == "owner":
            found[table] = [row for one in people for row in estate.partition(table, partition, f"{tenant}#{one}")]
        else:
            found[table] = [row for row in estate.rows(table) if tenant in repr(row)]
    return found


def named(calls: Iterable[tuple[str, dict[str, Any]]], tenant: str) -> list[str]:
    """Name the operations whose request speaks of `tenant`."""
    return [operation for operation, request in calls if tenant in json.dumps(request)]


@pytest.mark.parametrize("route", NAMING, ids=key_of)
def test_id_of_another_tenant_is_answered_like_one_that_nobody_has(
    estate: Estate, here: str, elsewhere: str, calls: Calls, route: Route
) -> None:
    session = owner_for(estate, here, route)
    bearer, same = session.access_token, "the-same"
    theirs = asked(route, somebody(estate, elsewhere), bearer, request_id=same)
    nobodys = asked(route, somebody(estate, elsewhere), bearer, request_id=same, changed=unlike)
    calls.clear()
    foreign, unknown = sent(route, theirs), sent(route, nobodys)
    assert named(calls, elsewhere) == []
    assert (foreign.status, foreign.text) == (unknown.status, unknown.text)
    assert code_of(foreign) not in {None, *AUTHORITY}
    assert foreign.status in {404, 410}, foreign.text


def test_asking_for_everything_of_another_tenant_leaves_it_as_it_was(estate: Estate, here: str, elsewhere: str) -> None:
    prepared = []
    for route in NAMING:
        session = owner_for(estate, here, route)
        prepared.append((route, asked(route, somebody(estate, elsewhere), session.access_token)))
    before = rows_of(estate, elsewhere)
    assert {table for table, rows in before.items() if rows} >= {"tenants", "tenant_staff", "user_sessions"}
    for route, document in prepared:
        sent(route, document)
    assert rows_of(estate, elsewhere) == before


@pytest.mark.parametrize("route", GUARDED, ids=key_of)
def test_tenant_is_that_of_the_token_whatever_else_the_request_says(
    estate: Estate, here: str, elsewhere: str, calls: Calls, route: Route
) -> None:
    session = owner_for(estate, here, route)
    document = asked(route, session, session.access_token)
    calls.clear()
    answer = sent(route, misled(document, elsewhere))
    assert named(calls, elsewhere) == []
    assert elsewhere not in answer.text
    if code_of(answer) == "invalid_request":
        # The route takes a query, and no such parameter: without it, it is served.
        answer = sent(route, misled(document, elsewhere) | {"rawQueryString": document["rawQueryString"]})
    assert answer.status in CALLS[route.key].answers, answer.text


def misled(document: dict[str, Any], tenant: str) -> dict[str, Any]:
    """Name `tenant` wherever a request can, but in its body."""
    query = document["rawQueryString"]
    headers = dict.fromkeys(("tenant", "x-tenant", "x-tenant-id", "tenant-id"), tenant)
    return {
        **document,
        "rawQueryString": f"{query}&tenant={tenant}" if query else f"tenant={tenant}",
        "headers": {**document["headers"], **headers},
        "cookies": [f"tenant={tenant}"],
        "pathParameters": {"tenant": tenant, **document.get("pathParameters", {})},
    }


@pytest.mark.parametrize("route", [route for route in GUARDED if route.method != "GET"], ids=key_of)
def test_body_that_names_a_tenant_is_refused(
    estate: Estate, here: str, elsewhere: str, calls: Calls, route: Route
) -> None:
    session = owner_for(estate, here, route)
    document = asked(route, session, session.access_token)
    body = json.loads(document.get("body", "{}")) | {"tenant": elsewhere}
    headers = {**document["headers"], "content-type": "application/json"}
    calls.clear()
    answer = sent(route, {**document, "headers": headers, "body": json.dumps(body)})
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (400, "/tenant")
    assert named(calls, elsewhere) == []

"""However many exports are asked for: no more begin than the budgets say, and no list or sweep reads them all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.evidence_bundle import flow as bundles
from functions.transparency import event_proof
from functions.transparency import handler as transparency
from shared.audit.event import new_event_id
from shared.edge import export_budget
from shared.edge.export_budget import Limits
from shared.store.exports import (
    BUNDLE,
    KINDS,
    REPORT,
    RUNNING_BY_DEADLINE,
    SAMPLE,
    SYSTEM,
    failed_item,
    new_export_id,
    new_export_item,
    overdue_exports,
)
from shared.store.item import Item
from tests.functions import company as companies
from tests.functions.archive import Archive
from tests.functions.company import (
    EXPORTS,
    WHOLE_Q3,
    Company,
    archive,
    bundle_call,
    founded,
    prove,
    proven,
    report,
    requested,
)
from tests.functions.conftest import Calls
from tests.functions.estate import MovableClock, Response, call, event, login

__all__ = ["archive"]

SLUG, TWO_DAYS = "cc6/access-logs", "from=2026-07-01&to=2026-07-02"


@pytest.fixture
def company(archive: Archive) -> Company:
    return founded(archive)


@pytest.fixture(scope="module")
def listed(archive: Archive) -> tuple[Company, str]:
    """Give a company of which nobody's exports run out here, and an auditor's token."""
    company = founded(archive)
    return company, proven(company.estate, company.person("auditor"))


def begun(company: Company, kind: str, deadline_in: int, created_at: float | None = None, by: str = "user") -> str:
    """Begin an export behind the product's back."""
    now = company.estate.clock()
    export_id = new_export_id(now if created_at is None else created_at)
    row: dict[str, Any] = {"tenant": company.tenant, "export_id": export_id, "kind": kind, "requested": WHOLE_Q3}
    row |= {"requested_by": {"type": by, "actor": "u_1", "role": "owner", "step_up": None}, "created_at": int(now)}
    row |= {"deadline_at": int(now) + deadline_in, "progress": {"step": "read", "done": 0, "total": 0}}
    written(company, new_export_item(company.archive.environ["EXPORTS_TABLE"], row))
    return export_id


def written(company: Company, item: Item) -> None:
    company.estate.dynamodb.call("TransactWriteItems", {"TransactItems": [item.wire()]})


def overdue(company: Company) -> set[str]:
    table = company.archive.environ["EXPORTS_TABLE"]
    return set(overdue_exports(company.estate.dynamodb, table, company.tenant, company.estate.clock()))


def test_of_many_reports_at_once_no_more_begin_than_a_person_may(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(export_budget.LIMITS, REPORT, Limits(3, 5))
    bearer = proven(company.estate, company.person("auditor"))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: report(SLUG, TWO_DAYS, bearer), range(8)))
    assert sorted(answer.status for answer in answers) == [200] * 3 + [429] * 5
    assert company.actions().count("DATA_EXPORT_STARTED") == 3
    refused = next(answer for answer in answers if answer.status == 429)
    assert (refused.code, 0 < int(refused.headers["Retry-After"]) <= 3_600) == ("rate_limited", True)


def test_all_people_of_a_tenant_share_its_budget_and_no_other_tenant_does(
    company: Company, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(export_budget.LIMITS, REPORT, Limits(2, 3))
    people = [proven(company.estate, company.person(role)) for role in ("auditor", "owner")]
    statuses = [report(SLUG, TWO_DAYS, bearer).status for bearer in people for _ in range(3)]
    assert statuses == [200, 200, 429, 200, 429, 429], "and what one person is refused costs the others nothing"
    elsewhere = founded(archive)
    assert report(SLUG, TWO_DAYS, proven(archive.estate, elsewhere.person("owner"))).status == 200


def test_a_further_page_costs_nothing_of_the_budget(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(export_budget.LIMITS, REPORT, Limits(1, 1))
    bearer = proven(company.estate, company.person("auditor"))
    query = "from=2026-04-01&to=2999-12-31&limit=1"
    cursor = report(SLUG, query, bearer).body["next_cursor"]
    assert report(SLUG, f"{query}&cursor={cursor}", bearer).status == 200
    assert report(SLUG, query, bearer).status == 429


def test_a_bundle_beyond_the_budget_is_not_begun_and_keeps_its_proof(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, bearer = (proven(company.estate, company.person(role)) for role in ("admin", "owner"))
    with monkeypatch.context() as patch:
        patch.setitem(export_budget.LIMITS, BUNDLE, Limits(9, 1))
        requested(other)
        assert bundle_call(companies.BUNDLE, bearer, WHOLE_Q3).code == "rate_limited"
    requested(bearer)


def test_as_many_bundles_are_made_at_once_as_may_be(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MAX_RUNNING", 2)
    bearer = proven(company.estate, company.person("owner"))
    begun(company, REPORT, 3_600)
    for _ in range(2):
        begun(company, BUNDLE, 3_600, by=SYSTEM)  # what the calendar asks for takes nobody's place
    first, _ = begun(company, BUNDLE, 3_600), begun(company, BUNDLE, 3_600)
    answer = bundle_call(companies.BUNDLE, bearer, WHOLE_Q3)
    assert (answer.status, answer.code) == (409, "export_limit")
    written(company, failed_item(company.archive.environ["EXPORTS_TABLE"], company.tenant, first, "TEST"))
    requested(bearer)


def test_nobody_alone_takes_the_places_of_the_others(
    company: Company, monkeypatch: pytest.MonkeyPatch, clock: MovableClock
) -> None:
    monkeypatch.setattr(bundles, "MAX_RUNNING_A_PERSON", 1)
    auditor, owner = (company.person(role) for role in ("auditor", "owner"))
    first = requested(proven(company.estate, auditor))
    clock.offset += 31  # a code is good once
    bearer = prove(company.estate, auditor, login(auditor).body["access_token"])
    answer = bundle_call(companies.BUNDLE, bearer, WHOLE_Q3)
    assert (answer.status, answer.code) == (409, "export_limit")
    requested(proven(company.estate, owner))
    written(company, failed_item(company.archive.environ["EXPORTS_TABLE"], company.tenant, first, "TEST"))
    requested(bearer)


def sample(bearer: str, export_id: str) -> Response:
    asked = {"export_id": export_id, "file": "CC6_Access_Control/access_logs.csv", "n": 1, "nonce": "12345678"}
    return call(transparency.handler, event("POST /api/compliance/samples", asked, bearer=bearer))


def test_samples_and_proofs_have_budgets_too(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.seen(companies.Q3 + companies.DAY)
    company.sign(companies.AFTER_Q3 + 100)
    bearer = proven(company.estate, company.person("owner"))
    export_id = requested(bearer)
    companies.run_pipeline(company.tenant, export_id)
    auditor = proven(company.estate, company.person("auditor"))
    monkeypatch.setitem(export_budget.LIMITS, SAMPLE, Limits(1, 9))
    monkeypatch.setattr(event_proof, "PROOFS", 1)
    assert [sample(auditor, export_id).status for _ in range(2)] == [200, 429]
    assert [proof_of_nothing(auditor).code for _ in range(2)] == ["not_found", "rate_limited"]


def proof_of_nothing(bearer: str) -> Response:
    unknown = new_event_id(companies.Q3)
    document = event("GET /api/compliance/events/{event_id}/proof", bearer=bearer, path=f"/x/{unknown}")
    return call(transparency.handler, document | {"pathParameters": {"event_id": unknown}})


def pages(bearer: str, limit: int, kind: str | None = None) -> Iterator[list[str]]:
    cursor: str | None = ""
    while cursor is not None:
        query = f"limit={limit}" + (f"&cursor={cursor}" if cursor else "") + (f"&kind={kind}" if kind else "")
        body = bundle_call(EXPORTS, bearer, query=query).body
        yield [each["export_id"] for each in body["exports"]]
        cursor = body["next_cursor"]


def test_the_list_is_read_page_by_page_the_latest_first(listed: tuple[Company, str], calls: Calls) -> None:
    company, bearer = listed
    now = company.estate.clock()
    made = [begun(company, REPORT, 3_600, now + number) for number in range(5)]
    calls.clear()
    assert list(pages(bearer, 2)) == [[made[4], made[3]], [made[2], made[1]], [made[0]]]
    asked = [request["Limit"] for operation, request in calls if operation == "Query" and "Limit" in request]
    assert set(asked) == {3}, "and no page reads more than one row beyond its own"


def test_rare_kind_is_looked_for_so_far_and_from_there_on(
    archive: Archive, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that finds too few where it may look ends there, and no page skips or repeats one."""
    monkeypatch.setattr("shared.store.exports.MOST_LOOKED_AT", 4)
    company = founded(archive)
    bearer, now = proven(company.estate, company.person("auditor")), company.estate.clock()
    kinds = [SAMPLE, *[REPORT] * 5, SAMPLE, REPORT, SAMPLE, SAMPLE, SAMPLE, REPORT]
    made = [begun(company, kind, 3_600, now + number) for number, kind in enumerate(kinds)]
    calls.clear()
    found = list(pages(bearer, 2, SAMPLE))
    assert found == [[made[10], made[9]], [made[8], made[6]], [], [made[0]]]
    asked = [request["Limit"] for operation, request in calls if operation == "Query" and "Limit" in request]
    assert asked == [5] * len(found)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("limit=x", "/limit"),
        ("cursor=exp_1", "/cursor"),
        ("kind=zip", "/kind"),
    ],
)
def test_a_page_that_is_not_understood_is_400(listed: tuple[Company, str], query: str, pointer: str) -> None:
    answer = bundle_call(EXPORTS, listed[1], query=query)
    assert (answer.status, [error["pointer"] for error in answer.body["errors"]]) == (400, [pointer])


def test_the_sweep_looks_at_overdue_exports_alone(listed: tuple[Company, str], calls: Calls) -> None:
    company, _ = listed
    late = {begun(company, kind, -60) for kind in KINDS} | {begun(company, BUNDLE, -60, by=SYSTEM)}
    ended = begun(company, BUNDLE, -60)
    written(company, failed_item(company.archive.environ["EXPORTS_TABLE"], company.tenant, ended, "TEST"))
    begun(company, BUNDLE, 60)
    calls.clear()
    assert overdue(company) == late
    assert [request["IndexName"] for _, request in calls] == [RUNNING_BY_DEADLINE] * (len(KINDS) + 1)

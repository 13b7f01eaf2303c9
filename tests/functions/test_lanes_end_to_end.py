"""A log of many lanes, from the contention that opened them to what people and auditors are given of it."""

import csv
import io
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from shared.audit.moment import rfc3339
from shared.evidence.evidence_row import COLUMNS
from shared.store.audit_seals import read_seal_head
from tests.functions.address_book import SIMULATE, ask
from tests.functions.archive import Archive
from tests.functions.company import AFTER_Q3, DAY, Q2, Q3, archive, proven, report
from tests.functions.contending import WRITERS, Contending, contending, many_lanes
from tests.functions.estate import Response
from tests.functions.opened_bundle import OpenedBundle, bundle_of
from tests.functions.signed_in import sign_in

__all__ = ["archive"]

Q3_QUERY = {"from": "2026-07-01", "to": "2026-09-30"}
INTEGRITY = "CC9_Monitoring/audit_log_integrity.csv"


@pytest.fixture(scope="module", autouse=True)
def _many_lanes(
    archive: Archive,  # noqa: ARG001 - whose environment the functions are wired for
) -> Iterator[None]:
    with many_lanes():
        yield


@pytest.fixture
def company(archive: Archive) -> Contending:
    """Twenty-four sign-ins of three days: two in segments, the last in the tail."""
    company = contending(archive)
    for day in (1, 2, 3):
        company.burst(Q3 + day * DAY, 8)
        if day < 3:
            company.seal()
    assert len(company.lanes()) >= 3
    return company


def page(bearer: str, **query: object) -> Response:
    answer = report("cc6/access-logs", urlencode(Q3_QUERY | query), bearer)
    assert answer.status == 200, answer.text
    return answer


def newest_first(company: Contending) -> list[str]:
    events = [one for one in company.estate.events(company.tenant) if "2026-07" <= one["time"] < "2026-10"]
    asked = [one for one in events if one["action"] != "AUDIT_LANE_OPENED"]
    asked.sort(key=lambda one: (one["time"], one["lane"], one["seq"]), reverse=True)
    return [one["id"] for one in asked]


def sealed_lanes(company: Contending) -> set[str]:
    table = company.archive.environ["AUDIT_SEALS_TABLE"]
    return set(read_seal_head(company.estate.dynamodb, table, company.tenant, 1).lanes)


def goes_on(company: Contending) -> None:
    """Let every open lane grow and new ones be opened, at times among those of the report, and seal it all."""
    before = company.lanes()
    company.staff_anew()
    for day in (1, 2, 3):
        company.burst(Q3 + day * DAY, 8)
    company.seal()
    assert sealed_lanes(company) == company.lanes() > before


@pytest.mark.parametrize("limit", [2, 7])
def test_pages_give_every_row_of_every_lane_once_and_by_time_though_all_lanes_are_sealed_meanwhile(
    company: Contending, limit: int
) -> None:
    bearer, wanted = proven(company.estate, company.person()), newest_first(company)
    times = [one["time"] for one in company.estate.events(company.tenant)]
    assert len(set(times)) < len(times), "no two events of one instant"
    first = page(bearer, limit=limit).body
    goes_on(company)
    found, now = first["evidence"], first
    while now["next_cursor"]:
        now = page(bearer, limit=limit, cursor=now["next_cursor"]).body
        found += now["evidence"]
    assert [row["event_id"] for row in found] == wanted
    assert (now["total"], first["total"]) == (len(wanted), len(wanted))


def test_csv_pages_over_lanes_hold_the_same_rows(company: Contending) -> None:
    bearer, wanted = proven(company.estate, company.person()), newest_first(company)
    answer = page(bearer, format="csv", limit=10)
    goes_on(company)
    texts = [answer.text]
    while "X-Next-Cursor" in answer.headers:
        answer = page(bearer, format="csv", limit=10, cursor=answer.headers["X-Next-Cursor"])
        texts.append(answer.text)
    rows = [row for text in texts for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)]
    assert [row["event_id"] for row in rows] == wanted
    assert answer.headers["X-Total-Count"] == str(len(wanted))
    assert set(rows[0]) == set(COLUMNS)


def test_a_simulation_counts_the_sign_ins_of_every_lane_and_reads_the_latest_of_all_of_them_first(
    company: Contending, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, rule = company.estate.clock(), {"cidr": "203.0.113.0/24", "action": "deny"}
    company.burst(now - 2 * DAY, 12)
    company.seal()
    latest = company.burst(now - DAY, 12)
    admin = sign_in(company.estate, company.person())
    admin.prove("rbac_admin")
    body = ask(admin, SIMULATE, rule).body
    assert body["sign_ins"]["refused"] == 24
    assert [(one["staff_id"], one["refused"]) for one in body["refused"]] == [("u_0", 8), ("u_1", 8), ("u_2", 8)]
    events = company.estate.events(company.tenant)
    assert len({event["lane"] for event in events if event["id"] in latest}) >= 3
    newer = [event for event in events if event["time"] > rfc3339(now - 1.5 * DAY)]
    monkeypatch.setattr("functions.ip_rules.simulation.MOST_EVENTS", len(newer))
    short = ask(admin, SIMULATE, rule).body
    assert (short["complete"], short["sign_ins"]["refused"]) == (False, 12)


@pytest.fixture(scope="module")
def bundle(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> OpenedBundle:
    """Bundle a quarter of contention: lanes were open before it, more writers opened more, and it goes on behind it."""
    company = contending(archive)
    company.at_work = 2
    for at, signed in ((Q2 + DAY, Q3 - DAY), (Q3 + DAY, Q3 + 40 * DAY), (Q3 + 50 * DAY, AFTER_Q3 + 100)):
        company.burst(at, 8)
        company.seal()
        company.burst(at + DAY, 8)
        company.sign(signed)
        company.at_work = WRITERS
    company.burst(AFTER_Q3 + DAY, 8)
    company.sign(AFTER_Q3 + 2 * DAY)
    return bundle_of(company, tmp_path_factory.mktemp("lanes"))


def test_a_bundle_over_the_lanes_that_contention_opened_passes_with_both_keys_pinned(bundle: OpenedBundle) -> None:
    code, told = bundle.verified()
    assert (code, told["result"]) == (0, "PASSED"), told["steps"]
    lines = bundle.lines("events/events.ndjson.gz")
    assert len({line["lane"] for line in lines}) >= 3
    assert len([line for line in lines if line["action"] == "AUTH_LOGIN_SUCCESS"]) == 32
    assert len(bundle.document("integrity/opening.json")["lanes"]) >= 2, "no lane was opened before"


def test_each_opening_of_a_lane_stands_in_the_integrity_report(bundle: OpenedBundle) -> None:
    events = bundle.company.estate.events(bundle.company.tenant)
    within = [event for event in events if "2026-07" <= event["time"] < "2026-10"]
    opened = {event["id"] for event in within if event["action"] == "AUDIT_LANE_OPENED"}
    assert opened, "no lane was opened in the quarter"
    rows = [row for row in bundle.rows(INTEGRITY) if row["action"] == "AUDIT_LANE_OPENED"]
    assert {row["event_id"] for row in rows} == opened

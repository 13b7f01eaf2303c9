"""Bundles over HTTP: a request spends its proof and leaves an effect; status, list and download say what is true."""

import io
import json
import re
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.evidence_pipeline import handler as pipeline
from shared.audit.catalogue import load
from shared.audit.moment import unix_seconds
from shared.evidence import bundle_address
from shared.store.attribute import unmarshal
from tests.functions.archive import Archive
from tests.functions.company import (
    AFTER_Q3,
    BUNDLE,
    DAY,
    DOWNLOAD,
    EXPORTS,
    Q3,
    STATUS,
    WHOLE_Q3,
    Company,
    archive,
    bundle_call,
    founded,
    prove,
    proven,
    report,
    requested,
    run_pipeline,
)
from tests.functions.estate import MovableClock, Person, Response, login

__all__ = ["archive"]


@pytest.fixture
def company(archive: Archive) -> Company:
    company = founded(archive)
    company.seen(Q3 + DAY)
    company.sign(AFTER_Q3 + 100)
    return company


@pytest.fixture
def owner(company: Company) -> Person:
    return company.person("owner")


@pytest.fixture
def bearer(company: Company, owner: Person) -> str:
    return proven(company.estate, owner)


@pytest.fixture(scope="module")
def fetched(archive: Archive) -> tuple[Company, str, str]:
    """Give a company, its completed bundle, and an auditor who may download it."""
    company = founded(archive)
    company.seen(Q3 + DAY)
    company.sign(AFTER_Q3 + 100)
    export_id = requested(proven(company.estate, company.person("owner")))
    run_pipeline(company.tenant, export_id)
    return company, export_id, proven(company.estate, company.person("auditor"))


def effects(company: Company) -> list[dict[str, Any]]:
    request = {"TableName": company.archive.environ["OUTBOX_TABLE"], "ConsistentRead": True}
    rows = map(unmarshal, company.estate.dynamodb.call("Scan", request)["Items"])
    return [row for row in rows if row["tenant"] == company.tenant]


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - of the embedded AWS
        return bytes(answer.read())


def refused(url: str) -> bool:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        fetch(url)
    refusal.value.close()
    return refusal.value.code == 403


def test_request_commits_export_event_spent_proof_and_effect_together(
    company: Company, owner: Person, bearer: str
) -> None:
    answer = bundle_call(BUNDLE, bearer, WHOLE_Q3)
    export_id = answer.body["export_id"]
    assert answer.status == 202
    assert answer.body == {
        "export_id": export_id,
        "status": "running",
        "status_url": f"/api/compliance/exports/{export_id}",
    }
    assert answer.headers["Location"] == answer.body["status_url"]
    (effect,) = effects(company)
    assert (effect["kind"], effect["effect_id"], effect["status"]) == ("start_export", export_id, "PENDING")
    assert effect["payload"] == {"tenant": company.tenant, "export_id": export_id}
    started = company.estate.events(company.tenant)[-1]
    assert (started["action"], started["actor"]["id"]) == ("DATA_EXPORT_STARTED", owner.staff_id)
    assert started["meta"]["requested"] == {**WHOLE_Q3, "tz": "UTC"}
    (session,) = company.estate.session_rows(owner)
    assert session["grants"] == {}
    row = company.export(export_id)
    assert row["started_event"] == started["id"]
    assert row["requested_by"]["step_up"] == started["actor"]["step_up"] is not None


def test_proof_serves_one_request(company: Company, bearer: str) -> None:
    requested(bearer)
    again = bundle_call(BUNDLE, bearer, WHOLE_Q3)
    assert (again.status, again.code) == (401, "insufficient_user_authentication")
    assert len(effects(company)) == 1
    assert company.actions() == ["DATA_EXPORT_STARTED"]


def test_of_parallel_requests_on_one_proof_exactly_one_is_accepted(company: Company, bearer: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: bundle_call(BUNDLE, bearer, WHOLE_Q3), range(4)))
    assert sorted(answer.status for answer in answers) == [202, 401, 401, 401]
    assert {answer.code for answer in answers if answer.status == 401} == {"insufficient_user_authentication"}
    assert len(effects(company)) == 1
    assert company.actions() == ["DATA_EXPORT_STARTED"]


def test_request_that_is_refused_keeps_its_proof(bearer: str) -> None:
    assert bundle_call(BUNDLE, bearer, WHOLE_Q3 | {"format": "xml"}).status == 400
    requested(bearer)


def test_range_of_more_than_ten_years_is_refused_and_keeps_its_proof(bearer: str) -> None:
    (error,) = bundle_call(BUNDLE, bearer, WHOLE_Q3 | {"from": "2016-09-21"}).body["errors"]
    assert error == {"pointer": "/to", "detail": "One bundle holds at most ten years."}
    assert bundle_call(BUNDLE, bearer, WHOLE_Q3 | {"from": "2016-09-22"}).status == 202


def test_log_that_takes_no_events_accepts_no_request(
    company: Company, bearer: str, audit_write_fails: Callable[[], None]
) -> None:
    audit_write_fails()
    assert bundle_call(BUNDLE, bearer, WHOLE_Q3).code == "auth_unavailable"
    assert effects(company) == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"format": "xml"}, "/format"),
        ({"to": "2026-06-30"}, "/from"),
        ({"from": "2999-01-01", "to": "2999-01-02"}, "/from"),
        ({"to": "2026-09-31"}, "/to"),
        ({"from": "0001-01-01"}, "/from"),
        ({"to": "9999-12-31"}, "/to"),
        ({"from": 20260701}, "/from"),
        ({"tz": "UTC"}, "/tz"),
    ],
)
def test_bad_request_is_400_with_a_pointer(
    fetched: tuple[Company, str, str], change: dict[str, Any], pointer: str
) -> None:
    answer = bundle_call(BUNDLE, fetched[2], WHOLE_Q3 | change)
    assert (answer.status, [error["pointer"] for error in answer.body["errors"]]) == (400, [pointer])


def test_member_is_refused_with_an_event(company: Company) -> None:
    member = proven(company.estate, company.person("member"))
    for route, export_id in ((BUNDLE, None), (EXPORTS, None), (STATUS, "exp_x"), (DOWNLOAD, "exp_x")):
        body = WHOLE_Q3 if route == BUNDLE else None
        assert bundle_call(route, member, body, export_id).code == "permission_denied"
    assert company.actions("ACCESS_") == ["ACCESS_DENIED"] * 4
    assert effects(company) == []


def test_without_a_proof_neither_request_nor_download(fetched: tuple[Company, str, str]) -> None:
    company, export_id, _ = fetched
    bearer = login(company.person("auditor")).body["access_token"]
    assert bundle_call(BUNDLE, bearer, WHOLE_Q3).code == "insufficient_user_authentication"
    assert bundle_call(DOWNLOAD, bearer, export_id=export_id).code == "insufficient_user_authentication"
    assert bundle_call(STATUS, bearer, export_id=export_id).status == 200
    assert bundle_call(EXPORTS, bearer).status == 200


def test_export_of_another_tenant_is_not_there(archive: Archive, fetched: tuple[Company, str, str]) -> None:
    stranger = founded(archive)
    bearer = proven(archive.estate, stranger.person("owner"))
    assert bundle_call(STATUS, bearer, export_id=fetched[1]).code == "not_found"
    assert bundle_call(DOWNLOAD, bearer, export_id=fetched[1]).code == "not_found"
    assert bundle_call(EXPORTS, bearer).body == {"exports": [], "next_cursor": None}


@pytest.mark.parametrize(
    "export_id", ["exp_" + "0" * 24, "", "x" * 5_000, "../..", "exp_\0", "\u00fc", "exp_" + "g" * 24]
)
def test_id_that_names_no_export_is_404(fetched: tuple[Company, str, str], export_id: str) -> None:
    answer = bundle_call(STATUS, fetched[2], export_id=export_id)
    assert (answer.status, answer.code) == (404, "not_found")


def status_of(bearer: str, export_id: str) -> dict[str, Any]:
    return bundle_call(STATUS, bearer, export_id=export_id).body


def test_status_follows_the_steps(company: Company, bearer: str) -> None:
    export_id = requested(bearer)
    ids = {"tenant": company.tenant, "export_id": export_id}
    seen = [status_of(bearer, export_id)["progress"]]
    state = pipeline.plan(ids, None)
    seen.append(status_of(bearer, export_id)["progress"])
    pipeline.render(ids | {"shard": 0}, None)
    seen.append(status_of(bearer, export_id)["progress"])
    pipeline.manifest(state, None)
    pipeline.assemble(state, None)
    seen.append(status_of(bearer, export_id)["progress"])
    assert [(one["step"], one["done"], one["total"]) for one in seen] == [
        ("requested", 0, 0),
        ("render", 0, 3),  # events
        ("render", 3, 3),
        ("assemble", 1, 1),  # parts
    ]
    assert status_of(bearer, export_id)["status"] == "running"
    assert "name" not in status_of(bearer, export_id)
    pipeline.finish(state, None)
    assert status_of(bearer, export_id)["status"] == "completed"


def test_status_of_a_completed_bundle_says_what_it_is(fetched: tuple[Company, str, str]) -> None:
    company, export_id, bearer = fetched
    document = status_of(bearer, export_id)
    body = fetch(bundle_call(DOWNLOAD, bearer, export_id=export_id).headers["Location"])
    assert (document["name"], document["cut"]) == ("SOC2_Evidence_2026_Q3", False)
    assert document["size"] == len(body)
    reports = [one.path("csv") for one in load().reports.values()]
    assert [one["path"] for one in document["files"]] == [*reports, "CC8_Incident_Response/response_times.csv"]
    assert document["files"][0] == {"path": "CC6_Access_Control/access_logs.csv", "rows": 2}
    with zipfile.ZipFile(io.BytesIO(body)) as bundle:
        signed_with = json.loads(bundle.read("manifest.json"))["keys"]
    assert document["keys"] == {name: signed_with[name] for name in ("ledger", "evidence")}
    assert "error" not in document
    completed = [one for one in company.estate.events(company.tenant) if one["action"] == "DATA_EXPORT_COMPLETED"]
    assert [one["meta"]["manifest_sha256"] for one in completed] == [document["manifest_sha256"]]
    assert completed[0]["meta"]["bytes"] == len(body)


def test_list_shows_reports_and_bundles_latest_first(company: Company, clock: MovableClock, bearer: str) -> None:
    assert report("cc6/access-logs", "from=2026-07-01&to=2026-07-02", bearer).status == 200
    clock.offset += 2
    export_id = requested(bearer)
    listed = bundle_call(EXPORTS, bearer).body["exports"]
    assert [one["kind"] for one in listed] == ["bundle", "report"]
    assert listed[0]["export_id"] == export_id
    assert company.tenant not in json.dumps(listed)


def test_list_of_one_kind_goes_on_over_what_lies_between(
    company: Company, owner: Person, clock: MovableClock, bearer: str
) -> None:
    def listed(query: str) -> dict[str, Any]:
        return bundle_call(EXPORTS, bearer, query=query).body

    made = []
    for day in ("01", "02"):
        made.append(report("cc6/access-logs", f"from=2026-07-{day}&to=2026-07-{day}", bearer).body["export_id"])
        clock.offset += 2
        if day == "01":
            bundle = requested(bearer)
            clock.offset += 60
            bearer = prove(company.estate, owner, bearer)
    first = listed("kind=report&limit=1")
    assert ([one["export_id"] for one in first["exports"]], first["next_cursor"]) == ([made[1]], made[1])
    second = listed(f"kind=report&limit=1&cursor={made[1]}")
    assert ([one["export_id"] for one in second["exports"]], second["next_cursor"]) == ([made[0]], None)
    assert [one["export_id"] for one in listed("kind=bundle&limit=1")["exports"]] == [bundle]
    assert bundle_call(EXPORTS, bearer, query="kind=zip").body["errors"][0]["pointer"] == "/kind"


@pytest.mark.parametrize("route", [STATUS, DOWNLOAD])
def test_a_parameter_that_nobody_knows_is_not_overlooked(route: str, fetched: tuple[Company, str, str]) -> None:
    _, export_id, bearer = fetched
    answer = bundle_call(route, bearer, export_id=export_id, query="verison=2")
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (400, "/verison")


def test_nothing_is_downloaded_before_completion(
    company: Company, owner: Person, clock: MovableClock, bearer: str
) -> None:
    export_id = requested(bearer)
    clock.offset += 60
    bearer = prove(company.estate, owner, bearer)
    answer = bundle_call(DOWNLOAD, bearer, export_id=export_id)
    assert (answer.status, answer.code) == (409, "export_not_ready")
    assert "Location" not in answer.headers
    assert company.actions() == ["DATA_EXPORT_STARTED"]


def test_report_is_no_bundle_to_download(company: Company, bearer: str) -> None:
    export_id = report("cc6/access-logs", "from=2026-07-01&to=2026-07-02", bearer).body["export_id"]
    assert bundle_call(DOWNLOAD, bearer, export_id=export_id).code == "export_not_ready"
    assert "DATA_EXPORT_DOWNLOADED" not in company.actions()


def link(fetched: tuple[Company, str, str]) -> str:
    answer: Response = bundle_call(DOWNLOAD, fetched[2], export_id=fetched[1])
    assert (answer.status, answer.text) == (302, "")
    return answer.headers["Location"]


def test_each_download_is_in_the_log_before_the_redirect(fetched: tuple[Company, str, str]) -> None:
    company, export_id, _ = fetched
    before = company.actions().count("DATA_EXPORT_DOWNLOADED")
    url = link(fetched)
    assert company.actions().count("DATA_EXPORT_DOWNLOADED") == before + 1
    downloaded = company.estate.events(company.tenant)[-1]
    assert downloaded["meta"]["export_id"] == export_id
    assert downloaded["meta"]["manifest_sha256"] == company.export(export_id)["result"]["manifest_sha256"]
    assert fetch(url)[:4] == b"PK\x03\x04"


def test_script_is_told_the_address_that_a_redirect_would_lead_to(
    fetched: tuple[Company, str, str], clock: MovableClock
) -> None:
    company, export_id, bearer = fetched
    before = company.actions().count("DATA_EXPORT_DOWNLOADED")
    answer = bundle_call(DOWNLOAD, bearer, export_id=export_id, query="redirect=false")
    assert (answer.status, "Location" in answer.headers) == (200, False)
    assert set(answer.body) == {"url", "expires_at", "name"}
    assert answer.body["name"] == "SOC2_Evidence_2026_Q3.zip"
    assert 290 < unix_seconds(answer.body["expires_at"]) - clock() <= 300
    assert company.actions().count("DATA_EXPORT_DOWNLOADED") == before + 1
    assert fetch(answer.body["url"]) == fetch(link(fetched))


@pytest.mark.parametrize("value", ["", "no", "0", "FALSE"])
def test_other_way_of_being_answered_is_refused_before_it_is_in_the_log(
    value: str, fetched: tuple[Company, str, str]
) -> None:
    company, export_id, bearer = fetched
    before = company.actions()
    answer = bundle_call(DOWNLOAD, bearer, export_id=export_id, query=f"redirect={value}")
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (400, "/redirect")
    assert company.actions() == before


def test_download_that_cannot_be_logged_is_refused(
    fetched: tuple[Company, str, str], audit_write_fails: Callable[[], None]
) -> None:
    audit_write_fails()
    answer = bundle_call(DOWNLOAD, fetched[2], export_id=fetched[1])
    assert (answer.status, "Location" in answer.headers) == (503, False)


def test_link_is_for_one_version_of_one_object_for_five_minutes(fetched: tuple[Company, str, str]) -> None:
    company, export_id, _ = fetched
    url = link(fetched)
    assert f"/bundles/{company.tenant}/{export_id}/SOC2_Evidence_2026_Q3.zip?" in url
    assert f"versionId={company.export(export_id)['result']['version_id']}" in url
    assert "X-Amz-Expires=300&" in url
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - of the embedded AWS
        assert answer.headers["Content-Type"] == "application/zip"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="SOC2_Evidence_2026_Q3.zip"'


@pytest.mark.parametrize(
    ("part", "replacement"),
    [
        ("Signature=....", "Signature=0000"),
        ("X-Amz-Expires=300", "X-Amz-Expires=3000"),
        ("versionId=....", "versionId=0000"),
        ("exp_[0-9a-f]{24}", "exp_" + "0" * 24),
        ("X-Amz-Date=2026", "X-Amz-Date=2027"),
    ],
)
def test_link_that_was_tampered_with_is_refused(fetched: tuple[Company, str, str], part: str, replacement: str) -> None:
    assert refused(re.sub(part, replacement, link(fetched), count=1))


def test_link_that_has_expired_is_refused(fetched: tuple[Company, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_address, "ADDRESS_SECONDS", 1)
    url = link(fetched)
    time.sleep(2.1)
    assert refused(url)

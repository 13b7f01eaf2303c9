"""What an auditor is shown besides the reports, as deployed: each function of it under its own role of IAM."""

import contextlib
import json
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.local.demo_client import Device, fetch
from infra.local.demo_evidence import Evidence
from infra.local.simulated_quarter import Quarter
from shared.evidence.documents.questions import QUESTIONS
from tests.e2e.test_permission_matrix import StageEstate
from tests.functions.signed_in import SignedIn, sign_in
from tests.running_stage import Stage

REVIEWS = "/api/compliance/access-reviews"
WHY = {"reason": "as the test has it"}


@pytest.fixture(scope="module")
def estate(stage: Stage) -> Iterator[StageEstate]:
    with contextlib.closing(StageEstate(stage)) as estate:
        yield estate


def proven(estate: StageEstate, tenant: str, role: str, purpose: str) -> SignedIn:
    session = sign_in(estate, estate.new_person(tenant, role))
    session.prove(purpose)
    return session


def device_of(stage: Stage, session: SignedIn) -> Device:
    device = stage.device()
    device.access_token = session.access_token
    return device


@pytest.fixture(scope="module")
def past() -> tuple[str, str]:
    """Name the first two days of what the stage was seeded with: all of them are sealed and signed."""
    start = datetime.fromtimestamp(Quarter.before(time.time()).start, UTC).date()
    return str(start), str(start + timedelta(days=1))


@pytest.fixture(scope="module")
def auditor(stage: Stage, bundles: list[str], estate: StageEstate) -> SignedIn:
    """Let somebody of the demonstration's company ask, who has proved himself for exports."""
    assert bundles
    return proven(estate, stage.demo["tenant"], "auditor", "data_export")


@pytest.fixture(scope="module")
def made(
    stage: Stage, auditor: SignedIn, past: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """Have a bundle made in the JSON format; gives the id of the export, and the archive."""
    device, folder = device_of(stage, auditor), tmp_path_factory.mktemp("json")
    evidence = Evidence(stage.deployment, folder)
    status_url, export = evidence.export(device, *past, form="json")
    auditor.prove("data_export")  # the request has consumed the one before
    link = device.expect(302, "GET", f"{status_url}/download").headers["Location"]
    path = folder / f"{export['name']}.zip"
    path.write_bytes(fetch(link).body)
    return export["export_id"], path


def test_json_bundle_holds_documents_and_the_access_list_and_verifies(stage: Stage, made: tuple[str, Path]) -> None:
    _, path = made
    outcome = Evidence(stage.deployment, path.parent).verifier(path)
    assert outcome.returncode == 0, outcome.stdout
    with zipfile.ZipFile(path) as archive:
        documents = {name: archive.read(name) for name in archive.namelist() if name.startswith("documents/")}
        listed = json.loads(archive.read("CC6_Access_Control/admin_access_list.json"))
    assert set(documents) == {"documents/questions.md", "documents/policies.md", "documents/lifecycle.svg"}
    assert all(documents.values())
    assert stage.demo["users"]["owner"]["staff_id"] in json.dumps(listed)


def test_share_link_serves_the_bundle_without_an_account_until_it_is_revoked(
    stage: Stage, auditor: SignedIn, made: tuple[str, Path]
) -> None:
    export_id, path = made
    device, links = device_of(stage, auditor), f"/api/compliance/exports/{export_id}/share-links"
    auditor.prove("data_export")
    link = device.expect(201, "POST", links, {"expires_in_days": 7, "auditor": "Audit LLP"}).json()
    # The public origin is the distribution's; here the front plays it.
    token = link["url"].rpartition("/")[2]
    stranger = stage.device(address="198.51.100.99", country="AT")
    used = stranger.expect(302, "GET", f"/api/share/{token}")
    assert fetch(used.headers["Location"]).body == path.read_bytes()
    (listed,) = device.expect(200, "GET", links).json()["share_links"]
    assert (listed["status"], listed["uses"], listed["auditor"]) == ("OPEN", 1, "Audit LLP")
    device.expect(204, "DELETE", f"{links}/{link['share_id']}")
    stranger.expect(404, "GET", f"/api/share/{token}")
    (event,) = [event for event in stage.events() if event["meta"].get("share_id") == link["share_id"]][1:2]
    assert (event["action"], event["actor"]["type"]) == ("DATA_EXPORT_DOWNLOADED", "auditor")


def test_proof_of_one_event_is_accepted_by_the_verifier(stage: Stage, auditor: SignedIn, tmp_path: Path) -> None:
    device, event = device_of(stage, auditor), stage.events()[7]
    answer = device.expect(200, "GET", f"/api/compliance/events/{event['id']}/proof")
    (tmp_path / "event.proof.json").write_bytes(answer.body)
    outcome = Evidence(stage.deployment, tmp_path).proof_verifier(tmp_path / "event.proof.json")
    assert outcome.returncode == 0, outcome.stdout
    forged = answer.body.replace(event["id"].encode(), stage.events()[8]["id"].encode())
    (tmp_path / "event.proof.json").write_bytes(forged)
    assert Evidence(stage.deployment, tmp_path).proof_verifier(tmp_path / "event.proof.json").returncode == 1


def test_access_review_is_carried_out_with_the_decision_and_attested(stage: Stage, estate: StageEstate) -> None:
    tenant = estate.new_tenant()
    one, other = (proven(estate, tenant, "owner", "rbac_admin") for _ in range(2))
    left = sign_in(estate, estate.new_person(tenant, "admin"))
    first, second, third = (device_of(stage, session) for session in (one, other, left))
    today = str(datetime.now(UTC).date())
    asked = {"scope": "administrators", "reviewers": [one.person.staff_id, other.person.staff_id], "due": today}
    review = first.expect(201, "POST", REVIEWS, asked).json()
    assert review["population"] == 3
    this = f"{REVIEWS}/{review['review_id']}"
    third.expect(200, "GET", "/api/auth/me")
    for device, about, decision in ((first, left, "revoke"), (first, other, "keep"), (second, one, "keep")):
        body = {"decision": decision, **WHY}
        device.expect(200, "POST", f"{this}/items/{about.person.staff_id}/decision", body)
    third.expect(401, "GET", "/api/auth/me")
    third.refresh(left.refresh_token, status=401)
    assert first.expect(200, "POST", f"{this}/attest", {}).json()["status"] == "ATTESTED"
    whole = second.expect(200, "GET", this).json()
    assert [one["decision"] for one in whole["decisions"]].count("revoke") == 1
    assert second.expect(200, "GET", f"{this}/export").status == 200
    assert [one["status"] for one in first.expect(200, "GET", REVIEWS).json()["reviews"]] == ["ATTESTED"]
    people = first.expect(200, "GET", "/api/compliance/access-list").json()["people"]
    assert {one["staff_id"] for one in people} == {one.person.staff_id, other.person.staff_id}


def test_access_list_is_told_in_both_formats_and_names_people_to_administrators_alone(
    stage: Stage, estate: StageEstate, auditor: SignedIn
) -> None:
    owner = device_of(stage, sign_in(estate, estate.new_person(stage.demo["tenant"], "owner")))
    told = owner.expect(200, "GET", "/api/compliance/access-list").json()
    assert stage.demo["users"]["owner"]["email"] in {one["email"] for one in told["people"]}
    answer = device_of(stage, auditor).expect(200, "GET", "/api/compliance/access-list?format=csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert len(answer.body.decode().strip().splitlines()) == told["total"] + 1
    assert stage.demo["users"]["owner"]["email"] not in answer.body.decode()


def test_calendar_is_collected_by_itself_and_a_waiver_stands_in_it(
    stage: Stage, estate: StageEstate, past: tuple[str, str]
) -> None:
    owner = proven(estate, stage.demo["tenant"], "owner", "rbac_admin")
    device, day = device_of(stage, owner), str(datetime.now(UTC).date() + timedelta(days=2))
    stage.await_event("AUDIT_CANARY")
    waiver = {"obligation": "login-daily", "period_from": day, "until": day, **WHY}
    device.expect(201, "POST", "/api/compliance/calendar/waivers", waiver)
    coming = device.expect(200, "GET", f"/api/compliance/calendar?from={day}&to={day}").json()
    (waived,) = [item for item in coming["items"] if item["obligation"] == "login-daily"]
    assert (waived["status"], waived["waiver"]["reason"]) == ("waived", WHY["reason"])
    # The first day of the company is no whole one.
    over = device.expect(200, "GET", f"/api/compliance/calendar?from={past[1]}&to={past[1]}").json()
    assert {item["status"] for item in over["items"] if item["cadence"] == "daily"} == {"collected"}
    assert over["summary"]["coverage_pct"] == 100


def test_questions_policies_retention_and_response_times_are_answered(
    stage: Stage, auditor: SignedIn, past: tuple[str, str]
) -> None:
    device, days = device_of(stage, auditor), f"from={past[0]}&to={past[1]}"
    answered = device.expect(200, "GET", f"/api/compliance/questions?{days}").json()
    assert len(answered["questions"]) == len(QUESTIONS)
    assert device.expect(200, "GET", "/api/compliance/policies").json()["documents"]
    assert device.expect(200, "GET", "/api/compliance/policies?format=markdown").body.startswith(b"#")
    assert device.expect(200, "GET", "/api/compliance/retention").json()["oldest_segment"]
    auditor.prove("data_export")
    today = str(datetime.now(UTC).date())
    times = device.expect(200, "GET", f"/api/compliance/cc8/response-times?from={today}&to={today}").json()
    assert times["total"] >= 1

"""The product's main job over HTTP, on the deployed template."""

import base64
import json
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

from infra.local.demo_evidence import VERIFIER, fingerprints
from shared.audit.catalogue import load
from shared.audit.merkle import leaf_hash
from shared.audit.merkle_proof import verify_consistency, verify_inclusion
from tests.running_stage import HOMES, Stage

TREE = {
    "README.txt",
    "catalogue.json",
    "manifest.json",
    "manifest.json.sig",
    "CROSSWALK.csv",
    *(report.path("csv") for report in load().reports.values()),
    "CC6_Access_Control/admin_access_list.csv",
    "documents/policies.md",
    "documents/questions.md",
    "documents/lifecycle.svg",
    "CC8_Incident_Response/response_times.csv",
    "events/events.ndjson.gz",
    "events/disclosure.ndjson.gz",
    "integrity/opening.json",
    "verify_bundle.py",
}


def test_the_demonstration_ends_with_two_bundles_that_verify(stage: Stage, bundles: list[str]) -> None:
    for path in bundles:
        pins = [f"--key-fingerprint={pin}" for pin in fingerprints(stage.deployment).values()]
        command = [sys.executable, str(VERIFIER), path, *pins]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
        assert outcome.returncode == 0, outcome.stdout


def test_the_bundle_of_a_quarter_has_its_name_and_exactly_the_tree_of_the_contract(bundles: list[str]) -> None:
    quarter, live = bundles
    assert "SOC2_Evidence_" in quarter
    assert quarter[-7:-4] in {"_Q1", "_Q2", "_Q3", "_Q4"}
    assert "_Q" not in live
    with zipfile.ZipFile(quarter) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
        numbered = ("keys/", "integrity/digests/", "integrity/check", "integrity/anchors/")
        assert {name for name in names if not name.startswith(numbered)} == TREE
        assert all(any(name.startswith(folder) for name in names) for folder in numbered)
        first = archive.read("README.txt").decode().splitlines()[:3]
    assert first == [
        "This archive contains SOC2 Type II evidence grouped by Trust Services Criteria.",
        "All data was generated automatically from immutable audit logs.",
        "Exports were performed by an authorized administrator with step-up authentication.",
    ]


def test_an_export_leaves_its_chain_of_events(stage: Stage, bundles: list[str]) -> None:
    assert bundles
    chains: dict[str, list[str]] = {}
    for event in stage.events():
        if event["action"].startswith("DATA_EXPORT") and event["meta"]["kind"] == "bundle":
            chains.setdefault(event["meta"]["export_id"], []).append(event["action"])
    completed = [chain for chain in chains.values() if "DATA_EXPORT_FAILED" not in chain]
    told = ["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED", "DATA_EXPORT_DOWNLOADED"]
    # Of the first an auditor without an account has made use as well.
    assert completed[:2] == [[*told, "DATA_EXPORT_DOWNLOADED"], told]


def test_what_the_thief_caused_is_one_incident_in_the_log(stage: Stage, bundles: list[str]) -> None:
    assert bundles
    reused = [event for event in stage.events() if event["action"] == "REFRESH_TOKEN_REUSED"][-1]
    incident = reused["context"]["correlation_id"]
    stage.await_event("SECURITY_ALERT_SENT", of_incident=incident)
    chain = [event["action"] for event in stage.events() if event["context"].get("correlation_id") == incident]
    assert chain == [
        "REFRESH_TOKEN_REUSED",
        "SUSPICIOUS_LOGIN_DETECTED",
        "SESSION_INVALIDATED",
        "SECURITY_ALERT_SENT",
    ]


def test_parallel_refreshes_of_one_token_never_give_two_successors(stage: Stage) -> None:
    device = stage.signed_in("admin", "e2e-tabs")
    address, country, _ = HOMES["admin"]
    token, gate = device.refresh_token, threading.Barrier(6)

    def refresh(_number: int) -> tuple[int, str]:
        tab = stage.device(address=address, country=country, device_id="e2e-tabs")
        gate.wait()
        answer = tab.send("POST", "/api/auth/refresh", {"refresh_token": token, "device_id": "e2e-tabs"})
        return answer.status, answer.json().get("refresh_token", "")

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(refresh, range(6)))
    successors = {successor for status, successor in answers if status == 200}
    assert len(successors) == 1
    assert {status for status, _ in answers} <= {200, 409}


def test_one_event_and_a_sample_are_proven_by_what_the_stage_hands_out(stage: Stage, bundles: list[str]) -> None:
    assert bundles
    auditor = stage.signed_in("auditor")
    auditor.step_up(stage.demo["users"]["auditor"]["totp_secret"])
    head = auditor.expect(200, "GET", "/api/compliance/log/checkpoint?format=json").json()
    keys = auditor.expect(200, "GET", "/api/compliance/log/key").json()["keys"]
    assert keys[-1]["kid"] == fingerprints(stage.deployment)["ledger"]
    live = next(event for event in reversed(stage.events()) if event["action"] == "REFRESH_TOKEN_REUSED")
    for known in (stage.events()[0], stage.events()[40], live):
        document = auditor.expect(200, "GET", f"/api/compliance/events/{known['id']}/proof").json()
        text, _, note = document["proof"].partition("\n\n")
        path = [base64.b64decode(node) for node in text.split("\n")[2:]]
        leaf = leaf_hash(document["event"].encode())
        assert json.loads(document["event"]) == known
        assert verify_inclusion(leaf, document["index"], document["size"], path, base64.b64decode(note.split("\n")[2]))
    older = f"/api/compliance/log/checkpoint?format=json&from_size={head['size']}"
    now = auditor.expect(200, "GET", older).json()
    path = [base64.b64decode(node) for node in now["consistency"]["path"]]
    old, new = base64.b64decode(head["root"]), base64.b64decode(now["root"])
    assert verify_consistency(head["size"], old, now["size"], new, path)
    exports = auditor.expect(200, "GET", "/api/compliance/exports").json()["exports"]
    asked = {"file": "CC6_Access_Control/access_logs.csv", "n": 5, "nonce": "drawn by lot"}
    bundle = next(each for each in exports if asked["file"] in {file["path"] for file in each.get("files") or ()})
    drawn = auditor.expect(200, "POST", "/api/compliance/samples", {"export_id": bundle["export_id"], **asked}).json()
    assert drawn["manifest_sha256"] == bundle["manifest_sha256"]
    assert len(drawn["rows"]) == min(5, drawn["population"]) > 0

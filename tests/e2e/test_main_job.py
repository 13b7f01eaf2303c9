"""The product's main job over HTTP, on the deployed template."""

import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

from infra.local.demo import VERIFIER, fingerprints
from tests.e2e.conftest import HOMES, Stage

TREE = {
    "README.txt",
    "manifest.json",
    "manifest.json.sig",
    "CROSSWALK.csv",
    "CC6_Access_Control/access_logs.csv",
    "CC6_Access_Control/role_changes.csv",
    "CC6_Access_Control/impersonation_events.csv",
    "CC7_Security_Operations/session_invalidations.csv",
    "CC7_Security_Operations/ip_rule_changes.csv",
    "CC8_Incident_Response/suspicious_logins.csv",
    "CC8_Incident_Response/refresh_token_reuse.csv",
    "CC9_Monitoring/anomaly_decisions.csv",
    "CC9_Monitoring/audit_log_integrity.csv",
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
        assert {
            name for name in names if not name.startswith(("keys/", "integrity/digests/", "integrity/check"))
        } == TREE
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
    assert completed == [["DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED", "DATA_EXPORT_DOWNLOADED"]] * 2


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

"""Step 7: reports that take some events of an action only, and response times, which join the rows of one."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from shared.audit import catalogue
from shared.evidence.verify_bundle import FAILED, PASSED
from tests.evidence.bundle_builder import Statement, World
from tests.evidence.tampering import Verify

INCIDENTS, DECISIONS = "CC8_Incident_Response/security_incidents.csv", "CC9_Monitoring/anomaly_decisions.csv"
# One event for each place in the world's logins: action, and what decides whether a report takes it.
PARTS: list[tuple[str, dict[str, Any]]] = [
    ("SESSION_INVALIDATED", {"reason": "logout"}),
    ("SESSION_INVALIDATED", {"reason": "forced_logout"}),
    ("SESSION_INVALIDATED", {}),
    ("ANOMALY_SCORED", {"risk": {"action": "ALLOW"}}),
    ("ANOMALY_SCORED", {"risk": {"action": "BLOCK"}}),
    ("STEP_UP_REQUIRED", {}),
    ("STEP_UP_REQUIRED", {"risk": {"action": "STEP_UP_REQUIRED"}}),
]


class InParts(World):
    def act(self, number: int) -> tuple[str, Statement]:
        return (PARTS[number - 9][0], {}) if 9 <= number < 9 + len(PARTS) else super().act(number)

    def facets(self, number: int) -> Statement:
        return PARTS[number - 9][1] if 9 <= number < 9 + len(PARTS) else {}


def reasons(content: bytes) -> list[tuple[str, str]]:
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))
    return [(row["action"], row["reason"] or str(json.loads(row["metadata"] or "{}").get("action"))) for row in rows]


def test_a_report_takes_of_an_action_only_the_events_that_its_condition_names(verify: Verify) -> None:
    world = InParts()
    files = world.files()
    assert reasons(files[INCIDENTS]) == [
        ("SESSION_INVALIDATED", "forced_logout"),
        ("ANOMALY_SCORED", "BLOCK"),
        ("STEP_UP_REQUIRED", "STEP_UP_REQUIRED"),
    ]
    assert [action for action, _ in reasons(files[DECISIONS])] == [
        "ANOMALY_SCORED",
        "ANOMALY_SCORED",
        "STEP_UP_REQUIRED",
    ]
    assert verify(world.signed(files), world.pins()).code == PASSED


def test_a_row_more_than_the_condition_names_is_told(verify: Verify) -> None:
    """Of a maker whose program takes every end of a session for an incident."""
    world = InParts()
    files = world.files()
    ended = files["CC7_Security_Operations/session_invalidations.csv"].splitlines(keepends=True)
    head, *rows = files[INCIDENTS].splitlines(keepends=True)
    files[INCIDENTS] = b"".join([head, ended[1], *rows])
    told = verify(world.signed(files), world.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, INCIDENTS, "not what the events give", "row 1")


def test_a_condition_that_the_manifest_states_otherwise_is_told(verify: Verify) -> None:
    world = InParts()
    files = world.files()
    manifest = world.manifest(files)
    listed = next(entry for entry in manifest["files"] if entry["path"] == INCIDENTS)
    listed["query"]["filter"]["SESSION_INVALIDATED"]["reason"] += ["logout"]
    told = verify(world.signed(files, manifest), world.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, INCIDENTS, "query differs", "manifest query")


def without_conditions() -> bytes:
    document = json.loads(catalogue.text())
    for entry in document["actions"].values():
        entry.pop("reports_where", None)
    del document["incidents"]
    return json.dumps(document).encode()


def test_a_bundle_of_before_there_were_conditions_verifies(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    world = InParts(catalogue=without_conditions())
    monkeypatch.setattr(catalogue, "load", lambda: catalogue.read(world.catalogue))
    files = world.files()
    manifest = world.manifest(files)
    for entry in manifest["files"]:
        assert entry.get("query", {}).pop("filter", {}) == {}
    assert reasons(files[INCIDENTS]) == []
    assert verify(world.signed(files, manifest), world.pins()).code == PASSED


@pytest.mark.parametrize(
    "told",
    [
        {"security-incidents": {"outcome": ["denied"]}},
        {"security-incidents": {"reason": ["a"], "decision": ["b"]}},
        {"security-incidents": {}},
        {"security-incidents": {"reason": "logout"}},
        {"session-invalidations": {"reason": ["logout"]}},
        [],
        7,
    ],
)
def test_a_condition_that_nobody_knows_fails_the_reports(told: object, verify: Verify) -> None:
    document = json.loads(catalogue.text())
    document["actions"]["SESSION_INVALIDATED"]["reports_where"] = told
    world = World(catalogue=json.dumps(document).encode())
    report = verify(world.signed(world.files()), world.pins())
    assert (report.code, report.failed()) == (FAILED, [7])
    assert report.names(7, "catalogue.json", "the reports could not be derived again")


# --- Response times: the rows of one report, joined ---

TIMES = "CC8_Incident_Response/response_times.csv"
# Number of the event -> action, correlation id, and what decides whether the report takes it.
OF_INCIDENTS: dict[int, tuple[str, str | None, dict[str, Any]]] = {
    3: ("SUSPICIOUS_LOGIN_DETECTED", "i_1", {}),
    6: ("AUDIT_TAMPER_DETECTED", None, {}),
    7: ("SESSION_INVALIDATED", "i_2", {"reason": "high_risk"}),
    12: ("SESSION_INVALIDATED", "i_1", {"reason": "logout"}),
    15: ("SESSION_INVALIDATED", "i_1", {"reason": "high_risk"}),
    16: ("SESSION_BLOCKED", None, {}),
    20: ("SECURITY_ALERT_SENT", "i_1", {}),
    21: ("REFRESH_TOKEN_REUSED", "i_2", {}),
}


class WithIncidents(World):
    def act(self, number: int) -> tuple[str, Statement]:
        return (OF_INCIDENTS[number][0], {}) if number in OF_INCIDENTS else super().act(number)

    def facets(self, number: int) -> Statement:
        if number not in OF_INCIDENTS:
            return {}
        return {"context": {"correlation_id": OF_INCIDENTS[number][1]}, **OF_INCIDENTS[number][2]}


@pytest.mark.parametrize("form", ["csv", "json"])
def test_response_times_are_derived_again_across_segments(form: str, verify: Verify) -> None:
    world = WithIncidents(format=form)
    files = world.files()
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(files[TIMES].decode(), newline=""), strict=True))
        assert [(row["incident"], row["response_ms"], row["exception"]) for row in rows] == [
            ("i_1", "10812000", ""),
            (rows[1]["detected_event"], "", "NOT_CONTAINED"),
            ("i_2", "0", ""),  # contained before it was detected, by another clock
        ]
    assert verify(world.signed(files), world.pins()).code == PASSED


def test_an_incident_that_was_left_out_or_told_otherwise_is_named(verify: Verify) -> None:
    world = WithIncidents()
    for change in (
        lambda text: b"".join(text.splitlines(keepends=True)[:-1]),
        lambda text: text.replace(b"NOT_CONTAINED", b""),
        lambda text: text.replace(b"10812000", b"12"),
    ):
        files = world.files()
        files[TIMES] = change(files[TIMES])
        told = verify(world.signed(files), world.pins())
        assert (told.code, told.failed()) == (FAILED, [7])
        assert told.names(7, TIMES, "not what the events give")


@pytest.mark.parametrize(("member", "value"), [("exceptions", 0), ("rows", 2), ("tsc", []), ("columns", ["index"])])
def test_what_the_manifest_says_of_response_times_is_derived_too(member: str, value: object, verify: Verify) -> None:
    world = WithIncidents()
    files = world.files()
    manifest = world.manifest(files)
    next(entry for entry in manifest["files"] if entry["path"] == TIMES)[member] = value
    told = verify(world.signed(files, manifest), world.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, TIMES, f"{member} differs")


def test_response_times_may_not_be_left_out(verify: Verify) -> None:
    world = WithIncidents()
    files = world.files()
    del files[TIMES]
    told = verify(world.signed(files), world.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, TIMES, "does not list as derivable")


@pytest.mark.parametrize(
    "told", [{"of": "no-report"}, {"roles": []}, {"roles": {"SESSION_BLOCKED": 1}}, {"folder": None}]
)
def test_incidents_of_a_catalogue_that_cannot_be_read_fail(told: dict[str, object], verify: Verify) -> None:
    document = json.loads(catalogue.text())
    document["incidents"] |= told
    world = World(catalogue=json.dumps(document).encode())
    report = verify(world.signed(world.files()), world.pins())
    assert (report.code, report.failed()) == (FAILED, [7])

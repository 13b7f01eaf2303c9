"""Step 7: reports that take some events of an action only, as a condition of the catalogue says."""

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

"""Bundles of ranges, people and values that are not the usual ones; the verifier passes all of them."""

import json
from pathlib import Path

import pytest

from functions.evidence_pipeline import handler as pipeline
from functions.evidence_pipeline.plan import NotSealedYetError
from tests.functions.archive import Archive
from tests.functions.company import (
    AFTER_Q3,
    DAY,
    Q2,
    Q3,
    WHOLE_Q3,
    archive,
    founded,
    proven,
    requested,
    with_history,
)
from tests.functions.opened_bundle import bundle_of

__all__ = ["archive"]

ACCESS = "CC6_Access_Control/access_logs"
HOSTILE = {
    "formula": "=cmd|' /C calc'!A0",
    "full-width": "\uff1dHYPERLINK(1)",
    "CRLF": '\r\n=1+1,"x',
    "NUL": "\0\0",
    "surrogates": "\ud800x\udfff",
    "long": "@" + "u" * 200_000,
    "quotes": '"",""\n"',
    "separators": "a\u2028b\x85c",
}


def test_range_that_starts_the_log_begins_with_an_empty_tree(archive: Archive, tmp_path: Path) -> None:
    company = founded(archive, Q3 + DAY)
    company.seen(Q3 + 2 * DAY)
    company.sign(AFTER_Q3 + 100)
    bundle = bundle_of(company, tmp_path)
    assert bundle.document("integrity/opening.json") == {"digest": 0, "size": 0, "frontier": [], "lanes": {}}
    assert bundle.manifest["source"]["opening"] == {"digest": 0, "tree_size": 0}
    assert bundle.verified()[0] == 0


def test_dates_that_are_no_quarter_name_the_bundle_by_themselves(archive: Archive, tmp_path: Path) -> None:
    company = with_history(archive, 2)
    bundle = bundle_of(company, tmp_path, WHOLE_Q3 | {"to": "2026-07-31"})
    assert bundle.manifest["name"] == "SOC2_Evidence_2026-07-01_2026-07-31"
    assert bundle.manifest["source"]["population"] == 4
    assert bundle.manifest["source"]["closing"]["digest"] == 2
    assert bundle.verified()[0] == 0


def test_range_that_reaches_past_the_watermark_is_cut_there(archive: Archive, tmp_path: Path) -> None:
    company = founded(archive)
    company.seen(Q3 + DAY)
    company.sign(Q3 + 10 * DAY)
    company.seen(Q3 + 11 * DAY)  # not sealed: not in the bundle
    bundle = bundle_of(company, tmp_path)
    manifest = bundle.manifest
    assert (manifest["cut"], manifest["status"]) == (True, "final")
    assert manifest["resolved"]["to_exclusive"] == manifest["watermark"] == "2026-07-10T23:59:56.000Z"
    assert manifest["name"] == "SOC2_Evidence_2026-07-01_2026-09-30"
    assert "cut there" in bundle.read("README.txt").decode()
    assert bundle.verified()[0] == 0
    assert company.export(bundle.export_id)["result"]["cut"] is True


def test_range_without_events_is_a_proven_zero(archive: Archive, tmp_path: Path) -> None:
    company = founded(archive)
    company.seen(Q2 + DAY)
    company.sign(Q3 - 100)
    company.sign(AFTER_Q3 + 100)
    bundle = bundle_of(company, tmp_path)
    assert (bundle.manifest["source"]["population"], bundle.manifest["source"]["by_action"]) == (0, {})
    assert {file["rows"] for file in bundle.manifest["files"] if file["derivable"]} == {0}
    assert bundle.verified()[0] == 0


def test_range_with_neither_events_nor_segments_is_a_proven_zero(archive: Archive, tmp_path: Path) -> None:
    company = founded(archive)
    company.sign(AFTER_Q3)
    bundle = bundle_of(company, tmp_path)
    assert bundle.read("events/events.ndjson.gz") == bundle.read("events/disclosure.ndjson.gz") == b""
    assert bundle.manifest["source"]["events"] == 0
    assert bundle.verified()[0] == 0


def test_hostile_values_are_neutralised_counted_and_still_proven(archive: Archive, tmp_path: Path) -> None:
    company = founded(archive)
    for number, text in enumerate(HOSTILE.values()):
        company.seen(Q3 + number * DAY, user_agent=text, email=f"-{number}@acme.example")
    company.sign(AFTER_Q3 + 100)
    bundle = bundle_of(company, tmp_path)
    rows = [row for row in bundle.rows(f"{ACCESS}.csv") if row["action"] == "AUTH_LOGIN_SUCCESS"]
    agents = dict(zip(HOSTILE, (row["user_agent"] for row in rows), strict=True))
    assert agents == {
        "formula": "'" + HOSTILE["formula"],
        "full-width": "'" + HOSTILE["full-width"],
        "CRLF": "'" + HOSTILE["CRLF"],
        "NUL": "'" + HOSTILE["NUL"].replace("\0", "\ufffd"),
        "surrogates": "\ufffdx\ufffd",
        "long": "'@" + "u" * 1_023,
        "quotes": HOSTILE["quotes"],
        "separators": HOSTILE["separators"],
    }
    assert bundle.file(f"{ACCESS}.csv")["csv_neutralised_cells"] == 5 + len(HOSTILE)
    assert bundle.verified()[0] == 0
    values = [one["pii"][0]["values"] for one in bundle.lines("events/disclosure.ndjson.gz")]
    assert values[0]["user_agent"] == HOSTILE["formula"]  # the events and their disclosure keep the value as it is


def test_erased_person_is_printed_as_erased_and_the_bundle_still_verifies(archive: Archive, tmp_path: Path) -> None:
    company = founded(archive)
    company.seen(Q3 + DAY, "u_gone")
    company.seen(Q3 + 2 * DAY, "u_here")
    company.sign(AFTER_Q3 + 100)
    company.estate._dynamodb.delete_item(
        TableName=archive.environ["SUBJECT_KEYS_TABLE"],
        Key={"tenant": {"S": company.tenant}, "subject": {"S": "u_gone"}},
    )
    bundle = bundle_of(company, tmp_path)
    emails = {row["actor_id"]: row["actor_email"] for row in bundle.rows(f"{ACCESS}.csv") if row["actor_email"]}
    assert emails == {"u_gone": "[erased]", "u_here": "u_here@acme.example"}
    assert b"u_gone@acme.example" not in bundle.read(f"{ACCESS}.csv")
    disclosed = {json.dumps(one["pii"][0].get("erased")) for one in bundle.lines("events/disclosure.ndjson.gz")}
    assert disclosed == {"true", "null"}
    assert bundle.verified()[0] == 0


def test_simulated_interval_is_said_in_manifest_and_readme(archive: Archive, tmp_path: Path) -> None:
    company = founded(archive)
    company.seen(Q3 + DAY)
    company.sign(AFTER_Q3 + 100)
    span = {"from": "2026-07-01T00:00:00.000Z", "to": "2026-07-31T00:00:00.000Z"}
    company.estate._dynamodb.update_item(
        TableName=archive.environ["TENANTS_TABLE"],
        Key={"tenant": {"S": company.tenant}},
        UpdateExpression="SET simulated = :s",
        ExpressionAttributeValues={":s": {"M": {name: {"S": value} for name, value in span.items()}}},
    )
    bundle = bundle_of(company, tmp_path)
    assert bundle.manifest["simulated"] == span
    assert "SIMULATED  events from 2026-07-01T00:00:00.000Z" in bundle.read("README.txt").decode()
    code, report = bundle.verified()
    assert (code, report["simulated"]) == (0, span)


def test_range_that_no_digest_reaches_yet_waits_and_is_planned_later(archive: Archive) -> None:
    company = founded(archive)
    company.seen(Q3 + DAY)
    export_id = requested(proven(company.estate, company.person("owner")))
    state = {"tenant": company.tenant, "export_id": export_id}
    with pytest.raises(NotSealedYetError):
        pipeline.plan(state, None)
    assert company.export(export_id)["status"] == "running"
    company.sign(AFTER_Q3 + 100)
    assert pipeline.plan(state, None)["shards"] == 1

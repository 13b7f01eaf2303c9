"""What an auditor gets: the tree of docs/formats.md, rows that the log proves, and a verifier that says so."""

import hashlib
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from functions.evidence_pipeline import fragments, plan
from shared.audit.catalogue import load
from shared.audit.moment import unix_seconds
from shared.evidence import verify_bundle
from shared.evidence.evidence_row import COLUMNS, cells
from shared.evidence.verify_bundle import Options, Pin
from tests.functions.archive import Archive
from tests.functions.company import WHOLE_Q3, archive, with_history
from tests.functions.opened_bundle import OpenedBundle, bundle_of, fingerprints

__all__ = ["archive"]

ADMINISTRATORS = "CC6_Access_Control/admin_access_list"
ACCESS = "CC6_Access_Control/access_logs"
JSON_Q3 = WHOLE_Q3 | {"format": "json"}


@pytest.fixture(scope="module")
def bundle(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> OpenedBundle:
    return bundle_of(with_history(archive), tmp_path_factory.mktemp("bundle"))


def test_both_fingerprints_pinned_the_verifier_passes(bundle: OpenedBundle) -> None:
    code, report = bundle.verified()
    assert (code, report["result"]) == (0, "PASSED"), report["steps"]
    statuses = {step["name"]: step["status"] for step in report["steps"]}
    assert {statuses.pop("samples"), statuses.pop("anchors")} <= {"passed", "nothing to check"}
    assert set(statuses.values()) == {"passed"}


def test_without_pinned_keys_the_verifier_says_so(bundle: OpenedBundle) -> None:
    assert bundle.verified(pinned=False)[0] == 3


def test_archive_holds_exactly_the_tree_of_the_format_in_its_order(bundle: OpenedBundle) -> None:
    ledger, evidence = fingerprints(bundle.company)
    digests = [name for no in (1, 2, 3) for name in (f"{no:012d}.json", f"{no:012d}.json.sig")]
    sizes = [bundle.document(f"integrity/digests/{no:012d}.json")["tree"]["size"] for no in (1, 2, 3)]
    with bundle.archive as archive:
        assert archive.namelist() == [
            "README.txt",
            "manifest.json",
            "manifest.json.sig",
            "CROSSWALK.csv",
            *(f"documents/{name}" for name in ("lifecycle.svg", "policies.md", "questions.md")),
            *(report.path("csv") for report in load().reports.values()),
            "CC8_Incident_Response/response_times.csv",
            f"{ADMINISTRATORS}.csv",
            "events/events.ndjson.gz",
            "events/disclosure.ndjson.gz",
            "integrity/opening.json",
            *(f"integrity/digests/{name}" for name in digests),
            *(f"integrity/checkpoints/{size:012d}" for size in sizes),
            f"keys/{ledger}.pem",
            f"keys/{evidence}.pem",
            "catalogue.json",
            "verify_bundle.py",
        ]


def test_manifest_is_the_record_of_how_the_evidence_was_made(bundle: OpenedBundle) -> None:
    manifest, company = bundle.manifest, bundle.company
    (started,) = [one for one in company.estate.events(company.tenant) if one["action"] == "DATA_EXPORT_STARTED"]
    ledger, evidence = fingerprints(company)
    assert (manifest["type"], manifest["v"], manifest["id"]) == ("evidence-bundle", 1, bundle.export_id)
    assert manifest["tenant"] == {"id": company.tenant, "name": "Acme GmbH"}
    assert manifest["requested"] == {**WHOLE_Q3, "tz": "UTC"}
    assert manifest["resolved"] == {"from": "2026-07-01T00:00:00.000Z", "to_exclusive": "2026-10-01T00:00:00.000Z"}
    assert (manifest["cut"], manifest["status"], manifest["simulated"]) == (False, "final", None)
    assert manifest["generated"]["started_event"] == started["id"]
    assert manifest["generated"]["by"] == {
        "actor": started["actor"]["id"],
        "role": "owner",
        "step_up": started["actor"]["step_up"],
    }
    assert manifest["keys"] == {"ledger": ledger, "evidence": evidence}
    assert manifest["kid"] == evidence
    assert manifest["source"]["opening"]["digest"] == 1
    assert manifest["source"]["closing"]["digest"] == 3
    assert manifest["source"]["unsealed"] == 0
    assert manifest["catalogue"] == {"version": load().version, "sha256": load().sha256}
    listed = [file["path"] for file in manifest["files"]]
    with bundle.archive as archive:
        assert sorted(listed) == sorted(set(archive.namelist()) - {"manifest.json", "manifest.json.sig"})


def test_every_file_has_the_size_and_hashes_of_the_manifest(bundle: OpenedBundle) -> None:
    for file in bundle.manifest["files"]:
        body, at = bundle.read(file["path"]), 0
        assert file["bytes"] == len(body)
        for fragment in file["fragments"]:
            part = body[at : at + fragment["bytes"]]
            assert hashlib.sha256(part).hexdigest() == fragment["sha256"]
            at += len(part)
        assert at == len(body)
        assert file.get("sha256", hashlib.sha256(body).hexdigest()) == hashlib.sha256(body).hexdigest()


def test_whole_quarter_is_named_by_it_and_holds_its_population(bundle: OpenedBundle) -> None:
    source = bundle.manifest["source"]
    assert bundle.manifest["name"] == "SOC2_Evidence_2026_Q3"
    # Six logins, two provisionings, an invalidation, a failed login; digest 2 signed inside of the range.
    assert source["by_action"] == {
        "AUDIT_DIGEST_SIGNED": 1,
        "AUTH_LOGIN_FAILED": 1,
        "AUTH_LOGIN_SUCCESS": 6,
        "SESSION_INVALIDATED": 1,
        "USER_PROVISIONED": 1,
    }
    assert source["population"] == 10
    assert source["events"] == len(bundle.lines("events/events.ndjson.gz")) == 11


def test_rows_of_a_report_are_the_events_of_the_log(bundle: OpenedBundle) -> None:
    lines = bundle.lines("events/events.ndjson.gz")
    opening = bundle.document("integrity/opening.json")
    rows = bundle.rows(f"{ACCESS}.csv")
    file = bundle.file(f"{ACCESS}.csv")
    assert list(rows[0]) == file["columns"] == ["index", *COLUMNS]
    assert file["rows"] == len(rows) == 8
    assert [int(rows[at]["index"]) for at in (0, -1)] == [file["first_index"], file["last_index"]]
    assert file["query"]["actions"] == list(load().reports["access-logs"].actions)
    for row in rows:
        line = lines[int(row["index"]) - opening["size"]]
        assert (row["event_id"], row["time_utc"], row["action"]) == (line["id"], line["time"], line["action"])
    assert rows[-2]["actor_email"] == "u_0@acme.example"
    (ended,) = bundle.rows("CC7_Security_Operations/session_invalidations.csv")
    assert (ended["reason"], ended["tsc"]) == ("reuse_detected", "CC7.4 CC6.1")


def test_report_without_events_has_its_header_alone(bundle: OpenedBundle) -> None:
    path = "CC6_Access_Control/impersonation_events.csv"
    assert bundle.read(path).decode() == ",".join(f'"{name}"' for name in ("index", *COLUMNS)) + "\r\n"
    file = bundle.file(path)
    assert (file["rows"], file["first_index"], file["last_index"]) == (0, None, None)


def test_crosswalk_says_which_action_stands_where(bundle: OpenedBundle) -> None:
    rows = bundle.rows("CROSSWALK.csv")
    assert list(rows[0]) == ["folder", "file", "action", "criteria", "rows", "only", "criteria_by_reason", "note"]
    ended = [row for row in rows if row["action"] == "SESSION_INVALIDATED"]
    files = ["session_invalidations.csv", "security_events.csv", "security_incidents.csv"]
    assert [row["file"] for row in ended] == files
    facts = {
        "folder": "CC7_Security_Operations",
        "action": "SESSION_INVALIDATED",
        "criteria": "CC6.1 CC6.3",
        "rows": "1",
    }
    in_part = facts | {"folder": "CC8_Incident_Response", "criteria": "CC7.4 CC6.1"}
    assert [{name: row[name] for name in facts} for row in ended] == [facts, facts, in_part]
    with bundle.archive as archive:
        assert {f"{row['folder']}/{row['file']}" for row in rows if row["file"]} <= set(archive.namelist())


def test_readme_opens_with_the_sentences_of_the_requirements(bundle: OpenedBundle) -> None:
    text = bundle.read("README.txt").decode()
    assert text.splitlines()[:3] == [
        "This archive contains SOC2 Type II evidence grouped by Trust Services Criteria.",
        "All data was generated automatically from immutable audit logs.",
        "Exports were performed by an authorized administrator with step-up authentication.",
    ]
    named = zip(("ledger", "evidence"), fingerprints(bundle.company), strict=True)
    assert [one for role, one in named if f"--key-fingerprint {role}:{one}" not in text] == []
    assert "cut there" not in text


def test_export_itself_lies_behind_the_closing_digest(bundle: OpenedBundle) -> None:
    ids = {line["id"] for line in bundle.lines("events/events.ndjson.gz")}
    assert bundle.manifest["generated"]["started_event"] not in ids


def test_verifier_in_the_archive_is_ours(bundle: OpenedBundle) -> None:
    assert bundle.read("verify_bundle.py") == Path(verify_bundle.__file__).read_bytes()


@pytest.mark.parametrize("command", [("unzip", "-tqq"), ("7z", "t"), ("bsdtar", "-tf")], ids=lambda one: one[0])
def test_archive_is_accepted_by_other_tools(bundle: OpenedBundle, command: Sequence[str]) -> None:
    program = shutil.which(command[0])
    if program is None:
        pytest.skip(f"{command[0]} is not installed here")
    bundle.path.write_bytes(bundle.body)
    done = subprocess.run(  # noqa: S603 - a fixed list of archive tools
        [program, *command[1:], str(bundle.path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_archive_is_accepted_by_python(bundle: OpenedBundle) -> None:
    with bundle.archive as archive:
        assert archive.testzip() is None
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def test_changed_byte_of_a_sealed_segment_is_found(bundle: OpenedBundle, tmp_path: Path) -> None:
    """A verifier that only ever passes is untested."""
    body, events = bytearray(bundle.body), bundle.read("events/events.ndjson.gz")
    body[body.index(events) + len(events) // 2] ^= 1
    forged = tmp_path / "forged.zip"
    forged.write_bytes(body)
    pins = [Pin("", kid) for kid in fingerprints(bundle.company)]
    report = verify_bundle.verify(str(forged), Options(pins))
    assert (report.code, report.steps[1].failures) == (1, 0)


def test_openssl_verifies_the_manifest_as_the_readme_says(bundle: OpenedBundle, tmp_path: Path) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed here")
    with bundle.archive as archive:
        archive.extractall(tmp_path)
    text = bundle.read("README.txt").decode().replace("\\\n", " ")
    shown = text.partition("tree over all events:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in shown.splitlines()] == ["openssl", "awk", "awk", "openssl"]
    done = subprocess.run(["/bin/sh", "-ec", shown], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - of our README
    assert (done.returncode, done.stdout.split("\n")) == (0, ["Verified OK", "Verified OK", ""])
    head = tmp_path / "head.txt"
    head.write_text(head.read_text().replace("\n", "\n1", 1))
    last = shown.splitlines()[-1].split()
    assert subprocess.run([program, *last[1:]], cwd=tmp_path, capture_output=True, check=False).returncode == 1  # noqa: S603 - as above


def test_range_behind_an_opening_digest_carries_its_tree(bundle: OpenedBundle) -> None:
    opening = bundle.document("integrity/opening.json")
    digest = bundle.document("integrity/digests/000000000001.json")
    assert (opening["digest"], opening["size"]) == (1, digest["tree"]["size"])
    assert opening["size"] > 0
    assert opening["lanes"] == digest["lanes"]
    assert len(opening["frontier"]) == opening["size"].bit_count()


def test_json_reports_have_the_rows_of_the_csv_form(tmp_path: Path, bundle: OpenedBundle) -> None:
    other = bundle_of(bundle.company, tmp_path, JSON_Q3)
    for file in bundle.manifest["files"]:
        if not file.get("derivable"):
            continue
        document = other.document(file["path"].replace(".csv", ".json"))
        report = file["query"]["report"]
        assert (document["control"], document["report"]) == (file["section"], report)
        rows = [[str(row["index"]), *cells(row)] for row in document["evidence"]]
        assert rows == [list(row.values()) for row in bundle.rows(file["path"])]
    assert other.verified()[0] == 0


def test_many_shards_and_fragments_give_the_same_content(
    tmp_path: Path, bundle: OpenedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "EVENTS_PER_SHARD", 4)
    monkeypatch.setattr(fragments, "FRAGMENT_BYTES", 1)
    (tmp_path / "csv").mkdir()
    divided = bundle_of(bundle.company, tmp_path / "csv")
    as_json = bundle_of(bundle.company, tmp_path, JSON_Q3)
    assert len(divided.file(f"{ACCESS}.csv")["fragments"]) > 3
    assert divided.rows(f"{ACCESS}.csv") == bundle.rows(f"{ACCESS}.csv")
    assert divided.lines("events/disclosure.ndjson.gz") == bundle.lines("events/disclosure.ndjson.gz")
    assert len(as_json.document(f"{ACCESS}.json")["evidence"]) == 8
    assert (divided.verified()[0], as_json.verified()[0]) == (0, 0)


def derivable(bundle: OpenedBundle) -> dict[str, Any]:
    """Give what the manifest states of each file that follows from the events, and the file."""
    listed = [file for file in bundle.manifest["files"] if file["derivable"]]
    return {file["path"]: (file["fragments"], bundle.read(file["path"]), file) for file in listed}


def test_second_bundle_of_one_range_has_the_same_evidence(tmp_path: Path, bundle: OpenedBundle) -> None:
    again = bundle_of(bundle.company, tmp_path)
    assert derivable(again) == derivable(bundle)
    assert len(derivable(bundle)) == len(load().reports) + 1
    others = {file["path"]: file["fragments"] for file in bundle.manifest["files"]}
    repeated = {file["path"]: file["fragments"] for file in again.manifest["files"]}
    differ = {path for path in others if others[path] != repeated[path]}
    # The one names export and step-up, the other who has access now.
    assert differ - {f"{ADMINISTRATORS}.csv"} == {"README.txt"}


def test_administrators_are_listed_as_of_the_making_and_nothing_says_that_it_is_proven(
    tmp_path: Path, bundle: OpenedBundle
) -> None:
    file, made_at = bundle.file(f"{ADMINISTRATORS}.csv"), bundle.manifest["generated"]["at"]
    people = bundle.rows(f"{ADMINISTRATORS}.csv")
    asked_by = bundle.manifest["generated"]["by"]["actor"]
    assert (file["derivable"], file["rows"], file["columns"]) == (False, len(people), list(people[0]))
    assert abs(unix_seconds(file["as_of"]) - unix_seconds(made_at)) < 5
    assert {row["role"] for row in people if row["staff_id"] == asked_by} == {"owner"}
    assert not any("@" in value for row in people for value in row.values())
    report = bundle.verified()[1]
    (said,) = (sentence for sentence in report["not_proven"] if ADMINISTRATORS in sentence)
    assert "the vendor's word" in said
    assert f"No event yields {ADMINISTRATORS}" in bundle.read("README.txt").decode()
    as_json = bundle_of(bundle.company, tmp_path, JSON_Q3)
    told = as_json.document(f"{ADMINISTRATORS}.json")
    # Whoever asks for the next one has been made an owner meanwhile.
    assert {row["staff_id"] for row in people} < {one["staff_id"] for one in told["people"]}
    assert told["as_of"] == as_json.file(f"{ADMINISTRATORS}.json")["as_of"]


def test_list_of_administrators_is_no_report_to_draw_a_sample_from(bundle: OpenedBundle) -> None:
    export = bundle.company.estate.rows("exports")
    (result,) = (row["result"] for row in export if row["export_id"] == bundle.export_id)
    assert f"{ADMINISTRATORS}.csv" not in {file["path"] for file in result["files"]}

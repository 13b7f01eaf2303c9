"""Step 7: reports derived again from the lines; and the records of the risk."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit import catalogue
from shared.audit.canonical import canonical
from shared.domain.risk import BLOCK, ENFORCE, OBSERVE, RULES, STEP_UP_REQUIRED, recomputed
from shared.evidence import verify_bundle
from shared.evidence.csv_rows import CsvWriter
from shared.evidence.evidence_row import cells, evidence_row
from shared.evidence.segment import parse
from shared.evidence.verify_bundle import FAILED, PASSED
from tests.evidence.bundle_builder import ACCESS_LOGS, EVENTS, Statement, World
from tests.evidence.tampering import Verify

JSON_LOGS = "CC6_Access_Control/access_logs.json"
INTEGRITY = "CC9_Monitoring/audit_log_integrity.csv"


# --- Reports ---


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("opening", [0, 2])
def test_every_report_of_the_catalogue_is_derived_again(form: str, opening: int, verify: Verify) -> None:
    world = World(format=form, opening=opening)
    told = verify(world.signed(world.files()), world.pins())
    assert told.code == PASSED
    assert told.report["steps"][6]["counted"]["reports derived again"] == len(catalogue.load().reports) + 1


@pytest.mark.parametrize(("form", "path"), [("csv", ACCESS_LOGS), ("json", JSON_LOGS)])
def test_a_report_edited_by_the_holder_of_the_evidence_key_is_named_with_its_row(
    form: str, path: str, verify: Verify
) -> None:
    world = World(format=form)
    files = world.files()
    at = files[path].index(b"AUTH_LOGOUT")
    row = files[path][:at].count(b"\n")
    files[path] = files[path][:at] + b"AUTH_LOGINX" + files[path][at + 11 :]
    told = verify(world.signed(files), world.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, path, "not what the events give", f"row {row}")


def test_a_report_without_its_last_row_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    files[ACCESS_LOGS] = b"".join(files[ACCESS_LOGS].splitlines(keepends=True)[:-1])
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, ACCESS_LOGS, "not what the events give", "row 29")


def test_a_report_with_a_row_more_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    files[ACCESS_LOGS] += files[ACCESS_LOGS].splitlines(keepends=True)[-1]
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, ACCESS_LOGS, "more than what the events give", "behind row 29")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("rows", 1),
        ("first_index", 7),
        ("last_index", None),
        ("csv_neutralised_cells", 1),
        ("section", "CC1"),
        ("tsc", ["CC1.1"]),
        ("columns", ["index"]),
        ("query", {"report": "access-logs", "actions": ["AUTH_LOGOUT"], "order": "index asc"}),
    ],
)
def test_what_the_manifest_says_of_a_report_is_derived_too(
    member: str, value: object, log: World, verify: Verify
) -> None:
    files = log.files()
    manifest = log.manifest(files)
    next(entry for entry in manifest["files"] if entry["path"] == ACCESS_LOGS)[member] = value
    told = verify(log.signed(files, manifest), log.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, ACCESS_LOGS, f"{member} differs", f"manifest {member}")


def test_a_report_may_not_be_left_out_even_when_it_is_empty(log: World, verify: Verify) -> None:
    files = log.files()
    del files[INTEGRITY]
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, INTEGRITY, "does not list as derivable")


def test_a_report_may_not_call_itself_not_derivable(log: World, verify: Verify) -> None:
    files = log.files()
    manifest = log.manifest(files)
    next(entry for entry in manifest["files"] if entry["path"] == ACCESS_LOGS)["derivable"] = False
    told = verify(log.signed(files, manifest), log.pins())
    assert (told.code, told.failed()) == (FAILED, [1, 7])
    assert told.names(7, ACCESS_LOGS, "does not list as derivable")


def test_the_list_of_administrators_is_told_as_the_vendors_word(log: World, verify: Verify) -> None:
    path = "CC6_Access_Control/admin_access_list.csv"
    files = {**log.files(), path: b'"staff_id"\r\n"u_1"\r\n'}
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (PASSED, [])
    assert any(path in sentence for sentence in told.report["not_proven"])
    assert not any("admin_access_list" in one for one in verify(log.signed(log.files())).report["not_proven"])
    manifest = log.manifest(files)
    next(entry for entry in manifest["files"] if entry["path"] == path)["derivable"] = True
    told = verify(log.signed(files, manifest), log.pins())
    assert told.names(7, path, "the catalogue does not know")


STATED_ONLY = (
    *("CC6_Access_Control/admin_access_list.csv", "documents/questions.md"),
    *("documents/policies.md", "documents/lifecycle.svg"),
)


@pytest.mark.parametrize("left_out", [None, *STATED_ONLY])
def test_what_nothing_derives_and_a_bundle_has_not_is_said_to_be_absent(
    left_out: str | None, log: World, verify: Verify
) -> None:
    files = log.files() | {path: b"stated" for path in STATED_ONLY if path != left_out}
    told = verify(log.signed(files), log.pins())
    said = [one for one in told.report["not_checked"] if "this bundle has none" in one]
    assert told.code == PASSED
    assert [one.split(":")[0] for one in said] == ([left_out.removesuffix(".csv")] if left_out else [])


def test_a_derivable_file_beside_the_catalogue_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    manifest = log.manifest(files)
    next(entry for entry in manifest["files"] if entry["path"] == "README.txt")["derivable"] = True
    told = verify(log.signed(files, manifest), log.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, "README.txt", "the catalogue does not know")


def test_another_catalogue_than_the_manifest_names_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    files["catalogue.json"] = files["catalogue.json"].replace(b"CC6.1", b"CC6.9", 1)
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, "catalogue.json", "another catalogue")


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"version":"2026-11","version":"2026-11"}', b'{"version":1}', b"\xff", b"[" * 100_000]
)
def test_a_catalogue_that_is_none_is_named(text: bytes, verify: Verify) -> None:
    world = World(catalogue=text)
    told = verify(world.signed(world.files()), world.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, "catalogue.json", "the reports could not be derived again")


def test_a_catalogue_that_says_one_thing_twice_is_named(verify: Verify) -> None:
    world = World(catalogue=catalogue.text().replace(b"{", b'{"version": "2026-10",', 1))
    told = verify(world.signed(world.files()), world.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, "catalogue.json", "a key twice in one object")


def test_an_erased_person_prints_as_erased(log: World, verify: Verify) -> None:
    files = log.files()
    assert b'"[erased]"' in files[ACCESS_LOGS]
    assert verify(log.signed(files), log.pins()).code == PASSED


def test_an_erasure_that_no_event_tells_of_is_told_as_not_proven(verify: Verify) -> None:
    class Erasing(World):
        def act(self, number: int) -> tuple[str, Statement]:
            return ("PII_ERASED", {"subjects": told_erased[0]}) if number == 9 else super().act(number)

    told_erased: list[object] = [None]
    for subjects, told_of in ((["u_6", "u_4"], 1), (["u_4"], 0), ("u_6", 0)):
        told_erased[0] = subjects
        world = Erasing()
        told = verify(world.signed(world.files()), world.pins())
        assert told.code == PASSED
        assert told.report["steps"][6]["counted"]["of them told by PII_ERASED"] == told_of
        unproven = [line for line in told.report["not_proven"] if line.startswith("that 1 of 1 persons shown as")]
        assert len(unproven) == 1 - told_of


# What spreadsheets and line readers stumble over.
HOSTILE = st.text(
    st.sampled_from("=\"+-@\t\r\n\0,;'\u2028\u2029\uff1d\uff0b\uff0d\uff20\x1b\u00e9a\U0001f600"), max_size=6
)
MAYBE = st.none() | HOSTILE
OBJECT = st.dictionaries(st.sampled_from("abc"), st.none() | st.booleans() | st.integers(-9, 9) | HOSTILE, max_size=3)
ACTIONS = sorted(catalogue.load().actions)


@st.composite
def events(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Draw an event and what is disclosed of its people."""
    context = st.dictionaries(st.sampled_from(("ip_net", "country", "correlation_id")), MAYBE)
    values = st.dictionaries(st.sampled_from(("email", "ip", "user_agent", "reason")), HOSTILE)
    people = [
        {"of": of, "erased": True} if draw(st.booleans()) else {"of": of, "k_event": "0" * 64, "values": draw(values)}
        for of in draw(st.lists(st.sampled_from(("actor", "target")), max_size=2))
    ]
    event = {
        "id": draw(HOSTILE),
        "time": "2026-10-01T00:00:00.000Z",
        "action": draw(st.sampled_from(ACTIONS)),
        "outcome": "success",
        "reason": draw(MAYBE | st.sampled_from(("PASSWORD_CHANGED", "ADMIN_REVOKED"))),
        "actor": {"type": "user", "id": draw(MAYBE), "session": draw(MAYBE)},
        "on_behalf_of": draw(MAYBE),
        "targets": draw(st.lists(st.fixed_dictionaries({"type": HOSTILE, "id": HOSTILE}), max_size=2)),
        "resource": draw(MAYBE),
        "context": draw(context),
        "change": draw(st.none() | st.fixed_dictionaries({"before": st.none() | OBJECT, "after": OBJECT | HOSTILE})),
        "risk": draw(st.none() | OBJECT),
        "meta": draw(OBJECT),
        "lane": "0",
        "seq": draw(st.integers(1, 9)),
    }
    return event, people


@given(events(), st.integers(0, 9))
def test_rows_are_those_of_the_product_for_any_event(
    told: tuple[dict[str, Any], list[dict[str, Any]]], index: int
) -> None:
    event, people = told
    parsed, current = parse(canonical(event)), catalogue.load()
    theirs, writer = evidence_row(parsed, people, current), CsvWriter()
    members = json.loads(parsed.line)
    tsc = list(current.criteria(event["action"], event["reason"]))
    ours = verify_bundle.row_of(index, members, parsed.leaf.hex(), people, tsc)
    assert json.dumps(ours) == json.dumps({"index": index, **theirs})
    assert verify_bundle._ROW_JSON(ours) == json.dumps({"index": index, **theirs})
    record, neutralised = verify_bundle.csv_record(ours.values())
    assert record == writer.record([str(index), *cells(theirs)])
    assert neutralised == writer.neutralised_cells


# --- Risk ---


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    rules = draw(st.lists(st.sampled_from(RULES), unique=True))
    signals = [
        {
            "name": rule.name,
            "group": rule.group,
            "points": draw(st.integers(-100, 0) if rule.group == "trust" else st.integers(0, 100)),
            "mode": draw(st.sampled_from((ENFORCE, OBSERVE))),
            "input": {},
        }
        for rule in rules
    ]
    step_up = draw(st.integers(0, 100))
    return {"policy": "risk-1", "signals": signals, "step_up_score": step_up, "block_score": draw(st.integers(0, 100))}


@given(records())
def test_decisions_are_those_of_the_product_for_any_record(record: dict[str, Any]) -> None:
    assert verify_bundle.decision(record) == recomputed(record)


def test_a_place_that_is_new_implies_a_network_that_is_and_the_larger_reading_counts() -> None:
    def decided(*points: int) -> tuple[int, str]:
        names = ("IMPOSSIBLE_TRAVEL", "NEW_NETWORK", "CONCURRENT_COUNTRIES")
        signals = [
            {"name": name, "group": name, "points": each, "mode": ENFORCE}
            for name, each in zip(names, points, strict=True)
        ]
        return verify_bundle.decision({"signals": signals, "step_up_score": 40, "block_score": 70})

    assert decided(50, 20, 10) == (50, STEP_UP_REQUIRED)
    assert decided(20, 50, 30) == (80, "BLOCK")


@pytest.mark.parametrize(
    "texts",
    [
        ["a\x1f=b", "c"],
        ["\x1f", ""],
        ["", "=1"],
        ["\x1f=1", "=1"],
        ['"', "-"],
        ["", "\0"],
        ["a\0b\0", "c"],
        ["=\0", '"\0"'],
    ],
)
def test_a_record_is_the_products_whatever_its_cells_hold(texts: list[str]) -> None:
    writer = CsvWriter()
    assert verify_bundle.csv_record(texts) == (writer.record(texts), writer.neutralised_cells)


@pytest.mark.parametrize(("member", "value"), [("score", 61), ("action", BLOCK)])
def test_a_decision_that_does_not_follow_from_its_signals_is_named(
    member: str, value: object, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = [{"name": "IMPOSSIBLE_TRAVEL", "group": "geo", "points": 60, "mode": ENFORCE, "input": {}}]
    record = {"score": 60, "reasons": ["IMPOSSIBLE_TRAVEL"], "action": STEP_UP_REQUIRED, "policy": "risk-1"}
    record |= {"settings_version": 1, "step_up_score": 60, "block_score": 90, "signals": signals, "off": []}
    for wrong in (False, True):
        told = record | ({member: value} if wrong else {})
        monkeypatch.setattr(
            "tests.evidence.bundle_builder.Draft",
            lambda told=told, **members: __import__("shared.audit.event", fromlist=["Draft"]).Draft(
                **members, risk=told
            ),
        )
        world = World()
        report = verify(world.signed(world.files()), world.pins())
        assert (report.code, report.failed()) == ((FAILED, [7]) if wrong else (PASSED, []))
        assert report.names(7, EVENTS, "does not follow", "segment 1 line 1 risk") is wrong

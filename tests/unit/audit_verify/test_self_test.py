"""The tamper matrix of vault and tables, each found by name; and the trial notices when a check is taken out."""

import copy
from dataclasses import replace

import pytest

from functions.audit_verify.corruption import Corruption
from functions.audit_verify.corruptions import CORRUPTIONS
from functions.audit_verify.earlier_epochs import EarlierEpoch
from functions.audit_verify.epoch_start import check_start
from functions.audit_verify.findings import FINDINGS, KEPT, Report
from functions.audit_verify.planted_log import PlantedLog, earlier_scope, plant
from functions.audit_verify.self_test import SelfTestFailed, _shared_keys, examine, self_test
from functions.audit_verify.trust import read_trust
from functions.audit_verify.verification import Before
from shared.evidence.segment import Event, pack
from shared.evidence.vault import digest_key, segment_key

WHOLE = plant()
DAY = 86_400


def copied() -> PlantedLog:
    return copy.deepcopy(WHOLE, _shared_keys(WHOLE))


def test_nothing_is_found_in_a_whole_log() -> None:
    assert examine(copied()).findings == []


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.name)
def test_each_corruption_is_found_by_its_name(corruption: Corruption) -> None:
    log = copied()
    corruption.spoil(log)
    assert corruption.finds in examine(log).counts


def test_there_is_a_corruption_for_each_finding() -> None:
    assert {corruption.finds for corruption in CORRUPTIONS} == set(FINDINGS)


@pytest.mark.parametrize("code", FINDINGS)
def test_the_trial_fails_when_a_check_is_taken_out(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Report.add

    def deaf(self: Report, found: str, *rest: object) -> None:
        if found != code:
            original(self, found, *rest)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(Report, "add", deaf)
    with pytest.raises(SelfTestFailed, match=f"{code} was not found"):
        self_test([corruption for corruption in CORRUPTIONS if corruption.finds == code])


def test_the_trial_fails_when_a_whole_log_is_called_spoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Report, "gaps", list)
    original = Report.__init__

    def jumpy(self: Report) -> None:
        original(self)
        self.add("tree_root", "everywhere")

    monkeypatch.setattr(Report, "__init__", jumpy)
    with pytest.raises(SelfTestFailed, match="untouched"):
        self_test([])


def test_every_corruption_is_tried() -> None:
    assert self_test() == len(CORRUPTIONS)


def later(log: PlantedLog, days: int) -> PlantedLog:
    """Let the log be verified already, and look again on another day; it has rested since, which is told."""
    log.before = Before(digest=4, lanes={})
    log.scope = replace(log.scope, now=log.scope.now + days * DAY)
    return log


STALE = {"digest_overdue", "sealing_stalled", "anchor_overdue"}


def found_in_four_weeks(name: str) -> set[str]:
    (corruption,) = [corruption for corruption in CORRUPTIONS if corruption.name == name]
    found: set[str] = set()
    for days in range(2, 30):
        log = later(copied(), days)
        corruption.spoil(log)
        found |= set(examine(log).counts)
    return found - STALE


@pytest.mark.parametrize("name", ["a line edited", "other lane heads"])
def test_what_was_verified_before_is_read_again_within_four_weeks(name: str) -> None:
    (corruption,) = [corruption for corruption in CORRUPTIONS if corruption.name == name]
    assert corruption.finds in found_in_four_weeks(name)


def test_nothing_is_found_in_what_is_read_again() -> None:
    for days in range(4, 32):
        assert set(examine(later(copied(), days)).counts) == STALE


def test_older_objects_are_asked_for_within_a_week() -> None:
    found: set[str] = set()
    for days in range(9, 16):  # the days on which no old digest of this log is read again
        log = later(copied(), days)
        log.segment(1).retain_until = "2026-09-22T00:00:00.000Z"
        report = examine(log)
        assert "row_missing" not in report.counts
        found |= set(report.counts)
    assert found == STALE | {"lock_shortened"}


@pytest.mark.parametrize("name", ["a new version of a segment", "a new version of a digest"])
def test_the_version_that_was_locked_first_is_the_one_that_is_read(name: str) -> None:
    log = copied()
    (corruption,) = [corruption for corruption in CORRUPTIONS if corruption.name == name]
    corruption.spoil(log)
    assert examine(log).counts == {"object_version": 1}


def test_a_day_back_is_read_again_by_each_run() -> None:
    log = copied()
    log.before = Before(digest=4, lanes={})
    lines = log.lines(1)
    log.replace_lines(1, lines[::-1])
    assert "segment_changed" in examine(log).counts


def before_of(log: PlantedLog) -> EarlierEpoch:
    report = Report()
    trust = read_trust(log.vault, log.scope.log, [log.ledger.der], report)
    return EarlierEpoch(earlier_scope(log.scope), log.vault, log.earlier, trust, report)


def restart(log: PlantedLog, **changes: object) -> Report:
    """Judge a first event with other `meta` than the restart has."""
    report = Report()
    trust = read_trust(log.vault, log.scope.log, [log.ledger.der], report)
    first = log.events(1)[0]
    meta = {**first.members["meta"], **changes}
    check_start(
        log.vault, log.scope, trust, first._replace(members={**first.members, "meta": meta}), report, before_of(log)
    )
    return report


def test_a_restart_over_the_last_signed_digest_is_explained() -> None:
    assert restart(copied()).findings == []


SEALED = WHOLE.events(1)[0].members["meta"]["sealed"]
UNEXPLAINED: list[dict[str, object]] = [
    {"previous_epoch": 2},
    {"digest": None},
    {"digest": {"no": 2, "sha256": WHOLE.events(1)[0].members["meta"]["digest"]["sha256"]}},
    {"digest": {"no": 1, "sha256": "0" * 64}},
    {"sealed": {**SEALED, "size": 0}},
    {"sealed": {**SEALED, "root": "AAAA"}},
    {"sealed": {**SEALED, "lanes": {}}},
    {"sealed": {**SEALED, "size": 9, "segment": 9}},
    {"sealed": {**SEALED, "segment": 1}},
    {"sealed": {**SEALED, "size": 3}},
    {"sealed": {**SEALED, "segment": 3}},
    {"sealed": {**SEALED, "segment": "2"}},
    {"sealed": None},
    {"digest": "1"},
]


@pytest.mark.parametrize("changes", UNEXPLAINED, ids=range(len(UNEXPLAINED)))  # hashes in ids differ by process
def test_a_restart_that_says_otherwise_is_unexplained(changes: dict[str, object]) -> None:
    assert restart(copied(), **changes).counts == {"unexplained_restart": 1}


def test_objects_that_the_lifecycle_let_go_are_not_missing() -> None:
    log = later(copied(), 400)
    for key in [key for key in log.vault.objects if key.endswith(("001.ndjson.gz", "001.json", "001.json.sig"))]:
        if f"/{log.scope.epoch}/" in key:
            del log.vault.objects[key]
    assert {"segment_missing", "digest_missing", "signature_missing"} & set(examine(log).counts) == set()


def test_the_same_objects_are_missing_while_their_lock_runs() -> None:
    log = later(copied(), 100)
    for key in [key for key in log.vault.objects if key.endswith(("001.ndjson.gz", "001.json", "001.json.sig"))]:
        if f"/{log.scope.epoch}/" in key:
            del log.vault.objects[key]
    assert {"segment_missing", "digest_missing", "signature_missing"} <= set(examine(log).counts)


def test_a_report_tells_a_bounded_number_and_counts_all() -> None:
    report = Report()
    for number in range(3 * KEPT):
        report.add("row_missing", f"seq {number}")
    report.add("row_missing", "seq 1")
    assert (len(report.findings), report.counts["row_missing"]) == (KEPT, 3 * KEPT)


def test_a_finding_tells_ascii_of_bounded_length() -> None:
    report = Report()
    report.add("foreign_object", "x\u2028\ud800" * 500, got="\x00é")
    (finding,) = report.findings
    assert finding.about.isascii()
    assert len(finding.about) == 300


def test_the_epoch_before_is_read_again_within_four_weeks() -> None:
    found: set[str] = set()
    for days in range(2, 30):
        log = later(copied(), days)
        stored = log.vault.objects[segment_key(earlier_scope(log.scope).prefix, 1)][0]
        stored.body = pack([Event(b"{}", {}, b"")])
        found |= set(examine(log).counts)
    assert found >= {"segment_changed", "line_malformed"}
    assert not {"row_missing", "row_changed"} & found  # its table is gone, and nobody asks for its rows


def test_an_epoch_before_that_was_let_go_is_not_missing() -> None:
    log = later(copied(), 400)
    prefix = earlier_scope(log.scope).prefix
    log.vault.objects = {key: kept for key, kept in log.vault.objects.items() if not key.startswith(f"{prefix}/")}
    assert not {"digest_missing", "segment_missing"} & {
        finding.code for finding in examine(log).findings if finding.about.startswith(prefix)
    }


def test_the_last_digest_of_the_epoch_before_is_missed_at_once() -> None:
    log = copied()
    prefix = earlier_scope(log.scope).prefix
    for ending in ("", ".sig"):
        del log.vault.objects[f"{digest_key(prefix, 1)}{ending}"]
    assert "digest_missing" in examine(log).counts


def test_older_anchors_are_read_again_within_four_weeks_and_those_of_a_week_each_time() -> None:
    for days, runs in ((range(1, 5), 4), (range(10, 38), 1)):
        found = 0
        for day in days:
            log = later(copied(), day)
            log.vault.objects[log.anchor_name(1).removesuffix(".json") + ".leaves.json"][0].body = b"{}"
            found += "anchor_leaves" in examine(log).counts
        assert found == runs


def test_a_run_that_got_no_further_than_leaves_or_anchor_is_no_finding() -> None:
    log = copied()
    for name in ("2026-09-19.leaves.json", "2026-09-19.json", "2026-09-23.leaves.json"):
        log.vault.put(f"anchor/v1/log/{name}", b"{}")
    assert examine(log).findings == []


def test_a_folder_is_read_by_whole_names() -> None:
    log = copied()
    assert list(log.vault.folders("log/v1/log/planted/")) == ["1", "2"]

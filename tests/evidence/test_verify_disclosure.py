"""The verifier on step 7: disclosed personal data, and what the manifest counts."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from shared.audit.canonical import canonical
from shared.evidence.verify_bundle import FAILED, PASSED
from tests.evidence.bundle_builder import (
    ACCESS_LOGS,
    DISCLOSURE,
    Files,
    Statement,
    World,
    gzip_member,
    instant,
)
from tests.evidence.tampering import (
    Verify,
)


def with_disclosure(log: World, change: Callable[[list[Statement]], object]) -> Files:
    told = copy.deepcopy(log.disclosed)
    change(told)
    return log.signed({**log.files(), DISCLOSURE: gzip_member([canonical(entry) for entry in told])})


DISCLOSURE_EDITS: dict[str, tuple[str, Callable[[list[Statement]], object]]] = {
    "a value": ("did not commit", lambda told: told[2]["pii"][0]["values"].update(email="other@example.com")),
    "one value less": ("did not commit", lambda told: told[2]["pii"][0]["values"].pop("ip")),
    "the key": ("did not commit", lambda told: told[2]["pii"][0].update(k_event="00" * 32)),
    "a short key": ("k_event", lambda told: told[2]["pii"][0].update(k_event="00")),
    "a number as value": ("k_event, values", lambda told: told[2]["pii"][0]["values"].update(email=7)),
    "neither value nor erasure": ("k_event, values", lambda told: told[2]["pii"].__setitem__(0, {"of": "actor"})),
    "another role": ("another person's role", lambda told: told[2]["pii"][0].update(of="target")),
    "persons swapped": ("another person's role", lambda told: told[2]["pii"].reverse()),
    "a person less": ("out of order", lambda told: told[2]["pii"].pop()),
    "lines swapped": ("out of order", lambda told: told.__setitem__(slice(2, 5, 2), [told[4], told[2]])),
    "a line less": ("out of order", lambda told: told.pop(2)),
}


@pytest.mark.parametrize("edit", DISCLOSURE_EDITS)
def test_an_edited_disclosure_is_named_with_its_event(edit: str, log: World, verify: Verify) -> None:
    problem, change = DISCLOSURE_EDITS[edit]
    told = verify(with_disclosure(log, change), log.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, DISCLOSURE, problem, f"event {log.disclosed[2]['id']}")


def test_a_disclosure_may_be_of_several_gzip_members(log: World, verify: Verify) -> None:
    lines = [canonical(entry) for entry in log.disclosed]
    files = {**log.files(), DISCLOSURE: gzip_member(lines[:4]) + gzip_member(lines[4:])}
    assert verify(log.signed(files), log.pins()).code == PASSED


def test_a_log_without_personal_data_needs_no_disclosure(verify: Verify) -> None:
    world = World(opening=6)
    files = {**world.files(), DISCLOSURE: b""}
    manifest = world.manifest(files)
    manifest["resolved"] = {"from": manifest["watermark"], "to_exclusive": manifest["watermark"]}
    assert verify(world.signed(files, manifest), world.pins()).code == PASSED


def test_a_disclosure_that_ends_early_is_named(log: World, verify: Verify) -> None:
    told = verify(with_disclosure(log, lambda told: told.pop()), log.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, DISCLOSURE, "nothing is disclosed", f"event {log.disclosed[-1]['id']}")


def test_a_disclosure_of_no_event_is_named(log: World, verify: Verify) -> None:
    told = verify(with_disclosure(log, lambda told: told.append(told[0])), log.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, DISCLOSURE, "belongs to no event")


def test_a_wrong_row_count_is_named(log: World, verify: Verify) -> None:
    files = log.files()
    files[ACCESS_LOGS] = files[ACCESS_LOGS][: files[ACCESS_LOGS].rindex(b'"29"')]
    told = verify(log.signed(files), log.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, ACCESS_LOGS, "not what the events give")


@pytest.mark.parametrize("member", ["events", "population", "by_action"])
def test_a_wrong_count_in_the_manifest_is_named(member: str, log: World, verify: Verify) -> None:
    files = log.files()
    manifest = log.manifest(files)
    manifest["source"][member] = {"AUTH_LOGOUT": 1} if member == "by_action" else 31
    told = verify(log.signed(files, manifest), log.pins())
    assert (told.code, told.failed()) == (FAILED, [7])
    assert told.names(7, "manifest.json", "differs", f"source.{member}")


def test_population_counts_the_range_and_events_the_file(log: World, verify: Verify) -> None:
    log.until = instant(1)
    files = log.files()
    manifest = log.manifest(files)
    manifest["source"].update(
        population=10,
        by_action={"AUDIT_LANE_OPENED": 1, "AUTH_LOGIN_SUCCESS": 3, "AUTH_LOGIN_FAILED": 3, "AUTH_LOGOUT": 3},
    )
    assert verify(log.signed(files, manifest), log.pins()).code == PASSED

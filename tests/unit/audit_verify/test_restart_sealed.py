"""What a restart says was sealed has to be what the vault holds of the epoch before, whatever its rows say."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.audit_verify.earlier_epochs import EarlierEpoch
from functions.audit_verify.epoch_start import check_start
from functions.audit_verify.findings import Report
from functions.audit_verify.planted_log import PlantedLog, earlier_scope, plant
from functions.audit_verify.self_test import _shared_keys
from functions.audit_verify.trust import read_trust
from shared.audit.canonical import canonical
from shared.audit.epoch import EMPTY_ROOT
from shared.audit.event import GENESIS
from shared.audit.merkle import Frontier
from shared.evidence.segment import Event, pack
from shared.evidence.vault import digest_key, segment_key

WHOLE = plant()
DAY = 86_400
EMPTY = {"segment": 0, "size": 0, "root": base64.b64encode(EMPTY_ROOT).decode(), "lanes": {}}


def copied() -> PlantedLog:
    return copy.deepcopy(WHOLE, _shared_keys(WHOLE))


def sealed_at(segment: int) -> dict[str, Any]:
    """State the log of epoch 1 as it was behind this segment: digest 1 is behind the first, the second is the last."""
    state = WHOLE.earlier.segments[segment]["after"]
    root = Frontier(state["tree_size"], tuple(map(bytes.fromhex, state["frontier"]))).root()
    return {
        "segment": segment,
        "size": state["tree_size"],
        "root": base64.b64encode(root).decode(),
        "lanes": state["lanes"],
    }


def object_of(log: PlantedLog, segment: int) -> str:
    return segment_key(earlier_scope(log.scope).prefix, segment)


def explained(log: PlantedLog, sealed: object, days: int = 0, **changes: object) -> bool:
    report = Report()
    trust = read_trust(log.vault, log.scope.log, [log.ledger.der], report)
    scope = replace(earlier_scope(log.scope), now=log.scope.now + days * DAY)
    before = EarlierEpoch(scope, log.vault, log.earlier, trust, report)
    first = log.events(1)[0]
    meta = {**first.members["meta"], **changes, "sealed": sealed}
    first = first._replace(members={**first.members, "meta": meta})
    check_start(log.vault, log.scope, trust, first, report, before)
    assert set(report.counts) <= {"unexplained_restart"}
    return not report.counts


def unsigned(log: PlantedLog) -> PlantedLog:
    """Let the epoch before have ended before any digest was signed."""
    prefix = earlier_scope(log.scope).prefix
    for ending in ("", ".sig"):
        del log.vault.objects[f"{digest_key(prefix, 1)}{ending}"]
    return log


def test_all_that_the_vault_holds_is_explained() -> None:
    assert explained(copied(), sealed_at(2))


def test_a_restart_that_matches_the_digest_and_leaves_out_a_sealed_segment_is_unexplained() -> None:
    log = copied()
    assert not explained(log, sealed_at(1))
    del log.earlier.segments[2]
    log.earlier.head = None
    assert not explained(log, sealed_at(1))
    assert explained(log, sealed_at(2))


def test_a_segment_that_only_a_row_knows_is_invented() -> None:
    log = copied()
    log.vault.objects.pop(object_of(log, 2))
    assert not explained(log, sealed_at(2))
    assert explained(log, sealed_at(1))


@pytest.mark.parametrize("member", ["segment", "size", "root", "lanes"])
def test_each_member_counts(member: str) -> None:
    assert not explained(copied(), {**sealed_at(2), member: sealed_at(1)[member]})


def test_of_a_segment_the_oldest_version_counts() -> None:
    log = copied()
    log.vault.put(object_of(log, 2), pack([Event(log.lines(1)[0], {}, b"")]))
    log.vault.put(object_of(log, 2), None)
    assert explained(log, sealed_at(2))


WHOLE_LINES = [row.line.encode() for row in WHOLE.earlier.rows("0", 1)]
SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "no gzip": lambda _: b"x",
    "cut": lambda body: body[:-9],
    "a line that is none": lambda _: pack([Event(b"{}", {}, b"")]),
    "a line too many": lambda _: pack([Event(line, {}, b"") for line in (WHOLE_LINES[1], b"{}")]),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_segment_that_cannot_be_read_is_not_passed_over(spoil: Callable[[bytes], bytes]) -> None:
    log = copied()
    (stored,) = log.vault.objects[object_of(log, 2)]
    stored.body = spoil(stored.body or b"")
    assert not explained(log, sealed_at(2))
    assert not explained(log, sealed_at(1))


def test_what_lies_behind_a_gap_continues_nothing() -> None:
    log = copied()
    log.vault.put(object_of(log, 4), b"x")
    log.vault.put(object_of(log, 3), None)
    assert explained(log, sealed_at(2))


def test_an_epoch_without_a_digest_is_added_up_from_its_beginning() -> None:
    assert explained(unsigned(copied()), sealed_at(2), digest=None)
    assert not explained(unsigned(copied()), sealed_at(1), digest=None)
    assert not explained(unsigned(copied()), EMPTY, digest=None)


def test_a_log_that_had_no_epoch_before_states_nothing() -> None:
    log = unsigned(copied())
    for segment in (1, 2):
        log.vault.objects.pop(object_of(log, segment))
    assert explained(log, EMPTY, digest=None)
    assert not explained(log, sealed_at(1), digest=None)


def test_lanes_that_were_only_opened_may_stand() -> None:
    sealed = sealed_at(2)
    sealed["lanes"] = {**sealed["lanes"], "9": {"seq": 0, "hash": GENESIS}}
    assert explained(copied(), sealed)
    sealed["lanes"]["9"]["seq"] = 1
    assert not explained(copied(), sealed)


@pytest.mark.parametrize("sealed", [None, [], {}, {**sealed_at(2), "lanes": []}, {**sealed_at(2), "lanes": {"0": 1}}])
def test_a_statement_of_another_form_is_unexplained(sealed: object) -> None:
    assert not explained(copied(), sealed)


def test_what_the_lifecycle_let_go_is_not_asked_for() -> None:
    log = copied()
    log.vault.objects.pop(object_of(log, 2))
    assert not explained(log, sealed_at(2), days=364)
    assert explained(log, sealed_at(2), days=366)


def test_a_signed_digest_that_ends_at_no_instant_explains_nothing() -> None:
    log = copied()
    key = digest_key(earlier_scope(log.scope).prefix, 1)
    digest = json.loads(log.vault.objects[key][0].body or b"")
    body = canonical({**digest, "period": {"from": "!", "to": "!"}})
    log.vault.objects[key][0].body, log.vault.objects[f"{key}.sig"][0].body = body, log.old.sign(body)
    assert not explained(log, sealed_at(2), digest={"no": 1, "sha256": hashlib.sha256(body).hexdigest()})

"""Every way of spoiling a log that the verifier claims to find, each with the name that it must find it by.

Those of anchors and of earlier epochs are in `anchor_corruptions.py`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from functions.audit_verify.anchor_corruptions import ANCHOR_CORRUPTIONS
from functions.audit_verify.corruption import Corruption
from functions.audit_verify.planted_log import PlantedLog
from functions.audit_verify.planted_ports import Key
from functions.audit_verify.verification import Before
from shared.audit.canonical import canonical
from shared.audit.merkle import leaf_hash
from shared.evidence.vault import checkpoint_key, digest_key, log_prefix, public_key_key, segment_key


def _object(log: PlantedLog, kind: str, number: int) -> str:
    named = {"segment": segment_key, "digest": digest_key, "checkpoint": checkpoint_key}[kind]
    return named(log.scope.prefix, number)


def _edit(log: PlantedLog) -> None:
    lines = log.lines(1)
    lines[2] = lines[2].replace(b"AUTH_LOGOUT", b"AUTH_LOGIN0")
    log.replace_lines(1, lines)


def _delete_middle(log: PlantedLog) -> None:
    lines = log.lines(1)
    log.replace_lines(1, [*lines[:1], *lines[2:]])


def _swap(log: PlantedLog) -> None:
    lines = log.lines(1)
    log.replace_lines(1, [lines[0], lines[2], lines[1], lines[3]])


def _duplicate(log: PlantedLog) -> None:
    lines = log.lines(1)
    log.replace_lines(1, [*lines[:3], *lines[2:]])


def _rechain(log: PlantedLog) -> None:
    """Rewrite segment 1 from its second line on, so that every hash in it is right."""
    lines, previous = log.lines(1), b""
    for number, line in enumerate(lines):
        members = json.loads(line)
        if number >= 1:
            members |= {"resource": "forged", "prev": leaf_hash(previous).hex()}
        lines[number] = previous = canonical(members)
    log.replace_lines(1, lines)


def _fork(log: PlantedLog) -> None:
    """Let the last event of a lane follow another one than it does, as a second writer's would."""
    lines = log.lines(1)
    lines[3] = canonical(json.loads(lines[3]) | {"prev": leaf_hash(lines[1]).hex()})
    log.replace_lines(1, lines)


def _truncate(log: PlantedLog) -> None:
    log.replace_lines(3, log.lines(3)[:-1])


def _misplace_line(log: PlantedLog) -> None:
    lines = log.lines(1)
    lines[3] = canonical(json.loads(lines[3]) | {"tenant": "another"})
    log.replace_lines(1, lines)


def _unopen(log: PlantedLog) -> None:
    lines = log.lines(2)
    log.replace_lines(2, [lines[0].replace(b"AUDIT_LANE_OPENED", b"AUTH_LOGOUT"), *lines[1:]])


def _recompress(log: PlantedLog) -> None:
    stored = log.segment(1)
    stored.body = gzip.compress(gzip.decompress(stored.body or b""), compresslevel=1, mtime=7)


def _move(log: PlantedLog) -> None:
    key = _object(log, "segment", 2)
    log.vault.objects[f"{log.scope.prefix}/seg/moved.ndjson.gz"] = log.vault.objects.pop(key)


def _put_again(log: PlantedLog) -> None:
    """Delete a segment for good and put the same bytes back: another version, whatever it holds."""
    stored = log.segment(1)
    stored.version_id = "another"


def _plant_segment(log: PlantedLog) -> None:
    log.vault.put(_object(log, "segment", 999), b"x")


def _plant_note(log: PlantedLog) -> None:
    log.vault.put(_object(log, "checkpoint", 6), b"x")


def _remove(kind: str, *numbers: int, ending: str = "") -> Callable[[PlantedLog], object]:
    def spoil(log: PlantedLog) -> None:
        for number in numbers:
            del log.vault.objects[_object(log, kind, number) + ending]

    return spoil


def _on_top(kind: str, body: bytes | None) -> Callable[[PlantedLog], object]:
    return lambda log: log.vault.put(_object(log, kind, 1), body)


def _stored(kind: str, **members: str | None) -> Callable[[PlantedLog], object]:
    def spoil(log: PlantedLog) -> None:
        for name, value in members.items():
            setattr(log.vault.objects[_object(log, kind, 1)][0], name, value)

    return spoil


def _resign_by_stranger(log: PlantedLog) -> None:
    stranger = Key()
    log.vault.put(public_key_key(stranger.kid), stranger.pem)
    log.restate(2, lambda one: one.update(kid=stranger.kid), stranger)


def _resign_by_predecessor(log: PlantedLog) -> None:
    log.restate(4, lambda one: one.update(kid=log.old.kid), log.old)


def _restated(number: int, change: Callable[[dict[str, Any]], object]) -> Callable[[PlantedLog], object]:
    return lambda log: log.restate(number, change)


def _body(name: Callable[[PlantedLog], str], body: Callable[[bytes], bytes]) -> Callable[[PlantedLog], object]:
    def spoil(log: PlantedLog) -> None:
        stored = log.vault.objects[name(log)][0]
        stored.body = body(stored.body or b"")

    return spoil


def _swap_digests(log: PlantedLog) -> None:
    one, two = (log.vault.objects[_object(log, "digest", number)][0] for number in (1, 2))
    one.body, two.body = two.body, one.body


def _swap_keys(log: PlantedLog) -> None:
    log.vault.objects[public_key_key(log.ledger.kid)][0].body = Key().pem


def _spoil_rotation(signer: str) -> Callable[[PlantedLog], object]:
    def spoil(log: PlantedLog) -> None:
        name = f"keys/{log.ledger.kid}.rotation.json"
        log.vault.objects[f"{name}.{signer}.sig"][0].body = Key().sign(log.vault.read(name) or b"")

    return spoil


def _stranger_among_keys(log: PlantedLog) -> None:
    stranger = Key()
    log.vault.put(public_key_key(stranger.kid), stranger.pem)


def _forget_epoch(log: PlantedLog) -> None:
    prefix = log_prefix(log.scope.log, log.scope.tenant, log.scope.epoch - 1)
    log.vault.objects = {
        key: kept for key, kept in log.vault.objects.items() if not key.startswith(f"{prefix}/digest/")
    }


def _row(lane: str, seq: int, **members: Any) -> Callable[[PlantedLog], object]:  # noqa: ANN401 - columns of a row
    def spoil(log: PlantedLog) -> None:
        rows = log.tables.lanes[lane]
        if members:
            template = rows.get(seq) or rows[1]
            rows[seq] = template._replace(seq=seq, **members)
        else:
            del rows[seq]

    return spoil


def _later(seconds: int) -> Callable[[PlantedLog], object]:
    def spoil(log: PlantedLog) -> None:
        log.scope = replace(log.scope, now=log.scope.now + seconds)

    return spoil


def _saw(before: Before) -> Callable[[PlantedLog], object]:
    def spoil(log: PlantedLog) -> None:
        log.before = before

    return spoil


def _foreign_lane(log: PlantedLog) -> None:
    """Put a row into a lane that nobody opened; the lane is one of those that are looked at on this day."""
    day = int(log.scope.now // 86_400) % 7
    log.tables.lanes[str(day + 14)] = {1: log.tables.lanes["0"][1]}


def _signature(number: int) -> Callable[[PlantedLog], str]:
    return lambda log: f"{_object(log, 'digest', number)}.sig"


def _note(log: PlantedLog) -> str:
    return _object(log, "checkpoint", 4)


CORRUPTIONS: Final = (
    Corruption("a line edited", "segment_changed", _edit),
    Corruption("a line edited, seen by the next one", "lane_chain", _edit),
    Corruption("a line in the middle deleted", "lane_gap", _delete_middle),
    Corruption("two lines swapped", "lane_duplicate", _swap),
    Corruption("a line duplicated", "lane_duplicate", _duplicate),
    Corruption("a fork by two writers", "lane_chain", _fork),
    Corruption("rewritten from the middle and chained anew", "tree_root", _rechain),
    Corruption("the last line cut off", "lane_heads", _truncate),
    Corruption("a line of another tenant", "line_misplaced", _misplace_line),
    Corruption(
        "a line that is no event", "line_malformed", lambda log: log.replace_lines(1, [b"[]", *log.lines(1)[1:]])
    ),
    Corruption("a lane that was never opened", "lane_unopened", _unopen),
    Corruption("a row in a lane that was never opened", "lane_unopened", _foreign_lane),
    Corruption("compressed anew", "segment_recompressed", _recompress),
    Corruption(
        "a segment cut off", "segment_changed", _body(lambda log: _object(log, "segment", 1), lambda body: body[:-9])
    ),
    Corruption("a segment moved, found where it is", "foreign_object", _move),
    Corruption("a segment moved, missed where it was", "segment_missing", _move),
    Corruption("the last segment deleted", "segment_missing", _remove("segment", 4)),
    Corruption("a segment deleted and put again", "segment_version_differs", _put_again),
    Corruption("a segment planted far ahead", "foreign_object", _plant_segment),
    Corruption("a note planted", "foreign_object", _plant_note),
    Corruption("a new version of a segment", "object_version", _on_top("segment", b"x")),
    Corruption("a new version of a digest", "object_version", _on_top("digest", b"{}")),
    Corruption("a delete marker", "delete_marker", _on_top("segment", None)),
    Corruption("two digests deleted in a row", "digest_missing", _remove("digest", 2, 3)),
    Corruption("the empty digest deleted", "digest_missing", _remove("digest", 3)),
    Corruption("the last digest deleted", "digest_missing", _remove("digest", 4)),
    Corruption("a signature deleted", "signature_missing", _remove("digest", 2, ending=".sig")),
    Corruption("a note deleted", "checkpoint_missing", _remove("checkpoint", 4)),
    Corruption("another checksum", "checksum_differs", _stored("segment", checksum="AAAA")),
    Corruption("no lock", "lock_missing", _stored("segment", mode=None, retain_until=None)),
    Corruption("no lock of a digest", "lock_missing", _stored("digest", mode=None, retain_until=None)),
    Corruption("a shorter lock", "lock_shortened", _stored("segment", retain_until="2026-09-22T00:00:00.000Z")),
    Corruption(
        "a shorter lock of a digest", "lock_shortened", _stored("digest", retain_until="2026-09-22T00:00:00.000Z")
    ),
    Corruption("a weaker lock", "lock_weaker", _stored("segment", mode="GOVERNANCE")),
    Corruption(
        "a digest that is none", "digest_malformed", _body(lambda log: _object(log, "digest", 1), lambda _: b"{}")
    ),
    Corruption(
        "a digest written otherwise",
        "digest_malformed",
        _body(lambda log: _object(log, "digest", 1), lambda b: b + b"\n"),
    ),
    Corruption("two digests swapped", "digest_misplaced", _swap_digests),
    Corruption(
        "a digest edited",
        "digest_signature",
        _body(lambda log: _object(log, "digest", 1), lambda b: b.replace(b'"v":1', b'"v":2')),
    ),
    Corruption("a signature replaced", "digest_signature", _body(_signature(1), lambda body: body[:-1] + b"\x00")),
    Corruption("signed anew by another key", "digest_key_unknown", _resign_by_stranger),
    Corruption("signed anew by the key before", "key_change_unexplained", _resign_by_predecessor),
    Corruption("a rotation that the old key did not sign", "rotation_invalid", _spoil_rotation("previous")),
    Corruption("a rotation that the new key did not sign", "rotation_invalid", _spoil_rotation("next")),
    Corruption("a key swapped", "key_file_differs", _swap_keys),
    Corruption("a key deleted", "key_file_differs", lambda log: log.vault.objects.pop(public_key_key(log.ledger.kid))),
    Corruption("a key planted", "foreign_object", _stranger_among_keys),
    Corruption("a digest signed anew", "digest_chain", _restated(1, lambda one: one["software"].update(version="1"))),
    Corruption(
        "a period with a hole",
        "period_gap",
        _restated(2, lambda one: one["period"].update({"from": "2026-09-21T15:00:00.000Z"})),
    ),
    Corruption("a segment left out", "segment_order", _restated(2, lambda one: one.update(segments=[]))),
    Corruption(
        "a segment described otherwise", "segment_entry", _restated(1, lambda one: one["segments"][0].update(events=5))
    ),
    Corruption(
        "a watermark too far",
        "behind_watermark",
        _restated(1, lambda one: one.update(watermark="2026-09-22T20:00:00.000Z")),
    ),
    Corruption("other lane heads", "lane_heads", _restated(4, lambda one: one["lanes"].pop("7"))),
    Corruption("another tree", "tree_root", _restated(4, lambda one: one["tree"].update(size=7))),
    Corruption("other counts", "counts_differ", _restated(4, lambda one: one["counts"].update(total=9))),
    Corruption(
        "another end of the table", "source_inconsistent", _restated(4, lambda one: one["source"].update(unsealed=3))
    ),
    Corruption(
        "a note of another tree", "checkpoint_differs", _body(_note, lambda body: body.replace(b"\n4\n", b"\n5\n"))
    ),
    Corruption("a note signed otherwise", "checkpoint_signature", _body(_note, lambda body: body[:-9] + b"AAAAAAA=\n")),
    Corruption("the epoch before forgotten", "unexplained_restart", _forget_epoch),
    Corruption("a sealed row deleted", "row_missing", _row("0", 2)),
    Corruption("an unsealed row deleted", "row_missing", _row("7", 6)),
    Corruption(
        "the last row deleted",
        "verification_rolled_back",
        lambda log: (_saw(Before(0, {"7": 7}))(log), _row("7", 7)(log)),
    ),
    Corruption("a sealed row edited", "row_changed", _row("0", 2, line="{}")),
    Corruption("an unsealed row edited", "row_changed", _row("7", 6, line="{}")),
    Corruption("a row inserted", "row_foreign", _row("0", 0, line="{}")),
    Corruption("a row inserted ahead", "row_missing", _row("0", 99, line="{}")),
    Corruption("a seal row deleted", "seal_row_missing", lambda log: log.tables.segments.pop(1)),
    Corruption("a seal row edited", "seal_row_differs", lambda log: log.tables.segments[1].update(events=1)),
    Corruption(
        "a seal row that counts by reason what is not there",
        "seal_row_differs",
        lambda log: log.tables.segments[1].update(facets={"SESSION_INVALIDATED": {"reason": {"forced_logout": 1}}}),
    ),
    Corruption(
        "the frontier edited",
        "seal_row_differs",
        lambda log: log.tables.segments[1]["after"].update(frontier=["00" * 32]),
    ),
    Corruption("the seal head edited", "seal_row_differs", lambda log: (log.tables.head or {}).update(tree_size=99)),
    Corruption("the seal head deleted", "seal_row_missing", lambda log: setattr(log.tables, "head", None)),
    Corruption("a digest row edited", "seal_row_differs", lambda log: log.tables.digests[2].update(sha256="00")),
    Corruption("a digest row deleted", "seal_row_missing", lambda log: log.tables.digests.pop(2)),
    Corruption("digests rolled back", "verification_rolled_back", _saw(Before(9))),
    Corruption("no digest for 26 hours", "digest_overdue", _later(26 * 3_600)),
    Corruption("no sealing for two hours", "sealing_stalled", _later(2 * 3_600)),
    *ANCHOR_CORRUPTIONS,
)

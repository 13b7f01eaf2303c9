"""Every way of spoiling anchors, earlier epochs and the folders around a log; the others are in `corruptions.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from functions.audit_verify.corruption import Corruption
from functions.audit_verify.planted_log import PlantedLog, earlier_scope
from functions.audit_verify.planted_ports import Key
from shared.audit.anchor_leaf import anchor_leaf
from shared.evidence.vault import digest_key, segment_key

_LAST: Final = 2  # of the three anchors, the one over this log


def _beside(number: int, ending: str, body: Callable[[bytes], bytes | None]) -> Callable[[PlantedLog], object]:
    """Change a file of an anchor; None removes it."""

    def spoil(log: PlantedLog) -> None:
        name = log.anchor_name(number).removesuffix(".json") + ending
        changed = body(log.vault.objects.pop(name)[0].body or b"")
        if changed is not None:
            log.vault.put(name, changed)

    return spoil


def _delete_anchor(log: PlantedLog) -> None:
    begins = log.anchor_name(1).removesuffix(".json")
    log.vault.objects = {key: kept for key, kept in log.vault.objects.items() if not key.startswith(begins)}


def _restated(key: Callable[[PlantedLog], Key] | None = None, **members: Any) -> Callable[[PlantedLog], object]:  # noqa: ANN401 - of an anchor
    """Change the last anchor and sign it anew, as whoever commands a key could."""

    def spoil(log: PlantedLog) -> None:
        log.put_anchor(log.anchor(_LAST) | members, log.leaves(_LAST), key(log) if key else None)

    return spoil


def _over_other_heads(head: Callable[[PlantedLog], bytes]) -> Callable[[PlantedLog], object]:
    """Let the last anchor hold `head` in the place of this log's, and all else be right."""

    def spoil(log: PlantedLog) -> None:
        leaves = [*log.leaves(_LAST)[:-1], head(log)]
        log.put_anchor(log.anchor(_LAST) | log.rooted(leaves), leaves)

    return spoil


def _older_head(log: PlantedLog) -> bytes:
    row = log.tables.digests[1]
    return anchor_leaf(log.scope.origin, row["tree_size"], row["root"])


def _token(log: PlantedLog) -> None:
    log.vault.put(f"{log.anchor_name(_LAST)}.tsr", b"junk")


def _planted(key: str) -> Callable[[PlantedLog], object]:
    return lambda log: log.vault.put(key, b"x")


def _on_top(log: PlantedLog) -> None:
    log.vault.put(log.anchor_name(_LAST), b"{}")


def _marked(log: PlantedLog) -> None:
    log.vault.put(log.anchor_name(_LAST), None)


def _earlier(key: Callable[[str], str], change: Callable[[bytes], bytes]) -> Callable[[PlantedLog], object]:
    def spoil(log: PlantedLog) -> None:
        stored = log.vault.objects[key(earlier_scope(log.scope).prefix)][0]
        stored.body = change(stored.body or b"")

    return spoil


def _clock(seconds: int) -> Callable[[PlantedLog], object]:
    def spoil(log: PlantedLog) -> None:
        log.scope = replace(log.scope, now=log.scope.now + seconds)

    return spoil


ANCHOR_CORRUPTIONS: Final = (
    Corruption("an anchor's leaves deleted", "anchor_missing", _beside(_LAST, ".leaves.json", lambda _: None)),
    Corruption("an anchor deleted, its signature left", "anchor_missing", _beside(0, ".json", lambda _: None)),
    Corruption("an anchor written otherwise", "anchor_malformed", _beside(_LAST, ".json", lambda body: body + b"\n")),
    Corruption("an anchor that is none", "anchor_malformed", _beside(_LAST, ".json", lambda _: b"[]")),
    Corruption("an anchor of another day", "anchor_malformed", _restated(at="2026-09-01T00:00:00.000Z")),
    Corruption("an anchor of the future", "anchor_malformed", _clock(-7_200)),
    Corruption("an anchor of another log", "anchor_malformed", _restated(log="another")),
    Corruption(
        "an anchor edited",
        "anchor_signature",
        _beside(_LAST, ".json", lambda body: body.replace(b'"version":"0"', b'"version":"1"')),
    ),
    Corruption("an anchor signed by a stranger", "anchor_signature", _restated(lambda _: Key())),
    Corruption("an anchor in between deleted", "anchor_chain", _delete_anchor),
    Corruption("an anchor that begins anew", "anchor_chain", _restated(prev=None)),
    Corruption("leaves replaced", "anchor_leaves", _beside(_LAST, ".leaves.json", lambda _: b'{"leaves":[]}')),
    Corruption("leaves that are none", "anchor_leaves", _beside(_LAST, ".leaves.json", lambda _: b"junk")),
    Corruption("an anchor of another size", "anchor_leaves", _restated(size=9)),
    Corruption("an anchor over another log", "anchor_leaf_missing", _over_other_heads(lambda _: b"x" * 32)),
    Corruption("an anchor over an older head", "anchor_leaf_missing", _over_other_heads(_older_head)),
    Corruption("a time stamp of something else", "anchor_time_stamp", _token),
    Corruption("no anchor for three days", "anchor_overdue", _clock(3 * 86_400)),
    Corruption("a new version of an anchor", "object_version", _on_top),
    Corruption("a delete marker over an anchor", "delete_marker", _marked),
    Corruption("a stranger among the anchors", "foreign_object", _planted("anchor/v1/log/x.json")),
    Corruption("a log of nobody", "foreign_log", _planted("log/v1/log/stranger/1/seg/000000000001.ndjson.gz")),
    Corruption("a log of another deployment", "foreign_log", _planted("log/v1/another/planted/1/x")),
    Corruption("a log of another form", "foreign_log", _planted("log/v2/log/planted/1/x")),
    Corruption("an epoch that has not begun", "foreign_log", _planted("log/v1/log/planted/3/x")),
    Corruption("a clock that was ahead", "digest_ahead", _clock(-7_200)),
    Corruption(
        "a digest of the epoch before edited",
        "digest_signature",
        _earlier(lambda prefix: digest_key(prefix, 1), lambda body: body.replace(b'"v":1', b'"v":2')),
    ),
    Corruption(
        "what was sealed of the epoch before edited",
        "unexplained_restart",
        _earlier(lambda prefix: segment_key(prefix, 2), lambda _: b"x"),
    ),
    Corruption(
        "a stranger in the epoch before",
        "foreign_object",
        lambda log: log.vault.put(f"{earlier_scope(log.scope).prefix}/x", b""),
    ),
)

"""What the verifier can find: every finding by its stable name, what it means, and what to do (docs/operations.md)."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

KEPT = 50  # findings of a report that are told one by one; all are counted
_LONGEST_ABOUT = 300  # characters of an object key or row that a finding repeats


class Meaning(NamedTuple):
    """`gap`: something that was there is no longer there, so AUDIT_GAP_DETECTED tells it too."""

    says: str
    do: str
    gap: bool = False


_CLOUDTRAIL: Final = "Look up who did it in CloudTrail; keep everything as it is."
_READ_OLD: Final = "The first version is still locked; bundles read it by its id. Find the principal in CloudTrail."
_COPY: Final = "Compare with a bundle or a replica of that time; whatever it proves is proven."
_BOOKKEEPING: Final = "The vault is the record. Find who wrote `audit_seals`; rebuild the rows from the vault."

FINDINGS: Final[dict[str, Meaning]] = {
    "foreign_object": Meaning("an object in the log's folder belongs to no digest and no segment", _CLOUDTRAIL),
    "object_version": Meaning("a second version was put on top of a locked object", _READ_OLD),
    "delete_marker": Meaning("a delete marker hides a locked object", _READ_OLD),
    "segment_missing": Meaning("a segment is not there, in no version", _COPY, gap=True),
    "segment_version_differs": Meaning("a segment is there, but not in the version that is signed", _COPY, gap=True),
    "digest_missing": Meaning("a digest number is not there, in no version", _COPY, gap=True),
    "signature_missing": Meaning("a digest has no signature beside it", _COPY, gap=True),
    "checkpoint_missing": Meaning("a signed tree size has no checkpoint note", _COPY, gap=True),
    "checksum_differs": Meaning("S3 keeps another checksum for an object than the one that is signed", _COPY),
    "lock_missing": Meaning("an object has no Object Lock retention", "Check the bucket's default; lock it again."),
    "lock_shortened": Meaning("a lock ends before the instant that is signed for it", _CLOUDTRAIL),
    "lock_weaker": Meaning(
        "an object is locked in GOVERNANCE mode where the deployment says COMPLIANCE",
        "Expected after the mode was raised, for older objects; otherwise find out who changed the bucket.",
    ),
    "digest_malformed": Meaning("a digest is not canonical JSON of the documented form", _COPY),
    "digest_misplaced": Meaning("a digest states another log, tenant, epoch or number than its key", _COPY),
    "digest_signature": Meaning("a digest's signature does not verify", _COPY),
    "digest_key_unknown": Meaning(
        "a digest is signed by a key that is neither the ledger key nor one of its predecessors",
        "Treat it as forged: whoever made it lacks the ledger key. Compare with a bundle of that time.",
    ),
    "key_change_unexplained": Meaning("the signing key changes without a rotation statement, or back", _CLOUDTRAIL),
    "rotation_invalid": Meaning("a statement of a key's rotation is not signed by both keys", _CLOUDTRAIL),
    "key_file_differs": Meaning("keys/<kid>.pem is missing or holds another key", "Publish the fingerprint again."),
    "digest_chain": Meaning("a digest does not name the hash of the one before", _COPY),
    "period_gap": Meaning("the periods of two digests do not abut", _COPY, gap=True),
    "segment_order": Meaning("the segments of a digest do not follow those of the one before", _COPY, gap=True),
    "segment_changed": Meaning("a segment holds other bytes than those that are signed", _COPY),
    "segment_recompressed": Meaning("a segment holds the signed lines, compressed anew", _CLOUDTRAIL),
    "segment_entry": Meaning("a digest describes a segment otherwise than its lines do", _COPY),
    "line_malformed": Meaning("a sealed line is no event", _COPY),
    "line_misplaced": Meaning("a sealed event is of another log, tenant or epoch", _COPY),
    "lane_gap": Meaning("numbers of a lane are missing", _COPY, gap=True),
    "lane_duplicate": Meaning("a number of a lane comes twice, or runs backwards", _COPY),
    "lane_chain": Meaning("an event does not carry the hash of the one before: edited, or a fork", _COPY),
    "lane_unopened": Meaning("an event stands in a lane that lane 0 never opened: a forgery", _CLOUDTRAIL),
    "behind_watermark": Meaning("an event was sealed later than a signed watermark allows", _CLOUDTRAIL),
    "lane_heads": Meaning("the lanes do not end where the digest says", _COPY),
    "tree_root": Meaning("the tree over the lines has another size or root than the digest signs", _COPY),
    "checkpoint_differs": Meaning("a checkpoint note does not state the tree of its digest", _COPY),
    "checkpoint_signature": Meaning("a checkpoint note's signature does not verify", _COPY),
    "counts_differ": Meaning("a digest counts its events otherwise than they are", _COPY),
    "source_inconsistent": Meaning("what a digest says of the table contradicts its lanes", _COPY),
    "unexplained_restart": Meaning(
        "an epoch begins without AUDIT_EPOCH_STARTED over all that the one before had signed and sealed", _COPY
    ),
    "row_missing": Meaning("a row of `audit_logs` is gone before its time", _CLOUDTRAIL, gap=True),
    "row_changed": Meaning("a row of `audit_logs` is not the event that was sealed, or breaks its chain", _CLOUDTRAIL),
    "row_foreign": Meaning("a row of `audit_logs` has a key that no writer uses", _CLOUDTRAIL),
    "seal_row_missing": Meaning("a row of `audit_seals` is gone", _BOOKKEEPING),
    "seal_row_differs": Meaning("a row of `audit_seals` says other than the vault", _BOOKKEEPING),
    "verification_rolled_back": Meaning(
        "less is signed or written than the last verification saw", _CLOUDTRAIL, gap=True
    ),
    "anchor_missing": Meaning("an anchor that is signed lacks its file or its leaves", _COPY, gap=True),
    "anchor_malformed": Meaning("an anchor is not canonical JSON of the documented form, or not of its date", _COPY),
    "anchor_signature": Meaning("an anchor's signature does not verify by a trusted key", _COPY),
    "anchor_chain": Meaning("an anchor does not name the hash of the one before", _COPY, gap=True),
    "anchor_leaves": Meaning("the leaves beside an anchor are not those that it signs", _COPY),
    "anchor_leaf_missing": Meaning("an anchor does not hold a tree head that this log had signed by then", _COPY),
    "anchor_time_stamp": Meaning("a time stamp is not over its anchor, or older than it", _COPY),
    "anchor_overdue": Meaning("no anchor was made for more than two days", "See the log of `audit_digest`."),
    "foreign_log": Meaning(
        "a folder of the vault belongs to no tenant and no epoch",
        "Told by the alarm and the function's log only. A tenant's row was removed, or somebody planted a log.",
    ),
    "digest_ahead": Meaning(
        "a digest's period ends in the future: signed by a wrong clock",
        "Its watermark promises too much until then, and nothing is signed meanwhile. See the log of `audit_digest`.",
    ),
    "digest_overdue": Meaning("no digest was signed for more than 25 hours", "See the log of `audit_digest`."),
    "sealing_stalled": Meaning("an event waits for more than an hour to be sealed", "See the log of `audit_seal`."),
}


class Finding(NamedTuple):
    """`about` is an object's key or a row's; `expected` and `got` are hashes, numbers or instants, never contents."""

    code: str
    about: str
    expected: str | None = None
    got: str | None = None

    def told(self) -> dict[str, str | None]:
        return {"code": self.code, "about": self.about, "expected": self.expected, "got": self.got}


class Report:
    """Collects findings: the first `KEPT` one by one, all of them by count."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()

    def add(self, code: str, about: str, expected: object = None, got: object = None) -> None:
        """Note a finding; one that was told of the same thing already is none."""
        if code not in FINDINGS:
            raise RuntimeError(f"{code} is not in the table of findings")
        about = about.encode("ascii", "replace").decode()[:_LONGEST_ABOUT]
        if any((known.code, known.about) == (code, about) for known in self.findings):
            return
        self.counts[code] += 1
        if len(self.findings) < KEPT:
            self.findings.append(Finding(code, about, _text(expected), _text(got)))

    def gaps(self) -> list[Finding]:
        return [finding for finding in self.findings if FINDINGS[finding.code].gap]


def _text(value: object) -> str | None:
    return None if value is None else str(value).encode("ascii", "replace").decode()[:_LONGEST_ABOUT]

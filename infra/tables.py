"""The DynamoDB tables, as data.

Rules of this module
- Two secondary indexes in all, both sparse. That of `user_sessions` finds the sessions that cleanup must look at, a
  tenant at a time, sorted by an instant that moves once an idle period, so a refresh does not write it; that of
  `exports` holds those that run. `audit_logs` has none: every login would write the same item of a per-tenant index,
  and be throttled by it.
"""

from dataclasses import dataclass
from typing import Final

from shared.store.exports import RUNNING_BY_DEADLINE
from shared.store.session_reviews import DUE_FOR_REVIEW


@dataclass(frozen=True, slots=True)
class Index:
    """Finds keys by `partition` (text), in the order of `sort` (a number)."""

    name: str
    partition: str
    sort: str


@dataclass(frozen=True, slots=True)
class Table:
    """`expires`: rows carry `ttl`, Unix seconds. `stream`: the table has one, with old and new images.

    `index` holds the keys of the rows that have both of its attributes, the second a number.
    """

    name: str
    partition: str
    sort: str | None = None
    numeric_sort: bool = False
    expires: bool = False
    stream: bool = False
    index: Index | None = None


TABLES: Final[tuple[Table, ...]] = (
    Table("tenants", "tenant"),
    Table("tenant_staff", "tenant", "item"),
    Table("subject_keys", "tenant", "subject"),
    Table("user_sessions", "owner", "session_id", expires=True, index=Index(DUE_FOR_REVIEW, "tenant", "review_at")),
    Table("refresh_tokens", "token_hash", expires=True),
    Table("step_up_challenges", "challenge_id", expires=True),
    Table("audit_logs", "log_lane", "seq", numeric_sort=True, expires=True, stream=True),
    Table("audit_seals", "tenant", "seal"),
    Table("audit_verifications", "log"),
    Table("outbox", "tenant", "effect_id", expires=True, stream=True),
    Table("exports", "tenant", "export_id", index=Index(RUNNING_BY_DEADLINE, "running", "deadline_at")),
    Table("share_links", "tenant", "link", expires=True),
    Table("signing_keys", "purpose", "kid"),
    Table("throttles", "bucket", expires=True),
    Table("one_time_tokens", "token_hash", expires=True),
    Table("ip_rules", "tenant", "rule_id"),
    Table("ip_denials", "tenant", "source", expires=True),
    Table("invites", "tenant", "invite_id", expires=True),
    Table("sso_connections", "tenant", "connection_id"),
    Table("impersonations", "tenant", "item", expires=True),
    Table("legal_holds", "tenant", "hold_id"),
    Table("erasures", "tenant", "staff_id"),
    Table("access_reviews", "tenant", "item"),
    Table("evidence_calendar", "tenant", "slot"),
)

"""What is kept for how long, who says so, and what takes it away: the one place that lists it all.

Rules of this module
- Every table and every prefix of a bucket stands in one row; tests hold each row against the template and the code that
  writes `ttl` (tests/infra/test_retention.py), and docs/operations.md shows it as it stands here.
- All of it is the deployment's. A tenant's settings change how long a session lasts, and its record counts from there.
- A legal hold of the product keeps people from being erased and lengthens nothing here: what a row of a table says that
  expires stands in the sealed log as well. What outlasts the lock is held in S3 (docs/operations.md).
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

DAY: Final = 86_400
GRACE_DAYS: Final = 30  # behind a lock, so that the last export can still be checked; then the lifecycle clears

# The settings of a deployment that say so, in the order in which RETENTION_CHANGED tells them.
FIGURES: Final = (
    "vault_lock_mode",
    "vault_retention_days",
    "exports_lock_mode",
    "exports_retention_days",
    "audit_log_ttl_seconds",
    "security_retention_seconds",
)

LOCK: Final = "object lock, then lifecycle"
LIFECYCLE: Final = "lifecycle"
TTL: Final = "ttl"
LOG_GROUP: Final = "log group"
NOTHING: Final = "nothing"


class Kept(NamedTuple):
    """`figure` names the setting that says how long, else `days` do; neither is: until somebody deletes it.

    `where` are tables, or prefixes of a bucket.
    """

    name: str
    where: tuple[str, ...]
    since: str
    by: str
    figure: str | None = None
    days: int | None = None


POLICY: Final = (
    Kept("sealed log", ("vault/log/", "vault/anchor/"), "its writing", LOCK, figure="vault_retention_days"),
    Kept("public keys of the log", ("vault/keys/",), "", NOTHING),
    Kept("bundles", ("exports/bundles/",), "their making", LOCK, figure="exports_retention_days"),
    Kept("fragments of bundles", ("exports/rendering/",), "their writing", LIFECYCLE, days=3),
    Kept("the table's copy of the log", ("audit_logs",), "the event", TTL, figure="audit_log_ttl_seconds"),
    Kept("sessions", ("user_sessions",), "their absolute limit; those of an incident: see the setting", TTL, days=30),
    Kept("refresh tokens", ("refresh_tokens",), "the end of their session; reused ones: see the setting", TTL, days=30),
    Kept("invites", ("invites",), "their expiry", TTL, days=30),
    Kept("challenges", ("step_up_challenges",), "their expiry", TTL, days=30),
    Kept("effects", ("outbox",), "their making", TTL, days=30),
    Kept("counts of refused addresses", ("ip_denials",), "the refusal", TTL, days=30),
    Kept("impersonations", ("impersonations",), "their end", TTL, days=180),
    Kept("share links", ("share_links",), "their expiry", TTL, days=90),
    Kept("one-time tokens", ("one_time_tokens",), "their expiry", TTL, days=1),
    Kept("counts of attempts", ("throttles",), "the last one", TTL, days=1),
    Kept(
        "records of the tenant",
        (
            *("tenants", "tenant_staff", "subject_keys", "sso_connections", "ip_rules", "legal_holds", "erasures"),
            *("exports", "audit_seals", "audit_verifications", "signing_keys", "access_reviews", "evidence_calendar"),
        ),
        "",
        NOTHING,
    ),
    Kept("logs of functions, the API and the state machine", ("log groups",), "their writing", LOG_GROUP, days=400),
    Kept("access logs of buckets and the edge", ("access logs",), "their writing", LIFECYCLE, days=30),
)


def in_force(figures: Mapping[str, str | int]) -> list[dict[str, Any]]:
    """Give the policy with the figures of a deployment, as documents."""
    return [
        {
            "name": each.name,
            "where": list(each.where),
            "days": _days(each, figures),
            "since": each.since or None,
            "enforced_by": each.by,
            "setting": each.figure,
        }
        for each in POLICY
    ]


def _days(kept: Kept, figures: Mapping[str, str | int]) -> int | None:
    if kept.figure is None:
        return kept.days
    number = int(figures[kept.figure])
    return number // DAY if kept.figure.endswith("_seconds") else number

"""The policy of retention is what the template and the code do: each row, each table, each prefix."""

import pytest

from infra.tables import TABLES
from shared.domain import throttle
from shared.domain.retention import DAY, GRACE_DAYS, LIFECYCLE, LOCK, POLICY, TTL, Kept, in_force
from shared.store import (
    impersonation_ends,
    invites,
    ip_denials,
    one_time_tokens,
    outbox,
    refresh_tokens,
    share_links,
    step_up_challenges,
    user_sessions,
)
from tests.infra.template import Template

WRITTEN = {
    "user_sessions": user_sessions.EVIDENCE_SECONDS,
    "refresh_tokens": refresh_tokens.EVIDENCE_SECONDS,
    "invites": invites._KEPT_SECONDS,
    "step_up_challenges": step_up_challenges._KEPT_SECONDS,
    "outbox": outbox._KEPT_SECONDS,
    "ip_denials": ip_denials._KEPT_SECONDS,
    "impersonations": impersonation_ends.KEPT_SECONDS,
    "share_links": share_links.KEPT_SECONDS,
    "one_time_tokens": one_time_tokens._KEPT_SECONDS,
    "throttles": throttle.FORGET_SECONDS,
}
BUCKETS = {"vault": "Vault", "exports": "Exports"}


def of(by: str) -> dict[str, Kept]:
    return {place: each for each in POLICY if each.by == by for place in each.where}


def test_every_table_stands_in_one_row_and_expires_where_the_row_says_so() -> None:
    places = [place for each in POLICY for place in each.where]
    assert len(places) == len(set(places))
    assert {table.name for table in TABLES} <= set(places)
    assert {table.name for table in TABLES if table.expires} == set(of(TTL))


def test_rows_live_as_long_as_the_policy_says() -> None:
    days = {table: each.days for table, each in of(TTL).items() if each.figure is None}
    assert days == {table: seconds // DAY for table, seconds in WRITTEN.items()}
    assert of(TTL)["audit_logs"].figure == "audit_log_ttl_seconds"


def rules(production: Template, bucket: str) -> dict[str, int]:
    found = production.one("AWS::S3::Bucket", bucket)["LifecycleConfiguration"]["Rules"]
    return {rule.get("Prefix", ""): rule["ExpirationInDays"] for rule in found if "ExpirationInDays" in rule}


def test_the_lifecycle_clears_each_prefix_as_the_policy_says(production: Template) -> None:
    figures = figures_of(production)
    for name, bucket in BUCKETS.items():
        prefixes = [(each, place.partition("/")) for by in (LOCK, LIFECYCLE) for place, each in of(by).items()]
        expected = {
            key: int(figures[each.figure]) + GRACE_DAYS if each.figure else each.days
            for each, (owner, _, key) in prefixes
            if owner == name
        }
        assert rules(production, bucket) == expected
    assert rules(production, "AccessLogs") == {"": of(LIFECYCLE)["access logs"].days}


def test_the_lock_of_the_vault_is_the_figure_that_functions_are_told(production: Template) -> None:
    lock = production.one("AWS::S3::Bucket", "Vault")["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    figures = figures_of(production)
    assert (lock["Mode"], lock["Days"]) == (figures["vault_lock_mode"], int(figures["vault_retention_days"]))


def test_every_log_group_is_kept_as_the_policy_says(production: Template) -> None:
    groups = production.resources("AWS::Logs::LogGroup").values()
    (kept,) = (each for each in POLICY if each.where == ("log groups",))
    assert {group["Properties"]["RetentionInDays"] for group in groups} == {kept.days}


def figures_of(production: Template) -> dict[str, str]:
    (environment,) = (
        function["Properties"]["Environment"]["Variables"]
        for name, function in production.resources("AWS::Lambda::Function").items()
        if name.startswith("Housekeeping")
    )
    return {name.lower(): value for name, value in environment.items()}


@pytest.mark.parametrize(("name", "days"), [("sealed log", 400), ("the table's copy of the log", 180), ("bundles", 9)])
def test_figures_of_the_deployment_are_told_in_days(name: str, days: int) -> None:
    figures = {"vault_retention_days": 400, "audit_log_ttl_seconds": 180 * DAY, "exports_retention_days": 9}
    assert next(row["days"] for row in in_force(figures) if row["name"] == name) == days

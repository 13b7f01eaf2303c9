"""The facts of one tenant at one moment: settings, deployment, roles, routes and catalogue, as texts and conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.audit.catalogue import Catalogue
from shared.audit.moment import rfc3339
from shared.domain import step_up
from shared.domain.impersonation import READ, may_impersonate
from shared.domain.permission import ABOUT, ROLES, SETTINGS_SECURITY_VIEW, STAFF_MANAGE, administers, holds
from shared.domain.risk import ENFORCE, HIGHEST_SCORE, OBSERVE, OFF, RULES, TRUST, Signal, assess
from shared.domain.security_policy import ADMINISTRATORS, SecurityPolicy
from shared.evidence.documents.sentences import Facts, listed, table
from shared.evidence.documents.terms import DeploymentTerms
from shared.evidence.evidence_row import COLUMNS
from shared.store.attribute import Row
from shared.store.refresh_tokens import EVIDENCE_SECONDS, REUSE_DETECTED
from shared.store.tenants import OBSERVED_SECONDS, geography_observed, policy_since

HASH_OF_TOKENS = "SHA-256"  # of shared/domain/refresh_token.py; a test computes it anew
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
# How people call the groups of signals.
_GROUPS: Mapping[str, str] = {
    "device": "device",
    "geo": "location",
    "network": "network",
    "velocity": "wrong passwords before",
    "concurrency": "session concurrency",
    "other": "habits",
    "first": "first sign-ins",
}


class Served(Protocol):
    """A route, as far as documents speak of it."""

    @property
    def key(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def permission(self) -> str | None: ...
    @property
    def step_up(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Ground:
    """All that the facts follow from. `geography_observed`: the tenant is too new for where its people usually are."""

    policy: SecurityPolicy
    terms: DeploymentTerms
    catalogue: Catalogue
    routes: Sequence[Served]
    geography_observed: bool = False
    since: float | None = None


def ground_of(row: Row, terms: DeploymentTerms, catalogue: Catalogue, routes: Sequence[Served], now: float) -> Ground:
    """Give the ground of a tenant by its row."""
    policy = terms.policy(row["policy"], row["policy_version"])
    return Ground(policy, terms, catalogue, routes, geography_observed(row, now), policy_since(row))


def facts_of(ground: Ground) -> Facts:
    values = {
        **_sessions(ground.policy, ground.terms),
        **_risk(ground),
        **_factors(),
        **_access(ground),
        **_log(ground),
        **_retention(ground.terms),
        "settings_version": str(ground.policy.version),
    }
    since = None if ground.since is None else rfc3339(ground.since)
    flags = {*_flags(ground), *_risk_flags(ground), "since_unknown" if since is None else "since_known", "of_tenant"}
    return Facts({**values, "since": since or "unknown"}, frozenset(flags), ground.policy.version, since)


def of_nobody(facts: Facts) -> Facts:
    """Turn the facts of a tenant that has set nothing into those of nobody, as the project publishes them."""
    return facts._replace(flags=facts.flags - {"of_tenant", "since_unknown", "since_known"} | {"of_nobody"})


def spoken(seconds: int) -> str:
    """Write a duration in the largest unit that it is a whole number of; a single day is 24 hours."""
    sizes = ((_DAY, "day", 2 * _DAY), (_HOUR, "hour", _HOUR), (_MINUTE, "minute", _MINUTE), (1, "second", 0))
    unit, name = next((size, name) for size, name, least in sizes if seconds >= least and seconds % size == 0)
    return f"{seconds // unit:,} {name}{'' if seconds == unit else 's'}"


def every(minutes: int) -> str:
    return spoken(minutes * _MINUTE).removeprefix("1 ")


def _sessions(policy: SecurityPolicy, terms: DeploymentTerms) -> dict[str, str]:
    return {
        "access_token": spoken(terms.access_token_seconds),
        "idle": spoken(policy.refresh_idle_seconds),
        "absolute": spoken(policy.refresh_absolute_seconds),
        "single_factor_absolute": spoken(policy.single_factor_absolute_seconds),
        "administrator_absolute": spoken(policy.administrator_absolute_seconds),
        "administrators": listed([role for role in ROLES if role in ADMINISTRATORS]),
        "concurrency_window": spoken(policy.concurrency_window_seconds),
        "lost_response_window": spoken(policy.lost_response_window_seconds),
        "max_replays": str(policy.max_replays),
        "concurrent_sessions": str(policy.concurrent_sessions),
        "token_hash": HASH_OF_TOKENS,
        "reuse_reason": REUSE_DETECTED,
        "cleanup_every": every(terms.cleanup_minutes),
    }


def _risk(ground: Ground) -> dict[str, str]:
    policy, modes = ground.policy, _modes(ground)
    points = {rule.name: policy.risk_weights.get(rule.name, rule.points) for rule in RULES}
    counted = {rule.group for rule in RULES if modes[rule.name] == ENFORCE and points[rule.name] > 0}
    rows = [(f"`{rule.name}`", rule.about, str(points[rule.name]), modes[rule.name]) for rule in RULES]
    return {
        "step_up_score": str(policy.step_up_score),
        "below_block_score": str(policy.block_score - 1),
        "block_score": str(policy.block_score),
        "highest_score": str(HIGHEST_SCORE),
        "groups": listed([name for group, name in _GROUPS.items() if group in counted]),
        "signal_table": table(("signal", "when", "points", "mode"), rows),
        "observed_signals": listed([f"`{name}`" for name, mode in modes.items() if mode == OBSERVE]),
        "off_signals": listed([f"`{name}`" for name, mode in modes.items() if mode == OFF]),
        "geography_observed": spoken(OBSERVED_SECONDS),
    }


def _factors() -> dict[str, str]:
    purposes = {
        f"{name}_step_up": spoken(purpose.max_age_seconds).removeprefix("1 ")
        for name, purpose in step_up.PURPOSES.items()
    }
    return {
        **purposes,
        "totp_digits": str(step_up.TOTP_DIGITS),
        "totp_step": spoken(step_up.TOTP_STEP_SECONDS),
        "recovery_codes": str(step_up.RECOVERY_CODES),
        "challenge_life": spoken(step_up.CHALLENGE_SECONDS),
        "challenge_tries": str(step_up.CHALLENGE_TRIES),
        "factor_failures": str(step_up.FACTOR_FAILURES),
        "factor_window": spoken(step_up.FACTOR_WINDOW_SECONDS),
        "factor_lock": spoken(step_up.LOCK_SECONDS),
        "factor_longest_lock": spoken(step_up.LONGEST_LOCK_SECONDS),
        "factor_disabled_after": str(step_up.CONSECUTIVE_FAILURES),
    }


def _access(ground: Ground) -> dict[str, str]:
    rows = [
        (f"`{name}`", about, *("yes" if holds(role, name) else "" for role in ROLES)) for name, about in ABOUT.items()
    ]
    acting = {role: [other for other in ROLES if may_impersonate(role, other, READ)] for role in ROLES}
    reached = {other for others in acting.values() for other in others}
    return {
        "roles": listed(ROLES),
        "permission_table": table(("permission", "what it allows", *ROLES), rows),
        "staff_managers": listed([role for role in ROLES if holds(role, STAFF_MANAGE)], "or"),
        "evidence_readers": listed([role for role in ROLES if holds(role, SETTINGS_SECURITY_VIEW)]),
        "second_factor_roles": listed([role for role in ROLES if administers(role)], "or"),
        "impersonators": listed([role for role, others in acting.items() if others], "or"),
        "never_impersonated": listed([role for role in ROLES if role not in reached], "or"),
        "impersonation_minutes": spoken(ground.policy.impersonation_minutes * _MINUTE),
    }


def _log(ground: Ground) -> dict[str, str]:
    catalogue, terms = ground.catalogue, ground.terms
    paths = {route.path.rpartition("/")[2]: route.path for route in ground.routes}
    reports = [
        (each.section, f"`GET {paths[each.slug]}`", each.title, str(len(each.actions)))
        for each in catalogue.reports.values()
        if each.slug in paths
    ]
    proven = [(f"`{route.key}`", f"`{route.permission}`") for route in ground.routes if route.step_up == "data_export"]
    return {
        "catalogue_version": catalogue.version,
        "catalogue_actions": str(len(catalogue.actions)),
        "access_actions": _actions(catalogue, "access-logs"),
        "role_actions": _actions(catalogue, "role-changes"),
        "impersonation_actions": _actions(catalogue, "impersonation-events"),
        "export_actions": listed([f"`{name}`" for name in sorted(catalogue.actions) if name.startswith("DATA_EXPORT")]),
        "columns": listed([f"`{name}`" for name in COLUMNS]),
        "report_table": table(("section", "route", "what", "kinds of events"), reports),
        "export_table": table(("route", "permission"), proven),
        "seal_every": every(terms.audit_seal_minutes),
        "digest_every": every(terms.audit_digest_minutes),
        "verify_every": every(terms.audit_verify_minutes),
    }


def _retention(terms: DeploymentTerms) -> dict[str, str]:
    vault, exports = spoken(terms.vault_retention_days * _DAY), spoken(terms.exports_retention_days * _DAY)
    secured, ended = spoken(terms.security_retention_seconds), spoken(EVIDENCE_SECONDS)
    rows = [
        ("sealed log, digests, tree heads", f"{vault}, Object Lock {terms.vault_lock_mode}"),
        ("finished evidence bundles", f"{exports}, Object Lock {terms.exports_lock_mode}"),
        ("the table's copy of the log", spoken(terms.audit_log_ttl_seconds)),
        ("sessions that were ended for security, tokens that were reused", f"{secured} beyond the incident"),
        ("other sessions and tokens", f"{ended} beyond the absolute limit"),
    ]
    return {
        "vault_retention": vault,
        "vault_lock_mode": terms.vault_lock_mode,
        "exports_retention": exports,
        "exports_lock_mode": terms.exports_lock_mode,
        "audit_log_ttl": spoken(terms.audit_log_ttl_seconds),
        "security_retention": secured,
        "token_retention": ended,
        "retention_table": table(("what", "how long"), rows),
    }


def _actions(catalogue: Catalogue, slug: str) -> str:
    return listed([f"`{name}`" for name in catalogue.reports[slug].actions])


def _modes(ground: Ground) -> dict[str, str]:
    """Give the mode of each signal, as the assessment takes it."""
    assumed = {rule.name: OBSERVE if ground.geography_observed and rule.geographic else ENFORCE for rule in RULES}
    return {name: ground.policy.risk_modes.get(name, mode) for name, mode in assumed.items()}


def _flags(ground: Ground) -> Iterator[str]:
    policy, terms = ground.policy, ground.terms
    yield f"reuse_{policy.reuse_scope}"
    yield f"limit_{policy.session_limit_action}"
    yield f"impersonation_{policy.impersonation}"
    yield "impersonated" if policy.impersonation != "off" else "not_impersonated"
    yield f"notice_{policy.impersonation_notice}"
    one = policy.refresh_absolute_seconds == policy.single_factor_absolute_seconds
    yield "one_absolute" if one else "absolute_by_factor"
    concurrency, lost = policy.concurrency_window_seconds, policy.lost_response_window_seconds
    yield "concurrency_window" if concurrency else "no_concurrency_window"
    yield "lost_window" if lost else "no_lost_window"
    yield "retries" if concurrency or lost else "strict"
    yield f"vault_{terms.vault_lock_mode}"
    yield f"exports_{terms.exports_lock_mode}"
    shared = any(route.path.startswith("/api/share/") for route in ground.routes)
    yield "share_links" if shared else "no_share_links"


def _risk_flags(ground: Ground) -> Iterator[str]:
    everything = [Signal(rule.name, {}) for rule in RULES if rule.group != TRUST]
    # Every signal at once gives the highest score there is: another one never lowers it.
    highest = assess(everything, ground.policy, geography_observed=ground.geography_observed).score
    yield "step_up_reachable" if highest >= ground.policy.step_up_score else "step_up_unreachable"
    yield "block_reachable" if highest >= ground.policy.block_score else "block_unreachable"
    yield "scored" if highest else "not_scored"
    modes = set(_modes(ground).values())
    yield "some_observed" if OBSERVE in modes else "none_observed"
    yield "some_off" if OFF in modes else "none_off"
    yield "geography_observed" if ground.geography_observed else "geography_counts"

"""The catalogue: every action is evidence of something, and every emitter's action is in it."""

import ast
import functools
import json
from pathlib import Path

import pytest

from shared.audit.catalogue import Where, load, read
from shared.domain.risk import BLOCK, STEP_UP_REQUIRED

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = load()
# What both requirements documents name, as files of the bundle or as endpoints, with the actions that they list.
NAMED_BY_THE_REQUIREMENTS = {
    "CC6_Access_Control/access_logs": {
        *("AUTH_LOGIN_SUCCESS", "AUTH_LOGIN_FAILED", "AUTH_TOKEN_REFRESH", "IMPERSONATION_STARTED"),
        *("IMPERSONATION_ENDED", "USER_ROLE_CHANGED", "USER_INVITED", "USER_DEACTIVATED"),
    },
    "CC6_Access_Control/role_changes": {"USER_ROLE_CHANGED", "USER_INVITED", "USER_DEACTIVATED"},
    "CC6_Access_Control/impersonation_events": {"IMPERSONATION_STARTED", "IMPERSONATION_ENDED"},
    "CC7_Security_Operations/session_invalidations": {"SESSION_INVALIDATED"},
    "CC7_Security_Operations/ip_rule_changes": {"IP_RULE_CREATED", "IP_RULE_DELETED"},
    "CC7_Security_Operations/security_events": {
        *("IP_RULE_CREATED", "IP_RULE_DELETED", "SESSION_INVALIDATED", "STEP_UP_REQUIRED", "STEP_UP_VERIFIED"),
    },
    "CC8_Incident_Response/suspicious_logins": {"SUSPICIOUS_LOGIN_DETECTED"},
    "CC8_Incident_Response/refresh_token_reuse": {"REFRESH_TOKEN_REUSED"},
    "CC8_Incident_Response/security_incidents": {
        *("SUSPICIOUS_LOGIN_DETECTED", "REFRESH_TOKEN_REUSED", "SESSION_BLOCKED"),
    },
    "CC9_Monitoring/anomaly_decisions": {"ANOMALY_SCORED"},
    "CC9_Monitoring/audit_log_integrity": {"AUDIT_DIGEST_SIGNED", "AUDIT_INTEGRITY_VERIFIED"},
    "CC9_Monitoring/data_exports": {"DATA_EXPORT_STARTED", "DATA_EXPORT_COMPLETED"},
}


@functools.cache
def emitted() -> set[str]:
    """Collect the texts of the sources that could be actions: upper case, with an underscore, in a call or a name."""
    texts = set()
    for folder in ("functions", "shared/audit", "shared/domain", "shared/edge", "shared/store", "infra"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.add(node.value)
    return texts


def test_every_action_has_an_emitter() -> None:
    assert set(CATALOGUE.actions) - emitted() == set()


def test_every_action_names_a_criterion_and_only_reports_that_exist() -> None:
    for name, entry in CATALOGUE.actions.items():
        assert entry["tsc"], name
        assert entry["reports"], name
        assert set(entry["reports"]) <= set(CATALOGUE.reports), name


def test_what_the_requirements_name_stands_where_they_name_it() -> None:
    actions = {f"{report.folder}/{report.file}": set(report.actions) for report in CATALOGUE.reports.values()}
    for file, named in NAMED_BY_THE_REQUIREMENTS.items():
        assert named <= actions[file], file


def test_what_the_requirements_name_in_part_stands_there_in_part() -> None:
    """Forced logouts, high anomaly scores and adaptive triggers: an action also has events that are none of these."""
    parts = {report.slug: report.where for report in CATALOGUE.reports.values() if report.where}
    asked = Where("decision", ("STEP_UP_REQUIRED",))
    assert parts == {
        "security-incidents": {
            "ANOMALY_SCORED": Where("decision", ("BLOCK", "STEP_UP_REQUIRED")),
            "SESSION_INVALIDATED": Where("reason", ("forced_logout", "high_risk", "reuse_detected")),
            "STEP_UP_REQUIRED": asked,
        },
        "anomaly-decisions": {"STEP_UP_REQUIRED": asked},
    }


def test_every_value_of_a_condition_is_one_that_the_code_writes() -> None:
    named = {
        value for report in CATALOGUE.reports.values() for where in report.where.values() for value in where.values
    }
    assert named - emitted() <= {BLOCK, STEP_UP_REQUIRED}


@pytest.mark.parametrize(
    ("reason", "risk", "slugs"),
    [
        ("logout", None, {"session-invalidations", "security-events"}),
        (None, {"action": "BLOCK"}, {"session-invalidations", "security-events"}),
        ("high_risk", None, {"session-invalidations", "security-events", "security-incidents"}),
    ],
)
def test_an_event_is_a_row_of_the_reports_whose_condition_it_fulfils(
    reason: str | None, risk: object, slugs: set[str]
) -> None:
    event = {"action": "SESSION_INVALIDATED", "reason": reason, "risk": risk}
    assert {report.slug for report in CATALOGUE.reports_of(event)} == slugs
    assert {report.slug for report in CATALOGUE.reports.values() if report.takes(event)} == slugs


def test_criteria_of_a_part_are_those_of_its_reasons() -> None:
    incidents, ended = (CATALOGUE.reports[slug] for slug in ("security-incidents", "session-invalidations"))
    assert CATALOGUE.criteria_in(incidents, "SESSION_INVALIDATED") == ("CC7.4", "CC6.1")
    assert CATALOGUE.criteria_in(ended, "SESSION_INVALIDATED") == ("CC6.1", "CC6.3")
    assert CATALOGUE.criteria_of(ended) == ["CC6.1", "CC6.3"]


@pytest.mark.parametrize(
    "condition",
    [
        {"ended": {"reason": ["logout"]}, "other": {"reason": ["logout"]}},
        {"other": {"outcome": ["denied"]}},
        {"other": {"reason": ["a"], "decision": ["b"]}},
        {"other": {}},
    ],
)
def test_a_catalogue_that_says_two_things_or_nothing_of_one_action_is_refused(condition: dict[str, object]) -> None:
    report = {"section": "CC7", "folder": "f", "file": "f", "title": "t"}
    entry = {"reports": ["ended"], "reports_where": condition, "tsc": ["CC6.1"]}
    document = {"version": "1", "reports": {"ended": report, "other": report}, "actions": {"GONE": entry}}
    with pytest.raises(ValueError, match=r"ended takes all|GONE|unpack"):
        read(json.dumps(document).encode())


def test_a_reason_that_changes_the_criterion_is_heard() -> None:
    assert CATALOGUE.criteria("SESSION_INVALIDATED", "user_deactivated")[0] == "CC6.2"
    assert CATALOGUE.criteria("SESSION_INVALIDATED", "reuse_detected")[0] == "CC7.4"
    assert CATALOGUE.criteria("SESSION_INVALIDATED", "logout")[0] == "CC6.1"


def test_an_action_that_is_not_in_the_catalogue_has_no_criteria() -> None:
    assert CATALOGUE.criteria("NO_SUCH_ACTION", None) == ()

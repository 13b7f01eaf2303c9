"""The catalogue: every action is evidence of something, and every emitter's action is in it."""

import ast
from pathlib import Path

from shared.audit.catalogue import load

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


def emitted() -> set[str]:
    """Collect the texts of the sources that could be actions: upper case, with an underscore, in a call or a name."""
    texts = set()
    for folder in ("functions", "shared/audit", "shared/edge", "shared/store", "infra"):
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


def test_a_reason_that_changes_the_criterion_is_heard() -> None:
    assert CATALOGUE.criteria("SESSION_INVALIDATED", "user_deactivated")[0] == "CC6.2"
    assert CATALOGUE.criteria("SESSION_INVALIDATED", "reuse_detected")[0] == "CC7.4"
    assert CATALOGUE.criteria("SESSION_INVALIDATED", "logout")[0] == "CC6.1"


def test_an_action_that_is_not_in_the_catalogue_has_no_criteria() -> None:
    assert CATALOGUE.criteria("NO_SUCH_ACTION", None) == ()

"""The catalogue: every action is evidence of something, and every emitter's action is in it."""

import ast
from pathlib import Path

from shared.audit.catalogue import load

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = load()
NAMED_BY_THE_REQUIREMENTS = {
    "CC6_Access_Control": {"access_logs", "role_changes", "impersonation_events"},
    "CC7_Security_Operations": {"session_invalidations", "ip_rule_changes"},
    "CC8_Incident_Response": {"suspicious_logins", "refresh_token_reuse"},
    "CC9_Monitoring": {"anomaly_decisions", "audit_log_integrity"},
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


def test_the_reports_are_the_files_that_the_requirements_name() -> None:
    files: dict[str, set[str]] = {}
    for report in CATALOGUE.reports.values():
        files.setdefault(report.folder, set()).add(report.file)
    assert files == NAMED_BY_THE_REQUIREMENTS


def test_a_reason_that_changes_the_criterion_is_heard() -> None:
    assert CATALOGUE.criteria("SESSION_INVALIDATED", "user_deactivated")[0] == "CC6.2"
    assert CATALOGUE.criteria("SESSION_INVALIDATED", "reuse_detected")[0] == "CC7.4"
    assert CATALOGUE.criteria("SESSION_INVALIDATED", "logout")[0] == "CC6.1"


def test_an_action_that_is_not_in_the_catalogue_has_no_criteria() -> None:
    assert CATALOGUE.criteria("NO_SUCH_ACTION", None) == ()

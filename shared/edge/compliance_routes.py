"""Routes of the evidence. None is served to somebody who acts in another person's name."""

from typing import Final

from shared.domain.permission import SETTINGS_SECURITY_VIEW
from shared.edge.route import Route


def _evidence(method: str, path: str, concern: str, summary: str, *, step_up: bool) -> Route:
    return Route(method, path, concern, SETTINGS_SECURITY_VIEW, "data_export" if step_up else None, summary)


# The reports of the catalogue and its response times, by section; tests/unit/edge holds them against it. Reading the
# catalogue here would cost every function that knows the routes.
REPORTS: Final[dict[str, tuple[str, ...]]] = {
    "cc6": ("access-logs", "role-changes", "impersonation-events", "user-lifecycle", "access-reviews"),
    "cc7": ("session-invalidations", "ip-rule-changes", "security-events", "step-up"),
    "cc8": ("suspicious-logins", "refresh-token-reuse", "security-incidents", "session-blocks", "response-times"),
    "cc9": ("anomaly-decisions", "audit-log-integrity", "data-exports", "cleanup-jobs", "evidence-calendar"),
}

COMPLIANCE: Final[tuple[Route, ...]] = (
    *(
        _evidence(
            "GET",
            f"/api/compliance/{section}/{slug}",
            "compliance",
            f"{section.upper()}: {slug.replace('-', ' ')}",
            step_up=True,
        )
        for section, slugs in REPORTS.items()
        for slug in slugs
    ),
    _evidence(
        "POST",
        "/api/compliance/export/bundle",
        "evidence_bundle",
        "Request the evidence bundle of a range; consumes the step-up",
        step_up=True,
    ),
    _evidence("GET", "/api/compliance/exports", "evidence_bundle", "List the exports", step_up=False),
    _evidence(
        "GET",
        "/api/compliance/exports/{export_id}",
        "evidence_bundle",
        "Status and progress of one export",
        step_up=False,
    ),
    _evidence(
        "GET",
        "/api/compliance/exports/{export_id}/download",
        "evidence_bundle",
        "Redirect to a presigned address of the finished bundle",
        step_up=True,
    ),
    _evidence(
        "GET",
        "/api/compliance/policies",
        "policies",
        "The policies of CC6 to CC9 and the diagram, as the settings in force have them",
        step_up=False,
    ),
    _evidence(
        "GET",
        "/api/compliance/questions",
        "policies",
        "The questions of an auditor, answered from the settings in force and counted in the log",
        step_up=False,
    ),
    _evidence(
        "GET",
        "/api/compliance/log/checkpoint",
        "transparency",
        "The latest signed tree head of the log, and its continuation of an earlier one",
        step_up=False,
    ),
    _evidence(
        "GET", "/api/compliance/log/key", "transparency", "The keys that signed the log, oldest first", step_up=False
    ),
    _evidence(
        "GET",
        "/api/compliance/events/{event_id}/proof",
        "transparency",
        "One event, and the proof that the signed log holds it",
        step_up=True,
    ),
    _evidence(
        "POST",
        "/api/compliance/samples",
        "transparency",
        "Rows of a report, drawn by the auditor's nonce",
        step_up=True,
    ),
    _evidence(
        "GET",
        "/api/compliance/retention",
        "transparency",
        "What is kept for how long, and what shows it",
        step_up=False,
    ),
)

"""A rule as its administrators see it, and as events tell it."""

from typing import Any, Final

from shared.audit.moment import rfc3339
from shared.domain.ip_rule import CREATION, DELETION
from shared.store.ip_rules import StoredRule

_STATUS: Final = {None: "active", CREATION: "provisional", DELETION: "deleting"}


def told(stored: StoredRule) -> dict[str, Any]:
    """Give what may stand in an event: the note is somebody's free text, and stays out."""
    rule = stored.rule
    told: dict[str, Any] = {"cidr": str(rule.network), "action": rule.action, "status": _STATUS[rule.pending]}
    if rule.pending is not None:
        told["confirm_before"] = rfc3339(rule.confirm_before)
    return told


def rule_document(stored: StoredRule) -> dict[str, Any]:
    return {
        "rule_id": stored.rule_id,
        "note": stored.note,
        "confirm_before": None,
        **told(stored),
        "created_by": stored.created_by,
        "created_at": rfc3339(stored.created_at),
    }

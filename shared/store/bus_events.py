"""What stands on the deployment's bus: every name, when it is put there, what `detail` tells (shown in docs/events.md).

Events are promises to the adopter's rules: a name stays, and members are added, never taken away or given another
meaning. `detail` holds ids, instants (Unix seconds), counts and names of closed sets; nothing that somebody typed.
"""

from typing import Final, NamedTuple


class BusEvent(NamedTuple):
    """`detail` names the members; one that is not always there ends with a question mark."""

    when: str
    detail: tuple[str, ...]


_MEASURE: Final = ("by", "role", "session_version")
_IMPERSONATION: Final = ("impersonation_id", "actor", "actor_role", "mode")

EVENTS: Final[dict[str, BusEvent]] = {
    "user_invited": BusEvent("an administrator invited somebody", ("role", "invite_id", "by")),
    "user_joined": BusEvent(
        "an invite was accepted, or a first single sign-on made an account", ("role", "invite_id?", "connection_id?")
    ),
    "user_role_changed": BusEvent("somebody has another role", (*_MEASURE, "from", "to")),
    "user_deactivated": BusEvent("an account was deactivated; its sessions ended with it", _MEASURE),
    "user_reactivated": BusEvent("an account may be used again", _MEASURE),
    "user_erased": BusEvent(
        "what is held of somebody was erased; erase what you hold yourself under that id", ("by", "event")
    ),
    "sessions_ended": BusEvent("an administrator ended every session of somebody", _MEASURE),
    "factors_reset": BusEvent("an administrator removed the second factors of somebody", _MEASURE),
    "impersonation_started": BusEvent(
        "an administrator began to act in somebody's name", (*_IMPERSONATION, "minutes", "started_at")
    ),
    "impersonation_ended": BusEvent(
        "an impersonation is over, for whatever cause", (*_IMPERSONATION, "started_at", "ended_at", "cause")
    ),
    "ip_rule_changed": BusEvent(
        "an address rule was made, changed or removed, or a change was undone because nobody confirmed it",
        ("event", "reason", "rule_id?", "rule_ids?", "by?"),
    ),
    "audit_integrity_failed": BusEvent(
        "the daily verification found a fault in the audit log, or in itself", ("reason", "run", "codes", "count")
    ),
    "audit_tamper_detected": BusEvent(
        "a row of the audit log was changed or removed around the application", ("change", "epoch", "lane", "seq")
    ),
    "sso_connection_changed": BusEvent(
        "a single sign-on connection was made, changed or removed", ("connection_id", "reason")
    ),
}
ALERTS: Final[dict[str, BusEvent]] = {
    "session_blocked": BusEvent("a sign-in or a refresh was blocked as too risky", ("score", "reasons")),
    "refresh_token_reused": BusEvent(
        "a refresh token was used twice, as after a theft; its sessions ended", ("reason", "session_id")
    ),
}
ALERT_MEMBERS: Final = ("alert_id", "tenant", "staff_id", "incident", "detected_at", "detail")
EVENT_MEMBERS: Final = ("event_id", "tenant", "staff_id", "correlation", "at", "detail")

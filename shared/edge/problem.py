"""Refusals as the caller sees them: problem details (RFC 9457) with a machine-readable `code`.

Rules of this module
- `Refused` is for the other side: a request that is wrong, or not allowed. Our own faults are other exceptions.
- All refusals of one kind have one wording, so that the body never tells more than the code does.
- The reason that an auditor needs goes into the event, never in here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

TYPE_PREFIX: Final = "urn:muniment:problem:"

TITLES: Final[Mapping[str, str]] = {
    "invalid_request": "The request does not have the form that this route takes",
    "invalid_credentials": "The credentials are not valid",
    "invalid_token": "The access token is missing, expired or no longer valid",
    "invalid_grant": "The refresh token is no longer valid",
    "insufficient_user_authentication": "A fresh proof of identity is needed",
    "mfa_enrollment_required": "A second factor must be enrolled first",
    "session_blocked": "The sign-in was blocked",
    "session_limit": "The limit of concurrent sessions is reached",
    "csrf_rejected": "The request does not come from a page of this service",
    "password_rejected": "The new password is not accepted",
    "edge_required": "Requests are taken through the edge only",
    "permission_denied": "The signed-in role does not hold the permission",
    "ip_denied": "The request is not served",
    "lockout_risk": "The change would lock its author out",
    "rule_exists": "There is such a rule already",
    "rule_limit": "There are as many rules as there may be",
    "confirmation_expired": "The change was not confirmed in time",
    "impersonation_forbidden_action": "This is not done in another person's name",
    "not_found": "There is nothing at this address",
    "method_not_allowed": "The address does not take this method",
    "refresh_in_progress": "The refresh token is being exchanged by another request",
    "last_owner": "A tenant keeps one active owner",
    "already_used": "This has been done before",
    "self_review": "Nobody reviews his own access",
    "not_reviewer": "The review has other reviewers",
    "changed_since_snapshot": "The access has changed since the snapshot",
    "settings_changed": "The settings have changed since they were read",
    "review_incomplete": "The review has people who are not decided",
    "too_many_people": "There are more people than one list holds",
    "already_collected": "The evidence of this period has been collected",
    "still_active": "The person must be deactivated first",
    "legal_hold": "A legal hold forbids it",
    "export_limit": "There are as many bundles or links as there may be",
    "hold_limit": "There are as many legal holds as there may be",
    "invite_expired": "The invite has expired",
    "challenge_expired": "The challenge is no longer open",
    "payload_too_large": "The body is larger than 64 KiB",
    "unsupported_media_type": "The body must be application/json",
    "factor_locked": "Too many wrong answers",
    "last_factor": "The last factor stays",
    "connection_limit": "There are as many connections as there may be",
    "domain_unverified": "The domain does not carry its token",
    "domain_taken": "The domain is proven elsewhere",
    "provider_unusable": "The identity provider cannot be used",
    "factor_limit": "There are as many factors of this kind as there may be",
    "rate_limited": "Too many requests",
    "not_signed_yet": "The log has not been signed yet",
    "not_sealed_yet": "The event is not under a signed digest yet",
    "export_not_ready": "The bundle is not there",
    "earlier_epoch": "The log was started again since",
    "sample_too_large": "The sample is too large for one answer",
    "log_broken": "The log does not hold what was written into it",
    "internal_error": "The request could not be handled",
    "auth_unavailable": "The service cannot decide at the moment",
}


@dataclass(eq=False, slots=True)
class Refused(Exception):
    """A decision against the caller: HTTP status, code of the table above, and what else the caller may know.

    `members` become further members of the problem document, `headers` and `cookies` (whole Set-Cookie values) of the
    response. `title` is needed for a code that `TITLES` does not list.
    """

    status: int
    code: str
    detail: str
    title: str | None = None
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.status} {self.code}"

    def document(self, request_id: str) -> dict[str, Any]:
        return {
            "type": TYPE_PREFIX + self.code,
            "title": self.title or TITLES[self.code],
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
            **self.members,
        }


def invalid_request(errors: Sequence[tuple[str, str]], detail: str = "The request was not understood.") -> Refused:
    """400 with a JSON pointer (RFC 6901) and a sentence for each fault, so that all are repaired in one go."""
    listed = [{"pointer": pointer, "detail": sentence} for pointer, sentence in errors]
    return Refused(400, "invalid_request", detail, members={"errors": listed})


def invalid_token() -> Refused:
    """401 of RFC 6750 section 3.1: one answer for missing, malformed, expired and revoked access tokens."""
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Refused(401, "invalid_token", "Log in again, or refresh.", headers=challenge)


def invalid_grant() -> Refused:
    return Refused(401, "invalid_grant", "Log in again.")


def invalid_credentials() -> Refused:
    return Refused(401, "invalid_credentials", "What was presented does not prove an identity.")


def permission_denied() -> Refused:
    return Refused(403, "permission_denied", "Ask an owner of the tenant for the role that holds it.")


def impersonation_forbidden_action() -> Refused:
    return Refused(403, "impersonation_forbidden_action", "End the impersonation, or leave it to the person.")


def enrolment_needed() -> Refused:
    """401 for an administrator without a second factor: he is served what leads to one, and nothing else."""
    return Refused(401, "mfa_enrollment_required", "An administrator must enrol an authenticator app before all else.")


def ip_denied() -> Refused:
    """403 for every rule and reason: which one it was stands in the log of the tenant alone."""
    return Refused(403, "ip_denied", "Ask an administrator of your organization.")


def rate_limited(retry_after_seconds: int) -> Refused:
    after = {"Retry-After": str(retry_after_seconds)}
    return Refused(429, "rate_limited", "Wait before the next attempt.", headers=after)


def auth_unavailable() -> Refused:
    """503: fail closed. Nothing is known to have changed; the same request may be sent again."""
    return Refused(503, "auth_unavailable", "Try again shortly.", headers={"Retry-After": "1"})


def log_broken() -> Refused:
    """500: repeating does not help. Which event it is stands in the operators' log alone."""
    return Refused(500, "log_broken", "Nothing of it was handed out. The operator was alarmed: name this request id.")


def step_up_needed(
    purpose: str,
    methods: Sequence[str],
    acr: str,
    max_age_seconds: int,
    *,
    challenge_id: str | None = None,
    passkey: Mapping[str, Any] | None = None,
) -> Refused:
    """401 of RFC 9470 section 3; what the header says stands in the body too, since proxies rename the header.

    `challenge_id` names the challenge of a sign-in or a refresh, `passkey` are its options for a browser.
    """
    challenge = f'Bearer error="insufficient_user_authentication", acr_values="{acr}", max_age="{max_age_seconds}"'
    members: dict[str, Any] = {
        "purpose": purpose,
        "methods": list(methods),
        "acr_values": acr,
        "max_age": max_age_seconds,
    }
    if challenge_id is not None:
        members["challenge_id"] = challenge_id
    if passkey is not None:
        members["passkey"] = passkey
    detail = f"Verify a step-up challenge for {purpose}, then send the request again."
    return Refused(
        401, "insufficient_user_authentication", detail, members=members, headers={"WWW-Authenticate": challenge}
    )

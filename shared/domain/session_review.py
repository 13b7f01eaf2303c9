"""What cleanup does to a session that it looks at.

Rules of this module
- A session whose version was left behind died at that moment; the review stamps why, for the record. That comes before
  its limits: what the record must tell is that somebody ended it. Versions only grow: a gate that seems to be behind
  was read earlier than the session, and says nothing.
- Where an incident left the version behind, its sessions are stamped with it, and stay as long as the log does.
- A limit that has passed ends the session as EXPIRED, whether or not anybody presented its token again.
- What lives is looked at again when its idle limit, as it stands now, has passed.
"""

from dataclasses import dataclass
from typing import Final

from shared.domain.session import ACTIVE, EXPIRED, REVOKED, expired

OTHER_VERSION: Final = "session_version"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A session as its row is; `review_at` None: it waits for no review."""

    status: str
    session_version: int
    idle_expires_at: int
    absolute_expires_at: int
    review_at: int | None


@dataclass(frozen=True, slots=True)
class ReviewedGate:
    """The gate of a session's owner; `left` says why one version was left behind, where security had it so."""

    session_version: int
    left: "Left | None" = None


@dataclass(frozen=True, slots=True)
class Left:
    """Sessions of `session_version` ended by `reason`, in the incident of that id."""

    session_version: int
    reason: str
    incident_id: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The index was behind: nothing is due."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    at: int


@dataclass(frozen=True, slots=True)
class Forget:
    """It has ended, and its end has been told: there is nothing to review any more."""


@dataclass(frozen=True, slots=True)
class End:
    """`status` and `revoke_reason` to write; `incident_id` of an end for security, which is kept longer."""

    status: str
    reason: str
    incident_id: str | None = None


Verdict = Leave | LookAgain | Forget | End


def review(session: Reviewed, gate: ReviewedGate | None, now: int) -> Verdict:
    """Decide about one session; `gate` None stands for a person whose gate row is gone."""
    if session.review_at is None or session.review_at > now:
        return Leave()
    if session.status != ACTIVE:
        return Forget()
    if gate is not None and session.session_version < gate.session_version:
        return _left_behind(session, gate.left)
    limit = expired(now, session.idle_expires_at, session.absolute_expires_at)
    if limit is not None:
        return End(EXPIRED, f"{limit}_expired")
    return LookAgain(session.idle_expires_at)


def _left_behind(session: Reviewed, left: Left | None) -> End:
    if left is None or left.session_version != session.session_version:
        return End(REVOKED, OTHER_VERSION)
    return End(REVOKED, left.reason, left.incident_id)

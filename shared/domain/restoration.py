"""What a log says and restored tables do not know, and what must be corrected before anybody is let in.

Rules of this module
- The log is replayed in its order over what the tables hold; where both say the same, nothing changes.
- What the log names but does not hold (a new password, a new authenticator) cannot be replayed. It fails closed: the
  old one stops counting, and the person proves himself by mail, by his provider, or to an administrator.
- Every session ends, whatever the log says: what was issued in the seconds that were lost is known to nobody.
- Nothing is given that the tables do not have: who joined after the restore point is asked again.
- An erasure is replayed whole, of whoever it was. Of several events of one person only the one that says ERASED ends
  him: those before it took salts of invites to his address, and nothing else.
- A legal hold is replayed as far as the log holds it. Why somebody is held, and whose word released him, is sealed.
- What nobody vouches for may be written by whoever can put an object into the vault. It counts for what it takes, and
  gives nothing: it is always safe to let somebody prove himself once more, and never to let him in unproven. Settings
  and address rules can do either, so of them it says nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

from shared.domain.permission import PERMISSIONS, administers, covers

# How far sessions are left behind beyond all that is known: nobody ends his sessions so often in what was lost.
VERSIONS_BEYOND: Final = 1_000
ERASED: Final = "ERASED"  # no measure brings such a person back
DEACTIVATED: Final = "DEACTIVATED"

PASSWORD_ACTIONS: Final = frozenset({"PASSWORD_CHANGED", "PASSWORD_RESET_COMPLETED"})
FACTOR_ACTIONS: Final = frozenset({"MFA_ENROLLED", "MFA_REMOVED", "MFA_RESET_BY_ADMIN"})
CODE_ACTIONS: Final = frozenset({"RECOVERY_CODES_REPLACED"})
IDENTITY_ACTIONS: Final = frozenset({"IDENTITY_LINKED", "IDENTITY_UNLINKED"})
STATUS_ACTIONS: Final = frozenset({"USER_DEACTIVATED", "USER_REACTIVATED"})
HOLD_ACTIONS: Final = frozenset({"LEGAL_HOLD_PLACED", "LEGAL_HOLD_RELEASED"})
RULE_ACTIONS: Final = frozenset({"IP_RULE_CREATED", "IP_RULE_UPDATED", "IP_RULE_DELETED"})

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_READ: Final = frozenset({"user", "legal_hold", "sso_connection"})  # types of targets
_LONGEST: Final = 512  # characters of what is copied into a row
_HIGHEST_VERSION: Final = 2**52  # what is added to it still is a number that an event can tell

Event = Mapping[str, Any]


class Trust(Enum):
    """How far an event counts: for all that it says, or only for what it takes away."""

    VOUCHED = "vouched"
    DOUBTED = "doubted"


@dataclass(frozen=True, slots=True)
class Erased:
    """The event that ended a person: its id, and its instant as the log writes it."""

    event_id: str
    at: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the log says of one person; None and False: nothing. `subjects`: whose salts went, himself or not.

    `bound` is a role beyond which he has nothing, whatever else says so.
    """

    role: str | None = None
    bound: str | None = None
    status: str | None = None
    session_version: int = 0
    joined: bool = False
    erased: Erased | None = None
    subjects: tuple[str, ...] = ()
    password_changed: bool = False
    factors_changed: bool = False
    codes_spent: bool = False
    identities_changed: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """An address rule as the log last told it: `cidr` None is one that is gone."""

    cidr: str | None
    action: str = ""
    author: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold as the log tells of it; `staff_id` None keeps everybody. `placed`, `released`: by whom, and when.

    None where the log does not tell of that since the restore point.
    """

    staff_id: str | None
    case: str | None
    placed: tuple[str, str] | None = None
    released: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """What the log of one tenant says. `connections` maps an id to whether it was removed.

    `settings` are changes in their order; `versions` are the highest that were told, of connections and of `ip_rules`.
    """

    people: dict[str, Told] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    connections: dict[str, bool] = field(default_factory=dict)
    settings: list[Mapping[str, Any]] = field(default_factory=list)
    holds: dict[str, Hold] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def of(self, staff_id: str) -> Told:
        return self.people.get(staff_id, Told())


@dataclass(frozen=True, slots=True)
class Found:
    """A person as the restored tables have him. `totp_step` None: no authenticator."""

    status: str
    role: str
    session_version: int
    must_enrol: bool = False
    has_password: bool = False
    totp_step: int | None = None
    passkeys: int = 0
    codes: int = 0
    identities: int = 0

    @property
    def enrolled(self) -> bool:
        return self.totp_step is not None or self.passkeys > 0


@dataclass(frozen=True, slots=True)
class Correction:
    """What is made of a person. `totp_step` None leaves the authenticator alone, as where there is none.

    `measures` names for the record what goes beyond the end of the sessions.
    """

    status: str
    role: str
    session_version: int
    must_enrol: bool
    totp_step: int | None
    no_password: bool
    no_factors: bool
    no_codes: bool
    no_identities: bool
    erased: bool
    measures: tuple[str, ...]


def replayed(heard: Iterable[tuple[Event, Trust]], since: str) -> Replay:
    """Read the events at or behind `since` (an instant of the log), in their order; refused ones changed nothing.

    A doubted event may be of any form; one that is not of ours says nothing.
    """
    replay = Replay()
    for event, trust in heard:
        if trust is Trust.DOUBTED and not _well_formed(event):
            continue
        if event["time"] < since or event["outcome"] != "success":
            continue
        if trust is Trust.VOUCHED:
            _replay(replay, event)
        else:
            _replay_doubted(replay, event)
    return replay


def correction(found: Found, told: Told, step: int) -> Correction:
    """Say what is made of a person; `step` is the last time step of TOTP (RFC 6238) that no code may be of."""
    role, status = within(told.role or found.role, told.bound), told.status or found.status
    erased = told.erased is not None
    if erased or found.status == ERASED:
        status = ERASED
    # Who has new factors, or lost them, is not who holds the old ones: the mailbox decides, so the password goes too.
    no_factors = (told.factors_changed or erased) and (found.enrolled or found.codes > 0)
    no_password = found.has_password and (told.password_changed or told.factors_changed or erased)
    no_codes = found.codes > 0 and (told.codes_spent or told.factors_changed or erased)
    no_identities = found.identities > 0 and (told.identities_changed or erased)
    enrolled = found.enrolled and not no_factors
    keeps_totp = found.totp_step is not None and not no_factors
    differs = {
        "role": role != found.role,
        "status": status != found.status,
        "password": no_password,
        "factors": no_factors,
        "recovery_codes": no_codes,
        "identities": no_identities,
        "erased": erased,
    }
    return Correction(
        status=status,
        role=role,
        session_version=max(found.session_version, told.session_version) + VERSIONS_BEYOND,
        must_enrol=administers(role) and not enrolled,
        totp_step=max(step, found.totp_step or 0) if keeps_totp else None,
        no_password=no_password,
        no_factors=no_factors,
        no_codes=no_codes,
        no_identities=no_identities,
        erased=erased,
        measures=tuple(name for name, true in differs.items() if true),
    )


def within(role: str, bound: str | None) -> str:
    """Give the highest role that both cover: `role` itself where nothing is bounded, or one of them is none of ours."""
    both = [one for one in PERMISSIONS if bound is not None and covers(role, one) and covers(bound, one)]
    return max(both, key=lambda one: len(PERMISSIONS[one]), default=role)


def _replay(replay: Replay, event: Event) -> None:
    action = event["action"]
    for target in event["targets"]:
        if target["type"] == "user":
            replay.people[target["id"]] = _told(replay.of(target["id"]), action, event)
    if action in RULE_ACTIONS:
        _replay_rules(replay, event)
    elif action in HOLD_ACTIONS:
        _replay_hold(replay, event)
    elif action == "SSO_CONFIG_CHANGED":
        _replay_connection(replay, event)
    elif action == "SECURITY_SETTING_CHANGED":
        replay.settings.append(event["change"]["after"])


def _replay_doubted(replay: Replay, event: Event) -> None:
    """Note what an event takes away; a connection is switched off at most, since its domains would be free again."""
    action, types = event["action"], {target["type"] for target in event["targets"]}
    for target in event["targets"]:
        if target["type"] == "user":
            replay.people[target["id"]] = _taken(replay.of(target["id"]), action, event)
        elif target["type"] == "sso_connection" and action == "SSO_CONFIG_CHANGED":
            replay.connections.setdefault(target["id"], False)
    if action == "LEGAL_HOLD_PLACED" and "legal_hold" in types and _hold_id(event) not in replay.holds:
        _replay_hold(replay, event)


def _taken(before: Told, action: str, event: Event) -> Told:
    after = (event.get("change") or {}).get("after") or {}
    if action == "USER_ROLE_CHANGED":
        role = after.get("role")
        if role not in PERMISSIONS:
            return before
        return replace(before, bound=role if before.bound is None else within(before.bound, role))
    if action in STATUS_ACTIONS:
        takes = after.get("status") == DEACTIVATED and before.status != ERASED
        return replace(before, status=DEACTIVATED) if takes else before
    if action == "USER_PROVISIONED":
        return before  # nobody is asked to invite him again
    told = _told(before, action, event)
    return told if before.erased is None else replace(told, erased=before.erased)


def _well_formed(event: Event) -> bool:
    """Hold an event that anybody may have written against the form of ours, as far as it is read here."""
    change, meta, actor = event.get("change") or {}, event.get("meta"), event.get("actor")
    targets = event.get("targets")
    if not (isinstance(change, dict) and isinstance(meta, dict) and isinstance(actor, dict)):
        return False
    after, subjects = change.get("after") or {}, meta.get("subjects", [])
    if not (isinstance(after, dict) and isinstance(subjects, list) and isinstance(targets, list)):
        return False
    if not all(isinstance(target, dict) and isinstance(target.get("type"), str) for target in targets):
        return False
    ids = [event.get("id"), *subjects, *(target.get("id") for target in targets if target["type"] in _READ)]
    texts = (event.get("action"), event.get("outcome"), after.get("role") or "", after.get("status") or "")
    copied = (actor.get("id") or "", meta.get("case") or "")
    version = after.get("session_version", 0)
    return (
        all(isinstance(one, str) and _ID.fullmatch(one) for one in ids)
        and all(isinstance(text, str) and len(text) <= _LONGEST for text in (*texts, *copied))
        and isinstance(version, int)
        and version < _HIGHEST_VERSION
        and _is_instant(event.get("time"))
    )


def _is_instant(text: object) -> bool:
    if not isinstance(text, str) or not _INSTANT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _told(before: Told, action: str, event: Event) -> Told:
    after = (event.get("change") or {}).get("after") or {}
    version = after.get("session_version", 0)
    if isinstance(version, int) and version > before.session_version:
        before = replace(before, session_version=version)
    if action == "USER_ROLE_CHANGED":
        return replace(before, role=after["role"], bound=None)
    if action in STATUS_ACTIONS:
        return replace(before, status=after["status"])
    if action in PASSWORD_ACTIONS:
        return replace(before, password_changed=True)
    if action in FACTOR_ACTIONS:
        return replace(before, factors_changed=True)
    if action in CODE_ACTIONS or (action == "STEP_UP_VERIFIED" and event["meta"].get("method") == "recovery_code"):
        return replace(before, codes_spent=True)
    if action in IDENTITY_ACTIONS:
        return replace(before, identities_changed=True)
    if action == "PII_ERASED":
        subjects = {*before.subjects, *event["meta"].get("subjects", ())}
        ended = Erased(event["id"], event["time"]) if after.get("status") == ERASED else before.erased
        return replace(before, erased=ended, subjects=tuple(sorted(subjects)))
    return replace(before, joined=True) if action == "USER_PROVISIONED" else before


def _replay_rules(replay: Replay, event: Event) -> None:
    """Note what became of a rule: what nobody confirmed counts as undone, as it would be by now."""
    replay.versions["ip_rules"] = max(replay.versions.get("ip_rules", 0), event["meta"].get("version", 0))
    for target in event["targets"]:
        if target["type"] != "ip_rule":
            continue
        after = event["change"]["after"]
        if after is None or after["status"] == "provisional":
            replay.rules[target["id"]] = Rule(None)
        else:
            author, at = str(event["actor"]["id"]), event["time"]
            replay.rules[target["id"]] = Rule(after["cidr"], after["action"], author, at)


def _replay_hold(replay: Replay, event: Event) -> None:
    """Note a word about a hold. Whom it keeps never changes, so that a later event is believed before a doubted one."""
    person = next((target["id"] for target in event["targets"] if target["type"] == "user"), None)
    hold_id, case = _hold_id(event), event["meta"].get("case")
    hold = replace(replay.holds.get(hold_id, Hold(person, case)), staff_id=person, case=case)
    word = (str(event["actor"]["id"]), event["time"])
    placed = event["action"] == "LEGAL_HOLD_PLACED"
    replay.holds[hold_id] = replace(hold, placed=word) if placed else replace(hold, released=word)


def _hold_id(event: Event) -> str:
    return next(str(target["id"]) for target in event["targets"] if target["type"] == "legal_hold")


def _replay_connection(replay: Replay, event: Event) -> None:
    for target in event["targets"]:
        if target["type"] == "sso_connection":
            removed = (event["change"] or {}).get("after") is None and (event["change"] or {}).get("before") is not None
            replay.connections[target["id"]] = removed
            known = replay.versions.get(target["id"], 0)
            replay.versions[target["id"]] = max(known, event["meta"].get("version", 0))

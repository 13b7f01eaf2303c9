"""Sign-ins as the product judges them: what is familiar of a person, what a sign-in weighs, and the events of that.

The score is never told: it is what the product's risk policy makes of the person's simulated history, with the settings
that a new tenant has. A sign-in that is let in teaches the history, one that is not teaches it nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from infra.local.simulated_moment import Moment, Person, random_id
from shared.audit.event import Actor, Outcome, system_context
from shared.domain.familiarity import Facts, History, learned, signals_at_sign_in
from shared.domain.risk import ALLOW, BLOCK, Assessment, assess
from shared.domain.security_policy import policy_of
from shared.edge.user_agent import agent_of
from shared.store.tenants import geography_observed

PHONE = "AcmeMobile/4.2 (iOS 18.5)"
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15",
    PHONE,
)
_FIRST_VERSION = 1  # of a person's sessions, as he is provisioned
_ENDING_ALL = frozenset({"reuse_detected", "role_changed", "user_deactivated"})


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a request seems to come from; `address` is of a range that is routed nowhere (RFC 5737, RFC 2544)."""

    country: str
    address: str
    asn: int
    latitude: float
    longitude: float

    @property
    def network(self) -> str:
        return f"{self.address.rpartition('.')[0]}.0/24"


# Numbers 64496 to 64511 are for documentation (RFC 5398): nobody's network is told to be somebody's home.
_HOMES = {
    "DE": (64496, 52.5, 13.4),
    "FR": (64497, 48.9, 2.4),
    "SE": (64498, 59.3, 18.1),
    "PT": (64499, 38.7, -9.1),
    "CZ": (64500, 50.1, 14.4),
    "NL": (64501, 52.4, 4.9),
}


def home_of(person: Person) -> Spot:
    return Spot(person.country, person.address, *_HOMES[person.country])


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A sign-in with the right password, before it is judged. `failures`: wrong ones within 15 minutes before it.

    `session` is what it is called if it opens.
    """

    at: float
    person: Person
    spot: Spot
    device: str
    user_agent: str
    session: str
    request_id: str
    failures: int = 0

    @property
    def facts(self) -> Facts:
        return Facts(
            at=int(self.at),
            device_hash=self.device,
            agent=agent_of(self.user_agent),
            country=self.spot.country,
            network=self.spot.network,
            asn=self.spot.asn,
            latitude=self.spot.latitude,
            longitude=self.spot.longitude,
            failures=self.failures,
            amr=("pwd",),
        )

    @property
    def personal(self) -> dict[str, str]:
        return {"ip": self.spot.address, "user_agent": self.user_agent}

    def context(self, correlation_id: str | None = None) -> dict[str, Any]:
        return {
            "request_id": self.request_id,
            "correlation_id": correlation_id or self.request_id,
            "route": "POST /api/auth/login",
            "ip_net": self.spot.network,
            "country": self.spot.country,
            "device": self.device,
        }


def at_home(person: Person, at: float, session: str, chance: random.Random) -> Attempt:
    """Give a sign-in as it usually is."""
    return Attempt(
        at=at,
        person=person,
        spot=home_of(person),
        device=person.device,
        user_agent=chance.choice(_AGENTS),
        session=session,
        request_id=random_id(chance),
    )


def wrong_password(attempt: Attempt, at: float, request_id: str) -> Moment:
    """Tell of a wrong password that came before `attempt`, from the same place."""
    return Moment(
        at,
        "AUTH_LOGIN_FAILED",
        "failure",
        Actor("anonymous", None),
        "login",
        attempt.context() | {"request_id": request_id, "correlation_id": request_id},
        subject=attempt.person.staff_id,
        personal={**attempt.personal, "email": attempt.person.email},
        reason="INVALID_PASSWORD",
        targets=(("user", attempt.person.staff_id),),
    )


@dataclass(slots=True)
class Familiar:
    """What is known of everybody so far; sign-ins are judged in the order of time. `founded` is when the tenant was."""

    founded: int
    _histories: dict[str, History] = field(default_factory=dict)
    _versions: dict[str, int] = field(default_factory=dict)

    def note(self, moment: Moment) -> None:
        """Follow what ends all sessions of a person."""
        if moment.action == "SESSION_INVALIDATED" and moment.reason in _ENDING_ALL:
            self._leave_version(moment.targets[0][1] if moment.targets else str(moment.actor.id))

    def judged(self, attempt: Attempt, chance: random.Random) -> Iterator[Moment]:
        """Give the events of a sign-in; who is asked for a second factor shows it."""
        history = self._histories.get(attempt.person.staff_id, History())
        observed = geography_observed({"created_at": self.founded}, attempt.at)
        signals = signals_at_sign_in(history, attempt.facts)
        assessment = assess(signals, policy_of({}, 1, {}), geography_observed=observed)
        if assessment.action == ALLOW:
            self._learn(attempt.person, history, attempt.facts)
            yield from _admitted(attempt, assessment)
        elif assessment.action == BLOCK:
            before = self._versions.get(attempt.person.staff_id, _FIRST_VERSION)
            yield from _blocked(attempt, assessment, before, chance)
            self._leave_version(attempt.person.staff_id)
        else:
            later = chance.randint(14, 48)
            answered = replace(attempt.facts, at=int(attempt.at + later), failures=0, amr=("pwd", "otp"))
            self._learn(attempt.person, history, answered)
            yield from _challenged(attempt, assessment, later, chance)

    def _learn(self, person: Person, history: History, facts: Facts) -> None:
        self._histories[person.staff_id] = learned(history, facts)

    def _leave_version(self, staff_id: str) -> None:
        self._versions[staff_id] = self._versions.get(staff_id, _FIRST_VERSION) + 1


def _admitted(attempt: Attempt, assessment: Assessment) -> Iterator[Moment]:
    person, session = attempt.person, attempt.session
    actor = Actor("user", person.staff_id, person.role, session, "password")
    resource, targets = f"user_sessions/{session}", (("session", session),)
    yield Moment(
        attempt.at,
        "AUTH_LOGIN_SUCCESS",
        "success",
        actor,
        resource,
        attempt.context(),
        subject=person.staff_id,
        personal={**attempt.personal, "email": person.email},
        targets=targets,
    )
    yield Moment(
        attempt.at + 0.001,
        "ANOMALY_SCORED",
        "success",
        actor,
        resource,
        attempt.context(),
        reason="LOGIN",
        targets=targets,
        risk=assessment.record(),
    )


def _challenged(attempt: Attempt, assessment: Assessment, later: int, chance: random.Random) -> Iterator[Moment]:
    """Ask whoever has the password for a second factor; it is shown `later` seconds after."""
    incident, challenge = random_id(chance), f"{chance.getrandbits(96):024x}"
    meta = {"purpose": "login", "challenge_id": challenge, "incident_id": incident}
    steps: tuple[tuple[str, Outcome, str], ...] = (
        ("STEP_UP_REQUIRED", "success", "STEP_UP"),
        ("SUSPICIOUS_LOGIN_DETECTED", "denied", "LOGIN"),
        ("ANOMALY_SCORED", "denied", "LOGIN"),
    )
    yield from _of_nobody(attempt, assessment, incident, steps, meta)
    person, session = attempt.person, attempt.session
    context = attempt.context(incident) | {"request_id": random_id(chance), "route": "POST /api/auth/step-up/verify"}
    actor = Actor("user", person.staff_id, person.role, session, "password+totp")
    yield Moment(
        attempt.at + later,
        "STEP_UP_VERIFIED",
        "success",
        actor._replace(step_up=challenge),
        f"step_up_challenges/{challenge}",
        context,
        subject=person.staff_id,
        personal=attempt.personal,
        targets=(("user", person.staff_id),),
        meta={"purpose": "login", "method": "totp"},
    )
    yield Moment(
        attempt.at + later + 0.001,
        "AUTH_LOGIN_SUCCESS",
        "success",
        actor,
        f"user_sessions/{session}",
        context,
        targets=(("session", session),),
    )


def _blocked(attempt: Attempt, assessment: Assessment, version: int, chance: random.Random) -> Iterator[Moment]:
    """Refuse, end every session of the person, and tell him; `version` is the one that is left behind."""
    incident, user = random_id(chance), ("user", attempt.person.staff_id)
    steps: tuple[tuple[str, Outcome, str], ...] = (
        ("SESSION_BLOCKED", "denied", "HIGH_RISK"),
        ("SUSPICIOUS_LOGIN_DETECTED", "denied", "LOGIN"),
        ("ANOMALY_SCORED", "denied", "LOGIN"),
    )
    yield from _of_nobody(attempt, assessment, incident, steps, {"incident_id": incident})
    yield Moment(
        attempt.at + 0.003,
        "SESSION_INVALIDATED",
        "success",
        Actor("system", "muniment"),
        f"tenant_staff/{attempt.person.staff_id}",
        attempt.context(incident),
        reason="high_risk",
        targets=(user,),
        change={"before": {"session_version": version}, "after": {"session_version": version + 1}},
        meta={"incident_id": incident, "scope": "user"},
    )
    delivered = attempt.at + chance.uniform(0.4, 2.6)
    yield Moment(
        delivered,
        "SECURITY_ALERT_SENT",
        "success",
        Actor("service", "notify"),
        f"outbox/{random_id(chance)}",
        system_context("stream", incident),
        reason="SESSION_BLOCKED",
        targets=(user,),
        meta={
            "incident_id": incident,
            "channels": ["event_bus", "email"],
            "seconds_since_detection": int(delivered) - int(attempt.at),
        },
    )


def _of_nobody(
    attempt: Attempt,
    assessment: Assessment,
    incident: str,
    steps: tuple[tuple[str, Outcome, str], ...],
    meta: dict[str, Any],
) -> Iterator[Moment]:
    """Tell the first events of an incident: whoever has the password need not be its owner."""
    for number, (action, outcome, reason) in enumerate(steps):
        first = number == 0
        yield Moment(
            attempt.at + number / 1_000,
            action,
            outcome,
            Actor("anonymous", None),
            "login",
            attempt.context(incident),
            subject=attempt.person.staff_id if first else "",
            personal={**attempt.personal, "email": attempt.person.email} if first else {},
            reason=reason,
            targets=(("user", attempt.person.staff_id),),
            meta=meta,
            risk=assessment.record() if action != "SUSPICIOUS_LOGIN_DETECTED" else None,
        )

"""What about a request is unlike the person who is said to make it: the signals of the risk policy.

Rules of this module
- Without a history nothing can be unlike it: FIRST_LOGIN stands in place of every signal about device, geography and
  habit. What is said about the source itself (spraying, failures, a network that hides its users) needs no history.
- Unknown geography is a signal, never silence (ASVS 16.5.2): a country that cannot be told, and one that cannot be
  compared because no other is known of the person (any more).
- A client that names no device is new until such a client has signed in, and earns no trust.
- Wrong passwords count for nobody who comes with a known device from a known network: guessing must not become a way to
  keep somebody out.
- Within a session, another device or another kind of client is DEVICE_MISMATCH and never NEW_DEVICE, and it voids the
  trust of a step-up: that was verified on another one. A passkey is trusted in the sign-in that it was used for; the
  requests of its session carry no passkey.
- A network that hides its users is judged by its prefix: whoever works from there day by day has one that is known.
- Hours are those of UTC. A sign-in is at an unusual hour if none was made within two hours of it on any day, which
  leaves room for summer time; it is judged from twenty sign-ins on.
- Inputs of signals stand in the clear in the log: countries, prefixes, whole degrees, 16 characters of a device's hash.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Protocol

from shared.domain.geography import Place, impossible_journey, remembered_place
from shared.domain.history import (
    Facts,
    History,
    LiveSession,
    closed,
    hour_of,
    knows,
    knows_device,
    knows_network,
    learned,
    live_sessions,
    opened,
    same_device,
    stepped_up,
)
from shared.domain.hosting_networks import hides_its_users
from shared.domain.risk import Signal
from shared.domain.session import UNKNOWN_COUNTRY, Binding

# Whoever asks how familiar a request is keeps the history too: both are found here.
__all__ = [
    "Facts",
    "History",
    "InSession",
    "LiveSession",
    "closed",
    "facts_of",
    "learned",
    "live_sessions",
    "opened",
    "signals_at_sign_in",
    "signals_in_session",
    "stepped_up",
]

DORMANT_SECONDS: Final = 90 * 86_400
STEP_UP_SECONDS: Final = 12 * 3_600
CONCURRENT_SECONDS: Final = 60 * 60
JUDGED_SIGN_INS: Final = 20
LEAST_REPLAYS: Final = 5

_TOLD_CHARACTERS: Final = 16  # as much of a device's hash as events tell
_DAY: Final = 86_400
_HOURS_AROUND: Final = 2
_PHISHING_RESISTANT: Final = "pop"
_FAILURES: Final = ((10, "FAILS_10"), (6, "FAILS_6"), (3, "FAILS_3"))


class SeenViewer(Protocol):
    """What the edge says of a request's origin."""

    @property
    def country(self) -> str: ...
    @property
    def network(self) -> str: ...
    @property
    def asn(self) -> int | None: ...
    @property
    def latitude(self) -> float | None: ...
    @property
    def longitude(self) -> float | None: ...
    @property
    def agent(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InSession:
    """A session as it is bound: where it is used, and when it was last seen there.

    `replays` are answers that its clients asked for again, `generation` its rotations: both over its whole life.
    """

    binding: Binding
    seen_at: int
    replays: int = 0
    generation: int = 1
    latitude: float | None = None
    longitude: float | None = None

    @property
    def place(self) -> Place:
        return remembered_place(Place(self.binding.country, self.latitude, self.longitude, self.seen_at))


def facts_of(
    viewer: SeenViewer,
    *,
    device_hash: str,
    at: int,
    failures: int = 0,
    spraying: bool = False,
    amr: tuple[str, ...] = (),
    seen_elsewhere: tuple[tuple[str, int], ...] = (),
    session_limit_reached: bool = False,
) -> Facts:
    """Put together what the edge saw and what the flow counted."""
    return Facts(
        at=at,
        device_hash=device_hash,
        agent=viewer.agent,
        country=viewer.country,
        network=viewer.network,
        asn=viewer.asn,
        latitude=viewer.latitude,
        longitude=viewer.longitude,
        failures=failures,
        spraying=spraying,
        amr=amr,
        seen_elsewhere=seen_elsewhere,
        session_limit_reached=session_limit_reached,
    )


def signals_at_sign_in(history: History, facts: Facts) -> tuple[Signal, ...]:
    """Give what is unlike the person in a sign-in whose password was right."""
    if history.empty:
        return (Signal("FIRST_LOGIN", {"country": facts.country}), *_source(history, facts))
    signals: list[Signal] = []
    if not knows_device(history, facts):
        signals.append(Signal("NEW_DEVICE", {"device": _told(facts.device_hash), "known": len(history.devices)}))
    signals += _geography(history, facts)
    signals += _travel(history.last_place, facts)
    signals += _new_network(history, facts)
    signals += _source(history, facts)
    signals += _sessions(facts)
    signals += _habits(history, facts)
    signals += _trust(history, facts)
    return tuple(signals)


def signals_in_session(session: InSession, history: History, facts: Facts) -> tuple[Signal, ...]:
    """Give what is unlike the session in a request that carries its token (ASVS 8.2.4)."""
    bound = session.binding
    mismatch = _mismatch(bound, facts)
    signals = list(mismatch)
    if facts.country == UNKNOWN_COUNTRY or facts.country != bound.country:
        signals += _geography(history, facts, {bound.country} - {UNKNOWN_COUNTRY})
    signals += _travel(session.place, facts)
    if facts.network != bound.network:
        signals += _new_network(history, facts)
        signals += _hidden(history, facts)
    signals += _sessions(facts)
    if session.replays >= LEAST_REPLAYS and session.replays * 2 >= session.generation:
        signals.append(Signal("REPLAY_RATE", {"replays": session.replays, "generation": session.generation}))
    if not mismatch:
        signals += _recent_step_up(history, facts)
    return tuple(signals)


def _geography(history: History, facts: Facts, also: AbstractSet[str] = frozenset()) -> list[Signal]:
    known = {country for country in history.countries if knows(history.countries, country, facts.at)} | also
    # Where no country is left to compare with, none is new: a person who was away for long would only be blocked.
    if facts.country == UNKNOWN_COUNTRY or not known:
        return [Signal("UNKNOWN_GEO", {"country": facts.country})]
    if facts.country in known:
        return []
    return [Signal("NEW_COUNTRY", {"country": facts.country, "known": ",".join(sorted(known))})]


def _travel(before: Place | None, facts: Facts) -> list[Signal]:
    journey = None if before is None else impossible_journey(before, facts.place)
    if before is None or journey is None:
        return []
    here = remembered_place(facts.place)
    return [
        Signal(
            "IMPOSSIBLE_TRAVEL",
            {
                "kilometres": journey.kilometres,
                "seconds": journey.seconds,
                "from_country": before.country,
                "from_place": _degrees(before),
                "to_country": here.country,
                "to_place": _degrees(here),
            },
        )
    ]


def _degrees(place: Place) -> str | None:
    return None if place.latitude is None or place.longitude is None else f"{place.latitude:.0f},{place.longitude:.0f}"


def _new_network(history: History, facts: Facts) -> list[Signal]:
    if knows_network(history, facts):
        return []
    return [Signal("NEW_NETWORK", {"network": facts.network, "asn": facts.asn})]


def _hidden(history: History, facts: Facts) -> list[Signal]:
    if not hides_its_users(facts.asn) or knows_network(history, facts):
        return []
    return [Signal("ANON_NETWORK", {"network": facts.network, "asn": facts.asn})]


def _source(history: History, facts: Facts) -> list[Signal]:
    """Judge what is said about the source of the request; an empty history knows none of it."""
    signals = _hidden(history, facts)
    if facts.spraying:
        signals.append(Signal("SPRAY_SOURCE", {"network": facts.network}))
    reached = next((name for least, name in _FAILURES if facts.failures >= least), None)
    if reached is not None and not (knows_device(history, facts) and knows_network(history, facts)):
        signals.append(Signal(reached, {"failures": facts.failures}))
    return signals


def _sessions(facts: Facts) -> list[Signal]:
    signals = []
    elsewhere = [
        (seen_at, country)
        for country, seen_at in facts.seen_elsewhere
        if UNKNOWN_COUNTRY not in {country, facts.country}
        and country != facts.country
        and facts.at - seen_at <= CONCURRENT_SECONDS
    ]
    if elsewhere:
        seen_at, country = max(elsewhere)
        signals.append(
            Signal("CONCURRENT_COUNTRIES", {"country": facts.country, "other_country": country, "seen_at": seen_at})
        )
    if facts.session_limit_reached:
        signals.append(Signal("SESSION_LIMIT", {"reached": True}))
    return signals


def _habits(history: History, facts: Facts) -> list[Signal]:
    signals = []
    if facts.at - history.last_at > DORMANT_SECONDS:
        signals.append(Signal("DORMANT", {"last_at": history.last_at, "days": (facts.at - history.last_at) // _DAY}))
    sign_ins, hour = sum(history.hours), hour_of(facts.at)
    around = range(hour - _HOURS_AROUND, hour + _HOURS_AROUND + 1)
    if sign_ins >= JUDGED_SIGN_INS and not any(history.hours[near % 24] for near in around):
        signals.append(Signal("UNUSUAL_HOUR", {"hour": hour, "sign_ins": sign_ins}))
    return signals


def _trust(history: History, facts: Facts) -> list[Signal]:
    passkey = [Signal("PHISHING_RESISTANT", {"method": _PHISHING_RESISTANT})]
    return [*(passkey if _PHISHING_RESISTANT in facts.amr else []), *_recent_step_up(history, facts)]


def _recent_step_up(history: History, facts: Facts) -> list[Signal]:
    if not same_device(history, facts.device_hash) or facts.at - history.step_up_at > STEP_UP_SECONDS:
        return []
    return [Signal("RECENT_STEP_UP", {"device": _told(facts.device_hash), "verified_at": history.step_up_at})]


def _mismatch(bound: Binding, facts: Facts) -> list[Signal]:
    # Sessions that were opened before agents were kept have none, and none is no other one.
    other_agent = bool(bound.agent) and facts.agent != bound.agent
    if facts.device_hash == bound.device_hash and not other_agent:
        return []
    return [
        Signal(
            "DEVICE_MISMATCH",
            {
                "device": _told(facts.device_hash),
                "bound_device": _told(bound.device_hash),
                "agent": facts.agent,
                "bound_agent": bound.agent,
            },
        )
    ]


def _told(device_hash: str) -> str:
    return device_hash[:_TOLD_CHARACTERS]

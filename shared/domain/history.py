"""What is known of a person's ways, how it is learned, and what is forgotten of it.

Rules of this module
- A history is learned from fully verified sign-ins alone (`learned`); whoever only knows a password teaches it nothing.
- It is bounded: ten devices, ten countries, twenty networks, of each those that were seen last, and nothing that was
  not seen for 180 days. It holds no address, whole degrees of coordinates, and the first 24 characters of a device's
  hash: nothing in it opens anything (ASVS 8.1.3).
- A client that names no device is one device, `NO_DEVICE`: new until such a client has signed in, never "the same" as
  another one, so no step-up is remembered of it.
- A network is known by its prefix (/24, /48) or by its ASN, but a hosting provider's ASN is everybody's: of those the
  prefix alone counts.
- The last place that could be told stays the one that journeys are measured from.
- Sessions stand in it for their number and their countries. A session row alone says whether a session lives.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from shared.domain.geography import Place, remembered_place
from shared.domain.hosting_networks import hides_its_users
from shared.domain.session import NO_DEVICE, UNKNOWN_COUNTRY

MAX_DEVICES: Final = 10
MAX_COUNTRIES: Final = 10
MAX_NETWORKS: Final = 20
MAX_SESSIONS: Final = 60
FORGOTTEN_SECONDS: Final = 180 * 86_400

DEVICE_CHARACTERS: Final = 24  # 96 bits tell devices apart; the whole hash is bound to the session alone
SESSION_DEVICE_CHARACTERS: Final = 8
MOST_OF_AN_HOUR: Final = 200  # then all hours are halved: habits change

_SECOND_FACTORS: Final = frozenset({"otp", "pop"})  # a recovery code is spent when a device is lost: it earns no trust


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session as the limit of sessions needs it; `ends_at` is the latest instant at which it may still live.

    `device` is the beginning of the device's hash, empty for a client that names none.
    """

    session_id: str
    opened_at: int
    ends_at: int
    session_version: int
    country: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A person's ways; empty as it is made. Instants are Unix seconds, mappings lead to when a thing was last seen.

    `version` is that of the stored row, 0 where there is none. `hours` counts sign-ins by hour of the day.
    """

    devices: Mapping[str, int] = field(default_factory=dict)
    countries: Mapping[str, int] = field(default_factory=dict)
    networks: Mapping[str, int] = field(default_factory=dict)
    last_place: Place | None = None
    last_at: int = 0
    hours: tuple[int, ...] = (0,) * 24
    step_up_device: str = ""
    step_up_at: int = 0
    sessions: tuple[LiveSession, ...] = ()
    version: int = 0

    @property
    def empty(self) -> bool:
        """Tell whether nothing was ever learned."""
        return self.last_at == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a request shows. `at` is its one clock reading, in whole Unix seconds.

    `failures`: wrong passwords for this account within 15 minutes. `spraying`: the address failed on many accounts.
    `amr`: methods that this sign-in was made with. `seen_elsewhere`: (country, when last seen) of the person's other
    live sessions.
    """

    at: int
    device_hash: str
    agent: str
    country: str
    network: str
    asn: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    failures: int = 0
    spraying: bool = False
    amr: tuple[str, ...] = ()
    seen_elsewhere: tuple[tuple[str, int], ...] = ()
    session_limit_reached: bool = False

    @property
    def place(self) -> Place:
        return Place(self.country, self.latitude, self.longitude, self.at)


def learned(history: History, facts: Facts) -> History:
    """Learn from a sign-in that was verified with everything that was asked for; never call it for any other."""
    place = remembered_place(facts.place)
    told = place.country != UNKNOWN_COUNTRY or place.latitude is not None
    later = facts.at >= history.last_at  # a slower request must not undo a later one
    taught = replace(
        history,
        devices=_latest(history.devices, [device_key(facts.device_hash)], facts.at, MAX_DEVICES),
        countries=_latest(
            history.countries, [facts.country] if facts.country != UNKNOWN_COUNTRY else [], facts.at, MAX_COUNTRIES
        ),
        networks=_latest(history.networks, network_names(facts), facts.at, MAX_NETWORKS),
        last_place=place if told and later else history.last_place,
        last_at=max(facts.at, history.last_at),
        hours=_counted(history.hours, facts.at),
    )
    return stepped_up(taught, facts.device_hash, facts.at) if _SECOND_FACTORS.intersection(facts.amr) else taught


def stepped_up(history: History, device_hash: str, at: int) -> History:
    """Remember that a second factor was verified on a device; one that has no name is not remembered."""
    if device_hash == NO_DEVICE or at < history.step_up_at:
        return history
    return replace(history, step_up_device=device_key(device_hash), step_up_at=at)


def live_sessions(history: History, now: int) -> tuple[LiveSession, ...]:
    """Give the sessions that may live, the oldest first; those past their end do not.

    One of another version may: a person who ends all others takes the acting one along. Its row says.
    """
    alive = (kept for kept in history.sessions if now < kept.ends_at)
    return tuple(sorted(alive, key=lambda kept: (kept.opened_at, kept.session_id)))


def opened(history: History, session: LiveSession) -> History:
    """Add a session, of whose device's hash the beginning is kept; dead ones go, and beyond the bound the oldest."""
    device = session.device[:SESSION_DEVICE_CHARACTERS] if session.device != NO_DEVICE else ""
    others = (kept for kept in live_sessions(history, session.opened_at) if kept.session_id != session.session_id)
    return replace(history, sessions=(*others, replace(session, device=device))[-MAX_SESSIONS:])


def closed(history: History, session_id: str) -> History:
    return replace(history, sessions=tuple(kept for kept in history.sessions if kept.session_id != session_id))


def device_key(device_hash: str) -> str:
    """Give the name under which a device is known."""
    return device_hash[:DEVICE_CHARACTERS]


def same_device(history: History, device_hash: str) -> bool:
    """Tell whether it is the device of the last step-up; a nameless one never is."""
    return device_hash != NO_DEVICE and device_key(device_hash) == history.step_up_device


def knows(known: Mapping[str, int], name: str, at: int) -> bool:
    return name in known and at - known[name] <= FORGOTTEN_SECONDS


def knows_device(history: History, facts: Facts) -> bool:
    return knows(history.devices, device_key(facts.device_hash), facts.at)


def knows_network(history: History, facts: Facts) -> bool:
    return any(knows(history.networks, name, facts.at) for name in network_names(facts))


def network_names(facts: Facts) -> list[str]:
    if facts.asn is None or hides_its_users(facts.asn):
        return [facts.network]
    return [facts.network, f"AS{facts.asn}"]


def hour_of(at: int) -> int:
    return at // 3_600 % 24


def _latest(known: Mapping[str, int], seen: Iterable[str], at: int, most: int) -> dict[str, int]:
    """Note that `seen` was seen; what is forgotten goes, and beyond `most` what was seen longest ago."""
    now = {name: max(at, known.get(name, 0)) for name in seen}
    before = {name: then for name, then in known.items() if name not in now and at - then <= FORGOTTEN_SECONDS}
    by_age = sorted([*now.items(), *before.items()], key=lambda entry: -entry[1])  # stable: of equals the seen first
    return dict(by_age[:most])


def _counted(hours: Sequence[int], at: int) -> tuple[int, ...]:
    counted = [count + (number == hour_of(at)) for number, count in enumerate(hours)]
    return tuple(count // 2 for count in counted) if max(counted) > MOST_OF_AN_HOUR else tuple(counted)

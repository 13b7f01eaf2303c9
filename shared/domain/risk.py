"""The risk policy: signals become a score, the score an action, and the record of it can be computed again.

Rules of this module
- `RULES` is the policy as data. Of each group the heaviest signal counts, the groups add up, trust is a group that
  subtracts, and the sum ends at 0 and 100. From a tenant's `step_up_score` on a step-up is asked for, from its
  `block_score` on the sign-in is blocked (60 and 90 unless set; ASVS 8.1.4).
- A tenant may give each signal another weight and one of three modes. `enforce` counts it; `observe` records it with
  what it would weigh, and it changes nothing; `off` leaves it out of the signals, and its name stands among those that
  are off. While `geography_observed`, geographic signals without a mode of the tenant's own are observed.
- NEW_NETWORK and CONCURRENT_COUNTRIES go without saying in a new country and after an impossible journey: beside an
  enforced signal of these they are neither counted nor listed. Whoever has a session at home and signs in abroad is in
  two countries anyway; counted twice, that alone would block. What goes without saying never lowers a score either:
  should a tenant weigh the country less than what it implies, the higher score stands.
- Reasons are the enforced signals in the order of the table, whatever they weigh, trust last. FIRST_LOGIN weighs
  nothing: without a history there is nothing to differ from.
- A record holds only what may stand in the clear: no address, no coordinates finer than whole degrees, no full hash of
  a device. It computes again from itself alone (`recomputed`), under the version of the policy that it names: signals
  and weights may change with a new version, the arithmetic of an old one never.

Of the signals that were considered, ACTION_BURST is not in the table: nothing counts a person's sensitive acts yet, and
a signal that cannot be detected would be a promise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from shared.domain.security_policy import SecurityPolicy

Scalar: TypeAlias = "bool | int | str | None"

POLICY_VERSION: Final = "risk-1"
HIGHEST_SCORE: Final = 100

ALLOW: Final = "ALLOW"
STEP_UP_REQUIRED: Final = "STEP_UP_REQUIRED"
BLOCK: Final = "BLOCK"

OFF: Final = "off"
OBSERVE: Final = "observe"
ENFORCE: Final = "enforce"
MODES: Final = (OFF, OBSERVE, ENFORCE)

TRUST: Final = "trust"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table; `points` below zero are those of trust."""

    name: str
    group: str
    points: int
    about: str
    geographic: bool = False


# The order is that of the reasons. A stored record names signals and groups: a name is never used again for another.
RULES: Final = (
    Rule("FIRST_LOGIN", "first", 0, "No sign-in of this person is known yet"),
    Rule("DEVICE_MISMATCH", "device", 50, "Another device or another kind of client than the session was opened with"),
    Rule("NEW_DEVICE", "device", 35, "A device that this person has not signed in with"),
    Rule("IMPOSSIBLE_TRAVEL", "geo", 60, "Nobody travels as fast from the place before", geographic=True),
    Rule("NEW_COUNTRY", "geo", 40, "A country that this person has not signed in from", geographic=True),
    Rule("UNKNOWN_GEO", "geo", 10, "The country could not be told", geographic=True),
    Rule("ANON_NETWORK", "network", 40, "A network that hides who uses it: a hosting provider, a VPN, Tor"),
    Rule("SPRAY_SOURCE", "network", 40, "Many accounts were tried from this network"),
    Rule("NEW_NETWORK", "network", 10, "A network that this person has not signed in from"),
    Rule("FAILS_10", "velocity", 30, "Ten or more wrong passwords in 15 minutes"),
    Rule("FAILS_6", "velocity", 20, "Six or more wrong passwords in 15 minutes"),
    Rule("FAILS_3", "velocity", 10, "Three or more wrong passwords in 15 minutes"),
    Rule("CONCURRENT_COUNTRIES", "concurrency", 30, "A live session was just seen in another country", geographic=True),
    Rule("SESSION_LIMIT", "concurrency", 10, "As many sessions are open as the person may have"),
    Rule("REPLAY_RATE", "other", 15, "The session's tokens are presented again conspicuously often"),
    Rule("DORMANT", "other", 15, "No sign-in for more than 90 days"),
    Rule("UNUSUAL_HOUR", "other", 5, "An hour at which this person does not sign in"),
    Rule("PHISHING_RESISTANT", TRUST, -30, "This sign-in was made with a passkey"),
    Rule("RECENT_STEP_UP", TRUST, -20, "A second factor was verified on this device within 12 hours"),
)
_RULES: Final[Mapping[str, Rule]] = {rule.name: rule for rule in RULES}
_POINTER_CHARACTERS: Final = 64
_IMPLIED: Final = frozenset({"NEW_NETWORK", "CONCURRENT_COUNTRIES"})
_IMPLYING: Final = frozenset({"NEW_COUNTRY", "IMPOSSIBLE_TRAVEL"})


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that was noticed; `input` is the raw fact, or its digest where the fact is personal."""

    name: str
    input: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Weighed:
    """A signal as it was taken: the points it has for this tenant, and whether they count."""

    name: str
    group: str
    points: int
    mode: str
    input: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A decision of the risk. `signals`: enforced and observed ones, in the order of the table; `off`: all that are."""

    score: int
    reasons: tuple[str, ...]
    action: str
    policy: str
    settings_version: int
    step_up_score: int
    block_score: int
    signals: tuple[Weighed, ...]
    off: tuple[str, ...]

    def record(self) -> Mapping[str, Any]:
        """Give the `risk` member of an event."""
        return {
            "score": self.score,
            "reasons": list(self.reasons),
            "action": self.action,
            "policy": self.policy,
            "settings_version": self.settings_version,
            "step_up_score": self.step_up_score,
            "block_score": self.block_score,
            "signals": [
                {
                    "name": signal.name,
                    "group": signal.group,
                    "points": signal.points,
                    "mode": signal.mode,
                    "input": dict(signal.input),
                }
                for signal in self.signals
            ],
            "off": list(self.off),
        }


def assess(signals: Sequence[Signal], policy: SecurityPolicy, *, geography_observed: bool) -> Assessment:
    """Weigh `signals` by the tenant's policy. Raises `RuntimeError` for a signal that the table does not have.

    A signal that is named twice counts once, with its first input.
    """
    noticed: dict[str, Signal] = {}
    for signal in signals:
        if signal.name not in _RULES:
            raise RuntimeError(f"{signal.name} is no signal of policy {POLICY_VERSION}")
        noticed.setdefault(signal.name, signal)
    modes = {rule.name: _mode(rule, policy, geography_observed=geography_observed) for rule in RULES}
    weighed = tuple(
        Weighed(
            rule.name,
            rule.group,
            policy.risk_weights.get(rule.name, rule.points),
            modes[rule.name],
            noticed[rule.name].input,
        )
        for rule in RULES
        if rule.name in noticed and modes[rule.name] != OFF
    )
    score = _score(weighed)
    return Assessment(
        score=score,
        reasons=_reasons(weighed),
        action=_action(score, policy.step_up_score, policy.block_score),
        policy=POLICY_VERSION,
        settings_version=policy.version,
        step_up_score=policy.step_up_score,
        block_score=policy.block_score,
        signals=weighed,
        off=tuple(name for name, mode in modes.items() if mode == OFF),
    )


def recomputed(record: Mapping[str, Any]) -> tuple[int, str]:
    """Compute score and action of an event's `risk` member again, from what it says of its signals alone.

    Raises `ValueError` for a record of another policy version, or for one that no assessment wrote.
    """
    if record.get("policy") != POLICY_VERSION:
        raise ValueError(f"no arithmetic for policy {record.get('policy')!r}")
    try:
        weighed = [
            Weighed(signal["name"], signal["group"], int(signal["points"]), signal["mode"], signal["input"])
            for signal in record["signals"]
        ]
        score = _score(weighed)
        return score, _action(score, int(record["step_up_score"]), int(record["block_score"]))
    except (KeyError, TypeError) as fault:
        raise ValueError(f"not a record of an assessment: {fault}") from fault


def weight_faults(weights: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say what is wrong with weights that a tenant asks for, as (JSON pointer, sentence); `weights` untrusted."""
    faults = []
    for name, points in weights.items():
        pointer = _pointer("risk_weights", name)
        rule = _RULES.get(name)
        if rule is None:
            faults.append((pointer, "This is no signal of the risk policy."))
            continue
        least, most = (-HIGHEST_SCORE, 0) if rule.group == TRUST else (0, HIGHEST_SCORE)
        if not isinstance(points, int) or isinstance(points, bool) or not least <= points <= most:
            faults.append((pointer, f"Give a whole number from {least} to {most}."))
    return faults


def mode_faults(modes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say what is wrong with modes that a tenant asks for, as (JSON pointer, sentence); `modes` untrusted."""
    faults = []
    for name, mode in modes.items():
        pointer = _pointer("risk_modes", name)
        if name not in _RULES:
            faults.append((pointer, "This is no signal of the risk policy."))
        elif not isinstance(mode, str) or mode not in MODES:
            faults.append((pointer, "Give off, observe or enforce."))
    return faults


def _mode(rule: Rule, policy: SecurityPolicy, *, geography_observed: bool) -> str:
    return policy.risk_modes.get(rule.name, OBSERVE if rule.geographic and geography_observed else ENFORCE)


def _score(weighed: Sequence[Weighed]) -> int:
    enforced = [signal for signal in weighed if signal.mode == ENFORCE]
    if not any(signal.name in _IMPLYING for signal in enforced):
        return _sum(enforced)
    without_implied = _sum([signal for signal in enforced if signal.name not in _IMPLIED])
    without_implying = _sum([signal for signal in enforced if signal.name not in _IMPLYING])
    return max(without_implied, without_implying)


def _sum(enforced: Sequence[Weighed]) -> int:
    groups: dict[str, int] = {}
    for signal in enforced:
        heavier = min if signal.group == TRUST else max
        groups[signal.group] = heavier(groups.get(signal.group, 0), signal.points)
    return max(0, min(HIGHEST_SCORE, sum(groups.values())))


def _reasons(weighed: Sequence[Weighed]) -> tuple[str, ...]:
    enforced = [signal.name for signal in weighed if signal.mode == ENFORCE]
    implied = not _IMPLYING.isdisjoint(enforced)
    return tuple(name for name in enforced if not (implied and name in _IMPLIED))


def _action(score: int, step_up_score: int, block_score: int) -> str:
    if score >= block_score:
        return BLOCK
    return STEP_UP_REQUIRED if score >= step_up_score else ALLOW


def _pointer(member: str, name: str) -> str:
    """Point at a member whose name anybody wrote: cut, and escaped (RFC 6901 section 3)."""
    return f"/{member}/" + name[:_POINTER_CHARACTERS].replace("~", "~0").replace("/", "~1")

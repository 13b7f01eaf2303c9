"""What a PATCH asks for, whether it may be, and what it would change.

Rules of this module
- All faults are reported together, each with its JSON pointer: first those of single values, then, where every value is
  sound, those between settings. The latter look at what would be in force, whoever made it: tenant or deployment.
- A rule between two settings is held against a request that names one of them; nobody is stopped from changing a third.
- A value that is in force already is no change: where it is the deployment's, it stays the deployment's.
- Of `risk_weights` and `risk_modes` the signals that are named change, and no others (RFC 7396 section 2 reads alike;
  but `null` takes nothing back here).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from functions.settings.in_force import InForce
from shared.domain.risk import mode_faults, weight_faults
from shared.domain.security_policy import CHOICES, NUMBERS, STRICT_PRESET
from shared.edge.problem import invalid_request

Fault = tuple[str, str]  # JSON pointer, sentence

PRESETS: Final[Mapping[str, Mapping[str, int]]] = {"strict": STRICT_PRESET}
WHOLE_MINUTES: Final = frozenset({"refresh_idle_seconds"})  # refresh tokens carry the idle limit in minutes
MINUTE: Final = 60

# Which setting must be below which, whether it may be equal, and what is said otherwise.
_ORDERED: Final = (
    ("refresh_idle_seconds", "refresh_absolute_seconds", True, "The idle limit must not exceed the absolute one."),
    ("step_up_score", "block_score", False, "The score that asks for a step-up must be below the one that blocks."),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Sound values by name: `plain` of the numbers and choices, the others by signal."""

    plain: Mapping[str, int | str]
    risk_weights: Mapping[str, int]
    risk_modes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    before: int | str
    after: int | str


@dataclass(frozen=True, slots=True)
class Change:
    """`before` and `after` hold exactly what changes; `own` is the tenant's whole policy from then on."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    own: Mapping[str, Any]


def asked_of(body: Mapping[str, Any]) -> Asked:
    """Read a body that has the form of its route; raises `Refused` (400) with every value that makes no sense."""
    faults = [*_number_faults(body), *_preset_faults(body), *_risk_faults(body)]
    if faults:
        raise invalid_request(faults)
    named = {field.name: body[field.name] for field in (*NUMBERS, *CHOICES) if body[field.name] is not None}
    preset = PRESETS.get(body["preset"], {})
    return Asked({**preset, **named}, body["risk_weights"] or {}, body["risk_modes"] or {})


def change_of(asked: Asked, own: Mapping[str, Any], force: InForce) -> Change | None:
    """Say what `asked` changes of what is in `force`; None when nothing. `own` is what the tenant has set so far.

    Raises `Refused` (400) where two settings would contradict each other.
    """
    faults = list(_contradictions(asked, {**force.plain, **asked.plain}))
    if faults:
        raise invalid_request(faults)
    plain = _differing(asked.plain, force.plain)
    weights = _differing(asked.risk_weights, force.weights)
    # A mode that holds for the first days only is no setting: whoever asks for it wants it to stay.
    modes = {**_differing(asked.risk_modes, force.lasting_modes), **_differing(asked.risk_modes, force.modes)}
    groups = {name: group for name, group in (("risk_weights", weights), ("risk_modes", modes)) if group}
    if not plain and not groups:
        return None
    return Change(
        before={**_said(plain, "before"), **{name: _said(group, "before") for name, group in groups.items()}},
        after={**_said(plain, "after"), **{name: _said(group, "after") for name, group in groups.items()}},
        own={
            **own,
            **_said(plain, "after"),
            **{name: {**own.get(name, {}), **_said(group, "after")} for name, group in groups.items()},
        },
    )


def _differing(asked: Mapping[str, Any], in_force: Mapping[str, Any]) -> dict[str, Step]:
    return {name: Step(in_force[name], value) for name, value in asked.items() if in_force[name] != value}


def _said(steps: Mapping[str, Step], side: str) -> dict[str, Any]:
    return {name: getattr(step, side) for name, step in steps.items()}


def _contradictions(asked: Asked, values: Mapping[str, Any]) -> Iterator[Fault]:
    for lower, upper, equal, sentence in _ORDERED:
        right = values[lower] < values[upper] or (equal and values[lower] == values[upper])
        named = [name for name in (lower, upper) if name in asked.plain]
        if named and not right:
            yield f"/{named[0]}", sentence


def _number_faults(body: Mapping[str, Any]) -> Iterator[Fault]:
    for number in NUMBERS:
        value = body[number.name]
        if value is None:
            continue
        if not number.least <= value <= number.most:
            yield f"/{number.name}", f"This must be a whole number from {number.least} to {number.most}."
        elif number.name in WHOLE_MINUTES and value % MINUTE:
            yield f"/{number.name}", f"This must be a multiple of {MINUTE}."


def _preset_faults(body: Mapping[str, Any]) -> Iterator[Fault]:
    for name, value in PRESETS.get(body["preset"], {}).items():
        if body[name] not in {None, value}:
            yield f"/{name}", f"The preset {body['preset']} says {value}."


def _risk_faults(body: Mapping[str, Any]) -> list[Fault]:
    return [*weight_faults(body["risk_weights"] or {}), *mode_faults(body["risk_modes"] or {})]

"""The settings in force as a document: of each its value, whose it is, and what it may be."""

from collections.abc import Mapping
from typing import Any

from functions.settings.change import MINUTE, PRESETS, WHOLE_MINUTES
from functions.settings.in_force import InForce
from shared.domain.risk import RULES
from shared.domain.security_policy import CHOICES, NUMBERS, Choice, Number


def settings_document(force: InForce, own: Mapping[str, Any], access_token_seconds: int) -> dict[str, Any]:
    """Write what GET and PATCH answer; `own` is what the tenant has set itself.

    `source` is "tenant" or "deployment", of a signal "tenant" or "policy" (the risk policy's own value).
    `signals` is the table of the risk policy, in its order.
    """
    return {
        "version": force.version,
        "settings": {
            **{number.name: _number(number, force, own) for number in NUMBERS},
            **{choice.name: _choice(choice, force, own) for choice in CHOICES},
        },
        "risk_weights": _signals(force.weights, own.get("risk_weights", {})),
        "risk_modes": _signals(force.modes, own.get("risk_modes", {})),
        "signals": {rule.name: {"about": rule.about, "group": rule.group, "points": rule.points} for rule in RULES},
        "presets": {name: dict(values) for name, values in PRESETS.items()},
        "read_only": {"access_token_seconds": access_token_seconds},
    }


def _number(number: Number, force: InForce, own: Mapping[str, Any]) -> dict[str, Any]:
    bounds = {"minimum": number.least, "maximum": number.most}
    step = {"multiple_of": MINUTE} if number.name in WHOLE_MINUTES else {}
    return {**_made(number.name, force.plain[number.name], own), "about": number.about, **bounds, **step}


def _choice(choice: Choice, force: InForce, own: Mapping[str, Any]) -> dict[str, Any]:
    made = _made(choice.name, force.plain[choice.name], own)
    return {**made, "about": choice.about, "options": list(choice.options)}


def _made(name: str, value: object, own: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": value, "source": "tenant" if name in own else "deployment"}


def _signals(values: Mapping[str, object], own: Mapping[str, Any]) -> dict[str, Any]:
    return {
        signal: {"value": value, "source": "tenant" if signal in own else "policy"}
        for signal, value in sorted(values.items())
    }

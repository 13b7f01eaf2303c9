"""What a simulation is made of: people, and one event after the other."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.audit.event import Actor, Outcome

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class Person:
    """`demo_role` names the four people whom the demonstration signs in; the others are extras."""

    staff_id: str
    name: str
    email: str
    role: str
    country: str
    address: str
    device: str
    demo_role: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One event to write at `at` (Unix seconds); `subject` owns the sealed `personal` values, empty for none."""

    at: float
    action: str
    outcome: Outcome
    actor: Actor
    resource: str
    context: Mapping[str, Any]
    subject: str = ""
    personal: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    targets: tuple[tuple[str, str], ...] = ()
    on_behalf_of: str | None = None
    change: Mapping[str, Any] | None = None
    risk: Mapping[str, Any] | None = None


def random_id(chance: random.Random) -> str:
    return f"{chance.getrandbits(64):016x}"


def session_id(chance: random.Random) -> str:
    return f"ses{random_id(chance)}"


def context_of(person: Person, chance: random.Random, route: str = "POST /api/auth/refresh") -> dict[str, Any]:
    """Give the `context` of something that `person` did at home."""
    network = ".".join(person.address.split(".")[:3])
    return {
        "request_id": random_id(chance),
        "correlation_id": None,
        "route": route,
        "ip_net": f"{network}.0/24",
        "country": person.country,
        "device": person.device,
    }

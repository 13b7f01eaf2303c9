"""What administrators of the simulated company do: proofs, address rules, roles, leavers, and acting for others.

The same rules as in the simulated quarter: pure, and the same each time. What is told here leaves everybody as he was
provisioned when the quarter is over: a raised role is lowered again, and whoever left came back.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from infra.local.simulated_moment import HOUR_SECONDS, Moment, Person, context_of, random_id
from shared.audit.event import Actor

BLOCKED_SINCE_DAY = 1  # of the quarter: the address rule stands from then on
BLOCKED = "192.0.2.0/24"
_RULE = "rule0000000000000001"
_RAISED_ON, _LOWERED_ON = 30, 47
_LEFT_ON, _CAME_BACK_ON = 52, 80
_EXPORT_EVERY = 7  # days: the weekly evidence
_SUPPORT_EVERY = 9


def administration(people: Sequence[Person], number: int, midnight: float, chance: random.Random) -> Iterator[Moment]:
    """Give what administrators do on day `number` of the quarter, the first after the tenant's creation being 1."""
    by_name = {person.name.partition(" ")[0]: person for person in people}
    owner, admin = by_name["Olivia"], by_name["Adam"]
    noon = midnight + 12 * HOUR_SECONDS + chance.uniform(0, HOUR_SECONDS)
    if number == BLOCKED_SINCE_DAY:
        yield from _rule(admin, noon, chance)
    if number % _EXPORT_EVERY == 2:  # noqa: PLR2004 - a Tuesday, more or less
        yield from proof(owner, noon + 60, "data_export", chance)
    if number % _SUPPORT_EVERY == 1:
        yield from _support(admin, by_name["Lea"], noon + 600, chance)
    if number in {_RAISED_ON, _LOWERED_ON}:
        roles = ("member", "admin") if number == _RAISED_ON else ("admin", "member")
        yield from _role_change(owner, by_name["Clara"], noon + 1_200, roles, chance)
    if number in {_LEFT_ON, _CAME_BACK_ON}:
        yield from _leaver(admin, by_name["Jonas"], noon + 1_800, chance, left=number == _LEFT_ON)


def refused_address(stranger: Moment) -> Moment:
    """Give what becomes of a stranger's attempt once the address rule stands."""
    meta = {"rule_id": _RULE, "folded": 0}
    return replace(
        stranger, action="IP_RULE_ENFORCED", outcome="denied", reason="DENY_RULE", meta=meta, resource="login"
    )


def proof(person: Person, at: float, purpose: str, chance: random.Random) -> Iterator[Moment]:
    """Tell of a second factor that is asked for, and shown."""
    session = f"ses{chance.getrandbits(64):016x}"
    challenge = random_id(chance)
    for seconds, action, auth in ((0.0, "STEP_UP_REQUIRED", "password"), (9.0, "STEP_UP_VERIFIED", "password+totp")):
        yield Moment(
            at + seconds,
            action,
            "success",
            Actor("user", person.staff_id, person.role, session, auth),
            f"user_sessions/{session}",
            context_of(person, chance, "POST /api/auth/step-up/challenges"),
            reason="STEP_UP" if action == "STEP_UP_REQUIRED" else None,
            targets=(("session", session),),
            meta={"purpose": purpose, "challenge_id": challenge},
        )


def _actor(person: Person, chance: random.Random) -> Actor:
    session = f"ses{chance.getrandbits(64):016x}"
    return Actor("user", person.staff_id, person.role, session, "password+totp", random_id(chance))


def _rule(admin: Person, at: float, chance: random.Random) -> Iterator[Moment]:
    """Make an address rule, and confirm it from where it lets its author in."""
    yield from proof(admin, at - 30, "rbac_admin", chance)
    actor = _actor(admin, chance)
    after = {"cidr": BLOCKED, "action": "deny", "status": "active"}
    steps: tuple[tuple[float, str, str, dict[str, Any]], ...] = (
        (0.0, "IP_RULE_CREATED", "POST /api/ip-rules", {"before": None, "after": {**after, "status": "provisional"}}),
        (
            40.0,
            "IP_RULE_UPDATED",
            "POST /api/ip-rules/{rule_id}/confirm",
            {"before": {"status": "provisional"}, "after": {"status": "active"}},
        ),
    )
    for seconds, action, route, change in steps:
        yield Moment(
            at + seconds,
            action,
            "success",
            actor,
            f"ip_rules/{_RULE}",
            context_of(admin, chance, route),
            targets=(("ip_rule", _RULE),),
            change=change,
        )


def _support(admin: Person, member: Person, at: float, chance: random.Random) -> Iterator[Moment]:
    """Let an administrator look at what a member sees, for a ticket."""
    yield from proof(admin, at - 30, "impersonate", chance)
    actor, impersonation_id = _actor(admin, chance), random_id(chance)
    told = {"impersonation_id": impersonation_id, "mode": "read"}
    minutes = chance.randint(3, 14)
    ends: tuple[tuple[float, str, str | None, dict[str, Any]], ...] = (
        (0.0, "IMPERSONATION_STARTED", None, {"minutes": 15, "ticket": f"SUP-{chance.randint(1_000, 9_999)}"}),
        (minutes * 60.0, "IMPERSONATION_ENDED", "ended", {"requests": chance.randint(2, 20), "seconds": minutes * 60}),
    )
    for seconds, action, reason, meta in ends:
        yield Moment(
            at + seconds,
            action,
            "success",
            actor,
            f"impersonations/{impersonation_id}",
            context_of(admin, chance, "POST /api/impersonation" if reason is None else "DELETE /api/impersonation"),
            reason=reason,
            targets=(("user", member.staff_id), ("session", impersonation_id)),
            on_behalf_of=member.staff_id,
            meta={**told, **meta},
        )


def _role_change(
    owner: Person, person: Person, at: float, roles: tuple[str, str], chance: random.Random
) -> Iterator[Moment]:
    yield from proof(owner, at - 30, "rbac_admin", chance)
    actor, context = _actor(owner, chance), context_of(owner, chance, "PATCH /api/staff/{staff_id}/role")
    resource, targets = f"tenant_staff/{person.staff_id}", (("user", person.staff_id),)
    change = {"before": {"role": roles[0]}, "after": {"role": roles[1]}}
    yield Moment(at, "USER_ROLE_CHANGED", "success", actor, resource, context, targets=targets, change=change)
    yield Moment(
        at + 0.001,
        "SESSION_INVALIDATED",
        "success",
        actor,
        resource,
        context,
        reason="role_changed",
        targets=targets,
        meta={"scope": "user"},
    )


def _leaver(admin: Person, person: Person, at: float, chance: random.Random, *, left: bool) -> Iterator[Moment]:
    """Let somebody leave, and his sessions end with him; or let him come back."""
    yield from proof(admin, at - 30, "rbac_admin", chance)
    statuses = ("ACTIVE", "DEACTIVATED") if left else ("DEACTIVATED", "ACTIVE")
    route = f"POST /api/staff/{{staff_id}}/{'deactivate' if left else 'reactivate'}"
    actor, context = _actor(admin, chance), context_of(admin, chance, route)
    resource, targets = f"tenant_staff/{person.staff_id}", (("user", person.staff_id),)
    yield Moment(
        at,
        "USER_DEACTIVATED" if left else "USER_REACTIVATED",
        "success",
        actor,
        resource,
        context,
        targets=targets,
        change={"before": {"status": statuses[0]}, "after": {"status": statuses[1]}},
        meta={"effective_ms": chance.randint(6, 30)} if left else {},
    )
    if left:
        yield Moment(
            at + 0.001,
            "SESSION_INVALIDATED",
            "success",
            actor,
            resource,
            context,
            reason="user_deactivated",
            targets=targets,
            meta={"scope": "user"},
        )

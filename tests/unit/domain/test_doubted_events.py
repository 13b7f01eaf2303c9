"""Events that nobody vouches for: whatever is planted takes at most, and nobody has more than without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.audit.canonical import canonical
from shared.domain.permission import ROLES, covers
from shared.domain.restoration import (
    CODE_ACTIONS,
    FACTOR_ACTIONS,
    IDENTITY_ACTIONS,
    PASSWORD_ACTIONS,
    STATUS_ACTIONS,
    VERSIONS_BEYOND,
    Erased,
    Hold,
    Replay,
    Told,
    Trust,
    correction,
    replayed,
    within,
)
from tests.unit.domain.test_restoration import LATER, SINCE, STEP, WHOLE, event, hold_event


def doubted(*events: Mapping[str, Any]) -> Replay:
    return replayed([(one, Trust.DOUBTED) for one in events], SINCE)


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (event("USER_ROLE_CHANGED", after={"role": "owner"}), Told(bound="owner")),
        (event("USER_ROLE_CHANGED", after={"role": "member"}), Told(bound="member")),
        (event("USER_ROLE_CHANGED", after={"role": "emperor"}), Told()),
        (event("USER_ROLE_CHANGED", after={}), Told()),
        (event("USER_DEACTIVATED", after={"status": "DEACTIVATED"}), Told(status="DEACTIVATED")),
        (event("USER_DEACTIVATED", after={"status": "ACTIVE"}), Told()),
        (event("USER_REACTIVATED", after={"status": "ACTIVE"}), Told()),
        (event("USER_REACTIVATED", after={"status": "ERASED"}), Told()),
        (event("USER_PROVISIONED", after={"role": "owner", "status": "ACTIVE"}), Told()),
        (event("SESSION_INVALIDATED", after={"session_version": 9}), Told(session_version=9)),
        (event("PASSWORD_CHANGED"), Told(password_changed=True)),
        (event("MFA_ENROLLED"), Told(factors_changed=True)),
        (event("MFA_REMOVED"), Told(factors_changed=True)),
        (event("RECOVERY_CODES_REPLACED"), Told(codes_spent=True)),
        (event("IDENTITY_LINKED"), Told(identities_changed=True)),
        (
            event("PII_ERASED", after={"status": "ERASED"}, subjects=["s_1"]),
            Told(erased=Erased("e_PII_ERASED", LATER), subjects=("s_1",)),
        ),
    ],
    ids=lambda value: f"{value['action']} {value['change']}" if isinstance(value, dict) else "",
)
def test_what_nobody_vouches_for_takes_and_does_not_give(happened: dict[str, Any], told: Told) -> None:
    assert doubted(happened).of("u_1") == told
    assert doubted(happened | {"time": "2026-11-28T02:59:59.999Z"}).of("u_1") == Told()
    assert doubted(happened | {"outcome": "failure"}).of("u_1") == Told()


ACTIONS = (
    *PASSWORD_ACTIONS,
    *FACTOR_ACTIONS,
    *CODE_ACTIONS,
    *IDENTITY_ACTIONS,
    *STATUS_ACTIONS,
    "USER_ROLE_CHANGED",
    "SESSION_INVALIDATED",
    "PII_ERASED",
    "USER_PROVISIONED",
)
NEWS = st.builds(
    lambda action, role, status, version: event(
        action, after={"role": role, "status": status, "session_version": version}
    ),
    st.sampled_from(sorted(ACTIONS)),
    st.sampled_from([*ROLES, "emperor"]),
    st.sampled_from(["ACTIVE", "DEACTIVATED", "ERASED"]),
    st.integers(0, 20_000),
)


def news(action: str, status: str, role: str = "member") -> dict[str, Any]:
    return event(action, after={"role": role, "status": status, "session_version": 0})


@example("member", "ACTIVE", [news("USER_DEACTIVATED", "ERASED")], [news("USER_DEACTIVATED", "DEACTIVATED")])
@example("member", "ERASED", [], [news("USER_DEACTIVATED", "DEACTIVATED")])
@given(
    role=st.sampled_from(ROLES),
    status=st.sampled_from(["ACTIVE", "DEACTIVATED", "ERASED"]),
    vouched_for=st.lists(NEWS.filter(lambda one: one["change"]["after"]["role"] in ROLES), max_size=4),
    planted=st.lists(NEWS, max_size=4),
)
def test_whatever_is_planted_nobody_has_more_than_without_it(
    role: str, status: str, vouched_for: list[dict[str, Any]], planted: list[dict[str, Any]]
) -> None:
    found = replace(WHOLE, role=role, status=status)
    heard = [(one, Trust.VOUCHED) for one in vouched_for]
    without = correction(found, replayed(heard, SINCE).of("u_1"), STEP)
    with_it = correction(found, replayed([*heard, *((one, Trust.DOUBTED) for one in planted)], SINCE).of("u_1"), STEP)
    assert covers(without.role, with_it.role)
    assert with_it.status == without.status or with_it.status in {"DEACTIVATED", "ERASED"}
    assert without.status != "ERASED" or with_it.status == "ERASED"
    assert with_it.session_version >= without.session_version
    for taken in ("no_password", "no_factors", "no_codes", "no_identities", "erased"):
        assert getattr(with_it, taken) >= getattr(without, taken)


@pytest.mark.parametrize("status", [None, "ACTIVE", "DEACTIVATED"])
def test_whom_the_tables_have_as_erased_nothing_brings_back(status: str | None) -> None:
    assert correction(replace(WHOLE, status="ERASED"), Told(status=status), STEP).status == "ERASED"


def test_highest_version_that_is_believed_leaves_one_that_an_event_can_tell() -> None:
    told = doubted(event("SESSION_INVALIDATED", after={"session_version": 2**52 - 1})).of("u_1")
    made = correction(WHOLE, told, STEP).session_version
    assert made == 2**52 - 1 + VERSIONS_BEYOND
    canonical({"session_version": made})


def test_erasure_that_is_vouched_for_stays_the_one_that_ended_the_person() -> None:
    ours, planted = (event("PII_ERASED", after={"status": "ERASED"}, subjects=[of]) | {"id": of} for of in ("a", "b"))
    planted |= {"time": "9999-01-01T00:00:00.000Z"}
    both = [(ours, Trust.VOUCHED), (planted, Trust.DOUBTED)]
    for heard in (both, both[::-1]):
        assert replayed(heard, SINCE).of("u_1") == Told(erased=Erased("a", LATER), subjects=("a", "b"))


def test_hold_that_is_vouched_for_keeps_whom_it_keeps_whatever_is_planted() -> None:
    placed, released = (hold_event(f"LEGAL_HOLD_{done}", "u_1", "LIT-7", "u_2") for done in ("PLACED", "RELEASED"))
    planted = hold_event("LEGAL_HOLD_PLACED", "u_9", "x", "u_8")
    for ours in ([placed], [released], [placed, released]):
        heard = [(one, Trust.VOUCHED) for one in ours]
        without, behind = replayed(heard, SINCE), replayed([*heard, (planted, Trust.DOUBTED)], SINCE)
        before = replayed([(planted, Trust.DOUBTED), *heard], SINCE)
        assert behind == replace(without, people=behind.people)
        (known,), (hold,) = without.holds.values(), before.holds.values()
        assert (hold.staff_id, hold.case, hold.released) == ("u_1", "LIT-7", known.released)
        assert hold.placed == (known.placed or ("u_8", LATER))


def test_bounds_add_up_and_a_later_word_that_is_vouched_for_stands() -> None:
    low, high, new = (event("USER_ROLE_CHANGED", after={"role": role}) for role in ("auditor", "owner", "admin"))
    for planted in ([low, high], [high, low]):
        told = doubted(*planted).of("u_1")
        assert told == Told(bound="auditor")
        assert correction(WHOLE, told, STEP).role == "auditor"
    heard = [(low, Trust.DOUBTED), (new, Trust.VOUCHED)]
    assert replayed(heard, SINCE).of("u_1") == Told(role="admin")
    assert replayed(heard[::-1], SINCE).of("u_1") == Told(role="admin", bound="auditor")


@pytest.mark.parametrize("role", [*ROLES, "emperor"])
@pytest.mark.parametrize("bound", [None, *ROLES, "emperor"])
def test_role_within_a_bound_is_the_highest_that_both_cover(role: str, bound: str | None) -> None:
    order = ("member", "auditor", "admin", "owner")
    known = role in ROLES and bound in ROLES
    assert within(role, bound) == (min(role, str(bound), key=order.index) if known else role)


def test_doubted_rules_settings_and_releases_say_nothing_and_connections_are_off_at_most() -> None:
    placed, released = (hold_event(f"LEGAL_HOLD_{done}", "u_1", None, "u_2") for done in ("PLACED", "RELEASED"))
    there = event("SSO_CONFIG_CHANGED", ("sso_connection", "c_1"), after={"enabled": True}, version=9)
    gone = event("SSO_CONFIG_CHANGED", ("sso_connection", "c_2"), before={"enabled": True}, version=9)
    active = {"cidr": "203.0.113.0/24", "action": "allow", "status": "active"}
    replay = doubted(
        event("IP_RULE_CREATED", ("ip_rule", "r_1"), after=active, version=3),
        event("IP_RULE_DELETED", ("ip_rule", "r_2"), before=active, version=4),
        event("SECURITY_SETTING_CHANGED", ("tenant", "t"), after={"max_sessions": 99}),
        event("AUTH_LOGOUT", ("sso_connection", "c_3")),
        event("LEGAL_HOLD_PLACED", ("user", "u_1")),
        released,
        there,
        gone,
    )
    assert replay == Replay(people={"u_1": Told()}, connections={"c_1": False, "c_2": False})
    assert doubted(placed, released).holds == {"h_1": Hold("u_1", None, placed=("u_2", LATER))}
    removed = [(gone, Trust.VOUCHED), (gone, Trust.DOUBTED)]
    assert replayed(removed, SINCE).connections == {"c_2": True}


@pytest.mark.parametrize(
    "changed",
    [
        {"change": [1]},
        {"change": {"after": "x"}},
        {"change": {"after": {"session_version": "9"}}},
        {"change": {"after": {"session_version": 2**52}}},
        {"change": {"after": {"status": ["DEACTIVATED"]}}},
        {"change": {"after": {"role": ["member"]}}},
        {"meta": None},
        {"meta": {"subjects": "u_1"}},
        {"meta": {"subjects": [{}]}},
        {"meta": {"subjects": ["u_1#gate"]}},
        {"meta": {"case": 7}},
        {"meta": {"case": "x" * 513}},
        {"actor": None},
        {"actor": {"id": 7}},
        {"targets": None},
        {"targets": ["u_1"]},
        {"targets": [{"id": "u_1"}]},
        {"targets": [{"type": ["user"], "id": "u_1"}]},
        {"targets": [{"type": "user"}]},
        {"targets": [{"type": "user", "id": 7}]},
        {"targets": [{"type": "user", "id": "u_1#factor"}]},
        {"targets": [{"type": "user", "id": ""}]},
        {"id": None},
        {"action": None},
        {"outcome": 1},
        {"time": 5},
        {"time": "zzz"},
        {"time": "2026-13-28T04:00:00.000Z"},
    ],
    ids=str,
)
def test_doubted_event_that_is_of_another_form_says_nothing(changed: dict[str, Any]) -> None:
    whole = event("PII_ERASED", after={"status": "ERASED"}, subjects=["s_1"])
    assert doubted(whole).people
    assert doubted(whole | changed) == Replay()
    (name,) = changed
    if name != "change":
        assert doubted({key: value for key, value in whole.items() if key != name}) == Replay()


def test_doubted_event_of_a_system_or_without_change_is_of_our_form() -> None:
    told = event("MFA_REMOVED") | {"actor": {"type": "system", "id": "arn:aws:iam::1:role/x"}}
    assert doubted(told, event("PASSWORD_CHANGED") | {"actor": {"id": None}, "change": None}).of("u_1") == Told(
        factors_changed=True, password_changed=True
    )

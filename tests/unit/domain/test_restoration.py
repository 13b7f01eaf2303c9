"""What a log says over restored tables, and what is made of a person: every combination of what may have happened."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.permission import ROLES, administers
from shared.domain.restoration import (
    VERSIONS_BEYOND,
    Erased,
    Found,
    Hold,
    Replay,
    Rule,
    Told,
    Trust,
    correction,
    replayed,
)

SINCE = "2026-11-28T03:00:00.000Z"
LATER = "2026-11-28T04:00:00.000Z"
STEP = 60_000_000
WHOLE = Found(
    status="ACTIVE",
    role="admin",
    session_version=4,
    has_password=True,
    totp_step=STEP - 5,
    passkeys=2,
    codes=10,
    identities=1,
)


def event(
    action: str,
    target: tuple[str, str] = ("user", "u_1"),
    *,
    after: Any = None,
    before: Any = None,
    time: str = LATER,
    outcome: str = "success",
    **meta: Any,
) -> dict[str, Any]:
    change = None if after is None and before is None else {"before": before, "after": after}
    targets = [{"type": target[0], "id": target[1]}]
    actor = {"type": "user", "id": "u_boss"}
    named = {
        "id": f"e_{action}",
        "action": action,
        "outcome": outcome,
        "time": time,
        "targets": targets,
        "change": change,
    }
    return {**named, "meta": meta, "actor": actor}


def told_of(*events: dict[str, Any]) -> Told:
    return vouched(events, SINCE).of("u_1")


def vouched(events: Iterable[Mapping[str, Any]], since: str) -> Replay:
    return replayed([(one, Trust.VOUCHED) for one in events], since)


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (event("USER_ROLE_CHANGED", after={"role": "member"}), Told(role="member")),
        (event("USER_DEACTIVATED", after={"status": "DEACTIVATED"}), Told(status="DEACTIVATED")),
        (event("USER_REACTIVATED", after={"status": "ACTIVE"}), Told(status="ACTIVE")),
        (event("SESSION_INVALIDATED", after={"session_version": 9}), Told(session_version=9)),
        (event("PASSWORD_CHANGED"), Told(password_changed=True)),
        (event("PASSWORD_RESET_COMPLETED"), Told(password_changed=True)),
        (event("MFA_ENROLLED"), Told(factors_changed=True)),
        (event("MFA_REMOVED"), Told(factors_changed=True)),
        (event("MFA_RESET_BY_ADMIN"), Told(factors_changed=True)),
        (event("RECOVERY_CODES_REPLACED"), Told(codes_spent=True)),
        (event("STEP_UP_VERIFIED", method="recovery_code"), Told(codes_spent=True)),
        (event("STEP_UP_VERIFIED", method="totp"), Told()),
        (event("IDENTITY_LINKED"), Told(identities_changed=True)),
        (event("IDENTITY_UNLINKED"), Told(identities_changed=True)),
        (event("PII_ERASED", after={"status": "DEACTIVATED"}, subjects=["s_7"]), Told(subjects=("s_7",))),
        (event("PII_ERASED", after={"status": None}, subjects=["s_7"]), Told(subjects=("s_7",))),
        (event("USER_PROVISIONED", after={"role": "member", "status": "ACTIVE"}), Told(joined=True)),
        (event("AUTH_LOGIN_SUCCESS"), Told()),
    ],
    ids=lambda value: value["action"] if isinstance(value, dict) else "",
)
def test_log_tells_what_happened_to_a_person(happened: dict[str, Any], told: Told) -> None:
    assert told_of(happened) == told
    assert told_of(happened | {"time": SINCE}) == told, "the restore point itself may be lost"
    assert told_of(happened | {"time": "2026-11-28T02:59:59.999Z"}) == Told(), "the tables know it"
    assert told_of(happened | {"outcome": "failure"}) == Told(), "nothing changed"
    assert told_of(happened | {"targets": [{"type": "user", "id": "u_2"}]}) == Told(), "it was somebody else"


def test_step_that_was_spent_ahead_of_our_clock_stays_spent() -> None:
    assert correction(Found("ACTIVE", "admin", 1, totp_step=STEP + 7), Told(), STEP).totp_step == STEP + 7


def test_last_word_of_the_log_counts() -> None:
    roles = [event("USER_ROLE_CHANGED", after={"role": role}) for role in ("member", "owner", "auditor")]
    statuses = [
        event("USER_DEACTIVATED", after={"status": "DEACTIVATED"}),
        event("USER_REACTIVATED", after={"status": "ACTIVE"}),
    ]
    versions = [event("SESSION_INVALIDATED", after={"session_version": number}) for number in (7, 9, 8)]
    assert told_of(*roles, *statuses, *versions) == Told(role="auditor", status="ACTIVE", session_version=9)


def test_nothing_told_ends_the_sessions_and_spends_the_codes_of_this_moment() -> None:
    made = correction(WHOLE, Told(), STEP)
    assert made.measures == ()
    assert (made.role, made.status, made.totp_step) == ("admin", "ACTIVE", STEP)
    assert made.session_version == 4 + VERSIONS_BEYOND
    assert not any((made.no_password, made.no_factors, made.no_codes, made.no_identities))


FLAGS = ("erased", "password_changed", "factors_changed", "codes_spent", "identities_changed")
COMBINATIONS = list(itertools.product((False, True), repeat=len(FLAGS)))
ERASED = Erased("e_1", LATER)


def flagged(flags: tuple[bool, ...]) -> Told:
    erased, *others = flags
    told: dict[str, Any] = dict(zip(FLAGS[1:], others, strict=True))
    return Told(erased=ERASED if erased else None, **told)


@pytest.mark.parametrize("flags", COMBINATIONS, ids=str)
def test_what_the_log_names_and_does_not_hold_fails_closed(flags: tuple[bool, ...]) -> None:
    made = correction(WHOLE, flagged(flags), STEP)
    erased, password, factors, codes, identities = flags
    assert made.no_password == (password or factors or erased)
    assert made.no_factors == (factors or erased)
    assert made.no_codes == (codes or factors or erased)
    assert made.no_identities == (identities or erased)
    assert made.erased == erased
    assert made.status == ("ERASED" if erased else "ACTIVE")
    assert made.must_enrol == made.no_factors
    assert (made.totp_step is None) == made.no_factors


@pytest.mark.parametrize("flags", COMBINATIONS, ids=str)
def test_what_is_not_there_is_not_taken(flags: tuple[bool, ...]) -> None:
    bare = Found("ACTIVE", "member", 1)
    made = correction(bare, flagged(flags), STEP)
    assert not any((made.no_password, made.no_factors, made.no_codes, made.no_identities))
    assert made.totp_step is None


@given(
    found=st.builds(
        Found,
        status=st.sampled_from(["ACTIVE", "DEACTIVATED"]),
        role=st.sampled_from(ROLES),
        session_version=st.integers(1, 9_000),
        must_enrol=st.booleans(),
        has_password=st.booleans(),
        totp_step=st.none() | st.integers(0, 2 * STEP),
        passkeys=st.integers(0, 2),
        codes=st.integers(0, 10),
        identities=st.integers(0, 2),
    ),
    told=st.builds(
        Told,
        role=st.none() | st.sampled_from(ROLES),
        status=st.none() | st.sampled_from(["ACTIVE", "DEACTIVATED"]),
        session_version=st.integers(0, 9_000),
        erased=st.none() | st.just(ERASED),
        password_changed=st.booleans(),
        factors_changed=st.booleans(),
        codes_spent=st.booleans(),
        identities_changed=st.booleans(),
    ),
)
def test_whoever_it_is_old_sessions_and_codes_are_dead_and_the_log_has_the_last_word(found: Found, told: Told) -> None:
    made = correction(found, told, STEP)
    assert made.session_version >= max(found.session_version, told.session_version) + VERSIONS_BEYOND
    assert made.role == (told.role or found.role)
    assert made.status == ("ERASED" if told.erased else told.status or found.status)
    assert made.totp_step is None or made.totp_step >= max(STEP, found.totp_step or 0)
    enrolled = found.enrolled and not made.no_factors
    assert made.must_enrol == (administers(made.role) and not enrolled)


def test_rules_are_as_the_log_last_told_them_and_unconfirmed_ones_are_undone() -> None:
    active = {"cidr": "203.0.113.0/24", "action": "deny", "status": "active"}
    replay = vouched(
        [
            event("IP_RULE_CREATED", ("ip_rule", "r_1"), after={**active, "status": "provisional"}, version=3),
            event("IP_RULE_UPDATED", ("ip_rule", "r_1"), after=active, version=4),
            event("IP_RULE_CREATED", ("ip_rule", "r_2"), after={**active, "status": "provisional"}, version=5),
            event(
                "IP_RULE_DELETED", ("ip_rule", "r_3"), before=active, after={**active, "status": "deleting"}, version=6
            ),
            event("IP_RULE_UPDATED", ("ip_rule", "r_4"), before=active, version=7),
            event("IP_RULE_UPDATED", ("tenant", "t_acme"), after={"suspended": True}, version=8),
        ],
        SINCE,
    )
    there = Rule("203.0.113.0/24", "deny", "u_boss", LATER)
    assert replay.rules == {"r_1": there, "r_2": Rule(None), "r_3": there, "r_4": Rule(None)}
    assert replay.versions == {"ip_rules": 8}


def test_connections_are_removed_or_touched_and_settings_follow_each_other() -> None:
    replay = vouched(
        [
            event(
                "SSO_CONFIG_CHANGED",
                ("sso_connection", "c_1"),
                before={"enabled": True},
                after={"enabled": False},
                version=4,
            ),
            event("SSO_CONFIG_CHANGED", ("sso_connection", "c_2"), before={"enabled": True}, version=2),
            event("SSO_CONFIG_CHANGED", ("sso_connection", "c_3"), after={"enabled": True}, version=1),
            event("SECURITY_SETTING_CHANGED", ("tenant", "t"), before={"max_sessions": 5}, after={"max_sessions": 2}),
        ],
        SINCE,
    )
    assert replay.connections == {"c_1": False, "c_2": True, "c_3": False}
    assert replay.versions == {"c_1": 4, "c_2": 2, "c_3": 1}
    assert replay.settings == [{"max_sessions": 2}]


def test_log_of_which_nothing_is_new_says_nothing() -> None:
    assert (
        vouched([event("USER_DEACTIVATED", after={"status": "DEACTIVATED"}, time="2026-11-28T02:00:00.000Z")], SINCE)
        == Replay()
    )


def hold_event(action: str, who: str | None, case: str | None, by: str) -> dict[str, Any]:
    told = event(action, ("legal_hold", "h_1"), after={"status": "x"}, hold_id="h_1", case=case)
    person = [] if who is None else [{"type": "user", "id": who}]
    return told | {"actor": {"type": "user", "id": by}, "targets": [*person, *told["targets"]]}


@pytest.mark.parametrize("who", [None, "u_1"])
def test_hold_is_told_with_whom_it_keeps_and_by_whom_it_was_placed_and_released(who: str | None) -> None:
    placed, released = (
        hold_event(f"LEGAL_HOLD_{done}", who, "LIT-7", by) for done, by in (("PLACED", "u_1"), ("RELEASED", "u_2"))
    )
    whole = Hold(who, "LIT-7", ("u_1", LATER), ("u_2", LATER))
    assert vouched([placed, released], SINCE).holds == {"h_1": whole}
    assert vouched([placed], SINCE).holds == {"h_1": Hold(who, "LIT-7", placed=("u_1", LATER))}
    assert vouched([released], SINCE).holds == {"h_1": Hold(who, "LIT-7", released=("u_2", LATER))}
    assert vouched([placed | {"outcome": "failure"}], SINCE).holds == {}


def test_later_part_of_an_erasure_adds_to_the_salts_and_only_the_last_ends_the_person() -> None:
    parts = [event("PII_ERASED", after={"status": "DEACTIVATED"}, subjects=[name]) for name in ("s_2", "s_1")]
    assert told_of(*parts) == Told(subjects=("s_1", "s_2"))
    last = event("PII_ERASED", after={"status": "ERASED"}, subjects=["u_1"])
    assert told_of(*parts, last) == Told(erased=Erased("e_PII_ERASED", LATER), subjects=("s_1", "s_2", "u_1"))

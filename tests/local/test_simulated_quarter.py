"""The simulated quarter holds risk decisions of each kind, and each computes again from its signals."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from infra.local.simulated_moment import DAY_SECONDS, Moment
from infra.local.simulated_quarter import PEOPLE, Quarter, moments
from shared.audit.event import Draft
from shared.audit.moment import unix_seconds
from shared.domain.risk import ALLOW, BLOCK, STEP_UP_REQUIRED, Assessment, Weighed, recomputed
from shared.edge.blocking import Blocking, BlockingTables, Suspect
from shared.edge.request import Request
from shared.edge.viewer import Viewer

QUARTERS = [Quarter.before(unix_seconds(f"{day}T00:00:00.000Z")) for day in ("2026-10-01", "2027-01-01", "2027-05-20")]
OF_A_CHALLENGE = [
    "STEP_UP_REQUIRED",
    "SUSPICIOUS_LOGIN_DETECTED",
    "ANOMALY_SCORED",
    "STEP_UP_VERIFIED",
    "AUTH_LOGIN_SUCCESS",
]
OF_A_BLOCK = [
    "SESSION_BLOCKED",
    "SUSPICIOUS_LOGIN_DETECTED",
    "ANOMALY_SCORED",
    "SESSION_INVALIDATED",
    "SECURITY_ALERT_SENT",
]


@pytest.fixture(params=QUARTERS, ids=lambda quarter: str(int(quarter.start)))
def quarter(request: pytest.FixtureRequest) -> Quarter:
    chosen: Quarter = request.param
    return chosen


def told(quarter: Quarter) -> list[Moment]:
    days = round((quarter.end - quarter.start) / DAY_SECONDS)
    return [moment for number in range(days) for moment in moments(quarter, quarter.start + number * DAY_SECONDS)]


def decisions(quarter: Quarter, action: str) -> list[Moment]:
    scored = [moment for moment in told(quarter) if moment.action == "ANOMALY_SCORED"]
    return [moment for moment in scored if record(moment)["action"] == action]


def record(moment: Moment) -> dict[str, Any]:
    assert moment.risk is not None
    return dict(moment.risk)


def incident(quarter: Quarter, decision: Moment) -> list[Moment]:
    name = decision.context["correlation_id"]
    return [moment for moment in told(quarter) if moment.context["correlation_id"] == name]


def test_each_decision_computes_again_from_its_own_signals(quarter: Quarter) -> None:
    records = [record(moment) for moment in told(quarter) if moment.risk is not None]
    assert {each["action"] for each in records} == {ALLOW, STEP_UP_REQUIRED, BLOCK}
    for each in records:
        assert recomputed(each) == (each["score"], each["action"])


def test_a_quarter_holds_journeys_surprises_that_are_let_in_and_three_thieves(quarter: Quarter) -> None:
    journeys = decisions(quarter, STEP_UP_REQUIRED)
    assert 8 <= len(journeys) <= 16
    assert {(record(each)["score"], *record(each)["reasons"]) for each in journeys} == {
        (75, "NEW_DEVICE", "NEW_COUNTRY")
    }
    assert len({each.targets for each in journeys}) == 7
    days = [int(each.at // DAY_SECONDS) for each in journeys]
    assert all(5 <= later - day <= 9 for day, later in pairwise(days))
    blocked = [record(each) for each in decisions(quarter, BLOCK)]
    assert 2 <= len(blocked) <= 3
    assert all({"IMPOSSIBLE_TRAVEL", "ANON_NETWORK"} <= set(each["reasons"]) for each in blocked)
    allowed = Counter(reason for each in decisions(quarter, ALLOW) for reason in record(each)["reasons"])
    assert allowed["FIRST_LOGIN"] == len(PEOPLE)
    assert all(allowed[reason] for reason in ("NEW_DEVICE", "NEW_COUNTRY", "FAILS_3", "UNUSUAL_HOUR"))
    assert 1_400 < len(told(quarter)) < 2_200


def test_every_password_sign_in_is_scored_once_and_in_its_own_session(quarter: Quarter) -> None:
    opened = [each for each in told(quarter) if each.action == "AUTH_LOGIN_SUCCESS" and each.actor.auth == "password"]
    scored = decisions(quarter, ALLOW)
    assert [each.actor for each in opened] == [each.actor for each in scored]
    assert all(each.context["correlation_id"] == each.context["request_id"] for each in [*opened, *scored])


def test_a_journey_is_one_incident_from_the_question_to_the_sign_in(quarter: Quarter) -> None:
    for decision in decisions(quarter, STEP_UP_REQUIRED):
        chain = incident(quarter, decision)
        assert [each.action for each in chain] == OF_A_CHALLENGE
        asked, answer, opened = chain[0], chain[3], chain[4]
        assert asked.targets == answer.targets == (("user", str(opened.actor.id)),)
        assert asked.meta["challenge_id"] == answer.actor.step_up
        assert asked.meta["incident_id"] == decision.context["correlation_id"]
        assert (asked.actor.type, opened.actor.auth) == ("anonymous", "password+totp")
        assert asked.risk == decision.risk


def test_a_thief_is_contained_in_the_commit_that_detects_him_and_the_person_is_alerted(quarter: Quarter) -> None:
    for decision in decisions(quarter, BLOCK):
        chain = incident(quarter, decision)
        assert [each.action for each in chain] == OF_A_BLOCK
        ended, alert = chain[3], chain[4]
        assert ended.change is not None
        assert ended.change["after"]["session_version"] == ended.change["before"]["session_version"] + 1
        assert ended.at - chain[0].at < 0.01
        assert alert.meta["seconds_since_detection"] <= 3
        assert {each.targets for each in chain} == {decision.targets}


def test_a_thief_is_told_of_as_the_product_itself_tells(quarter: Quarter) -> None:
    for decision in decisions(quarter, BLOCK):
        chain = incident(quarter, decision)[:4]
        drafts = by_the_product(chain)
        assert [members(each) for each in chain] == [members(each) for each in drafts]
        named = chain[0].context["correlation_id"]
        for moment, draft in zip(chain, drafts, strict=True):
            assert moment.context == {**draft.context, "correlation_id": named}
            assert moment.meta == {**draft.meta, "incident_id": named}


def members(event: Moment | Draft) -> tuple[Any, ...]:
    targets = [tuple(target) for target in event.targets]
    told_of = (event.action, event.outcome, event.actor, event.resource, event.reason)
    return *told_of, targets, event.change, event.risk


def by_the_product(chain: list[Moment]) -> list[Draft]:
    """Let the product's own code block the sign-in of `chain`."""
    first, risk, change = chain[0], record(chain[0]), chain[3].change
    assert change is not None
    viewer = Viewer("198.19.1.10", first.context["ip_net"], first.context["country"], "", through_edge=True)
    request = Request(
        method="POST",
        path="/api/auth/login",
        route="POST /api/auth/login",
        path_parameters={},
        query={},
        headers={},
        cookies={},
        body=b"",
        request_id=first.context["request_id"],
        viewer=viewer,
        now=first.at,
    )
    suspect = Suspect(
        tenant="t_acme",
        staff_id=first.targets[0][1],
        session_version=change["before"]["session_version"],
        session_id=None,
        clauses=(),
        device_hash=first.context["device"],
        occasion="LOGIN",
        event_id="first",
        personal=(),
    )
    signals = tuple(Weighed(**signal) for signal in risk["signals"])
    sequences = {"reasons": tuple(risk["reasons"]), "off": tuple(risk["off"]), "signals": signals}
    blocking = Blocking(tables=BlockingTables("staff", "sessions", "outbox"), kept_seconds=1)
    return blocking.block(request, suspect, Assessment(**{**risk, **sequences}))[1]


def test_nobody_uses_a_session_that_a_block_has_ended(quarter: Quarter) -> None:
    for decision in decisions(quarter, BLOCK):
        ((_, staff_id),) = decision.targets
        before = {each.actor.session for each in told(quarter) if each.actor.id == staff_id and each.at < decision.at}
        after = [each for each in told(quarter) if each.actor.id == staff_id and each.at > decision.at]
        assert after
        assert not [each for each in after if each.actor.session in before]


def test_the_first_days_of_a_quarter_are_told_the_same_way_whether_or_not_the_others_follow(quarter: Quarter) -> None:
    short = replace(quarter, end=quarter.start + 40 * DAY_SECONDS)
    assert told(short) == [moment for moment in told(quarter) if moment.at < short.end]
    assert moments(quarter, quarter.start) == moments(quarter, quarter.end) == ()
    assert all(earlier.at <= later.at for earlier, later in pairwise(told(quarter)))

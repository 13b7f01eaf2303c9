"""A bundle of the simulated quarter: the verifier derives its decisions again, and its reports show them."""

import pytest

from infra.local.simulated_moment import DAY_SECONDS, Moment
from infra.local.simulated_quarter import Quarter, moments
from shared.audit.catalogue import load
from shared.audit.event import Target
from tests.functions.archive import Archive
from tests.functions.company import AFTER_Q3, Company, archive, founded
from tests.functions.opened_bundle import OpenedBundle, bundle_of

__all__ = ["archive"]
REPORTS = ("anomaly-decisions", "suspicious-logins", "security-incidents", "session-blocks", "step-up")
RESPONSES = "CC8_Incident_Response/response_times.csv"
QUARTER = Quarter.before(AFTER_Q3)


def written(company: Company, moment: Moment) -> None:
    company.write(
        moment.at,
        moment.action,
        outcome=moment.outcome,
        actor=moment.actor,
        resource=moment.resource,
        context=moment.context,
        reason=moment.reason,
        targets=tuple(Target(*target) for target in moment.targets),
        on_behalf_of=moment.on_behalf_of,
        change=moment.change,
        risk=moment.risk,
        meta=moment.meta,
    )


@pytest.fixture(scope="module")
def told() -> list[Moment]:
    """Give the days of the quarter on which a decision is more than a sign-in at home: all of them take too long."""
    days = (moments(QUARTER, QUARTER.start + number * DAY_SECONDS) for number in range(92))
    return [moment for day in days if any(_weighs_something(moment) for moment in day) for moment in day]


def _weighs_something(moment: Moment) -> bool:
    return moment.risk is not None and moment.risk["score"] > 0


@pytest.fixture(scope="module")
def bundle(archive: Archive, told: list[Moment], tmp_path_factory: pytest.TempPathFactory) -> OpenedBundle:
    company = founded(archive)
    for moment in told:
        written(company, moment)
    company.sign(AFTER_Q3 + 100)
    return bundle_of(company, tmp_path_factory.mktemp("quarter"))


def test_the_verifier_accepts_the_decisions_of_the_quarter(bundle: OpenedBundle, told: list[Moment]) -> None:
    code, report = bundle.verified()
    assert code == 0, report
    assert bundle.manifest["source"]["population"] == len(told)


def test_every_report_shows_the_incidents_of_the_quarter(bundle: OpenedBundle, told: list[Moment]) -> None:
    blocked = sum(moment.action == "SESSION_BLOCKED" for moment in told)
    asked = sum(moment.action == "STEP_UP_REQUIRED" and moment.risk is not None for moment in told)
    scored = sum(moment.action == "ANOMALY_SCORED" for moment in told)
    assert min(blocked, asked) > 1
    rows = {slug: bundle.rows(load().reports[slug].path("csv")) for slug in REPORTS}
    assert len(rows["session-blocks"]) == blocked
    actions = {slug: [row["action"] for row in rows[slug]] for slug in REPORTS}
    assert actions["anomaly-decisions"].count("ANOMALY_SCORED") == scored
    assert actions["security-incidents"].count("ANOMALY_SCORED") == blocked + asked
    assert actions["suspicious-logins"].count("SECURITY_ALERT_SENT") == blocked
    assert actions["step-up"].count("STEP_UP_VERIFIED") >= asked
    responses = [row for row in bundle.rows(RESPONSES) if row["reason"] == "LOGIN"]
    assert len(responses) == blocked + asked
    assert {row["exception"] for row in responses} == {""}
    assert sum(row["alerted_at"] != "" for row in responses) == blocked

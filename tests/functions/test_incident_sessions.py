"""What an incident leaves of the sessions that it ended, and how many a lowered limit ends at once."""

import pytest

from shared.edge.sign_in import MOST_EVICTED
from tests.functions.estate import Estate, MovableClock, Place, login, refresh
from tests.functions.test_cleanup import cleaned

DAY = 86_400


@pytest.mark.parametrize("incident", ["high_risk", "reuse_detected"])
def test_other_sessions_of_an_incident_are_stamped_with_it_and_kept_as_long_as_the_log(
    estate: Estate, tenant: str, clock: MovableClock, incident: str
) -> None:
    person = estate.new_person(tenant, "member", totp=True)
    login(person, device="phone")
    oldest = login(person).body["refresh_token"]
    if incident == "high_risk":
        assert login(person, device="thief", place=Place(country="JP")).code == "session_blocked"
    else:
        refresh(refresh(oldest).body["refresh_token"])
        assert refresh(oldest).code == "invalid_grant"
    action = "SESSION_BLOCKED" if incident == "high_risk" else "REFRESH_TOKEN_REUSED"
    told = next(event for event in estate.events(tenant) if event["action"] == action)
    clock.offset = 8 * 3_600 + 60
    cleaned(estate, tenant)
    rows = estate.session_rows(person)
    assert len(rows) == 2
    for row in rows:
        assert (row["status"], row["revoke_reason"]) == ("REVOKED", incident)
        assert row["incident_id"] == told["context"]["correlation_id"]
        assert row["ttl"] > clock() + 170 * DAY


def test_lowered_limit_ends_some_sessions_at_each_sign_in_until_it_is_kept(estate: Estate, tenant: str) -> None:
    estate.change_settings(tenant, {"concurrent_sessions": 50})
    person = estate.new_person(tenant)
    for _ in range(MOST_EVICTED + 3):
        assert login(person).status == 200
    estate.change_settings(tenant, {"concurrent_sessions": 1})
    alive = []
    for _ in range(2):
        assert login(person).status == 200
        alive.append(sum(row["status"] == "ACTIVE" for row in estate.session_rows(person)))
    assert alive == [4, 1]

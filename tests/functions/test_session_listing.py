"""GET /api/auth/sessions: what a person is told about his own sessions."""

import pytest

from functions.sessions import listing
from tests.functions.conftest import Calls
from tests.functions.estate import Estate, MovableClock, Person
from tests.functions.signed_in import END, LOGOUT, LOGOUT_ALL, SESSIONS, SignedIn, sign_in


def shown(session: SignedIn, *, ended: bool = False) -> dict[str, dict[str, object]]:
    body = session.calls(SESSIONS, query="ended=true" if ended else "").body
    return {entry["session_id"]: entry for entry in body["sessions"]}


def test_own_live_sessions_are_told_newest_first_with_the_asking_one_marked(estate: Estate, person: Person) -> None:
    first, second = sign_in(estate, person, device="phone"), sign_in(estate, person, device="laptop")
    body = first.calls(SESSIONS).body
    assert [entry["session_id"] for entry in body["sessions"]] == sorted(
        [first.session_id, second.session_id], reverse=True
    )
    assert {entry["session_id"] for entry in body["sessions"] if entry["current"]} == {first.session_id}
    assert body["truncated"] is False


def test_entry_tells_what_the_owner_knows_a_session_by_and_no_credential(estate: Estate, person: Person) -> None:
    session = sign_in(estate, person)
    response, row = session.calls(SESSIONS), session.row()
    (entry,) = response.body["sessions"]
    assert set(entry) == {
        "session_id",
        "current",
        "status",
        "reason",
        "ended_at",
        "created_at",
        "last_seen_at",
        "idle_expires_at",
        "absolute_expires_at",
        "acr",
        "country",
        "agent",
        "device",
        "impersonation",
    }
    assert (entry["status"], entry["reason"], entry["ended_at"]) == ("ACTIVE", None, None)
    assert (entry["country"], entry["acr"]) == ("DE", "urn:muniment:aal2")
    assert entry["device"] == row["device_hash"][:16]
    for secret in (row["device_hash"], row["current_hash"], session.refresh_token):
        assert secret not in response.text


def test_unknown_country_and_unnamed_device_are_told_as_unknown(estate: Estate, person: Person) -> None:
    session = sign_in(estate, person)
    session.change_row(country="ZZ", device_hash="none")
    (entry,) = session.calls(SESSIONS).body["sessions"]
    assert (entry["country"], entry["device"]) == (None, None)


def test_sessions_of_others_are_not_told(estate: Estate, tenant: str, person: Person) -> None:
    session = sign_in(estate, person)
    sign_in(estate, estate.new_person(tenant))
    assert set(shown(session, ended=True)) == {session.session_id}


def test_ended_sessions_are_told_on_demand_with_reason_and_instant(
    estate: Estate, person: Person, clock: MovableClock
) -> None:
    asking, left, ended = (sign_in(estate, person) for _ in range(3))
    assert left.calls(LOGOUT).status == 204
    assert asking.calls(END, ends=ended.session_id).status == 204
    assert set(shown(asking)) == {asking.session_id}
    told = shown(asking, ended=True)
    assert (told[left.session_id]["status"], told[left.session_id]["reason"]) == ("REVOKED", "logout")
    assert (told[ended.session_id]["status"], told[ended.session_id]["reason"]) == ("REVOKED", "user_ended")
    assert told[ended.session_id]["ended_at"] is not None
    assert told[asking.session_id]["status"] == "ACTIVE"
    assert clock.offset == 0


def test_session_of_another_version_is_shown_as_ended_at_once(estate: Estate, person: Person) -> None:
    other, asking = sign_in(estate, person), sign_in(estate, person)
    moved = asking.calls(LOGOUT_ALL, {"keep_current": True}).body
    after = SignedIn(estate, person, asking.session_id, moved["access_token"], moved["refresh_token"])
    assert set(shown(after)) == {asking.session_id}
    told = shown(after, ended=True)[other.session_id]
    assert (told["status"], told["reason"], told["ended_at"]) == ("REVOKED", "session_version", None)
    assert other.row()["status"] == "ACTIVE", "nobody has stamped it yet, and it is told as ended all the same"


@pytest.mark.parametrize(("limit", "reason"), [("idle", "idle_expired"), ("absolute", "absolute_expired")])
def test_session_past_a_limit_is_shown_as_expired_at_that_instant(
    estate: Estate, person: Person, limit: str, reason: str
) -> None:
    other, asking = sign_in(estate, person), sign_in(estate, person)
    other.change_row(**{f"{limit}_expires_at": int(estate.clock()) - 100})
    assert set(shown(asking)) == {asking.session_id}
    told = shown(asking, ended=True)[other.session_id]
    assert (told["status"], told["reason"]) == ("EXPIRED", reason)
    assert told["ended_at"] == told[f"{limit}_expires_at"]


def test_sessions_that_ended_more_than_thirty_days_ago_are_not_told(estate: Estate, person: Person) -> None:
    old, just_in, asking = (sign_in(estate, person) for _ in range(3))
    now = int(estate.clock())
    old.change_row(status="REVOKED", revoke_reason="logout", ended_at=now - 30 * 86_400)
    just_in.change_row(status="REVOKED", revoke_reason="logout", ended_at=now - 30 * 86_400 + 60)
    assert set(shown(asking, ended=True)) == {just_in.session_id, asking.session_id}


def test_list_is_one_consistent_query_of_the_owners_partition(estate: Estate, person: Person, calls: Calls) -> None:
    session = sign_in(estate, person)
    session.calls(SESSIONS)
    calls.clear()
    session.calls(SESSIONS)
    assert calls.operations() == ["BatchGetItem", "Query"]
    asked = calls[1][1]
    assert asked["ConsistentRead"]
    assert asked["Limit"] == listing.MAX_ROWS
    assert list(asked["ExpressionAttributeValues"].values()) == [{"S": f"{person.tenant}#{person.staff_id}"}]


def test_list_is_bounded_and_says_when_it_was_cut(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = [sign_in(estate, person) for _ in range(3)]
    monkeypatch.setattr(listing, "MAX_ROWS", 2)
    body = sessions[-1].calls(SESSIONS).body
    assert len(body["sessions"]) == 2
    assert body["truncated"] is True


@pytest.mark.parametrize("query", ["ended=yes", "ended=", "ended=true&limit=3", "END=true"])
def test_query_that_is_not_understood_is_refused(estate: Estate, person: Person, query: str) -> None:
    response = sign_in(estate, person).calls(SESSIONS, query=query)
    assert (response.status, response.code) == (400, "invalid_request")
    (error,) = response.body["errors"]
    assert error["pointer"] in {"/ended", "/limit", "/END"}

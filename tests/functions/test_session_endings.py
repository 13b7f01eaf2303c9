"""DELETE /api/auth/sessions/{session_id}: a person ends one of his own sessions."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.functions.conftest import Calls
from tests.functions.estate import Estate, Person, Response
from tests.functions.signed_in import END, LOGOUT, ME, SignedIn, sign_in


def test_ended_session_is_refused_from_its_next_request_on(estate: Estate, person: Person) -> None:
    asking, other = sign_in(estate, person), sign_in(estate, person, device="phone")
    assert other.calls(ME).status == 200
    response = asking.calls(END, ends=other.session_id)
    assert (response.status, response.text, response.raw.get("cookies")) == (204, "", None)
    assert other.calls(ME).code == "invalid_token"
    assert asking.calls(ME).status == 200
    row = other.row()
    assert (row["status"], row["revoke_reason"]) == ("REVOKED", "user_ended")
    assert {"review_at", "sealed", "pending_challenge"}.isdisjoint(row)


def test_end_is_one_commit_with_its_event(estate: Estate, person: Person) -> None:
    asking, other = sign_in(estate, person), sign_in(estate, person)
    before = len(estate.events(person.tenant))
    asking.calls(END, ends=other.session_id)
    (told,) = estate.events(person.tenant)[before:]
    assert (told["action"], told["reason"], told["outcome"]) == ("SESSION_INVALIDATED", "user_ended", "success")
    assert told["actor"]["session"] == asking.session_id
    assert told["targets"] == [{"type": "user", "id": person.staff_id}, {"type": "session", "id": other.session_id}]
    assert told["resource"] == f"user_sessions/{other.session_id}"


def test_end_whose_event_cannot_be_written_leaves_the_session_alive(
    estate: Estate, person: Person, audit_write_fails: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asking, other = sign_in(estate, person), sign_in(estate, person)
    with monkeypatch.context():
        audit_write_fails()
        response = asking.calls(END, ends=other.session_id)
        assert (response.status, response.code) == (503, "auth_unavailable")
    assert other.row()["status"] == "ACTIVE"


def test_acting_session_may_end_itself(estate: Estate, person: Person) -> None:
    session = sign_in(estate, person)
    response = session.calls(END, ends=session.session_id)
    assert (response.status, response.raw.get("cookies")) == (204, None)
    assert session.row()["revoke_reason"] == "user_ended"
    assert session.calls(ME).code == "invalid_token"


def test_browser_that_ends_its_own_session_drops_the_cookie_and_no_other_does(estate: Estate, person: Person) -> None:
    browser, other = sign_in(estate, person, cookie=True), sign_in(estate, person, cookie=True)
    assert "cookies" not in browser.calls(END, ends=other.session_id).raw
    (cookie,) = browser.calls(END, ends=browser.session_id).raw["cookies"]
    assert cookie.startswith("__Host-rt=;")
    assert "Max-Age=0" in cookie


def test_logout_of_a_browser_drops_the_cookie(estate: Estate, person: Person) -> None:
    response = sign_in(estate, person, cookie=True).calls(LOGOUT)
    assert response.status == 204
    assert [cookie.split(";")[0] for cookie in response.raw["cookies"]] == ["__Host-rt="]


def test_session_that_waits_for_a_proof_is_ended_by_its_owner_all_the_same(estate: Estate, person: Person) -> None:
    asking, suspect = sign_in(estate, person), sign_in(estate, person)
    pending = {"challenge_id": "c", "expires_at": int(estate.clock()) + 300, "methods": ["totp"]}
    suspect.change_row(pending_challenge=pending)
    assert asking.calls(END, ends=suspect.session_id).status == 204
    assert "pending_challenge" not in suspect.row()


def test_what_is_not_ones_own_or_not_alive_is_told_as_not_there(estate: Estate, tenant: str, person: Person) -> None:
    asking = sign_in(estate, person)
    strangers = sign_in(estate, estate.new_person(tenant))
    ended, idle, old, left = (sign_in(estate, person) for _ in range(4))
    asking.calls(END, ends=ended.session_id)
    idle.change_row(idle_expires_at=int(estate.clock()))
    old.change_row(absolute_expires_at=int(estate.clock()))
    left.change_row(session_version=99)
    before = estate.everything()
    refused = [
        asking.calls(END, ends=session_id)
        for session_id in (
            strangers.session_id,
            ended.session_id,
            idle.session_id,
            old.session_id,
            left.session_id,
            "never-was",
            "no.such#form",
            "x" * 5_000,
        )
    ]
    assert {(response.status, response.code) for response in refused} == {(404, "not_found")}
    bodies = [{**response.body, "request_id": ""} for response in refused]
    assert all(body == bodies[0] for body in bodies)
    assert estate.everything() == before
    assert strangers.calls(ME).status == 200


@pytest.mark.parametrize("session_id", ["", "no.such#form", "x" * 65, "\u00e9", "a\n"])
def test_id_that_no_session_can_have_never_reaches_the_table(
    estate: Estate, person: Person, calls: Calls, session_id: str
) -> None:
    """DynamoDB refuses keys that are too long or empty: that would be a fault of ours, and 503."""
    asking = sign_in(estate, person)
    calls.clear()
    assert asking.calls(END, ends=session_id).code == "not_found"
    assert "TransactWriteItems" not in calls.operations()


def test_of_two_who_end_one_session_one_commits(estate: Estate, person: Person) -> None:
    first, second = sign_in(estate, person), sign_in(estate, person)
    for _ in range(5):
        target = sign_in(estate, person)
        before = len(estate.events(person.tenant))
        together = Barrier(2)

        def end(asking: SignedIn, target: SignedIn = target, together: Barrier = together) -> Response:
            together.wait()
            return asking.calls(END, ends=target.session_id)

        with ThreadPoolExecutor(2) as pool:
            statuses = sorted(response.status for response in pool.map(end, (first, second)))
        assert statuses == [204, 404]
        assert len(estate.events(person.tenant)) == before + 1


def test_of_two_sessions_that_end_each_other_none_acts_after_its_own_end(estate: Estate, person: Person) -> None:
    for _ in range(5):
        one, two = sign_in(estate, person), sign_in(estate, person)
        together = Barrier(2)

        def end(asking: SignedIn, target: SignedIn, together: Barrier = together) -> Response:
            together.wait()
            return asking.calls(END, ends=target.session_id)

        with ThreadPoolExecutor(2) as pool:
            statuses = sorted(response.status for response in pool.map(end, (one, two), (two, one)))
        assert statuses == [204, 401]
        assert sorted(session.row()["status"] for session in (one, two)) == ["ACTIVE", "REVOKED"]


def test_between_the_answer_and_the_next_request_no_request_is_accepted(estate: Estate, person: Person) -> None:
    """The other session asks without pause; whatever it began after the answer is refused."""
    asking, busy = sign_in(estate, person), sign_in(estate, person)
    answered: list[float] = []
    seen: list[tuple[float, int]] = []

    def keep_asking() -> None:
        while not answered or len([at for at, _ in seen if at > answered[0]]) < 5:
            began_at = estate.clock()
            seen.append((began_at, busy.calls(ME).status))

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(keep_asking)
        while not seen:
            pass
        assert asking.calls(END, ends=busy.session_id).status == 204
        answered.append(estate.clock())
        asked.result()
    assert seen[0][1] == 200
    assert {status for began_at, status in seen if began_at > answered[0]} == {401}

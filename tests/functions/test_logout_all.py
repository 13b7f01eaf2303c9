"""POST /api/auth/logout-all: every session of a person dies by one write, and at his wish all but the acting one."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest

from shared.domain.refresh_token import parse, token_hash
from shared.store.wire import Unavailable, Wire
from tests.functions.estate import Estate, Person, Response, refresh
from tests.functions.signed_in import CHANGE, END, LOGOUT_ALL, ME, SignedIn, gate_version, sign_in

KEEP: Mapping[str, bool] = {"keep_current": True}


def moved(session: SignedIn, tokens: Mapping[str, Any]) -> SignedIn:
    return SignedIn(
        session.estate, session.person, session.session_id, tokens["access_token"], tokens.get("refresh_token", "")
    )


@pytest.mark.parametrize("body", [None, {}, {"keep_current": False}])
def test_logout_all_ends_every_session_by_one_write(estate: Estate, person: Person, body: object) -> None:
    acting, others = sign_in(estate, person), [sign_in(estate, person) for _ in range(3)]
    response = acting.calls(LOGOUT_ALL, body)
    assert (response.status, response.body) == (200, {"session_version": 2})
    assert gate_version(estate, person) == 2
    assert {session.calls(ME).code for session in (acting, *others)} == {"invalid_token"}


def test_logout_all_tells_of_the_logout_and_of_the_end_of_all(estate: Estate, person: Person) -> None:
    acting = sign_in(estate, person)
    before = len(estate.events(person.tenant))
    acting.calls(LOGOUT_ALL)
    left, ended = estate.events(person.tenant)[before:]
    assert (left["action"], ended["action"], ended["reason"]) == (
        "AUTH_LOGOUT",
        "SESSION_INVALIDATED",
        "session_version",
    )
    assert ended["meta"] == {"scope": "user"}
    assert ended["change"] == {"before": {"session_version": 1}, "after": {"session_version": 2}}
    assert ended["targets"] == [{"type": "user", "id": person.staff_id}]
    assert left["context"]["request_id"] == ended["context"]["request_id"]


def test_kept_session_goes_on_under_the_new_version_and_all_others_die(estate: Estate, person: Person) -> None:
    acting, others = sign_in(estate, person), [sign_in(estate, person) for _ in range(3)]
    body = acting.calls(LOGOUT_ALL, KEEP).body
    assert set(body) == {
        "session_version",
        "token_type",
        "access_token",
        "expires_in",
        "refresh_token",
        "refresh_expires_in",
        "session",
    }
    assert body["session_version"] == 2
    assert body["session"]["session_id"] == acting.session_id
    assert moved(acting, body).calls(ME).status == 200
    assert {session.calls(ME).code for session in (acting, *others)} == {"invalid_token"}, "the old token too"


def test_kept_session_says_in_its_event_which_one_and_which_token(estate: Estate, person: Person) -> None:
    acting = sign_in(estate, person)
    before = len(estate.events(person.tenant))
    acting.calls(LOGOUT_ALL, KEEP)
    (ended,) = estate.events(person.tenant)[before:]
    assert (ended["action"], ended["reason"]) == ("SESSION_INVALIDATED", "session_version")
    assert ended["meta"] == {"scope": "user", "kept_session": acting.session_id, "generation": 2}


def test_new_refresh_token_follows_the_spent_one_without_a_sealed_successor(estate: Estate, person: Person) -> None:
    acting = sign_in(estate, person)
    acting.change_row(
        sealed=b"of an earlier rotation", replay_count=3, generation=4, idle_expires_at=int(estate.clock()) + 60
    )
    text = acting.calls(LOGOUT_ALL, KEEP).body["refresh_token"]
    token, row = parse(text), acting.row()
    assert token is not None
    assert (token.generation, token.session_version, token.session_id) == (5, 2, acting.session_id)
    assert row["current_hash"] == token_hash(text)
    assert row["parent_hash"] == token_hash(acting.refresh_token)
    assert (row["generation"], row["confirmed_generation"], row["session_version"]) == (5, 4, 2)
    assert row["idle_expires_at"] >= row["rotated_at"] + row["idle_seconds"]
    assert (row["replay_count"], "sealed" in row) == (0, False)
    (stored,) = [each for each in estate.rows("refresh_tokens") if each["token_hash"] == token_hash(text)]
    assert (stored["parent_hash"], stored["generation"]) == (token_hash(acting.refresh_token), 5)
    assert stored["expires_at"] == row["idle_expires_at"]


def test_kept_session_keeps_its_standing_and_its_absolute_limit(estate: Estate, person: Person) -> None:
    acting = sign_in(estate, person)
    before = acting.row()
    token = parse(acting.calls(LOGOUT_ALL, KEEP).body["refresh_token"])
    after = acting.row()
    assert token is not None
    for name in ("acr", "amr", "auth_time", "created_at", "absolute_expires_at", "idle_seconds", "device_hash"):
        assert after[name] == before[name], name
    assert token.standing.absolute_expires_at == before["absolute_expires_at"]
    assert token.standing.role == person.role


def test_in_cookie_mode_the_refresh_token_is_in_the_cookie_and_nowhere_else(estate: Estate, person: Person) -> None:
    browser = sign_in(estate, person, cookie=True)
    response = browser.calls(LOGOUT_ALL, KEEP)
    assert "refresh_token" not in response.body
    (cookie,) = response.raw["cookies"]
    name, _, rest = cookie.partition("=")
    text = rest.split(";")[0]
    assert name == "__Host-rt"
    assert f"Max-Age={response.body['refresh_expires_in']}" in cookie
    assert text not in response.text
    assert browser.row()["current_hash"] == token_hash(text)


def test_browser_that_logs_out_everywhere_drops_the_cookie(estate: Estate, person: Person) -> None:
    (cookie,) = sign_in(estate, person, cookie=True).calls(LOGOUT_ALL).raw["cookies"]
    assert cookie.startswith("__Host-rt=;")


def test_new_refresh_token_rotates_and_that_of_a_session_that_died_does_not(estate: Estate, person: Person) -> None:
    acting, other = sign_in(estate, person), sign_in(estate, person, device="phone")
    text = acting.calls(LOGOUT_ALL, KEEP).body["refresh_token"]
    assert refresh(other.refresh_token, device="phone").code == "invalid_grant"
    assert refresh(text).status == 200


def test_spent_token_of_a_kept_session_gives_nothing_and_ends_nothing(estate: Estate, person: Person) -> None:
    """Another tab that refreshes meanwhile holds the token of the version before: dead, and no theft."""
    acting = sign_in(estate, person)
    body = acting.calls(LOGOUT_ALL, KEEP).body
    assert refresh(acting.refresh_token).code == "invalid_grant"
    assert "REFRESH_TOKEN_REUSED" not in estate.actions(person.tenant)
    assert moved(acting, body).calls(ME).status == 200
    assert refresh(body["refresh_token"]).status == 200


def test_without_a_signing_key_nothing_dies(estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    acting = sign_in(estate, person)

    def unavailable(*_arguments: object) -> str:
        raise Unavailable("injected: no key")

    with monkeypatch.context() as patch:
        patch.setattr("shared.runtime.access_token.TokenIssuer.mint", unavailable)
        assert acting.calls(LOGOUT_ALL, KEEP).status == 503
    assert gate_version(estate, person) == 1
    assert acting.calls(ME).status == 200


@pytest.mark.parametrize("body", [{}, KEEP])
def test_logout_all_whose_event_cannot_be_written_ends_nothing(
    estate: Estate,
    person: Person,
    audit_write_fails: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    body: object,
) -> None:
    acting = sign_in(estate, person)
    before = acting.row()
    with monkeypatch.context():
        audit_write_fails()
        assert acting.calls(LOGOUT_ALL, body).status == 503
    assert gate_version(estate, person) == 1
    assert acting.row() == before


def test_session_that_waits_for_a_proof_gets_no_token_around_it(estate: Estate, person: Person) -> None:
    acting = sign_in(estate, person)
    pending = {"challenge_id": "c", "expires_at": int(estate.clock()) + 300, "methods": ["totp"]}
    acting.change_row(pending_challenge=pending)
    response = acting.calls(LOGOUT_ALL, KEEP)
    assert response.status == 401
    assert "access_token" not in response.text
    assert gate_version(estate, person) == 1


class BetweenCheckAndCommit:
    """Runs `act` once, right before the first transaction that touches a gate."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
        self._act: Callable[[], object] | None = act
        original = Wire.call

        def call(
            wire: Wire, operation: str, request: dict[str, Any], *, deadline: float | None = None
        ) -> dict[str, Any]:
            if operation == "TransactWriteItems" and self._act is not None:
                act, self._act = self._act, None
                act()
            return original(wire, operation, request, deadline=deadline)

        monkeypatch.setattr(Wire, "call", call)


def test_refresh_that_comes_between_is_followed_and_not_lost(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = sign_in(estate, person)
    BetweenCheckAndCommit(monkeypatch, lambda: acting.change_row(current_hash="rotated", parent_hash="x", generation=2))
    body = acting.calls(LOGOUT_ALL, KEEP).body
    token, row = parse(body["refresh_token"]), acting.row()
    assert token is not None
    assert token.generation == 3
    assert (row["generation"], row["parent_hash"], row["session_version"]) == (3, "rotated", 2)
    assert gate_version(estate, person) == 2


@pytest.mark.parametrize(("name", "value"), [("auth_time", 1_700_000_000), ("acr", "urn:muniment:aal1")])
def test_step_up_that_comes_between_is_in_the_new_token(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch, name: str, value: int | str
) -> None:
    acting = sign_in(estate, person)
    BetweenCheckAndCommit(monkeypatch, lambda: acting.change_row(**{name: value}))
    token = parse(acting.calls(LOGOUT_ALL, KEEP).body["refresh_token"])
    assert token is not None
    assert getattr(token.standing, name) == value


@pytest.mark.parametrize(
    ("body", "change"),
    [
        ({}, {"status": "REVOKED"}),
        (KEEP, {"status": "REVOKED"}),
        (KEEP, {"idle_expires_at": 1}),
        (KEEP, {"absolute_expires_at": 1}),
    ],
)
def test_session_that_ended_between_check_and_commit_refuses(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch, body: Mapping[str, bool], change: dict[str, Any]
) -> None:
    acting = sign_in(estate, person)
    with monkeypatch.context() as patch:
        BetweenCheckAndCommit(patch, lambda: acting.change_row(**change))
        assert acting.calls(LOGOUT_ALL, body).code == "invalid_token"
    assert gate_version(estate, person) == 1


def test_proof_that_is_asked_for_between_check_and_commit_comes_first(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = sign_in(estate, person)
    pending = {"challenge_id": "c", "expires_at": int(estate.clock()) + 300, "methods": ["totp"]}
    with monkeypatch.context() as patch:
        BetweenCheckAndCommit(patch, lambda: acting.change_row(pending_challenge=pending))
        response = acting.calls(LOGOUT_ALL, KEEP)
    assert (response.status, "access_token" in response.text) == (401, False)
    assert gate_version(estate, person) == 1


@pytest.mark.parametrize("body", [{}, KEEP])
@pytest.mark.parametrize(("name", "value"), [("status", "DEACTIVATED"), ("role", "member"), ("session_version", 7)])
def test_gate_that_changed_between_check_and_commit_refuses(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch, body: object, name: str, value: str | int
) -> None:
    acting = sign_in(estate, person)
    events = len(estate.events(person.tenant))
    with monkeypatch.context() as patch:
        BetweenCheckAndCommit(patch, lambda: estate.change_gate(person, name, value))
        response = acting.calls(LOGOUT_ALL, body)
    assert response.code == "invalid_token"
    assert gate_version(estate, person) == (7 if name == "session_version" else 1)
    assert len(estate.events(person.tenant)) == events


def test_of_two_sessions_that_log_out_all_others_one_goes_on(estate: Estate, tenant: str) -> None:
    for _ in range(5):
        person = estate.new_person(tenant)
        version = gate_version(estate, person)
        sessions = [sign_in(estate, person) for _ in range(2)]
        together = Barrier(2)

        def log_out(session: SignedIn, together: Barrier = together) -> Response:
            together.wait()
            return session.calls(LOGOUT_ALL, KEEP)

        with ThreadPoolExecutor(2) as pool:
            replies = list(pool.map(log_out, sessions))
        assert sorted(reply.status for reply in replies) == [200, 401]
        assert gate_version(estate, person) == version + 1
        alive = [
            moved(session, reply.body).calls(ME).status
            for session, reply in zip(sessions, replies, strict=True)
            if reply.status == 200
        ]
        assert alive == [200]


class Busy:
    """A session that changes one setting after the other without pause, until it is refused."""

    def __init__(self, session: SignedIn, setting: str) -> None:
        self.session, self.setting = session, setting
        self.working, self.may_end = Event(), Event()
        self.statuses: list[int] = []
        self.accepted_late = False
        session.prove("rbac_admin")

    def run(self) -> None:
        for number in range(200):
            late = self.may_end.is_set()
            status = self.session.calls(CHANGE, {self.setting: 2 + number % 20}).status
            self.statuses.append(status)
            self.accepted_late |= late and status != 401
            if self.statuses.count(200) >= 3:
                self.working.set()
            if late:
                return


def test_after_logout_all_returned_no_other_session_of_the_person_commits(estate: Estate, tenant: str) -> None:
    """Whatever the log holds of the others comes before the event that ended them."""
    for _ in range(3):
        person = estate.new_person(tenant, "owner")
        acting = sign_in(estate, person)
        settings = ("max_replays", "concurrent_sessions")
        others = [Busy(sign_in(estate, person), setting) for setting in settings]
        with ThreadPoolExecutor(len(others)) as pool:
            runs = [pool.submit(other.run) for other in others]
            assert all(other.working.wait(30) for other in others)
            assert acting.calls(LOGOUT_ALL).status == 200
            for other in others:
                other.may_end.set()
            for run in runs:
                run.result()
        assert not any(other.accepted_late for other in others)
        told = [(each["action"], each["actor"]["session"]) for each in estate.events(tenant)]
        ended = told.index(("SESSION_INVALIDATED", acting.session_id))
        mine = {other.session.session_id for other in others}
        assert {session for _, session in told[:ended]} >= mine, "they were committing until then"
        assert not {session for _, session in told[ended:]} & mine


def test_end_of_a_session_by_one_that_was_logged_out_does_not_commit(
    estate: Estate, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting, other = sign_in(estate, person), sign_in(estate, person)
    with monkeypatch.context() as patch:
        BetweenCheckAndCommit(patch, lambda: estate.change_gate(person, "session_version", 2))
        assert acting.calls(END, ends=other.session_id).code == "invalid_token"
    assert other.row()["status"] == "ACTIVE"


@pytest.mark.parametrize("body", [{"keep_current": "yes"}, {"keep_current": None}, {"keep": True}, []])
def test_body_that_is_not_understood_ends_nothing(estate: Estate, person: Person, body: object) -> None:
    acting = sign_in(estate, person)
    assert acting.calls(LOGOUT_ALL, body).code == "invalid_request"
    assert gate_version(estate, person) == 1

"""What revokes, against what it stops: deactivation, the end of a session, the logout of all, and a detected reuse."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.functions.estate import Response, me, refresh, step_up
from tests.functions.lifecycle_world import deactivate, gate_version
from tests.functions.signed_in import END, LOGOUT_ALL, SignedIn, sign_in
from tests.soak.mutations import KINDS, ROLES
from tests.soak.races import Arena, Race, Tally

_PRESENTERS = {"refresh": 3, "login": 2}


def against_deactivation(arena: Arena, kind: str, tally: Tally, *, conflicts: float = 0.0) -> None:
    """Race one act of a person against the deactivation of that person."""
    person = arena.new_person(ROLES.get(kind, "owner"), totp=True)
    session = sign_in(arena.estate, person)
    act = KINDS[kind](session)

    def mine(event: Mapping[str, Any]) -> bool:
        return bool(event["actor"]["id"] == person.staff_id)

    def afterwards(answers: Sequence[Response]) -> list[str]:
        # What was just given is always presented; of what the person had before, one in four says as much.
        before = [(session.access_token, session.refresh_token, "device-1")] if secrets.randbelow(4) == 0 else []
        return _still_working([*before, *_tokens_of(answers)])

    arena.run(
        Race(
            person=person,
            acts=[act] * _PRESENTERS.get(kind, 1),
            revoke=lambda: deactivate(arena.estate, person),
            mine=mine,
            afterwards=afterwards,
            conflicts=conflicts,
        ),
        tally,
    )


def against_the_end_of_a_session(arena: Arena, act: str, tally: Tally, *, everywhere: str = "") -> None:
    """Race acts of a session against its end by another one: `everywhere` "all", "all others", or only that one."""
    person = arena.new_person("owner", totp=True)
    ended, ending = sign_in(arena.estate, person, device="phone"), sign_in(arena.estate, person)
    asking = _Asking(ended)

    def revoke() -> Response:
        if everywhere:
            answer = ending.calls(LOGOUT_ALL, {"keep_current": everywhere == "all others"})
        else:
            answer = ending.calls(END, ends=ended.session_id)
        asking.returned_at = time.perf_counter()
        assert answer.status in {200, 204}, answer.text
        return answer

    def afterwards(answers: Sequence[Response]) -> list[str]:
        dead = [(ended.access_token, ended.refresh_token, "phone"), *_tokens_of(answers, "phone")]
        return [*asking.late, *_still_working(dead)]

    acts: dict[str, Callable[[], Response]] = {
        "refresh": lambda: refresh(ended.refresh_token, device="phone"),
        "challenge": lambda: step_up("step-up/challenges", {"purpose": "rbac_admin"}, ended.access_token),
        "requests": asking,
    }
    arena.run(
        Race(
            person=person,
            acts=[acts[act]],
            revoke=revoke,
            mine=lambda event: event["actor"]["session"] == ended.session_id,
            afterwards=afterwards,
        ),
        tally,
    )


def reuse_against_refresh(arena: Arena, tally: Tally, *, conflicts: float = 0.0) -> None:
    """Race the revocation by a token that was spent long ago against the owner's own refresh."""
    person = arena.new_person("owner")
    session = sign_in(arena.estate, person)
    second = refresh(session.refresh_token).body["refresh_token"]
    third = refresh(second).body

    def afterwards(answers: Sequence[Response]) -> list[str]:
        if gate_version(arena.estate, person) == 1:
            return [] if conflicts else ["the reuse revoked nothing"]
        return _still_working([(third["access_token"], third["refresh_token"], "device-1"), *_tokens_of(answers)])

    arena.run(
        Race(
            person=person,
            acts=[lambda: refresh(third["refresh_token"])] * 2,
            revoke=lambda: refresh(session.refresh_token),
            mine=lambda event: event["actor"]["session"] == session.session_id,
            afterwards=afterwards,
            conflicts=conflicts,
        ),
        tally,
    )


class _Asking:
    """Asks with an access token until it is refused; `late` tells of what was let in although it was asked too late."""

    def __init__(self, session: SignedIn) -> None:
        self._session = session
        self.returned_at = float("inf")
        self.late: list[str] = []

    def __call__(self) -> Response:
        for _ in range(200):
            began = time.perf_counter()
            answer = me(self._session.access_token)
            if answer.status == 200 and began > self.returned_at:
                self.late.append("a request was let in that began after the revocation had returned")
            if answer.status != 200:
                return answer
        return answer


def _tokens_of(answers: Sequence[Response], device: str = "device-1") -> list[tuple[str, str | None, str]]:
    bodies = [answer.body for answer in answers if answer.status == 200]
    return [(body["access_token"], body.get("refresh_token"), device) for body in bodies if "access_token" in body]


def _still_working(tokens: Sequence[tuple[str, str | None, str]]) -> list[str]:
    faults = [f"an access token works: {access[-12:]}" for access, _, _ in tokens if me(access).status != 401]
    for _, text, device in tokens:
        if text is not None and refresh(text, device=device).status != 401:
            faults.append(f"a refresh token works: {text[:60]}")
    return faults

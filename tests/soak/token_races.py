"""Many at once with one thing: a refresh token, a code, the last free place among the sessions."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from functions.refresh.handler import handler as refresh_handler
from functions.step_up.handler import handler as step_up_handler
from shared.domain.step_up import TOTP_STEP_SECONDS
from shared.store.condition import equals
from shared.store.item import query
from shared.store.user_sessions import owner_of
from tests.functions.estate import Person, Response, call, event, login, refresh, step_up
from tests.functions.lifecycle_world import Conflicts, gate_version
from tests.functions.signed_in import sign_in
from tests.soak.lifecycle_model import MAX_REPLAYS
from tests.soak.mutations import VERIFY, anywhere, code_of
from tests.soak.races import PATIENCE_SECONDS, Arena, Tally

PRESENTERS: Final = 50
SUBMISSIONS: Final = 20
DEVICE: Final = "a-browser-that-was-here-before"
_HARMLESS: Final = {200, 409, 503}
_BROWSER: Final = {"origin": "https://muniment.example", "x-muniment-csrf": "1", "sec-fetch-site": "same-origin"}


# Clients of such a tenant may ask again more often than there are presenters, for as long as they can take.
PATIENT: Final = {"max_replays": 2 * PRESENTERS, "concurrency_window_seconds": 60}


def present_at_once(arena: Arena, tally: Tally, *, cookie: bool = False, conflicts: float = 0.0) -> None:
    """Present one token fifty times at once: one generation, one text, and no answer that takes a cookie away.

    In a tenant that is not `PATIENT` the family may end as one that is retried too often.
    """
    patient = arena.policy == PATIENT
    person = arena.new_person("owner")
    session = sign_in(arena.estate, person, device=DEVICE, cookie=cookie)

    def present() -> Response:
        if not cookie:
            return refresh(session.refresh_token, device=DEVICE)
        cookies = f"__Host-rt={session.refresh_token}; __Host-did={DEVICE}"
        document = event("POST /api/auth/refresh", {}, headers={**_BROWSER, "cookie": cookies})
        return call(refresh_handler, document)

    answers = _at_once(arena, [present] * PRESENTERS, conflicts)
    faults = [f"{each.status}: {each.text}" for each in answers if each.status not in _HARMLESS and patient]
    faults += ["a refusal touched the cookies" for each in answers if each.status != 200 and "cookies" in each.raw]
    faults += ["a cookie was taken away" for each in answers if "Max-Age=0" in str(each.raw.get("cookies"))]
    texts = {_token_of(answer) for answer in answers if answer.status == 200}
    row = session.row()
    if len(texts) != 1:
        faults.append(f"{len(texts)} successors")
    if row["generation"] != 2 or (patient and row["status"] != "ACTIVE"):
        faults.append(f"generation {row['generation']}, {row['status']}")
    given = sum(answer.status == 200 for answer in answers)
    if row["replay_count"] != given - 1 or row["replay_count"] > arena.policy.get("max_replays", MAX_REPLAYS):
        faults.append(f"{given} answers with a token, {row['replay_count']} retries counted")
    actions = Counter(each["action"] for each in arena.lane.new())
    if actions["AUTH_TOKEN_REFRESH"] != 1:
        faults.append(f"{actions['AUTH_TOKEN_REFRESH']} rotations")
    _told(tally, faults, answers)


def submit_at_once(arena: Arena, tally: Tally, *, pending: bool) -> None:
    """Submit one code twenty times at once, for challenges of sessions or of logins: it is accepted once."""
    person = arena.new_person("owner", totp=True)
    asked = _asked_at_login(person) if pending else _asked_in_sessions(arena, person)
    arena.lane.new()
    code = code_of(person, arena.estate.clock())
    submissions = [_submission(*asked[number % len(asked)], code) for number in range(SUBMISSIONS)]
    answers = _at_once(arena, submissions, 0.0)
    faults = [f"{each.status}: {each.text}" for each in answers if each.status not in {200, 401, 409, 410, 423, 503}]
    accepted = sum(answer.status == 200 for answer in answers)
    actions = Counter(each["action"] for each in arena.lane.new())
    if accepted != 1 or actions["STEP_UP_VERIFIED"] != 1 or actions["AUTH_LOGIN_SUCCESS"] != int(pending):
        faults.append(f"accepted {accepted} times, {dict(actions)}")
    _told(tally, faults, answers)


def answer_twice_at_once(arena: Arena, tally: Tally, *, pending: bool) -> None:
    """Answer one challenge with two right codes, of this time step and of the one before: it takes one answer."""
    person = arena.new_person("owner", totp=True)
    asked = _asked_at_login(person) if pending else _asked_in_sessions(arena, person)
    arena.lane.new()
    codes = [code_of(person, arena.estate.clock() - back) for back in (TOTP_STEP_SECONDS, 0)]
    answers = _at_once(arena, [_submission(*asked[-1], code) for code in codes * 2], 0.0)
    # Once more, with a code that nobody has used.
    arena.estate.clock.offset += TOTP_STEP_SECONDS
    answers.append(_submission(*asked[-1], code_of(person, arena.estate.clock()))())
    actions = Counter(each["action"] for each in arena.lane.new())
    faults = [f"{each.status}: {each.text}" for each in answers if each.status not in {200, 401, 409, 410, 423, 503}]
    accepted = sum(answer.status == 200 for answer in answers)
    if accepted != 1 or actions["STEP_UP_VERIFIED"] != 1:
        faults.append(f"accepted {accepted} times, {dict(actions)}")
    _told(tally, faults, answers)


def log_in_at_the_limit(arena: Arena, tally: Tally, *, open_before: int, logins: int = 3) -> None:
    """Log in several times at once near the limit of a person's sessions: never more are alive."""
    limit, person = int(arena.policy["concurrent_sessions"]), arena.new_person("member")
    for number in range(open_before):
        assert login(person, device=f"device {number}", place=anywhere("DE")).status == 200
    acts = [_login(person, f"device {number}") for number in range(logins)]
    answers = _at_once(arena, acts, 0.0)
    alive = _alive(arena, person)
    faults = [f"{alive} sessions are alive, the limit is {limit}"] if alive > limit else []
    faults += [f"{each.status}: {each.text}" for each in answers if each.status not in {200, 409, 429, 503}]
    _told(tally, faults, answers)


def _login(person: Person, device: str) -> Callable[[], Response]:
    return lambda: login(person, device=device, place=anywhere("DE"))


def _alive(arena: Arena, person: Person) -> int:
    version = gate_version(arena.estate, person)
    owner = owner_of(person.tenant, person.staff_id)
    rows = query(arena.estate.dynamodb, f"{arena.estate.prefix}user_sessions", equals("owner", owner))
    return sum(row["status"] == "ACTIVE" and row["session_version"] == version for row in rows)


def _asked_at_login(person: Person) -> list[tuple[str, str | None]]:
    assert login(person, place=anywhere("DE")).status == 200
    asked = [login(person, device="another", place=anywhere("FR")) for _ in range(4)]
    assert {answer.code for answer in asked} == {"insufficient_user_authentication"}
    return [(answer.body["challenge_id"], None) for answer in asked]


def _asked_in_sessions(arena: Arena, person: Person) -> list[tuple[str, str | None]]:
    asked: list[tuple[str, str | None]] = []
    for number in range(2):
        session = sign_in(arena.estate, person, device=f"device {number}")
        answer = step_up("step-up/challenges", {"purpose": "rbac_admin"}, session.access_token)
        asked.append((answer.body["challenge_id"], session.access_token))
    return asked


def _submission(challenge_id: str, bearer: str | None, code: str) -> Callable[[], Response]:
    body = {"challenge_id": challenge_id, "code": code}
    return lambda: call(step_up_handler, event(VERIFY, body, bearer=bearer))


def _at_once(arena: Arena, acts: Sequence[Callable[[], Response]], conflicts: float) -> list[Response]:
    arena.lane.new()
    arena.tap.forget()
    together = threading.Barrier(len(acts))

    def begin(act: Callable[[], Response]) -> Response:
        together.wait(PATIENCE_SECONDS)
        with arena.tap.interrupted(before=Conflicts(conflicts).before):
            return act()

    running = [arena.pool.submit(begin, act) for act in acts]
    return [each.result(4 * PATIENCE_SECONDS) for each in running]


def _token_of(answer: Response) -> str:
    cookies = [each for each in answer.raw.get("cookies", ()) if each.startswith("__Host-rt=")]
    return cookies[0].partition("=")[2].partition(";")[0] if cookies else str(answer.body["refresh_token"])


def _told(tally: Tally, faults: Sequence[str], answers: Sequence[Response]) -> None:
    tally.races += 1
    tally.outcomes.update(str(answer.status) for answer in answers)
    tally.violations += [f"race {tally.races}: {fault}" for fault in faults]

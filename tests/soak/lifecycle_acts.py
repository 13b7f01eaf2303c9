"""What people and thieves do in the town, each with what must come of it."""

from collections.abc import Callable
from typing import Final

import pyotp

import functions.login.handler
import functions.password.handler
import functions.step_up.handler
from functions.sessions.logout import KEEP_BUDGET, KEEP_SECONDS
from shared.domain.step_up import TOTP_STEP_SECONDS
from shared.domain.throttle import FREE_FAILURES
from tests.functions.estate import Place, Response, call, event, me, refresh, step_up
from tests.functions.signed_in import END, LOGOUT, LOGOUT_ALL, SERVED, request
from tests.soak.lifecycle_model import (
    CHALLENGE_SECONDS,
    DEAD,
    EXPIRED,
    JUDGED,
    JUDGED_RETRY,
    LOCKING_STREAK,
    REPLAYS,
    REUSED,
    ROTATES,
    TOO_OFTEN,
    WAITS,
    Asked,
    Held,
    Member,
    Spot,
)
from tests.soak.lifecycle_town import Step, Town

PASSWORDS: Final = ("correct horse battery staple", "seven quiet herons at dusk")
LOGIN, PASSWORD = "POST /api/auth/login", "POST /api/auth/password"
VERIFY = "POST /api/auth/step-up/verify"


class Acts(Town):
    """Each act may be cut off by a crash, `before` or `after` its commit; None: it was not."""

    def log_in(self, member: Member, spot: Spot, crash: str | None) -> None:
        body = {"tenant": self.tenant, "email": member.person.email, "password": member.password}
        document = event(LOGIN, {**body, "device_id": spot.device}, place=self.place(spot))
        step = self.act(lambda: call(functions.login.handler.handler, document), crash)
        if step is None or not member.active:
            member.counted(spot, proved=member.active and crash == "after")
            return
        if step.status == 429:
            assert self._must_slow_down(member, spot, step)
            return
        member.counted(spot, proved=True)
        if step.status == 200:
            self._opened(member, spot, step)
        elif step.code == "session_blocked":
            member.version += 1
        else:
            self._challenged(step, member, spot, version=member.version)

    def answer_login(self, asked: Asked, crash: str | None, *, right: bool) -> None:
        member, answer = asked.member, self._answer(asked, right=right)
        step = self.act(lambda: _verify(answer, self.place(asked.spot)), crash)
        if step is None:
            return
        refusal = asked.refusal(self.now)
        if refusal is None and (not member.active or member.version != asked.version):
            refusal = 410
        if self._judged(asked, step, refusal, right=right):
            self._opened(member, asked.spot, step)

    def present(self, held: Held, generation: int, spot: Spot, crash: str | None) -> None:
        """Present the token of a generation."""
        text, verdict = held.tokens[generation].text, held.verdict(generation, spot, self.now + 1)
        before = held.generation
        step = self.act(lambda: refresh(text, device=spot.device, place=self.place(spot)), crash)
        if step is None:
            held.spot = spot if held.generation > before else held.spot
            if held.pending is not None and not held.pending.generation:  # the answer that named it was lost
                held.pending.generation, held.pending.spot = generation, spot
            return
        self.reached[verdict] += 1
        assert "cookies" not in step.response.raw
        if verdict in {DEAD, EXPIRED, REUSED}:
            assert (step.status, step.code) == (401, "invalid_grant"), verdict
            self._put_down(held, verdict, step)
        elif verdict == TOO_OFTEN:
            assert (step.status, step.code) == (409, "refresh_in_progress")
            assert step.left_everything()
        elif verdict == WAITS:
            assert held.pending is not None
            assert step.body["challenge_id"] == held.pending.challenge_id
            assert step.left_everything()
        elif step.status == 200:
            assert verdict in {ROTATES, REPLAYS, JUDGED, JUDGED_RETRY}
            self._goes_on(held, generation, spot, step)
        else:
            assert verdict in {JUDGED, JUDGED_RETRY}, (verdict, step.response.text)
            self._turned_away(held, generation, spot, step)

    def answer_refresh(self, held: Held, asked: Asked, crash: str | None, *, right: bool) -> None:
        generation = asked.generation if asked.generation in held.tokens else held.newest
        answer = self._answer(asked, right=right) | {"refresh_token": held.tokens[generation].text}
        answer["device_id"], before = asked.spot.device, held.generation
        step = self.act(lambda: _verify(answer, self.place(asked.spot)), crash)
        if step is None:
            held.spot = asked.spot if held.generation > before else held.spot
            return
        refusal = asked.refusal(self.now)
        if refusal is None and not held.lives(self.now):
            refusal = 410
        if refusal is None and generation not in {held.generation, asked.generation}:
            refusal = 401
        if self._judged(asked, step, refusal, right=right):
            self._goes_on(held, generation, asked.spot, step)

    def use(self, held: Held) -> None:
        step = self._signed_in(held, me, None)
        if step is not None:
            assert step.status == 200, step.response.text
            assert step.events == []

    def ask(self, held: Held, crash: str | None) -> None:
        """Ask for a challenge of the session."""
        step = self._signed_in(
            held, lambda bearer: step_up("step-up/challenges", {"purpose": "rbac_admin"}, bearer), crash
        )
        if step is None:
            return
        if step.status == 201:
            held.asked.append(self._asked(step, held.member, held.spot))
            return
        assert step.code == ("factor_locked" if held.member.has_factor else "mfa_enrollment_required")
        assert step.left_everything()

    def answer(self, held: Held, asked: Asked, crash: str | None, *, right: bool) -> None:
        answer = self._answer(asked, right=right)
        step = self._signed_in(held, lambda bearer: step_up("step-up/verify", answer, bearer), crash)
        if step is None:
            return
        refusal = asked.refusal(self.now)
        if refusal is None and asked is not held.asked[-1]:
            refusal = 410
        if self._judged(asked, step, refusal, right=right):
            held.access_token = step.body["access_token"]
            held.access_ends_at = self.now + step.body["expires_in"]

    def log_out(self, held: Held, crash: str | None) -> None:
        step = self._signed_in(held, lambda bearer: call(SERVED[LOGOUT], request(LOGOUT, bearer)), crash)
        if step is not None:
            assert step.status == 204
            held.ended = True

    def log_out_everywhere(self, held: Held, crash: str | None, *, keep: bool) -> None:
        document = request(LOGOUT_ALL, held.access_token or "", {"keep_current": keep})
        step = self._signed_in(held, lambda _: call(SERVED[LOGOUT_ALL], document), crash)
        if step is not None and step.status == 429:
            recent = [at for at in held.member.moved_at if at > self.now - 2 * KEEP_SECONDS]
            assert keep
            assert len(recent) >= KEEP_BUDGET
            assert step.left_everything()
        elif step is not None:
            assert step.status == 200
            self._left_behind(held, step if keep else None)
        if keep:  # a crash may have come after it was counted
            held.member.moved_at.append(self.now)

    def end(self, held: Held, other: Held, crash: str | None) -> None:
        """End a session from another one."""
        lives = other.member is held.member and other.lives(self.now + 1)
        document = request(END, held.access_token or "", ends=other.session_id)
        step = self._signed_in(held, lambda _: call(SERVED[END], document), crash)
        if step is None:
            return
        assert step.status == (204 if lives else 404), step.response.text
        other.ended = other.ended or lives
        assert lives or step.left_everything()

    def change_password(self, held: Held, crash: str | None) -> None:
        member, version = held.member, held.member.version
        new = PASSWORDS[1 - PASSWORDS.index(member.password)]
        body = {"current": member.password, "new": new}
        document = event(PASSWORD, body, bearer=held.access_token, place=self.place(held.spot))
        step = self._signed_in(held, lambda _: call(functions.password.handler.handler, document), crash)
        if step is None:
            committed = member.version > version
            member.password = new if committed else member.password
            member.counted(held.spot, proved=committed)
        elif step.status == 429:
            assert self._must_slow_down(member, held.spot, step)
        else:
            assert step.status == 200, step.response.text
            member.password = new
            member.counted(held.spot, proved=True)
            self._left_behind(held, step)

    # --- what comes of them

    def _opened(self, member: Member, spot: Spot, step: Step) -> None:
        held = Held(member, step.body["session"]["session_id"], spot, member.version, self.now)
        held.given(step.body, self.now)
        for other in [each for each in self.held if each.member is member and not each.dead]:
            row = self.row(other)
            other.ended = row["status"] != "ACTIVE"
            assert row.get("revoke_reason", "session_limit") == "session_limit"
        self.held.append(held)

    def _challenged(
        self, step: Step, member: Member, spot: Spot, *, version: int = 0, generation: int = 0
    ) -> Asked | None:
        """Take a challenge of the risk, or the refusal of somebody who can answer none."""
        if step.code == "mfa_enrollment_required":
            assert step.left_everything()
            assert not member.has_factor or member.wrong >= LOCKING_STREAK
            return None
        assert step.code == "insufficient_user_authentication", step.response.text
        return self._asked(step, member, spot, version=version, generation=generation)

    def _asked(self, step: Step, member: Member, spot: Spot, *, version: int = 0, generation: int = 0) -> Asked:
        asked = Asked(step.body["challenge_id"], self.now + CHALLENGE_SECONDS, member, spot, version, generation)
        assert asked.challenge_id not in {each.challenge_id for each in self.asked}
        assert "STEP_UP_REQUIRED" in step.actions()
        self.asked.append(asked)
        return asked

    def _put_down(self, held: Held, verdict: str, step: Step) -> None:
        if verdict == DEAD:
            assert step.left_everything()
            assert step.events == []
            return
        held.ended = True
        assert ("AUTH_TOKEN_EXPIRED" if verdict == EXPIRED else "REFRESH_TOKEN_REUSED") in step.actions()
        held.member.version += verdict == REUSED

    def _goes_on(self, held: Held, generation: int, spot: Spot, step: Step) -> None:
        replayed = generation < held.generation
        assert ("X-Refresh-Replayed" in step.response.headers) is replayed
        if replayed:
            held.replays, held.pending = held.replays + 1, None
        else:
            held.rotated(spot, self.now)
        held.given(step.body, self.now)

    def _turned_away(self, held: Held, generation: int, spot: Spot, step: Step) -> None:
        if step.code in {"insufficient_user_authentication", "mfa_enrollment_required"}:
            held.pending = self._challenged(step, held.member, spot, generation=generation) or held.pending
        else:
            assert step.code == ("session_blocked" if generation == held.generation else "invalid_grant")
            held.ended = True
            held.member.version += 1

    def _left_behind(self, held: Held, kept: Step | None) -> None:
        """All sessions ended, but for the one that goes on if its tokens were given."""
        held.member.version += 1
        if kept is not None:
            held.moved(self.now)
            held.given(kept.body, self.now)

    def _signed_in(self, held: Held, send: Callable[[str], Response], crash: str | None) -> Step | None:
        """Send something with the access token; None where the guard refused it, as it must, or there was a crash."""
        bearer = held.access_token
        if bearer is None:
            return None
        admitted = held.admitted(self.now + 1)
        step = self.act(lambda: send(bearer), crash)
        if admitted and (step is not None or crash == "before"):
            held.seen()
        if step is None or admitted:
            return step
        assert step.status == 401, step.response.text
        assert step.code in {"invalid_token", "insufficient_user_authentication"}
        assert step.left_everything()
        assert step.events == []
        return None

    def _must_slow_down(self, member: Member, spot: Spot, step: Step) -> bool:
        return member.unproved[spot.network] >= FREE_FAILURES and step.left_everything()

    def _answer(self, asked: Asked, *, right: bool) -> dict[str, str]:
        secret = asked.member.person.totp_secret
        assert secret is not None
        code = pyotp.TOTP(secret).at(self.now + 1) if right else "wrong"
        return {"challenge_id": asked.challenge_id, "code": code}

    def _judged(self, asked: Asked, step: Step, refusal: int | None, *, right: bool) -> bool:
        """Tell whether an answer was accepted, and assert that it had to be; `refusal` is what came before its code."""
        member, number = asked.member, self.now // TOTP_STEP_SECONDS
        if refusal is not None or step.status == 423:
            assert step.status == refusal or (step.status == 423 and member.wrong >= LOCKING_STREAK), step.response.text
            assert step.left_everything()
            return False
        if right and number > member.last_step:
            assert step.status == 200, step.response.text
            assert step.actions().count("STEP_UP_VERIFIED") == 1
            asked.answered, member.last_step, member.wrong = True, number, 0
            return True
        assert (step.status, step.code) == (401, "invalid_credentials")
        assert "STEP_UP_FAILED" in step.actions()
        asked.tries, member.wrong = asked.tries + 1, member.wrong + 1
        return False


def _verify(answer: dict[str, str], place: Place) -> Response:
    return call(functions.step_up.handler.handler, event(VERIFY, answer, place=place))

"""POST /api/auth/refresh: a refresh token yields its one successor, the same successor again, or nothing.

1. Read and parse; what this product never wrote costs no call.
2. Try the rotation at once, reading nothing: its conditions are the whole check (`user_sessions.rotated`).
3. Refuted: the rows that were there decide (`domain.refresh_token.decide`).
4. Carry the decision out, with its events: rotate with what the rows said, replay, expire, revoke, or reject.
5. Answer. Every dead token gets one body; the reason is in the audit log.

One call on the usual path, two for a replay, a reuse, or after a step-up; three when the place or the device changed,
since the address is then sealed into the event and sealing needs the person's salt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from functions.refresh.judgement import Facts, informed, judge
from functions.refresh.presentation import Presentation, owner_event, presenter_event, reuse_incident
from functions.refresh.rotation import Belief, Tables, first_belief, rotation_items, successor_of
from functions.refresh.sealed_successor import unseal
from shared.audit.canonical import Json
from shared.audit.event import Draft, new_event_id
from shared.domain.refresh_token import (
    Decision,
    Expire,
    Family,
    Presented,
    Reject,
    Replay,
    RetryPolicy,
    RevokeFamily,
    Rotate,
    parse,
    token_hash,
)
from shared.domain.session import device_hash_of
from shared.edge.bodies import REFRESH
from shared.edge.fields import read_body
from shared.edge.problem import Refused, invalid_grant
from shared.edge.provenance import sealed_actor
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.token_response import token_response
from shared.runtime.access_token import Bearer, TokenIssuer
from shared.runtime.data_key import DataKeys
from shared.runtime.log import Log
from shared.store.attribute import Row
from shared.store.item import batch_get
from shared.store.refresh_tokens import REUSE_DETECTED, once_issued, reused
from shared.store.subject_keys import subject_key
from shared.store.tenant_staff import GateRow, bumped_gate, unchanged_gate
from shared.store.tenants import tenant_key
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.user_sessions import expired_session, replayed, reuse_revoked, session_key
from shared.store.wire import JsonService

_ATTEMPTS: Final = 4  # each follows a change that somebody else committed in between


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """The flow with all that it touches; one instance serves an execution environment."""

    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    data_keys: DataKeys
    issuer: TokenIssuer
    policy: RetryPolicy
    idle_seconds: int
    log: Log

    def __call__(self, request: Request) -> Reply:
        # 1. Read and parse.
        body = read_body(request, REFRESH)
        text = body["refresh_token"]
        token = parse(text)
        if token is None:
            self._reject(request, "MALFORMED")
        presented = Presented(token_hash(text), device_hash_of(body["device_id"]), request.viewer.country)
        try:
            return self._settle(Presentation(request, text, token, presented))
        except Contended:
            # Nothing was consumed: the same token may be presented again at once.
            raise Refused(
                409, "refresh_in_progress", "Send the same request again.", headers={"Retry-After": "1"}
            ) from None

    def _settle(self, presentation: Presentation) -> Reply:
        belief = first_belief(presentation)
        for _ in range(_ATTEMPTS):
            # 2. Try.
            tried = self._rotate(presentation, belief)
            if isinstance(tried, Reply):
                return tried
            # 3. Decide, 4. carry out.
            facts = judge(presentation, belief, tried, self.policy)
            if isinstance(facts.decision, Rotate):
                belief = informed(belief, facts, facts.decision)
                continue
            reply = self._carry_out(presentation, facts)
            if reply is not None:
                return reply
        raise Contended("the session kept changing")

    def _rotate(self, presentation: Presentation, belief: Belief) -> Reply | Refuted:
        successor = successor_of(presentation, belief, self.idle_seconds)
        # Signed before the commit: where no token can be made, nothing may be consumed.
        access_token = self.issuer.mint(successor.bearer, presentation.now)
        event = self._rotation_event(presentation, belief, successor.bearer)
        items = rotation_items(self.tables, presentation, belief, successor)
        outcome = self.ledger.commit(presentation.token.tenant, items, [event])
        if isinstance(outcome, Refuted):
            return outcome
        return self._answer(
            presentation,
            successor.bearer,
            access_token=access_token,
            access_expires_at=self.issuer.expires_at(successor.bearer.standing, presentation.now),
            refresh_token=successor.text,
            refresh_expires_at=successor.idle_expires_at,
        )

    def _rotation_event(self, presentation: Presentation, belief: Belief, bearer: Bearer) -> Draft:
        role, meta = bearer.standing.role, {"generation": bearer.generation}
        if belief.moved_from is None:
            return owner_event(presentation, "AUTH_TOKEN_REFRESH", role, meta=meta)
        event_id = new_event_id(presentation.request.now)
        change: dict[str, Json] = {
            "before": {"country": belief.moved_from},
            "after": {"country": presentation.presented.country},
        }
        personal = self._sealed(presentation, event_id)
        return owner_event(
            presentation, "AUTH_TOKEN_REFRESH", role, event_id=event_id, personal=personal, change=change, meta=meta
        )

    def _carry_out(self, presentation: Presentation, facts: Facts) -> Reply | None:
        """Commit what was decided; None when the rows changed before that, so that it must be decided anew."""
        decision, family, row = facts.decision, facts.family, facts.row
        if isinstance(decision, Reject) or family is None or row is None:
            return self._turn_away(presentation, decision)
        if isinstance(decision, Expire):
            return self._expire(presentation, decision)
        if isinstance(decision, Replay):
            return self._replay(presentation, facts.gate, family, row, decision)
        if isinstance(decision, RevokeFamily):
            self._revoke(presentation, family, decision)
        return None

    def _turn_away(self, presentation: Presentation, decision: Decision) -> NoReturn:
        reason = decision.reason if isinstance(decision, Reject) else "UNKNOWN_TOKEN"
        if reason == "DEVICE_MISMATCH":
            # The current token on another device: nothing is consumed, the owner's own device goes on.
            event_id = new_event_id(presentation.request.now)
            personal = self._sealed(presentation, event_id)
            event = presenter_event(
                presentation,
                "SUSPICIOUS_LOGIN_DETECTED",
                "denied",
                reason,
                event_id=event_id,
                personal=personal,
            )
            self.ledger.commit(presentation.token.tenant, [], [event])
        self._reject(presentation.request, reason)

    def _expire(self, presentation: Presentation, decision: Expire) -> NoReturn:
        token = presentation.token
        key = session_key(token.tenant, token.staff_id, token.session_id)
        reason = f"{decision.limit.upper()}_LIMIT"
        items = [
            expired_session(self.tables.user_sessions, key, decision.limit, presentation.now),
            once_issued(self.tables.refresh_tokens, presentation.presented.token_hash, token.session_id),
        ]
        event = presenter_event(presentation, "AUTH_TOKEN_EXPIRED", "denied", reason)
        outcome = self.ledger.commit(token.tenant, items, [event])
        # Refuted: somebody else ended it, or the token was never issued. Both are told the same.
        self._reject(presentation.request, "UNKNOWN_TOKEN" if isinstance(outcome, Refuted) else reason)

    def _replay(
        self, presentation: Presentation, gate: GateRow, family: Family, row: Row, decision: Replay
    ) -> Reply | None:
        token = presentation.token
        bearer = Bearer(
            token.tenant,
            token.staff_id,
            token.session_id,
            family.session_version,
            family.generation,
            family.standing,
        )
        successor = unseal(presentation.text, token.session_id, row["sealed"])
        # The token of that rotation once more: its life began then, so a replay prolongs nothing.
        access_token = self.issuer.mint(bearer, family.rotated_at)
        items = [
            replayed(self.tables.user_sessions, _key(presentation), family, presentation.now),
            unchanged_gate(self.tables.tenant_staff, token.tenant, token.staff_id, gate),
        ]
        meta: dict[str, Json] = {"cause": decision.cause, "generation": family.generation}
        event = owner_event(presentation, "AUTH_TOKEN_REFRESH_REPLAYED", gate.role, meta=meta)
        if isinstance(self.ledger.commit(token.tenant, items, [event]), Refuted):
            return None
        return self._answer(
            presentation,
            bearer,
            access_token=access_token,
            access_expires_at=self.issuer.expires_at(family.standing, family.rotated_at),
            refresh_token=successor,
            refresh_expires_at=family.idle_expires_at,
            headers={"X-Refresh-Replayed": "1"},
        )

    def _revoke(self, presentation: Presentation, family: Family, decision: RevokeFamily) -> None:
        """Revoke the family and every session of its owner, then refuse; returns when it must be decided anew."""
        token, hash_ = presentation.token, presentation.presented.token_hash
        key, version = _key(presentation), family.session_version
        items = [
            reuse_revoked(self.tables.user_sessions, key, hash_, REUSE_DETECTED, presentation.now),
            reused(self.tables.refresh_tokens, hash_, token.session_id),
            bumped_gate(self.tables.tenant_staff, token.tenant, token.staff_id, version),
        ]
        outcome = self.ledger.commit(token.tenant, items, reuse_incident(presentation, family, decision))
        if not isinstance(outcome, Refuted):
            self._reject(presentation.request, "REUSED")
        if "refresh_token" in outcome.failed:
            # Nobody issued it: a guess about an existing session ends nothing.
            self._reject(presentation.request, "UNKNOWN_TOKEN")

    def _sealed(self, presentation: Presentation, event_id: str) -> tuple[Mapping[str, Json], ...]:
        """Seal the presenter's address; nothing where the owner was erased."""
        tenant, staff_id = presentation.token.tenant, presentation.token.staff_id
        found = batch_get(
            self.dynamodb,
            {
                self.tables.tenants: [tenant_key(tenant)],
                self.tables.subject_keys: [subject_key(tenant, staff_id)],
            },
        )
        tenants, salts = found[self.tables.tenants], found[self.tables.subject_keys]
        if not tenants or not salts:
            return ()
        personal = self.data_keys.personal_data(tenant, tenants[0]["data_key_sealed"])
        request = presentation.request
        return (sealed_actor(personal, salts[0]["salt"], subject=staff_id, event_id=event_id, request=request),)

    def _answer(
        self,
        presentation: Presentation,
        bearer: Bearer,
        *,
        access_token: str,
        access_expires_at: int,
        refresh_token: str,
        refresh_expires_at: int,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        body = token_response(
            bearer,
            access_token=access_token,
            expires_in=access_expires_at - presentation.now,
            refresh_token=refresh_token,
            refresh_expires_in=refresh_expires_at - presentation.now,
        )
        return json_reply(200, body, headers)

    def _reject(self, request: Request, reason: str) -> NoReturn:
        self.log.info("refused", metric="refresh_refused", reason=reason, request_id=request.request_id)
        raise invalid_grant()


def _key(presentation: Presentation) -> dict[str, str]:
    token = presentation.token
    return session_key(token.tenant, token.staff_id, token.session_id)

"""POST /api/auth/refresh: a refresh token yields its one successor, the same successor again, or nothing.

1. Read the token, from the body or from the cookie, and parse it; what this product never wrote costs no call.
2. Refuse addresses that the rules of the tenant do not let in, by what is held of it for half a minute.
3. Try the rotation at once, reading no session: its conditions are the whole check (`user_sessions.rotated`).
4. Refuted: the rows that were there decide (`domain.refresh_token.decide`), with the risk where the place has changed.
5. Carry the decision out, with its events: rotate with what the rows said, replay, challenge, block, expire, revoke, or
   reject.
6. Answer. Every dead token gets one body; the reason is in the audit log.

One call on the usual path, while the tenant is at hand; two for a replay, a reuse, or after a step-up; three when the
place has changed, since risk and address are then read and recorded. One more where the tenant is not at hand.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NoReturn

from functions.refresh.judgement import Facts, first_turn, informed, judge, judged_again
from functions.refresh.presentation import Presentation, move, owner_event, presenter_event
from functions.refresh.reading import presented_token
from functions.refresh.strangers import Strangers
from shared.audit.canonical import Json
from shared.audit.event import Draft, new_event_id
from shared.domain.refresh_token import (
    Assess,
    Block,
    Challenge,
    Expire,
    Family,
    Reject,
    Replay,
    RetryPolicy,
    RevokeFamily,
    Rotate,
    TryLater,
)
from shared.domain.security_policy import SecurityPolicy
from shared.edge.address_rules import AddressRules
from shared.edge.problem import Refused, invalid_grant
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.token_response import Tokens, token_reply
from shared.runtime.access_token import Bearer, TokenIssuer
from shared.runtime.log import Log
from shared.runtime.rotation import RotationTables, Turn, rotation_items, successor_of
from shared.runtime.sealed_successor import unseal
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.attribute import Row
from shared.store.condition import equals
from shared.store.tenant_staff import GateRow, unchanged_gate
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.user_sessions import replayed, session_key

if TYPE_CHECKING:
    from functions.refresh.aside import Aside
    from functions.refresh.assessment import Assessed

_MADE_UP: Final = frozenset({"MALFORMED", "UNKNOWN_TOKEN"})
_ATTEMPTS: Final = 5  # each follows a change that somebody else committed in between


class Refresh:
    """The flow with all that it touches; one instance serves an execution environment."""

    def __init__(
        self,
        *,
        tables: RotationTables,
        ledger: Ledger,
        issuer: TokenIssuer,
        policies: TenantPolicies,
        addresses: AddressRules,
        aside: "Aside",
        allowed_origins: Sequence[str],
        strangers: Strangers,
        log: Log,
    ) -> None:
        self.tables = tables
        self.ledger = ledger
        self.issuer = issuer
        self.policies = policies
        self.addresses = addresses
        self.aside = aside
        self.allowed_origins = allowed_origins
        self.strangers = strangers
        self.log = log

    def __call__(self, request: Request) -> Reply:
        # 1. Read and parse, unless the address presents one made-up token after the other.
        self.strangers.refuse(request.viewer.address, request.now)
        presentation = presented_token(request, self.allowed_origins)
        if presentation is None:
            self._reject(request, "MALFORMED")
        # 2. From where.
        self._refuse_address(presentation)
        try:
            return self._settle(presentation)
        except Contended:
            raise _in_progress() from None

    def _settle(self, presentation: Presentation) -> Reply:
        turn, assessed = first_turn(presentation), None
        for _ in range(_ATTEMPTS):
            # 3. Try.
            tried = self._rotate(presentation, turn, assessed)
            if isinstance(tried, Reply):
                return tried
            # 4. Decide.
            policy = self._policy(presentation)
            retry = _retry_policy(policy)
            facts = judge(presentation, turn, tried, retry)
            if isinstance(facts.decision, Assess) and facts.family is not None and facts.row is not None:
                assessed = self.aside.assessor(presentation, facts.family, facts.row)
                facts = judged_again(presentation, facts, retry, assessed.assessment.action)
            # 5. Carry out.
            if isinstance(facts.decision, Rotate):
                turn = informed(turn, facts)
                continue
            reply = self._carry_out(presentation, facts, assessed, policy)
            if reply is not None:
                return reply
        raise Contended("the session kept changing")

    def _refuse_address(self, presentation: Presentation) -> None:
        """Refuse by the rules; what is held lets in, but only what is read now turns away."""
        tenant, request = presentation.token.tenant, presentation.request
        held = self.policies.held(tenant)
        if held is None:
            self._reject(request, "UNKNOWN_TOKEN")
        if self.addresses.refusal(tenant, held.address_rules, request.viewer.address, request.now) is None:
            return
        read = self.policies.read(tenant) or held
        refusal = self.addresses.refusal(tenant, read.address_rules, request.viewer.address, request.now)
        if refusal is not None:
            self.addresses.deny(request, tenant, refusal)

    def _policy(self, presentation: Presentation) -> SecurityPolicy:
        policy = self.policies.of(presentation.token.tenant)
        if policy is None:
            self._reject(presentation.request, "UNKNOWN_TOKEN")
        return policy

    def _rotate(self, presentation: Presentation, turn: Turn, assessed: "Assessed | None") -> Reply | Refuted:
        successor = successor_of(turn)
        # Signed before the commit: where no token can be made, nothing may be consumed.
        access_token = self.issuer.mint(successor.bearer, presentation.now)
        events = self._rotation_events(presentation, turn, successor.bearer, assessed)
        items = rotation_items(self.tables, turn, successor)
        outcome = self.ledger.commit(presentation.token.tenant, items, events)
        if isinstance(outcome, Refuted):
            return outcome
        tokens = Tokens(
            bearer=successor.bearer,
            access_token=access_token,
            access_expires_at=self.issuer.expires_at(successor.bearer.standing, presentation.now),
            refresh_token=successor.text,
            refresh_expires_at=successor.idle_expires_at,
        )
        return token_reply(tokens, presentation.now)

    def _rotation_events(
        self, presentation: Presentation, turn: Turn, bearer: Bearer, assessed: "Assessed | None"
    ) -> list[Draft]:
        role = bearer.standing.role
        meta: dict[str, Json] = {"generation": bearer.generation}
        if assessed is None:
            return [owner_event(presentation, "AUTH_TOKEN_REFRESH", role, meta=meta)]
        event_id = new_event_id(presentation.request.now)
        moved = turn.expected.elsewhere(turn.binding)
        return [
            owner_event(
                presentation,
                "AUTH_TOKEN_REFRESH",
                role,
                event_id=event_id,
                personal=self.aside.assessor.sealed(presentation, assessed, event_id),
                change=move(turn.expected, turn.binding) if moved else None,
                meta=meta,
            ),
            owner_event(presentation, "ANOMALY_SCORED", role, risk=assessed.assessment.record(), reason="REFRESH"),
        ]

    def _carry_out(
        self, presentation: Presentation, facts: Facts, assessed: "Assessed | None", policy: SecurityPolicy
    ) -> Reply | None:
        """Commit what was decided; None when the rows changed before that, so that it must be decided anew."""
        decision, family, row = facts.decision, facts.family, facts.row
        if isinstance(decision, Reject) or family is None or row is None:
            self._turn_away(presentation, decision.reason if isinstance(decision, Reject) else "UNKNOWN_TOKEN", row)
        if isinstance(decision, TryLater):
            raise _in_progress()
        if isinstance(decision, Expire):
            self._expire(presentation, decision)
        if isinstance(decision, Replay):
            return self._replay(presentation, facts.gate, family, row, decision)
        if isinstance(decision, Challenge):
            self.aside.challenges.put(presentation, family, row, facts.gate, decision, assessed)
        if isinstance(decision, Block) and assessed is not None:
            self._block(presentation, family, assessed)
        if isinstance(decision, RevokeFamily):
            self._revoke(presentation, family, decision, policy.reuse_scope)
        return None

    def _turn_away(self, presentation: Presentation, reason: str, row: Row | None) -> NoReturn:
        incident = None if row is None else row.get("incident_id")
        if incident is not None:
            # The incident is on record: what is presented again belongs to it and rings no second alarm.
            self.log.info("presented again", metric="refresh_after_incident", incident_id=incident)
        self._reject(presentation.request, reason)

    def _expire(self, presentation: Presentation, decision: Expire) -> NoReturn:
        from shared.store.refresh_tokens import once_issued  # noqa: PLC0415 - off the usual path
        from shared.store.session_ends import expired_session  # noqa: PLC0415 - off the usual path

        token = presentation.token
        reason = f"{decision.limit.upper()}_LIMIT"
        items = [
            expired_session(self.tables.user_sessions, _key(presentation), decision.limit, presentation.now),
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
        tokens = Tokens(
            bearer=bearer,
            access_token=access_token,
            access_expires_at=self.issuer.expires_at(family.standing, family.rotated_at),
            refresh_token=successor,
            refresh_expires_at=family.idle_expires_at,
        )
        return token_reply(tokens, presentation.now, headers={"X-Refresh-Replayed": "1"})

    def _block(self, presentation: Presentation, family: Family, assessed: "Assessed") -> None:
        """End all sessions of the person, then refuse; returns when it must be decided anew."""
        from shared.edge.blocking import Suspect, session_blocked  # noqa: PLC0415 - off the usual path

        token, event_id = presentation.token, new_event_id(presentation.request.now)
        suspect = Suspect(
            tenant=token.tenant,
            staff_id=token.staff_id,
            session_version=family.session_version,
            session_id=token.session_id,
            clauses=(equals("current_hash", presentation.presented.token_hash),),
            device_hash=presentation.presented.binding.device_hash,
            occasion="REFRESH",
            event_id=event_id,
            personal=self.aside.assessor.sealed(presentation, assessed, event_id),
        )
        items, events = self.aside.blocking.block(presentation.request, suspect, assessed.assessment)
        if not isinstance(self.ledger.commit(token.tenant, items, events), Refuted):
            raise session_blocked()

    def _revoke(self, presentation: Presentation, family: Family, decision: RevokeFamily, scope: str) -> None:
        """Revoke the family and what else the scope names, then refuse; returns when it must be decided anew."""
        items, events = self.aside.containment.reuse(presentation, family, decision, scope)
        outcome = self.ledger.commit(presentation.token.tenant, items, events)
        if not isinstance(outcome, Refuted):
            self._reject(presentation.request, "REUSED")
        if "refresh_token" in outcome.failed:
            # Nobody issued it: a guess about an existing session ends nothing.
            self._reject(presentation.request, "UNKNOWN_TOKEN")

    def _reject(self, request: Request, reason: str) -> NoReturn:
        if reason in _MADE_UP:
            self.strangers.note(request.viewer.address, request.now)
        self.log.info("refused", metric="refresh_refused", reason=reason, request_id=request.request_id)
        raise invalid_grant()


def _key(presentation: Presentation) -> dict[str, str]:
    token = presentation.token
    return session_key(token.tenant, token.staff_id, token.session_id)


def _in_progress() -> Refused:
    """Give the refusal of one request among many: nothing was consumed, the same token may be presented again."""
    return Refused(409, "refresh_in_progress", "Send the same request again.", headers={"Retry-After": "1"})


def _retry_policy(policy: SecurityPolicy) -> RetryPolicy:
    return RetryPolicy(policy.concurrency_window_seconds, policy.lost_response_window_seconds, policy.max_replays)

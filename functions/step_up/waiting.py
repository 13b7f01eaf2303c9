"""What waits behind the challenge of a risk: a sign-in or a refresh, and how each goes on once it is answered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from functions.step_up.factors import Answer, Proof
from functions.step_up.record import gone
from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id
from shared.domain.familiarity import Facts, History, learned, live_sessions
from shared.domain.refresh_token import Family, RefreshToken, parse, token_hash
from shared.domain.session import AAL2, ACTIVE, Binding, Standing, device_hash_of, expired
from shared.domain.step_up import METHOD_REFERENCES
from shared.edge.cookies import REFRESH_COOKIE, device_of
from shared.edge.problem import invalid_grant
from shared.edge.provenance import auth_of, binding_of, context_of
from shared.edge.reply import Reply
from shared.edge.request import Request
from shared.edge.sign_in import SignIn, Verified
from shared.edge.token_response import Tokens, token_reply
from shared.runtime.access_token import Bearer, TokenIssuer
from shared.runtime.rotation import RotationTables, Turn, rotation_items, successor_of
from shared.runtime.sealed_successor import unseal
from shared.runtime.tenant_policy import TenantPolicies
from shared.store.attribute import Row
from shared.store.histories import remembered
from shared.store.item import Item
from shared.store.live_sessions import alive
from shared.store.second_factors import Factors
from shared.store.step_up_challenges import StoredChallenge
from shared.store.tenant_staff import GateRow, unchanged_gate
from shared.store.user_sessions import family_of, replayed, session_key
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True)
class Person:
    """Everybody that a challenge is about, as of this request. `session` None: the challenge is of a sign-in."""

    tenant: Row
    staff_id: str
    gate: GateRow
    history: History
    factors: Factors
    session: Row | None

    @property
    def tenant_id(self) -> str:
        return str(self.tenant["tenant"])


@dataclass(frozen=True, slots=True)
class GoneOn:
    """What goes on, about to be committed; `tokens` are answered after it."""

    tokens: Tokens
    items: Sequence[Item]
    events: Sequence[Draft]
    now: int
    headers: Mapping[str, str] | None = None

    @property
    def session_id(self) -> str:
        return self.tokens.bearer.session_id

    @property
    def standing(self) -> Standing:
        return self.tokens.bearer.standing

    def reply(self, more: Mapping[str, Any]) -> Reply:
        return token_reply(self.tokens, self.now, headers=self.headers, more=more)


class Waiting(Protocol):
    """Something that a right answer lets go on."""

    def go_on(self, proof: Proof) -> GoneOn: ...


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A `Waiting` out of a function."""

    carry_on: Callable[[Proof], GoneOn]

    def go_on(self, proof: Proof) -> GoneOn:
        return self.carry_on(proof)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingSignIn:
    """A login whose password was right: its session opens where it was asked for, with both factors."""

    dynamodb: JsonService
    user_sessions_table: str
    sign_in: SignIn
    policies: TenantPolicies

    def __call__(self, request: Request, answer: Answer, stored: StoredChallenge, person: Person) -> Waiting:
        del answer  # the challenge holds all that the session needs
        # A version that was left behind since: whatever ended all sessions ended this one too, before it began.
        if person.gate.session_version != stored.pending["session_version"]:
            raise gone()
        return _Prepared(lambda proof: self._open(request, stored.pending, person, proof))

    def _open(self, request: Request, waiting: Mapping[str, Any], person: Person, proof: Proof) -> GoneOn:
        now, policy = int(request.now), self.policies.from_row(person.tenant)
        amr = (*waiting["amr"], METHOD_REFERENCES[proof.method])
        known, owner = live_sessions(person.history, now), (person.tenant_id, person.staff_id)
        found = alive(self.dynamodb, self.user_sessions_table, owner, known, now, person.gate.session_version)
        binding = Binding(
            waiting["device_hash"],
            waiting["country"],
            waiting["network"],
            waiting["agent"],
            waiting["latitude"],
            waiting["longitude"],
        )
        verified = Verified(
            tenant=person.tenant_id,
            staff_id=person.staff_id,
            gate=person.gate,
            acr=AAL2,
            amr=amr,
            cookie=waiting["cookie"],
            binding=binding,
            policy=policy,
            history=person.history,
            facts=_facts(binding, waiting, amr, now),
            live=tuple(session for session, _ in found),
        )
        opened = self.sign_in.open(request, verified)
        event = _event(
            request, person, "AUTH_LOGIN_SUCCESS", opened.tokens.bearer, binding, str(waiting["incident_id"])
        )
        return GoneOn(opened.tokens, opened.items, [event, *opened.events], now)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRefresh:
    """A refresh token that was current, or a harmless retry: it is exchanged, and the session moves with it."""

    tables: RotationTables
    issuer: TokenIssuer
    policies: TenantPolicies

    def __call__(self, request: Request, answer: Answer, stored: StoredChallenge, person: Person) -> Waiting:
        """Refuse (401 invalid_grant) a token that is not the one which waits, before any code is judged."""
        text = request.cookies.get(REFRESH_COOKIE) if stored.pending["cookie"] else answer.refresh_token
        token = parse(text or "")
        family = _waiting_family(stored, person, int(request.now))
        if text is None or token is None or token.session_id != stored.challenge.session_id:
            raise invalid_grant()
        device_id = device_of(request) if stored.pending["cookie"] else answer.device_id
        device_hash = stored.pending["device_hash"] if device_id is None else device_hash_of(device_id)
        presented = _Presented(request, text, token, family, binding_of(request, device_hash), stored, person)
        if token_hash(text) == family.current_hash:
            return _Prepared(lambda proof: self._rotate(presented, proof))
        if token_hash(text) == family.parent_hash == stored.pending["presented_hash"] and family.sealed:
            return _Prepared(lambda proof: self._replay(presented, proof))
        raise invalid_grant()

    def _rotate(self, presented: "_Presented", proof: Proof) -> GoneOn:
        person, family, now = presented.person, presented.family, presented.now
        policy = self.policies.from_row(person.tenant)
        limit = policy.absolute_seconds(person.gate.role, second_factor=True)
        standing = proof.raised(family.standing, now, limit)
        turn = Turn(
            text=presented.text,
            token=presented.token,
            binding=presented.binding,
            now=now,
            expected=family.binding,
            expected_standing=family.standing,
            standing=standing,
            answers=presented.challenge_id,
        )
        successor = successor_of(turn)
        tokens = Tokens(
            bearer=successor.bearer,
            access_token=self.issuer.mint(successor.bearer, now),
            access_expires_at=self.issuer.expires_at(standing, now),
            refresh_token=successor.text,
            refresh_expires_at=successor.idle_expires_at,
        )
        # The place is learned: password, token and second factor all stand behind it.
        facts = _facts(presented.binding, presented.stored.pending, standing.amr, now)
        learned_now = remembered(
            self.tables.tenant_staff,
            person.tenant_id,
            person.staff_id,
            person.history,
            learned(person.history, facts),
        )
        items = [*rotation_items(self.tables, turn, successor), learned_now]
        event = presented.event("AUTH_TOKEN_REFRESH", tokens.bearer)
        return GoneOn(tokens, items, [event], now)

    def _replay(self, presented: "_Presented", proof: Proof) -> GoneOn:
        """Give the same successor; what it is worth was fixed when it was made."""
        del proof
        person, family, token = presented.person, presented.family, presented.token
        if person.session is None:
            raise RuntimeError("a refresh that waits has a session")
        bearer = Bearer(
            token.tenant,
            token.staff_id,
            token.session_id,
            family.session_version,
            family.generation,
            family.standing,
        )
        tokens = Tokens(
            bearer=bearer,
            access_token=self.issuer.mint(bearer, family.rotated_at),
            access_expires_at=self.issuer.expires_at(family.standing, family.rotated_at),
            refresh_token=unseal(presented.text, token.session_id, person.session["sealed"]),
            refresh_expires_at=family.idle_expires_at,
        )
        key = session_key(token.tenant, token.staff_id, token.session_id)
        items = [
            replayed(self.tables.user_sessions, key, family, presented.now, presented.challenge_id),
            unchanged_gate(self.tables.tenant_staff, token.tenant, token.staff_id, person.gate),
        ]
        event = presented.event("AUTH_TOKEN_REFRESH_REPLAYED", bearer)
        return GoneOn(tokens, items, [event], presented.now, {"X-Refresh-Replayed": "1"})


@dataclass(frozen=True, slots=True)
class _Presented:
    """A refresh token at the door once more, with the family that it belongs to."""

    request: Request
    text: str
    token: RefreshToken
    family: Family
    binding: Binding
    stored: StoredChallenge
    person: Person

    @property
    def now(self) -> int:
        return int(self.request.now)

    @property
    def challenge_id(self) -> str:
        return self.stored.challenge.challenge_id

    def event(self, action: str, bearer: Bearer) -> Draft:
        incident = str(self.stored.pending["incident_id"])
        return _event(self.request, self.person, action, bearer, self.binding, incident)


def _waiting_family(stored: StoredChallenge, person: Person, now: int) -> Family:
    """Read the family that waits for this challenge; raises `Refused` (410) for one that does not (any more)."""
    if person.session is None:
        raise gone()
    family = family_of(person.session, person.gate.role)
    waits = family.pending is not None and family.pending.challenge_id == stored.challenge.challenge_id
    dead = family.status != ACTIVE or family.session_version != person.gate.session_version
    if not waits or dead or expired(now, family.idle_expires_at, family.standing.absolute_expires_at):
        raise gone()
    return family


def _facts(binding: Binding, waiting: Mapping[str, Any], amr: tuple[str, ...], now: int) -> Facts:
    return Facts(
        at=now,
        device_hash=binding.device_hash,
        agent=binding.agent,
        country=binding.country,
        network=binding.network,
        asn=waiting.get("asn"),
        latitude=binding.latitude,
        longitude=binding.longitude,
        amr=amr,
    )


def _event(request: Request, person: Person, action: str, bearer: Bearer, binding: Binding, incident: str) -> Draft:
    meta: dict[str, Json] = {"generation": bearer.generation} if action != "AUTH_LOGIN_SUCCESS" else {}
    return Draft(
        event_id=new_event_id(request.now),
        action=action,
        outcome="success",
        actor=Actor("user", person.staff_id, person.gate.role, bearer.session_id, auth_of(bearer.standing.amr)),
        resource=f"user_sessions/{bearer.session_id}",
        context=context_of(request, binding.device_hash, incident),
        targets=(Target("session", bearer.session_id),),
        meta=meta,
    )

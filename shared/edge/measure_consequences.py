"""What ends together with somebody's access: the impersonations of either side, and the invites of whoever leaves.

They are dead by the measure itself: each request of an impersonation checks both people's rows, each acceptance of an
invite the rights of whoever made it. Here they are ended on the record, in the same commit. What is begun between the
reading and the commit, and what a transaction would not hold, is dead as well: of impersonations the sweep tells, and
invites stay open in the list until they expire, but are void for good (`invites_void_before` of the gate).
"""

from dataclasses import dataclass
from typing import Final

from shared.audit.event import Actor, Draft
from shared.domain.impersonation import (
    ACTOR_LOST_RIGHTS,
    ACTOR_SESSION_ENDED,
    EXPIRED,
    TARGET_CHANGED,
    may_impersonate,
)
from shared.domain.session import ACTIVE
from shared.edge.ended_invite import invite_revoked
from shared.edge.guard import Principal
from shared.edge.measure import Step
from shared.edge.provenance import context_of
from shared.edge.request import Request
from shared.store.attribute import Row
from shared.store.impersonation_ends import End, EndTables, ended, session_key_of
from shared.store.impersonations import active_of
from shared.store.invites import open_invites_by, revoked
from shared.store.item import Item, batch_get
from shared.store.wire import JsonService

MAX_IMPERSONATIONS: Final = 8  # five items and an event each, of the hundred that a transaction takes
MAX_INVITES: Final = 8  # two items and an event each
INVITER_DEACTIVATED: Final = "inviter_deactivated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    dynamodb: JsonService
    tables: EndTables
    invites_table: str

    def of(
        self, request: Request, principal: Principal, staff_id: str, step: Step, actor: Actor
    ) -> tuple[list[Item], list[Draft]]:
        """Give what belongs into the commit of `step`, which changes `staff_id`. Raises `Unavailable`."""
        acted, told = self._impersonations(request, principal, staff_id, step, actor)
        if step.after.status == ACTIVE:
            return acted, told
        invited, revocations = self._invites(request, principal, staff_id, actor)
        return [*acted, *invited], [*told, *revocations]

    def _invites(
        self, request: Request, principal: Principal, staff_id: str, actor: Actor
    ) -> tuple[list[Item], list[Draft]]:
        tenant, now, why = principal.acting.tenant, request.now, INVITER_DEACTIVATED
        found = open_invites_by(self.dynamodb, self.invites_table, tenant, staff_id)
        # What has expired is not open to anybody, and its rows may be on their way out.
        invites = [invite for invite in found if not invite.expired(now)][:MAX_INVITES]
        items = [item for invite in invites for item in revoked(self.invites_table, invite, int(now), why)]
        context = context_of(request, principal.session.binding.device_hash)
        return items, [invite_revoked(now, context, actor, invite, why) for invite in invites]

    def _impersonations(
        self, request: Request, principal: Principal, staff_id: str, step: Step, actor: Actor
    ) -> tuple[list[Item], list[Draft]]:
        tenant = principal.acting.tenant
        open_rows = active_of(self.dynamodb, self.tables.impersonations, tenant, staff_id)
        now = request.now
        over = [(row, cause) for row in open_rows if (cause := cause_of(step, staff_id, row, now)) is not None]
        items: list[Item] = []
        events: list[Draft] = []
        sessions = self._sessions([row for row, _ in over[:MAX_IMPERSONATIONS]])
        context = context_of(request, principal.session.binding.device_hash)
        for row, cause in over[:MAX_IMPERSONATIONS]:
            end = End(cause, actor, context, request.now)
            changes, event = ended(self.tables, row, sessions.get(row["impersonation_id"]), end)
            items += changes
            events.append(event)
        return items, events

    def _sessions(self, rows: list[Row]) -> dict[str, Row]:
        if not rows:
            return {}
        table = self.tables.user_sessions
        found = batch_get(self.dynamodb, {table: [session_key_of(row) for row in rows]})[table]
        return {row["session_id"]: row for row in found}


def cause_of(step: Step, staff_id: str, row: Row, now: float) -> str | None:
    """Say why the impersonation of `row` is over once `step` has changed one of its people; None when it is not."""
    if now >= row["expires_at"]:  # before that: the sweep has not told it yet
        return EXPIRED
    after = step.after
    if row["actor"] == staff_id:
        if after.status != ACTIVE or not may_impersonate(after.role, row["target_role"], row["mode"]):
            return ACTOR_LOST_RIGHTS
        return ACTOR_SESSION_ENDED if step.ended else None
    keeps_rank = may_impersonate(row["actor_role"], after.role, row["mode"])
    return None if keeps_rank and not step.ended else TARGET_CHANGED

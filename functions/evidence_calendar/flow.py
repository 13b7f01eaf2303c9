"""GET /api/compliance/calendar, and POST /api/compliance/calendar/waivers.

Show: 1. admit; 2. read the range; 3. read the rows, and how far the log was verified; 4. tell.
Waive: 1. admit somebody who may change security settings, with a fresh proof; 2. read what is asked, of which period;
3. read what became of it: what was collected is not waived; 4. commit the waiver and EVIDENCE_WAIVED; 5. answer.

A waiver ends by itself. Another one of the same period takes its place, and the log has both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from functions.evidence_calendar.items import Kept, items_of, summary_of, waiver_document, waivers_in
from functions.evidence_calendar.reasons import Reasons
from functions.evidence_calendar.settings import Settings
from shared.audit.event import Draft, new_event_id
from shared.audit.moment import rfc3339
from shared.domain.evidence_calendar import BY_ID, Obligation, Period, applies, first_day, period_of, waiver_fault
from shared.edge.calendar_bodies import WAIVER
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal, died
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import Refused, invalid_request, invalid_token
from shared.edge.provenance import context_of
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.rounds import rounds
from shared.evidence.period import BadPeriodError
from shared.evidence.period import Period as Range
from shared.evidence.period import period_of as range_of
from shared.store.attribute import Row
from shared.store.audit_verifications import read_verification
from shared.store.evidence_calendar import (
    PROGRESS,
    answer_slot,
    instant,
    read_slot,
    slots_of,
    waived_items,
    waiver_slot,
)
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

MOST_DAYS: Final = 400
PURPOSE: Final = "rbac_admin"
_DAY: Final = timedelta(days=1)
_AHEAD_SECONDS: Final = MOST_DAYS * 86_400
_PARAMETERS: Final = ("from", "to", "tz")


class Asked(NamedTuple):
    """A waiver that is asked for; it counts until `until`."""

    obligation: Obligation
    period: Period
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Calendar:
    dynamodb: JsonService
    settings: Settings
    ledger: Ledger
    guard: Guard
    reasons: Reasons

    def show(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        tenant, now = principal.acting.tenant, instant(request.now)
        # 2. The range.
        asked = _range(request)
        # 3. What the calendar knows.
        table = self.settings.evidence_calendar_table
        rows = slots_of(self.dynamodb, table, tenant, asked.first, asked.last)
        begun_at = self._begun_at(tenant, request.now)
        simulated = _simulated(principal.tenant)
        kept = Kept(first_day(instant(begun_at)), simulated, self._verified(tenant))
        items = items_of(rows, asked.first, asked.last, kept, now)
        # 4. Tell.
        self._tell_waivers(principal, rows, asked, items)
        document = {
            "period": asked.described(),
            "as_of": rfc3339(request.now),
            "begun_at": rfc3339(begun_at if simulated is None else simulated.start.timestamp()),
            "summary": summary_of(items),
            "items": items,
        }
        return json_reply(200, document)

    def waive(self, request: Request) -> Reply:
        for _ in rounds():
            # 1. Admit, 2. what is asked.
            principal = self.guard.admit(request)
            tenant, table = principal.acting.tenant, self.settings.evidence_calendar_table
            asked = self._asked(request, tenant)
            # 3. What became of it.
            slots = answer_slot(asked.obligation, asked.period), waiver_slot(asked.obligation, asked.period)
            answer, before = (read_slot(self.dynamodb, table, tenant, slot) for slot in slots)
            if answer is not None and "collected_at" in answer:
                raise Refused(409, "already_collected", "What was collected needs no waiver.")
            # 4. Commit.
            missed = _missed(asked, answer, before, instant(request.now))
            event, row = self._waiver(request, principal, asked, after_missed=missed)
            items = waived_items(table, tenant, slots, row, before)
            outcome = self.ledger.commit(tenant, items, [event], acting=principal.acting)
            if not isinstance(outcome, Refuted):
                # 5. Answer.
                told = {"obligation": asked.obligation.id, "period": _dates(asked.period)}
                return json_reply(201, told | waiver_document(row, asked.reason))
            if died(outcome):
                raise invalid_token()
        raise Contended("a waiver kept changing")

    def _begun_at(self, tenant: str, now: float) -> float:
        """Give when the calendar began; one that the schedule has not looked at begins now."""
        progress = read_slot(self.dynamodb, self.settings.evidence_calendar_table, tenant, PROGRESS)
        return float(now if progress is None else progress["begun_at"])

    def _verified(self, tenant: str) -> int:
        table, epoch = self.settings.audit_verifications_table, self.settings.log_epoch
        verification = read_verification(self.dynamodb, table, tenant, epoch)
        return 0 if verification is None else int(verification["digest"])

    def _tell_waivers(
        self, principal: Principal, rows: Mapping[str, Row], asked: Range, items: list[dict[str, Any]]
    ) -> None:
        waivers = waivers_in(rows, asked.first, asked.last)
        for item in items:
            row = waivers.get((item["obligation"], item["period"]["from"]))
            if row is not None:
                item["waiver"] = waiver_document(row, self.reasons.opened(principal, row))

    def _asked(self, request: Request, tenant: str) -> Asked:
        """Read the body; raises `Refused` (400) with a pointer to each fault."""
        body = read_body(request, WAIVER)
        first, last_day = (_date(body[name], name) for name in ("period_from", "until"))
        until = datetime.combine(last_day, datetime.min.time(), UTC) + _DAY
        obligation = BY_ID[body["obligation"]]
        period = period_of(obligation.cadence, first)
        since = first_day(instant(self._begun_at(tenant, request.now)))
        faults = []
        known = applies(period, since) and first <= instant(request.now).date() + MOST_DAYS * _DAY
        if period.first != first or not known:
            faults.append(("/period_from", "No period of this obligation begins on that day."))
        if fault := waiver_fault(until, instant(request.now)):
            faults.append(("/until", fault))
        if faults:
            raise invalid_request(faults)
        return Asked(obligation, period, body["reason"], until)

    def _waiver(self, request: Request, principal: Principal, asked: Asked, *, after_missed: bool) -> tuple[Draft, Row]:
        event_id, until = new_event_id(request.now), int(asked.until.timestamp())
        personal, entry = self.reasons.sealed(request, principal, event_id, asked.reason)
        event = Draft(
            event_id=event_id,
            action="EVIDENCE_WAIVED",
            outcome="success",
            actor=principal.actor(principal.grant(PURPOSE).challenge_id),
            resource=f"evidence_calendar/{asked.obligation.id}/{asked.period.first}",
            context=context_of(request, principal.session.binding.device_hash),
            personal=personal,
            meta={
                "obligation": asked.obligation.id,
                "period": _dates(asked.period),
                "due": rfc3339(asked.obligation.due(asked.period).timestamp()),
                "until": rfc3339(until),
                "after_missed": after_missed,
            },
        )
        by = principal.acting.staff_id
        told = {"by": by, "at": int(request.now), "until": until, "after_missed": after_missed}
        return event, {**told, "event_id": event_id, "entry": entry}


def _missed(asked: Asked, answer: Row | None, before: Row | None, now: datetime) -> bool:
    """Tell whether it had been missed when it is waived; told or not, and whatever waivers came after that."""
    if "missed_at" in (answer or {}):
        return True
    excused = before is not None and now < instant(before["until"])
    return bool(before and before["after_missed"]) or (now >= asked.obligation.due(asked.period) and not excused)


def _simulated(tenant: Row) -> Period | None:
    """Give the days of which a tenant's calendar was kept under a simulated clock, before any schedule saw it."""
    span = tenant.get("simulated")
    if span is None:
        return None
    first, end = (datetime.fromisoformat(span[name]).date() for name in ("from", "to"))
    return Period(first, end - _DAY)


def _range(request: Request) -> Range:
    query = request.query
    if faults := unknown_parameters(query, _PARAMETERS):
        raise invalid_request(faults)
    if missing := [name for name in ("from", "to") if name not in query]:
        raise invalid_request([(f"/{name}", "This parameter is required.") for name in missing])
    if query.get("tz", "UTC") != "UTC":
        raise invalid_request([("/tz", "The calendar has the days of UTC.")])
    try:
        asked = range_of(query["from"], query["to"], "UTC", request.now + _AHEAD_SECONDS)
    except BadPeriodError as fault:
        raise invalid_request([(f"/{fault.field}", str(fault))]) from fault
    if (asked.last - asked.first).days >= MOST_DAYS:
        raise invalid_request([("/to", f"A calendar shows at most {MOST_DAYS} days.")])
    return asked


def _date(text: str, field: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as fault:
        raise invalid_request([(f"/{field}", "This is no day of the calendar.")]) from fault
    if day.year == MAXYEAR:  # behind it there is none to reckon with
        raise invalid_request([(f"/{field}", "The calendar ends before this day does.")])
    return day


def _dates(period: Period) -> dict[str, str]:
    return {"from": str(period.first), "to": str(period.last)}

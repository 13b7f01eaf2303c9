"""Evidence bundles: request one with a proof that is spent on it, watch it, fetch it.

The request commits the export, the event that says so, the spent proof and the effect that starts the state machine in
one transaction: there is no bundle without DATA_EXPORT_STARTED, and no proof that serves two bundles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.evidence_bundle.document import export_document
from functions.evidence_bundle.page import page_asked, redirect_asked
from functions.evidence_bundle.samples import samples_asked
from functions.evidence_bundle.settings import Settings
from shared.audit.event import Draft, new_event_id
from shared.audit.moment import rfc3339
from shared.domain.step_up import METHODS, PURPOSES
from shared.edge.bodies import BUNDLE as BUNDLE_BODY
from shared.edge.export_budget import ExportBudget
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import Refused, invalid_request, invalid_token, step_up_needed
from shared.edge.provenance import context_of, sealed_unless_erased
from shared.edge.reply import Reply, json_reply, redirect
from shared.edge.request import Request
from shared.evidence.bundle_address import ADDRESS_SECONDS, bundle_address
from shared.evidence.period import BadPeriodError, Period, period_of
from shared.runtime.data_key import DataKeys
from shared.store.attribute import Row
from shared.store.exports import (
    BUNDLE,
    COMPLETED,
    export_key,
    get_export,
    is_export_id,
    latest_exports,
    new_bundle_items,
    new_bundle_row,
    new_export_id,
    running_exports,
)
from shared.store.item import batch_get
from shared.store.share_links import open_links, read_links
from shared.store.subject_keys import salt_of
from shared.store.transaction import Ledger, Refuted, acting_session_holds
from shared.store.user_sessions import consumed_grant
from shared.store.wire import JsonService

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PURPOSE = PURPOSES["data_export"]
MAX_RUNNING = 10  # as the index has them: a proof makes one, so no burst gets far behind its back
MOST_DAYS = 3_660  # from a bundle's first day to its last: ten years, longer than anybody keeps a log for an auditor
MAX_RUNNING_A_PERSON = 3  # nobody alone keeps the others from their evidence


@dataclass(frozen=True, slots=True)
class Bundles:
    guard: Guard
    ledger: Ledger
    dynamodb: JsonService
    s3: S3Client
    data_keys: DataKeys
    budget: ExportBudget
    settings: Settings

    def request(self, request: Request) -> Reply:
        # 1. Who asks, with which permission and which fresh proof.
        principal = self.guard.admit(request)
        # 2. What is asked.
        body = read_body(request, BUNDLE_BODY)
        period = _period(body, request.now)
        asked = self._asked(period, body)
        self._refuse_too_many(request, principal)
        # 3. Export, event, spent proof and effect, together or not at all.
        export_id = new_export_id(request.now)
        event = self._event(request, principal, "DATA_EXPORT_STARTED", export_id, asked)
        row = self._row(request, principal, export_id, event, asked)
        tenant, table = principal.acting.tenant, self.settings.user_sessions_table
        grant = principal.grant(PURPOSE.name)
        items = (
            *new_bundle_items(self.settings.exports_table, self.settings.outbox_table, row, request.now),
            consumed_grant(table, principal.acting, grant, PURPOSE, int(request.now)),
        )
        outcome = self.ledger.commit(tenant, items, [event], acting=principal.acting)
        if isinstance(outcome, Refuted):
            raise _refusal(outcome, principal)
        # 4. Accepted; the state machine does the rest.
        location = f"/api/compliance/exports/{export_id}"
        accepted = {"export_id": export_id, "status": row["status"], "status_url": location}
        return json_reply(202, accepted, {"Location": location})

    def listed(self, request: Request) -> Reply:
        principal = self.guard.admit(request)
        asked = page_asked(request)
        tenant, table = principal.acting.tenant, self.settings.exports_table
        page = latest_exports(self.dynamodb, table, tenant, asked.limit, asked.older_than, asked.kind)
        return json_reply(200, {"exports": [export_document(row) for row in page.rows], "next_cursor": page.ended_at})

    def status(self, request: Request) -> Reply:
        principal = self.guard.admit(request)
        if faults := unknown_parameters(request.query, ()):
            raise invalid_request(faults)
        export = self._export(request, principal)
        table = self.settings.share_links_table
        counted = read_links(self.dynamodb, table, principal.acting.tenant, export["export_id"])
        links = {"open": len(open_links(counted, request.now))}
        return json_reply(200, {**export_document(export), "share_links": links})

    def download(self, request: Request) -> Reply:
        # 1. Who asks, with which permission and which fresh proof.
        principal = self.guard.admit(request)
        redirected = redirect_asked(request)
        # 2. A bundle that is complete.
        export = self._export(request, principal)
        if export["kind"] != BUNDLE or export["status"] != COMPLETED:
            detail = "Only a completed bundle can be downloaded."
            raise Refused(409, "export_not_ready", detail, title="The bundle is not there")
        # 3. That it was fetched, and by whom, before it is.
        meta = {"requested": export["requested"], "manifest_sha256": export["result"]["manifest_sha256"]}
        event = self._event(request, principal, "DATA_EXPORT_DOWNLOADED", export["export_id"], meta)
        outcome = self.ledger.commit(principal.acting.tenant, [], [event], acting=principal.acting)
        if isinstance(outcome, Refuted):
            raise invalid_token()
        # 4. An address for five minutes, for exactly this version.
        url = bundle_address(self.s3, self.settings.exports_bucket, export["result"])
        if redirected:
            return redirect(url)
        expires_at = rfc3339(request.now + ADDRESS_SECONDS)
        return json_reply(200, {"url": url, "expires_at": expires_at, "name": f"{export['result']['name']}.zip"})

    def _refuse_too_many(self, request: Request, principal: Principal) -> None:
        tenant, table = principal.acting.tenant, self.settings.exports_table
        running = running_exports(self.dynamodb, table, tenant, BUNDLE, MAX_RUNNING)
        keys = [export_key(tenant, export_id) for export_id in running]
        rows = batch_get(self.dynamodb, {table: keys})[table] if keys else []
        own = [row for row in rows if row["requested_by"]["actor"] == principal.acting.staff_id]
        for made, most, whose in ((own, MAX_RUNNING_A_PERSON, " of yours"), (running, MAX_RUNNING, "")):
            if len(made) >= most:
                raise Refused(409, "export_limit", f"{most} bundles{whose} are being made: wait until one has ended.")
        self.budget.take(principal.acting, BUNDLE, request.now)

    def _export(self, request: Request, principal: Principal) -> Row:
        export_id = request.path_parameters["export_id"]
        row = None
        if is_export_id(export_id):
            row = get_export(self.dynamodb, self.settings.exports_table, principal.acting.tenant, export_id)
        if row is None:
            raise Refused(404, "not_found", "There is no export with this id.")
        return row

    @staticmethod
    def _asked(period: Period, body: Mapping[str, Any]) -> dict[str, Any]:
        asked: dict[str, Any] = {"requested": {**period.requested(), "format": body["format"]}}
        samples = samples_asked(body["samples"] or [], body["format"])
        return {**asked, "samples": samples} if samples else asked

    @staticmethod
    def _row(request: Request, principal: Principal, export_id: str, event: Draft, asked: Mapping[str, Any]) -> Row:
        acting = principal.acting
        step_up = principal.grant(PURPOSE.name).challenge_id
        asked_by = {"actor": acting.staff_id, "role": acting.role, "step_up": step_up}
        return new_bundle_row(acting.tenant, export_id, asked, asked_by, event.event_id, request.now)

    def _event(
        self, request: Request, principal: Principal, action: str, export_id: str, meta: Mapping[str, Any]
    ) -> Draft:
        event_id, acting = new_event_id(request.now), principal.acting
        personal_data = self.data_keys.personal_data(acting.tenant, principal.tenant["data_key_sealed"])
        salt = salt_of(self.dynamodb, self.settings.subject_keys_table, acting.tenant, acting.staff_id)
        return Draft(
            event_id=event_id,
            action=action,
            outcome="success",
            actor=principal.actor(principal.grant(PURPOSE.name).challenge_id),
            resource=f"export/{export_id}",
            context=context_of(request, principal.session.binding.device_hash, export_id),
            personal=sealed_unless_erased(personal_data, salt, acting.staff_id, event_id, request),
            meta={"export_id": export_id, "kind": BUNDLE, **meta},
        )


def _period(body: Mapping[str, Any], now: float) -> Period:
    try:
        period = period_of(body["from"], body["to"], "UTC", now)
    except BadPeriodError as fault:
        raise invalid_request([(f"/{fault.field}", str(fault))]) from fault
    if (period.last - period.first).days > MOST_DAYS:
        raise invalid_request([("/to", "One bundle holds at most ten years.")])
    return period


def _refusal(outcome: Refuted, principal: Principal) -> Refused:
    """Tell a proof that another request has just spent from a session that has just ended."""
    session = outcome.failed.get("acting_session")
    if set(outcome.failed) == {"acting_session"} and acting_session_holds(session, principal.acting):
        return step_up_needed(PURPOSE.name, METHODS, PURPOSE.acr, PURPOSE.max_age_seconds)
    return invalid_token()

"""POST, GET and DELETE of the links of one export.

Make: 1. admit, with a fresh proof; 2. read what is asked, and of which completed bundle; 3. read the export's links, of
which so many may be open; 4. commit the link, the auditor's salt and the event; 5. answer with the token, this once.
List: 1. admit; 2. read the export and its links; 3. tell, without a token. Revoke: 1. admit; 2. read the link;
3. commit; from then on nobody is let in by it, and what was handed out before ends within minutes.

Rules of this module
- A link rests on the tenant and not on who made it: it goes on when he leaves, and anybody with the permission sees and
  revokes it (docs/adr/0037). Revoking asks for no proof: it must be easy.
- A link that was revoked is revoked: asking again is 204 and writes nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from functions.share_links.record import Chronicler, Told, auditor_of, sealed_auditor
from functions.share_links.token import new_token
from shared.audit.event import Draft, new_event_id
from shared.audit.moment import rfc3339
from shared.edge.bodies import EMPTY, IDENTIFIER
from shared.edge.fields import read_body
from shared.edge.guard import Guard, Principal, died
from shared.edge.parameters import unknown_parameters
from shared.edge.problem import Refused, invalid_request, invalid_token
from shared.edge.reply import Reply, json_reply, no_content
from shared.edge.request import Request
from shared.edge.rounds import rounds
from shared.edge.share_link_bodies import SHARE_LINK
from shared.store.attribute import Row
from shared.store.exports import BUNDLE, COMPLETED, get_export, is_export_id
from shared.store.item import Item, get
from shared.store.one_time_tokens import hash_of
from shared.store.share_links import (
    OPEN,
    REVOKED,
    ShareLink,
    link_key,
    links_of,
    offered,
    open_links,
    read_links,
    revoked,
)
from shared.store.subject_keys import new_salt_item
from shared.store.transaction import Contended, Ledger, Refuted
from shared.store.wire import JsonService

MAX_OPEN: Final = 20  # of one export
MAX_LISTED: Final = 100
_DAY: Final = 86_400
_EXPIRED: Final = "EXPIRED"  # told, never stored


@dataclass(frozen=True, slots=True)
class Tables:
    share_links: str
    exports: str
    subject_keys: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLinks:
    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    guard: Guard
    chronicler: Chronicler
    public_origin: str
    epoch: int

    def make(self, request: Request) -> Reply:
        for _ in rounds():
            # 1. Admit, 2. what is asked.
            principal = self.guard.admit(request)
            body = read_body(request, SHARE_LINK)
            export = self._export(request, principal)
            if export["kind"] != BUNDLE or export["status"] != COMPLETED:
                raise Refused(409, "export_not_ready", "Only a completed bundle can be shared.")
            # 3. The links that there are.
            counted = read_links(self.dynamodb, self.tables.share_links, export["tenant"], export["export_id"])
            if len(open_links(counted, request.now)) >= MAX_OPEN:
                raise Refused(409, "export_limit", f"An export has {MAX_OPEN} open links at most: revoke one first.")
            # 4. Commit.
            made = self._made(request, principal, export, body, counted)
            if made is not None:
                # 5. Answer.
                return made
        raise Contended("the links of an export kept changing")

    def listed(self, request: Request) -> Reply:
        # 1. Admit.
        principal = self.guard.admit(request)
        if faults := unknown_parameters(request.query, ()):
            raise invalid_request(faults)
        # 2. Read.
        tenant, export_id = principal.acting.tenant, self._export(request, principal)["export_id"]
        rows = list(links_of(self.dynamodb, self.tables.share_links, tenant, export_id, MAX_LISTED))
        salts = self.chronicler.salts(tenant, [row["share_id"] for row in rows])
        personal = self.chronicler.personal(principal.tenant)
        # 3. Tell.
        links = [
            _document(row, auditor_of(personal, salts.get(row["share_id"]), row), self.epoch, request.now)
            for row in rows
        ]
        return json_reply(200, {"share_links": links, "truncated": len(rows) == MAX_LISTED})

    def revoke(self, request: Request) -> Reply:
        for _ in rounds():
            # 1. Admit.
            principal = self.guard.admit(request)
            read_body(request, EMPTY)
            # 2. The link.
            row = self._link(request, principal.acting.tenant)
            # 3. Commit.
            if row["status"] == REVOKED or self._revoked(request, principal, row):
                return no_content()
        raise Contended("the links of an export kept changing")

    def _made(
        self, request: Request, principal: Principal, export: Row, body: dict[str, Any], counted: Row | None
    ) -> Reply | None:
        """Commit once; None when the links of the export changed before, so that it must be decided anew."""
        tenant, export_id = export["tenant"], export["export_id"]
        share_id, now = f"shr_{new_event_id(request.now)}", int(request.now)
        token, auditor = new_token(tenant, export_id, share_id), body["auditor"].strip()
        # The digest of who it is for stands beside the salt: whoever is erased by his address goes here as well.
        salt, new_salt = new_salt_item(self.tables.subject_keys, tenant, share_id, auditor)
        link = ShareLink(
            tenant=tenant,
            export_id=export_id,
            share_id=share_id,
            token_hash=hash_of(token),
            auditor=sealed_auditor(self.chronicler.personal(principal.tenant), salt, share_id, auditor),
            created_by=principal.acting.staff_id,
            created_at=now,
            expires_at=now + body["expires_in_days"] * _DAY,
            epoch=self.epoch,
        )
        told = Told(request, principal, export_id, share_id, link.expires_at, auditor)
        items = [*offered(self.tables.share_links, link, counted), new_salt]
        event = self.chronicler.created(told, salt)
        if not self._committed(principal, items, event):
            return None
        made = {"share_id": share_id, "url": f"{self.public_origin}/api/share/{token}"}
        return json_reply(201, {**made, "expires_at": rfc3339(link.expires_at)})

    def _revoked(self, request: Request, principal: Principal, row: Row) -> bool:
        tenant, export_id, share_id = row["tenant"], row["export_id"], row["share_id"]
        counted = read_links(self.dynamodb, self.tables.share_links, tenant, export_id)
        salt = self.chronicler.salts(tenant, [share_id]).get(share_id)
        auditor = auditor_of(self.chronicler.personal(principal.tenant), salt, row)
        told = Told(request, principal, export_id, share_id, row["expires_at"], auditor)
        items = revoked(self.tables.share_links, row, counted, principal.acting.staff_id, int(request.now))
        return self._committed(principal, items, self.chronicler.revoked(told))

    def _committed(self, principal: Principal, items: Sequence[Item], event: Draft) -> bool:
        outcome = self.ledger.commit(principal.acting.tenant, items, [event], acting=principal.acting)
        if not isinstance(outcome, Refuted):
            return True
        if died(outcome):
            raise invalid_token()
        return False

    def _export(self, request: Request, principal: Principal) -> Row:
        export_id, row = request.path_parameters["export_id"], None
        if is_export_id(export_id):
            row = get_export(self.dynamodb, self.tables.exports, principal.acting.tenant, export_id)
        if row is None:
            raise Refused(404, "not_found", "There is no export with this id.")
        return row

    def _link(self, request: Request, tenant: str) -> Row:
        export_id, share_id = (request.path_parameters[name] for name in ("export_id", "share_id"))
        row = None
        if is_export_id(export_id) and re.fullmatch(IDENTIFIER, share_id):
            row = get(self.dynamodb, self.tables.share_links, link_key(tenant, export_id, share_id))
        if row is None:
            raise Refused(404, "not_found", "The export has no share link with this id.")
        return row


def _document(row: Row, auditor: str | None, epoch: int, now: float) -> dict[str, Any]:
    """Tell of a link; `auditor` is null once he was erased."""
    over = row["status"] == OPEN and (now >= row["expires_at"] or row["epoch"] != epoch)
    return {
        "share_id": row["share_id"],
        "status": _EXPIRED if over else row["status"],
        "auditor": auditor,
        "created_by": row["created_by"],
        "created_at": rfc3339(row["created_at"]),
        "expires_at": rfc3339(row["expires_at"]),
        "uses": row["uses"],
        "last_used_at": rfc3339(row["last_used_at"]) if "last_used_at" in row else None,
        "revoked_by": row.get("revoked_by"),
        "revoked_at": rfc3339(row["revoked_at"]) if "revoked_at" in row else None,
    }

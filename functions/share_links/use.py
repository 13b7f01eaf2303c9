"""GET /api/share/{token}: whoever holds the token of a link fetches its bundle.

1. Take from the budget of the address. 2. Read everything that a token can name, in one call. 3. Decide whether it lets
in. 4. Ask the address rules of the tenant. 5. Take from the budget of the link. 6. Commit that it was used, and by
whom. 7. An address of the bundle for minutes.

Rules of this module
- One answer, 404, for all that does not let in: no token at all, an unknown, expired or revoked one, one of a log that
  was restarted since, of a tenant that is not ACTIVE, of an auditor who was erased, from an address that is denied. It
  costs the same too, one counter and one read, but for the refusal of a denied address, which is recorded.
- Of the tenant's address rules those that deny hold for auditors. Those that allow name where its own people work,
  and auditors do not: they hold for the signed-in alone (docs/adr/0037).
- Each GET that is answered 302 is a use, also that of a program which looks at links in mails. HEAD is no route.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from functions.share_links.record import TARGET, auditor_actor, auditor_of, downloaded
from functions.share_links.token import Named, named_by
from shared.audit.event import Target
from shared.audit.personal_data import PersonalData
from shared.domain.ip_rule import DENY_RULE
from shared.domain.session import ACTIVE
from shared.edge.address_rules import AddressRules, Origin
from shared.edge.problem import Refused, rate_limited
from shared.edge.reply import Reply, redirect
from shared.edge.request import Request
from shared.evidence.bundle_address import bundle_address
from shared.runtime.data_key import DataKeys
from shared.runtime.log import Log
from shared.store.attribute import Row
from shared.store.exports import COMPLETED, export_key
from shared.store.item import batch_get
from shared.store.one_time_tokens import hash_of
from shared.store.share_links import OPEN, link_key, used
from shared.store.subject_keys import subject_key, unforgotten
from shared.store.tenants import ip_rules_in_force, tenant_key
from shared.store.throttles import address_digest, digest, reserve_budget
from shared.store.transaction import Ledger, Refuted
from shared.store.wire import JsonService

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ADDRESS_BUDGET: Final = 30
ADDRESS_SECONDS: Final = 60
LINK_BUDGET: Final = 100  # uses of one link: each leaves an event that stays for years
LINK_SECONDS: Final = 3_600
_NO_HASH: Final = "0" * 64


class Tables(NamedTuple):
    share_links: str
    exports: str
    tenants: str
    subject_keys: str
    throttles: str


class _Found(NamedTuple):
    """The rows that a token names, none of them believed yet."""

    link: Row | None
    export: Row | None
    tenant: Row | None
    salt: bytes | None


class _Good(NamedTuple):
    """A link that lets in, with all that the event of its use needs."""

    link: Row
    export: Row
    tenant: Row
    auditor: str
    sealing: tuple[PersonalData, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    dynamodb: JsonService
    s3: S3Client
    tables: Tables
    exports_bucket: str
    ledger: Ledger
    data_keys: DataKeys
    addresses: AddressRules
    epoch: int
    log: Log

    def __call__(self, request: Request) -> Reply:
        # 1. Guesses of an address.
        source = f"share_link_address#{address_digest(request.viewer.address)}"
        self._take(source, ADDRESS_BUDGET, ADDRESS_SECONDS, request.now)
        # 2. What the token names.
        token = request.path_parameters["token"]
        found = self._found(named_by(token))
        # 3. Whether it lets in.
        good = self._judged(request, found, token)
        # 4. From where.
        self._refuse_denied(request, good)
        # 5. How often.
        share_id, tenant = good.link["share_id"], good.tenant["tenant"]
        self._take(f"share_link#{digest(tenant, share_id)}", LINK_BUDGET, LINK_SECONDS, request.now)
        # 6. That it was used, before it is; not behind a revocation, nor behind the erasure of whom it is for.
        event = downloaded(request, good.export, share_id, good.auditor, good.sealing)
        counted = used(self.tables.share_links, good.link, int(request.now))
        not_erased = unforgotten(self.tables.subject_keys, tenant, share_id)
        if isinstance(self.ledger.commit(tenant, [counted, not_erased], [event]), Refuted):
            raise self._refusal(request, "just_ended")
        # 7. The address; whence the browser comes is nothing to the log of the bucket.
        reply = redirect(bundle_address(self.s3, self.exports_bucket, good.export["result"]))
        return reply._replace(headers={**reply.headers, "Referrer-Policy": "no-referrer"})

    def _take(self, bucket: str, limit: int, seconds: int, now: float) -> None:
        wait = reserve_budget(self.dynamodb, self.tables.throttles, bucket, limit, seconds, now)
        if wait is not None:
            raise rate_limited(wait.retry_after_seconds)

    def _found(self, named: Named) -> _Found:
        tables, tenant = self.tables, named.tenant
        rows = batch_get(
            self.dynamodb,
            {
                tables.share_links: [link_key(tenant, named.export_id, named.share_id)],
                tables.exports: [export_key(tenant, named.export_id)],
                tables.tenants: [tenant_key(tenant)],
                tables.subject_keys: [subject_key(tenant, named.share_id)],
            },
        )
        link, export, row, key = (
            next(iter(rows[table]), None)
            for table in (tables.share_links, tables.exports, tables.tenants, tables.subject_keys)
        )
        return _Found(link, export, row, None if key is None else key["salt"])

    def _judged(self, request: Request, found: _Found, token: str) -> _Good:
        """Say what lets in; raises `Refused` (404) for everything else."""
        link, export, tenant, salt = found
        presented, stored = hash_of(token), _NO_HASH if link is None else str(link["token_hash"])
        right = hmac.compare_digest(presented, stored)
        if not right or link is None or export is None or tenant is None:
            raise self._refusal(request, "unknown")
        if link["status"] != OPEN or request.now >= link["expires_at"] or link["epoch"] != self.epoch:
            raise self._refusal(request, "ended")
        if export["status"] != COMPLETED or tenant["status"] != ACTIVE:
            raise self._refusal(request, "nothing_to_give")
        personal = self.data_keys.personal_data(tenant["tenant"], tenant["data_key_sealed"])
        auditor = auditor_of(personal, salt, link)
        if salt is None or auditor is None:
            raise self._refusal(request, "erased")
        return _Good(link, export, tenant, auditor, (personal, salt))

    def _refuse_denied(self, request: Request, good: _Good) -> None:
        """Raise `Refused` (404) where the tenant's rules deny the address; it is recorded as any refusal by them."""
        tenant, share_id = good.tenant, good.link["share_id"]
        version = ip_rules_in_force(tenant)
        refusal = self.addresses.refusal(tenant["tenant"], version, request.viewer.address, request.now)
        if refusal is None or refusal.reason != DENY_RULE:
            return
        origin = Origin(auditor_actor(share_id), share_id, targets=(Target(TARGET, share_id),))
        try:
            self.addresses.deny(request, tenant["tenant"], refusal, origin)
        except Refused as denied:
            raise self._refusal(request, "denied_address") from denied

    def _refusal(self, request: Request, reason: str) -> Refused:
        """Give the one answer; `reason` is for the operators' log alone."""
        self.log.info("refused", metric="share_link", reason=reason, request_id=request.request_id)
        return Refused(404, "not_found", "The link is not valid, or not any more: ask whoever sent it.")

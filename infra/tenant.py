"""The first tenant and owner of a deployment: `make tenant NAME="Acme" EMAIL=owner@acme.example`.

    python -m infra.tenant --name "Acme" --email owner@acme.example [--tenant t_acme] [--stack Muniment]

1. Read what is asked. 2. Find the deployment: the stack that is named, or the local stage if it runs. 3. Ask AWS who
the operator is. 4. Make the tenant with its data key, or find it. 5. Commit it with a single-use invite for an owner,
the mail and the events. 6. Print the link, once.

Rules of this module
- There is no default account: whoever may write these tables with IAM makes the invite, nobody else can.
- The operator stands in the log by the ARN that STS tells, so that CloudTrail and the log say the same. A session name
  that is an e-mail address is left out: CloudTrail has it.
- A tenant that has an owner, or ever had one, is refused: from then on its people invite each other. Until then this
  may be repeated (the mail was lost, the address mistyped); what was offered before is void.
- Wrong input is one line on stderr, and ends with 64; a refusal is one line, and ends with 1.
"""

import argparse
import os
import re
import sys
import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from functions.invites.offer import Asked, Offer, OfferTables, make_offer
from functions.notify.templates import TEMPLATES
from infra.local.record import home_of
from infra.operator_access import DEFAULT_STACK, FAULTS, Access, access_of, one_line
from shared.audit.epoch import FIRST_EPOCH, Ending, epoch_started
from shared.audit.event import Actor, Draft, Target, new_event_id, system_context
from shared.audit.moment import rfc3339
from shared.domain.mail_address import deliverable
from shared.edge.bodies import IDENTIFIER
from shared.edge.ended_invite import invite_revoked
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import SecretSealer, data_key_context
from shared.store.attribute import Row
from shared.store.condition import absent
from shared.store.invites import OPEN, REPLACED, Invite, address_key, invites_of, open_invite, replaced, revoked
from shared.store.item import Item, check, get
from shared.store.tenant_staff import OWNER, owners_key
from shared.store.tenants import get_tenant, new_tenant_item
from shared.store.transaction import Ledger, LedgerSettings, Refuted
from shared.store.wire import Wire

USAGE: Final = 64  # sysexits.h
_MAX_NAME: Final = 200
_ROUTE: Final = "make tenant"


class TenantRefused(RuntimeError):
    """The message is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    """What is needed of the stack's outputs."""

    tenants_table: str
    subject_keys_table: str
    invites_table: str
    outbox_table: str
    data_key_id: str
    public_origin: str


@dataclass(frozen=True, slots=True)
class Wanted:
    tenant: str
    name: str
    email: str


class _OneLine(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n")


class Founding:
    """Makes one tenant and the invite of its first owner."""

    def __init__(self, access: Access, settings: Settings, now: float) -> None:
        self._settings, self._now = settings, now
        self._dynamodb = Wire.from_environment("dynamodb", access.environ)
        self._kms = access.client("kms")
        self._sealer = SecretSealer(Wire.from_environment("kms", access.environ), settings.data_key_id)
        self._ledger = Ledger(self._dynamodb, settings, time.time)
        self._operator = Actor("system", access.operator())

    def found(self, wanted: Wanted) -> Offer:
        """Commit tenant, invite, mail and events; raises `TenantRefused`."""
        settings = self._settings
        row = get_tenant(self._dynamodb, settings.tenants_table, wanted.tenant)
        items, events, sealed = self._tenant(wanted, row)
        asked = Asked(tenant=wanted.tenant, email=wanted.email, name="", role=OWNER, invited_by=None)
        tables = OfferTables(settings.invites_table, settings.subject_keys_table, settings.outbox_table)
        address = get(self._dynamodb, settings.invites_table, address_key(wanted.tenant, wanted.email))
        correlation = new_event_id(self._now)
        context = system_context(_ROUTE, correlation)
        offer = make_offer(tables, self._sealer, asked, open_invite(address), self._now, correlation)
        personal = DataKeys(self._sealer).personal_data(wanted.tenant, sealed)
        events.append(offer.event(self._operator, context, personal, new_event_id(self._now)))
        nobody = check(settings.tenant_staff_table, owners_key(wanted.tenant), absent("tenant"), label="owners")
        items += [*offer.items, nobody]
        for before in self._offered_before(wanted):
            items += self._void(before, wanted)
            events.append(invite_revoked(self._now, context, self._operator, before, REPLACED))
        outcome = self._ledger.commit(wanted.tenant, items, events)
        if isinstance(outcome, Refuted):
            self._refuse(wanted, outcome)
        return offer

    def _tenant(self, wanted: Wanted, row: Row | None) -> tuple[list[Item], list[Draft], bytes]:
        """Give what makes the tenant, nothing where it is there, and its sealed data key."""
        if row is not None:
            return [], [], row["data_key_sealed"]
        made = self._kms.generate_data_key(
            KeyId=self._settings.data_key_id, KeySpec="AES_256", EncryptionContext=data_key_context(wanted.tenant)
        )
        sealed = bytes(made["CiphertextBlob"])
        item = new_tenant_item(
            self._settings.tenants_table,
            wanted.tenant,
            name=wanted.name,
            data_key_sealed=sealed,
            created_at=int(self._now),
        )
        created = Draft(
            event_id=new_event_id(self._now),
            action="TENANT_CREATED",
            outcome="success",
            actor=self._operator,
            resource=f"tenants/{wanted.tenant}",
            context=system_context(_ROUTE),
            targets=(Target("tenant", wanted.tenant),),
        )
        return [item], [*self._epoch(wanted), created], sealed

    def _epoch(self, wanted: Wanted) -> list[Draft]:
        """Begin the log in the epoch of the deployment; above the first, it says that there was none before."""
        epoch = self._settings.log_epoch
        if epoch == FIRST_EPOCH:
            return []
        return [epoch_started(wanted.tenant, Ending(epoch - 1), "tenant_founded", self._operator, self._now)]

    def _offered_before(self, wanted: Wanted) -> list[Invite]:
        invites = invites_of(self._dynamodb, self._settings.invites_table, wanted.tenant)
        return [invite for invite in invites if invite.status == OPEN]

    def _void(self, before: Invite, wanted: Wanted) -> Sequence[Item]:
        table, now = self._settings.invites_table, int(self._now)
        if address_key(before.tenant, before.email) == address_key(wanted.tenant, wanted.email):
            return [replaced(table, before, now, REPLACED)]
        return revoked(table, before, now, REPLACED)

    def _refuse(self, wanted: Wanted, refuted: Refuted) -> NoReturn:
        if "owners" in refuted.failed:
            raise TenantRefused(f"{wanted.tenant} has had an owner: its people invite each other.")
        raise TenantRefused(f"{wanted.tenant} is being made by somebody else; try again.")


def main(arguments: Sequence[str], environ: Mapping[str, str], home: Path | None = None) -> int:
    options = _options(arguments)
    try:
        # 1. What is asked.
        wanted = wanted_of(options.name, options.email, options.tenant)
    except TenantRefused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return USAGE
    try:
        # 2. The deployment, 3. to 5. who asks, and the commit.
        access = access_of(options.stack, options.endpoint, environ, home or home_of(environ))
        settings = access.settings(Settings)
        offer = Founding(access, settings, time.time()).found(wanted)
    except (TenantRefused, *FAULTS) as refusal:
        sys.stderr.write(one_line(refusal))
        return 1
    # 6. The link.
    sys.stdout.write(_told(wanted, offer, settings.public_origin))
    return 0


def wanted_of(name: str, email: str, tenant: str | None) -> Wanted:
    """Hold the input against what a tenant may be; raises `TenantRefused`."""
    name = name.strip()
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable():
        raise TenantRefused(f'Give the name of the tenant, at most {_MAX_NAME} printable characters: NAME="Acme".')
    address = deliverable(email)
    if address is None:
        raise TenantRefused("Give an address that mail can be sent to: EMAIL=owner@acme.example.")
    tenant = tenant or _named_after(name)
    if not re.fullmatch(IDENTIFIER, tenant):
        raise TenantRefused(f"A tenant's id has the form {IDENTIFIER}: TENANT=t_acme.")
    return Wanted(tenant, name, address)


def _named_after(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.findall("[a-z0-9]+", plain)
    return f"t_{'-'.join(words)}" if words else ""


def _told(wanted: Wanted, offer: Offer, public_origin: str) -> str:
    link = TEMPLATES["invite"].link
    path = "" if link is None else link.path
    return (
        f"Tenant {wanted.tenant} ({wanted.name}) waits for its first owner. An invitation is on its way to "
        f"{wanted.email}.\nIt serves once, until {rfc3339(offer.invite.expires_at)}, and whoever holds it. "
        f"It is shown this once:\n\n  {public_origin}{path}{offer.token}\n"
    )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _OneLine(prog="python -m infra.tenant", description="Make a tenant and invite its first owner.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--email", required=True)
    parser.add_argument("--tenant", help="its id, from the name without it")
    parser.add_argument("--stack", help=f"name of the stack: {DEFAULT_STACK} where no local stage runs")
    parser.add_argument("--endpoint", help="of the AWS API, where it is not AWS itself")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

"""One restore under way: which deployment, which epoch, on whose word, and how its corrections are committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.audit.canonical import Json
from shared.audit.event import Actor, Draft, Target, new_event_id, system_context
from shared.domain.step_up import TOTP_STEP_SECONDS
from shared.store.item import Item
from shared.store.transaction import Contended, Ledger, LedgerSettings, Refuted
from shared.store.wire import JsonService

CORRECTION = "RESTORE_CORRECTION"
ROUTE = "make restore"
Change = tuple[str, tuple[Item, ...]]  # what it is about, and the rows that do it
_EARLY_STEPS = 1  # by how many time steps a code may be ahead of our clock


@dataclass(frozen=True, slots=True)
class Tables:
    tenants: str
    tenant_staff: str
    subject_keys: str
    audit_logs: str
    audit_seals: str
    invites: str
    ip_rules: str
    sso_connections: str
    legal_holds: str
    erasures: str


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    """What is needed of the stack's outputs."""

    tenants_table: str
    subject_keys_table: str
    audit_seals_table: str
    invites_table: str
    ip_rules_table: str
    sso_connections_table: str
    legal_holds_table: str
    erasures_table: str
    signing_keys_table: str
    vault_bucket: str
    ledger_key_ids: str

    def tables(self) -> Tables:
        return Tables(
            tenants=self.tenants_table,
            tenant_staff=self.tenant_staff_table,
            subject_keys=self.subject_keys_table,
            audit_logs=self.audit_logs_table,
            audit_seals=self.audit_seals_table,
            invites=self.invites_table,
            ip_rules=self.ip_rules_table,
            sso_connections=self.sso_connections_table,
            legal_holds=self.legal_holds_table,
            erasures=self.erasures_table,
        )


@dataclass(frozen=True, slots=True)
class Operation:
    """`epoch` is the one that begins; `now` is one instant for the whole restore, so that no code slips in between."""

    dynamodb: JsonService
    tables: Tables
    ledger: Ledger
    actor: Actor
    epoch: int
    now: float
    correlation: str

    @property
    def step(self) -> int:
        """Give the last time step of which an authenticator may have shown a code by now."""
        return int(self.now) // TOTP_STEP_SECONDS + _EARLY_STEPS

    def event(
        self,
        resource: str,
        target: Target,
        *,
        change: Mapping[str, Json] | None = None,
        meta: Mapping[str, Json],
    ) -> Draft:
        """Write one correction; `meta` names its measures."""
        return Draft(
            event_id=new_event_id(self.now),
            action=CORRECTION,
            outcome="success",
            actor=self.actor,
            resource=resource,
            context=system_context(ROUTE, self.correlation),
            reason="restore",
            targets=(target,),
            change=change,
            meta={"previous_epoch": self.epoch - 1, **meta},
        )

    def commit(self, tenant: str, items: Sequence[Item], event: Draft) -> None:
        """Commit; raises `Contended` where a row is not what was read: somebody still writes into the tables."""
        outcome = self.ledger.commit(tenant, items, [event])
        if isinstance(outcome, Refuted):
            raise Contended(f"{tenant}: {', '.join(outcome.failed)} changed meanwhile; stop the functions first")

"""`make break-glass TENANT=...`: suspend every address rule of a tenant, when they lock everybody out.

Whoever runs this is authenticated by IAM and needs the permissions of docs/operations.md. 1. Find the deployment: the
stack that is named, or the local stage if it runs. 2. Ask AWS who the operator is. 3. In one commit: the rules are
suspended, the log of the tenant says by whom, and the bus is told. The rules stay as they are, so that an administrator
can repair them; `--resume` puts them in force again.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local.record import home_of
from infra.operator_access import DEFAULT_STACK, FAULTS, Access, access_of, one_line
from shared.audit.event import Actor, Draft, Target, new_event_id, system_context
from shared.store.ip_rules import rules_suspended
from shared.store.outbox import bus_event
from shared.store.tenants import get_tenant, ip_rules_version
from shared.store.transaction import Contended, Ledger, LedgerSettings, Refuted
from shared.store.wire import JsonService, Wire

REASON: Final = "BREAK_GLASS"  # infra/constructs/observability.py rings for it
_ATTEMPTS: Final = 5


class NoSuchTenant(RuntimeError):
    """The message names the tenant."""


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    tenants_table: str
    outbox_table: str


@dataclass(frozen=True, slots=True)
class BreakGlass:
    dynamodb: JsonService
    ledger: Ledger
    settings: Settings

    def __call__(self, tenant: str, operator: str, now: float, *, resume: bool = False) -> bool:
        """Suspend (or `resume`) the rules; False where that is so already. `operator` is as the log may hold it."""
        for _ in range(_ATTEMPTS):
            row = get_tenant(self.dynamodb, self.settings.tenants_table, tenant)
            if row is None:
                raise NoSuchTenant(f"there is no tenant {tenant}")
            if ("ip_rules_suspended_at" in row) != resume:
                return False
            event_id = new_event_id(now)
            items = [
                rules_suspended(self.settings.tenants_table, row, None if resume else now),
                bus_event(
                    self.settings.outbox_table,
                    tenant,
                    "ip_rule_changed",
                    now,
                    staff_id=None,
                    correlation=event_id,
                    detail={"event": "IP_RULE_UPDATED", "reason": REASON, "suspended": not resume},
                ),
            ]
            event = _event(tenant, operator, event_id, ip_rules_version(row) + 1, suspended=not resume)
            if not isinstance(self.ledger.commit(tenant, items, [event]), Refuted):
                return True
        raise Contended("the rules kept changing: do it again")


def _event(tenant: str, operator: str, event_id: str, version: int, *, suspended: bool) -> Draft:
    return Draft(
        event_id=event_id,
        action="IP_RULE_UPDATED",
        outcome="success",
        actor=Actor("service", operator),
        resource="ip_rules",
        context=system_context("operator", event_id),
        reason=REASON,
        targets=(Target("tenant", tenant),),
        change={"before": {"suspended": not suspended}, "after": {"suspended": suspended}},
        meta={"version": version},
    )


def break_glass_of(access: Access) -> BreakGlass:
    """Put it together from what an operator's command has found."""
    settings = access.settings(Settings)
    dynamodb = Wire.from_environment("dynamodb", access.environ)
    return BreakGlass(dynamodb, Ledger(dynamodb, settings, time.time), settings)


def main(arguments: Sequence[str], environ: Mapping[str, str], home: Path | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make break-glass", description="Suspend all address rules of a tenant.")
    parser.add_argument("tenant")
    parser.add_argument("--resume", action="store_true", help="put the rules in force again")
    parser.add_argument("--stack", help=f"name of the stack: {DEFAULT_STACK} where no local stage runs")
    parser.add_argument("--endpoint", help="of the AWS API, where it is not AWS itself")
    asked = parser.parse_args(arguments)
    try:
        # 1. The deployment, 2. the operator.
        access = access_of(asked.stack, asked.endpoint, environ, home or home_of(environ))
        operator = access.operator()
        # 3. One commit.
        changed = break_glass_of(access)(asked.tenant, operator, time.time(), resume=asked.resume)
    except (NoSuchTenant, *FAULTS) as fault:
        sys.stderr.write(one_line(fault))
        return 1
    state = "in force" if asked.resume else "suspended"
    told = f"{state}{'' if changed else ' already'}"
    sys.stdout.write(f"The address rules of {asked.tenant} are {told}; on record as {operator}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

"""`make break-glass TENANT=...`: suspend every address rule of a tenant, when they lock everybody out.

Whoever runs this is authenticated by IAM and needs the permissions of docs/operations.md. 1. Find the deployment by the
outputs of its stack. 2. Ask AWS who the operator is. 3. In one commit: the rules are suspended, the log of the tenant
says by whom, and the bus is told. The rules stay as they are, so that an administrator can repair them;
`--resume` puts them in force again.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import boto3

from infra.operator_name import operator_name
from shared.audit.event import Actor, Draft, Target, new_event_id, system_context
from shared.runtime.settings import from_environment
from shared.store.ip_rules import rules_suspended
from shared.store.outbox import bus_event
from shared.store.tenants import get_tenant, ip_rules_version
from shared.store.transaction import Contended, Ledger, LedgerSettings, Refuted
from shared.store.wire import JsonService, Wire

REASON: Final = "BREAK_GLASS"  # infra/constructs/observability.py rings for it
_STACK: Final = "Muniment"
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
        """Suspend (or `resume`) the rules in the name of `operator`, an ARN; False where that is so already."""
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
        actor=Actor("service", operator_name(operator)),
        resource="ip_rules",
        context=system_context("operator", event_id),
        reason=REASON,
        targets=(Target("tenant", tenant),),
        change={"before": {"suspended": not suspended}, "after": {"suspended": suspended}},
        meta={"version": version},
    )


def break_glass_of(outputs: Mapping[str, str], environ: Mapping[str, str]) -> BreakGlass:
    """Put it together from the outputs of a stack; `environ` holds region and credentials, as functions have them."""
    names = [field.name for field in fields(Settings)]
    settings = from_environment(Settings, {name.upper(): outputs[_output(name)] for name in names})
    dynamodb = Wire.from_environment("dynamodb", environ)
    return BreakGlass(dynamodb, Ledger(dynamodb, settings, time.time), settings)


def operator_environment(session: boto3.Session) -> dict[str, str]:
    """Give region, endpoint and credentials of the operator, whatever profile they come from."""
    credentials = session.get_credentials()
    if credentials is None or session.region_name is None:
        raise SystemExit("AWS credentials and a region are needed: see docs/operations.md")
    frozen = credentials.get_frozen_credentials()
    given = {
        "AWS_REGION": session.region_name,
        "AWS_ACCESS_KEY_ID": frozen.access_key,
        "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
        "AWS_SESSION_TOKEN": frozen.token,
        "AWS_ENDPOINT_URL": os.environ.get("AWS_ENDPOINT_URL"),
    }
    return {name: value for name, value in given.items() if value}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make break-glass", description="Suspend all address rules of a tenant.")
    parser.add_argument("tenant")
    parser.add_argument("--resume", action="store_true", help="put the rules in force again")
    parser.add_argument("--stack", default=_STACK)
    asked = parser.parse_args(arguments)
    session = boto3.Session()
    # 1. The deployment, 2. the operator.
    outputs = _outputs(session.client("cloudformation"), asked.stack)
    operator = session.client("sts").get_caller_identity()["Arn"]
    # 3. One commit.
    break_glass = break_glass_of(outputs, operator_environment(session))
    try:
        changed = break_glass(asked.tenant, operator, time.time(), resume=asked.resume)
    except NoSuchTenant as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    state = "in force" if asked.resume else "suspended"
    told = f"{state}{'' if changed else ' already'}"
    sys.stdout.write(f"The address rules of {asked.tenant} are {told}; on record as {operator_name(operator)}.\n")
    return 0


def _outputs(cloudformation: Any, stack: str) -> dict[str, str]:  # noqa: ANN401 - a boto3 client, typed by its stubs only
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def _output(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


if __name__ == "__main__":
    sys.exit(main())

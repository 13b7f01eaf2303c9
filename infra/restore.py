"""`make restore`: start the log again after its table was lost, or after tables were restored to an earlier time.

Whoever runs this is authenticated by IAM and needs the permissions of docs/operations.md, which has the steps around
it: the functions stand still, and the stack is deployed with the next `log_epoch`. 1. Find the deployment, 2. who asks.
3. Where tables were restored (`--restored-to`), end the keys of access tokens. 4. For each tenant: rebuild the rows of
audit_seals from the vault, seal what an old table still holds, begin the epoch, and, where tables were restored,
correct people, holds and settings so that nobody's access comes back and nobody who was erased does.

Rules of this module
- Without `--apply` nothing is written, and everything is said.
- It may be repeated at any time until people were let in; what is done stays done.
- One tenant whose vault does not bear itself out stops nothing for the others; the command ends with 1.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from functions.audit_seal.flow import Sealer
from functions.audit_seal.settings import Settings as SealSettings
from infra.local.record import home_of
from infra.operator_access import DEFAULT_STACK, FAULTS, Access, access_of, one_line
from infra.restoration.operation import Operation, Settings
from infra.restoration.sealed_log import Vault
from infra.restoration.tenant_restore import FAULTS as REFUSALS
from infra.restoration.tenant_restore import RestoreRefused, Say, TenantRestore, Wish
from infra.restoration.token_keys import TokenKeys
from shared.audit.epoch import FIRST_EPOCH
from shared.audit.event import Actor, new_event_id
from shared.audit.moment import rfc3339, unix_seconds
from shared.evidence.signer import Signer
from shared.evidence.vault import LockedBucket
from shared.store.tenants import tenant_ids
from shared.store.transaction import Ledger
from shared.store.wire import Wire

USAGE: Final = 64  # sysexits.h
REASONS: Final = ("table_lost", "table_restored", "state_restored")
# Writers stamp an event up to a minute before it commits, and clocks differ: what lies this close is replayed as well.
_MARGIN_SECONDS: Final = 300


class Restore:
    """One run over all tenants of a deployment."""

    def __init__(self, access: Access, wish: Wish, previous_table: str | None, now: float, say: Say) -> None:
        self._settings = settings = access.settings(Settings)
        if settings.log_epoch == FIRST_EPOCH:
            raise RestoreRefused("The stack is deployed with log_epoch 1: raise it in cdk.json and deploy first.")
        if previous_table == settings.audit_logs_table:
            raise RestoreRefused(f"{previous_table} is the table of the new epoch, not that of the one before.")
        self._dynamodb = Wire.from_environment("dynamodb", access.environ)
        s3 = access.client("s3")
        signers = [Signer(access.client("kms"), key_id) for key_id in settings.ledger_key_ids.split(",")]
        keys = {signer.kid: signer.public_der for signer in signers}
        self._vault = Vault(s3, settings.vault_bucket, settings.log_name, keys)
        operation = Operation(
            dynamodb=self._dynamodb,
            tables=settings.tables(),
            ledger=Ledger(self._dynamodb, settings, time.time),
            actor=Actor("system", access.operator()),
            epoch=settings.log_epoch,
            now=now,
            correlation=new_event_id(now),
        )
        sealer = None
        if previous_table is not None:
            old = {"audit_logs_table": previous_table, "log_epoch": str(settings.log_epoch - 1)}
            vault = LockedBucket(s3, settings.vault_bucket)
            sealer = Sealer(self._dynamodb, vault, access.settings(SealSettings, **old))
        self._tenant = TenantRestore(operation, self._vault, sealer, wish, say)
        self._keys = TokenKeys(self._dynamodb, settings.signing_keys_table)
        self._wish, self._now, self._say = wish, now, say

    def run(self) -> int:
        """Restore every tenant; gives the number of those that were refused."""
        self._end_token_keys()
        there = set(tenant_ids(self._dynamodb, self._settings.tenants_table))
        refused = 0
        for tenant in sorted(there):
            try:
                self._tenant.run(tenant)
            except (*REFUSALS, *FAULTS) as fault:
                refused += 1
                self._say(f"{tenant}: REFUSED: {one_line(fault).strip()}")
        for tenant in sorted(set(self._vault.tenants()) - there):
            self._say(f"{tenant}: has a sealed log and NO row in tenants: it was founded after the restore point")
        return refused

    def _end_token_keys(self) -> None:
        """End the keys of access tokens that a restored table may have brought back, before anybody is let in."""
        if self._wish.since is None:
            return
        # `since` lies before the instant of the tables; what lies as close behind it may be in them as well.
        kids = self._keys.suspect(unix_seconds(self._wish.since) + 2 * _MARGIN_SECONDS)
        if self._wish.apply:
            self._keys.revoke(kids, self._now)
        for kid in kids:
            self._say(f"signing key {kid} {'revoked' if self._wish.apply else 'to be revoked'}")


def main(arguments: Sequence[str], environ: Mapping[str, str], home: Path | None = None) -> int:
    options = _options(arguments)
    now = time.time()
    try:
        since = _since(options.restored_to, now)
    except ValueError:
        sys.stderr.write("Give --restored-to as an instant that has passed, in UTC: 2026-11-28T03:00:00.000Z\n")
        return USAGE
    if since is None and options.reason == "state_restored":
        sys.stderr.write("Give --restored-to with --reason state_restored: which events count follows from it.\n")
        return USAGE
    wish = Wish(options.reason, since, options.apply)
    try:
        # 1. The deployment, 2. the operator.
        access = access_of(options.stack, options.endpoint, environ, home or home_of(environ))
        # 3. The keys, 4. tenant after tenant.
        refused = Restore(access, wish, options.previous_table, now, _say).run()
    except (*REFUSALS, *FAULTS) as fault:
        sys.stderr.write(one_line(fault))
        return 1
    if not options.apply:
        _say("Nothing was written. Do it with --apply (make restore ... APPLY=1).")
    return 1 if refused else 0


def _since(restored_to: str | None, now: float) -> str | None:
    if restored_to is None:
        return None
    instant = unix_seconds(restored_to)
    if instant > now:
        raise ValueError(restored_to)
    return rfc3339(instant - _MARGIN_SECONDS)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.restore", description="Start the log again.")
    parser.add_argument("--reason", required=True, choices=REASONS)
    parser.add_argument("--previous-table", help="audit_logs of the epoch before, where it or a copy is still there")
    parser.add_argument("--restored-to", help="instant that tables beside the log were restored to, in UTC")
    parser.add_argument("--apply", action="store_true", help="do it; without it, only say what would be done")
    parser.add_argument("--stack", help=f"name of the stack: {DEFAULT_STACK} where no local stage runs")
    parser.add_argument("--endpoint", help="of the AWS API, where it is not AWS itself")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))

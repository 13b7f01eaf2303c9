"""Every five minutes: what the product does to its own rows without being asked.

Steps, each independent of the others; a failing one is raised after all have run.
1. The signing keys: what is due (shared/domain/signing_key.py), one transaction a step.
2. The logs: each tenant's tells of every key that began to sign, once (SIGNING_KEY_ROTATED).
3. The logs again: each tells how long what is kept, once for each change (RETENTION_CHANGED).

An operator's invocation with `{"revoke_signing_key": "<kid>"}` first ends that key for good, and then does the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from shared.audit.event import Actor, Draft, new_event_id, system_context
from shared.domain.signing_key import (
    CURRENT,
    NEXT,
    Cause,
    MakeFirst,
    MakeNext,
    Promote,
    Replace,
    Retire,
    Revoke,
    RotationPolicy,
    SigningKey,
    plan,
    revocation,
    unannounced,
)
from shared.domain.signing_key import Step as KeyStep
from shared.runtime.log import Log
from shared.runtime.sealed_secret import SecretSealer
from shared.store.item import Item
from shared.store.signing_keys import (
    ACCESS_TOKEN,
    SigningKeyRow,
    activated,
    changed,
    deactivated,
    new_key,
    read_ring,
    retired,
    revoked,
    sealing_context,
)
from shared.store.tenant_notes import RETENTION, SIGNING_KEY, noted, notes
from shared.store.tenants import serve_each
from shared.store.transaction import Ledger, Refuted
from shared.store.wire import JsonService

Step = Callable[[float], None]

_LOOKS: Final = 12  # at the keys of one run: a look for each step, and one for each that somebody else was faster with


class UnknownSigningKey(RuntimeError):
    """The operator named a key that this deployment has never had."""


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """Step 1, and the emergency. Two runs at once do each step once: the store takes one of them."""

    dynamodb: JsonService
    table: str
    sealer: SecretSealer
    policy: RotationPolicy
    log: Log

    def __call__(self, now: float) -> None:
        for _ in range(_LOOKS):
            ring = read_ring(self.dynamodb, self.table)
            steps = plan(ring.keys, now, self.policy)
            if not steps:
                return
            self._take(steps[0], ring.revision, int(now))
        raise RuntimeError(f"the signing keys did not settle in {_LOOKS} looks")

    def revoke(self, kid: str, now: float) -> None:
        """End `kid` for good; done already is done. Raises `UnknownSigningKey`."""
        for _ in range(_LOOKS):
            ring = read_ring(self.dynamodb, self.table)
            try:
                step = revocation(ring.keys, kid)
            except KeyError:
                raise UnknownSigningKey(f"no signing key is {kid}") from None
            if step is None:
                return
            self._take(step, ring.revision, int(now))
        raise RuntimeError(f"signing key {kid} could not be revoked in {_LOOKS} attempts: others change the keys")

    def _take(self, step: KeyStep, revision: int, now: int) -> None:
        if changed(self.dynamodb, self.table, revision, self._items(step, now)):
            self.log.info("signing keys changed", step=type(step).__name__, kid=getattr(step, "kid", None))

    def _items(self, step: KeyStep, now: int) -> list[Item]:
        match step:
            case MakeFirst():
                return [new_key(self.table, self._signing_now("first", None, now))]
            case MakeNext():
                return [new_key(self.table, new_signing_key(self.sealer, now))]
            case Promote(kid, instead_of):
                return [
                    deactivated(self.table, instead_of, now),
                    activated(self.table, kid, instead_of, "scheduled", now),
                ]
            case Replace(revoked_kid, kid):
                successor = (
                    activated(self.table, kid, revoked_kid, "emergency", now)
                    if kid is not None
                    else new_key(self.table, self._signing_now("emergency", revoked_kid, now))
                )
                return [revoked(self.table, revoked_kid, now), successor]
            case Retire(kid):
                return [retired(self.table, kid)]
            case Revoke(kid):
                return [revoked(self.table, kid, now)]

    def _signing_now(self, cause: Cause, replaced: str | None, now: int) -> SigningKeyRow:
        """Make a key that signs from the moment on at which it is there."""
        return new_signing_key(self.sealer, now, status=CURRENT, cause=cause, replaced=replaced)


@dataclass(frozen=True, slots=True)
class Announcement:
    """Step 2. A run that ends half-way leaves the rest to the next one: each tenant's row says how far its log is."""

    dynamodb: JsonService
    signing_keys_table: str
    tenants_table: str
    ledger: Ledger

    def __call__(self, now: float) -> None:
        keys = read_ring(self.dynamodb, self.signing_keys_table).keys
        told = dict(notes(self.dynamodb, self.tenants_table, SIGNING_KEY))
        serve_each(told, lambda tenant: self._tell(tenant, keys, told[tenant], now))

    def _tell(self, tenant: str, keys: Sequence[SigningKey], before: str | None, now: float) -> None:
        for key in unannounced(keys, before):
            note = noted(self.tenants_table, tenant, SIGNING_KEY, key.kid, before)
            if isinstance(self.ledger.commit(tenant, [note], [_rotated(key, now)]), Refuted):
                return  # another run tells it
            before = key.kid


@dataclass(frozen=True, slots=True)
class Retention:
    """Step 3. `figures` are the settings of this deployment, by name; a log that told of none tells what is first.

    What the log told of last stands in the tenant's row, so a change is told once, however many runs meet it; while two
    versions of the function run, a log may tell of the change, back, and of the change again: each was in force.
    """

    dynamodb: JsonService
    tenants_table: str
    ledger: Ledger
    figures: Mapping[str, str | int]

    def __call__(self, now: float) -> None:
        told = dict(notes(self.dynamodb, self.tenants_table, RETENTION))
        behind = (tenant for tenant, before in told.items() if before != self.figures)
        serve_each(behind, lambda tenant: self._tell(tenant, told[tenant], now))

    def _tell(self, tenant: str, before: Mapping[str, str | int] | None, now: float) -> None:
        note = noted(self.tenants_table, tenant, RETENTION, self.figures, before)
        event = Draft(
            event_id=new_event_id(now),
            action="RETENTION_CHANGED",
            outcome="success",
            actor=Actor("system", "housekeeping"),
            resource="deployment/retention",
            context=system_context("schedule"),
            change={"before": before, "after": self.figures},
        )
        self.ledger.commit(tenant, [note], [event])  # refuted: another run tells it


def _rotated(key: SigningKey, now: float) -> Draft:
    return Draft(
        event_id=new_event_id(now),
        action="SIGNING_KEY_ROTATED",
        outcome="success",
        actor=Actor("system", "housekeeping"),
        resource=f"signing_key/{key.kid}",
        context=system_context("schedule"),
        meta={"kid": key.kid, "previous": key.replaced, "cause": key.cause},
    )


def new_signing_key(
    sealer: SecretSealer, now: int, *, status: str = NEXT, cause: Cause | None = None, replaced: str | None = None
) -> SigningKeyRow:
    """Make a P-256 pair; the private half leaves this function sealed only."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key()
    kid = sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SigningKeyRow(
        purpose=ACCESS_TOKEN,
        kid=kid,
        status=status,
        private_sealed=sealer.seal(der, sealing_context(kid)),
        public_pem=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        created_at=now,
        activated_at=now if status == CURRENT else None,
        cause=cause,
        replaced=replaced,
    )


def run(steps: Sequence[Step], now: float) -> None:
    """Run every step; raises the faults of those that failed, together."""
    faults: list[Exception] = []
    for step in steps:
        try:
            step(now)
        except Exception as fault:  # noqa: BLE001 - collected and raised below: one step must not starve the others
            faults.append(fault)
    if faults:
        raise ExceptionGroup("housekeeping failed", faults)

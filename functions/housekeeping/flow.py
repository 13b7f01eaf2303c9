"""Every five minutes: what the product does to its own rows without being asked.

Steps, each independent of the others; a failing one is raised after all have run.
1. The first access-token key of the deployment, where there is none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from shared.runtime.log import Log
from shared.runtime.sealed_secret import SecretSealer
from shared.store.signing_keys import ACCESS_TOKEN, CURRENT, SigningKeyRow, put_first, read_keys, sealing_context
from shared.store.wire import JsonService

Step = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class FirstSigningKey:
    """Step 1. Two runs at once make one key: the store takes one of them."""

    dynamodb: JsonService
    table: str
    sealer: SecretSealer
    log: Log

    def __call__(self, now: float) -> None:
        if read_keys(self.dynamodb, self.table):
            return
        key = new_signing_key(self.sealer, int(now))
        if put_first(self.dynamodb, self.table, key):
            self.log.info("first access token key", kid=key.kid)


def new_signing_key(sealer: SecretSealer, now: int) -> SigningKeyRow:
    """Make a P-256 pair; the private half leaves this function sealed only."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key()
    kid = sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SigningKeyRow(
        purpose=ACCESS_TOKEN,
        kid=kid,
        status=CURRENT,
        private_sealed=sealer.seal(der, sealing_context(kid)),
        public_pem=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        created_at=now,
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

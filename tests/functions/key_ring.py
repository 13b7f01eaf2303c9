"""A vault of its own with ledger keys and logs: a deployment whose keys change (test_key_rotation.py)."""

import base64
import itertools
import json
import secrets
from dataclasses import dataclass, replace
from typing import Any

from functions.audit_digest.anchor import Anchorer
from functions.audit_digest.flow import Digester
from functions.audit_digest.rotation import KeyRotation, Replaced, SigningKeys
from functions.audit_digest.settings import Settings
from shared.evidence.signer import Signer, genuine
from shared.evidence.vault import LockedBucket
from shared.runtime.settings import from_environment
from shared.store.audit_seals import digests_after
from tests.functions.archive import Archive, SetClock, fresh_tenant
from tests.functions.kill_points import KillSwitch

START = 1_790_000_000.0
HOUR = 3_600


@dataclass
class Ring:
    """A vault of its own, with ledger keys and tenants: a deployment whose keys change."""

    archive: Archive
    name: str
    key_ids: list[str]
    tenants: list[str]

    def vault(self, switch: KillSwitch) -> LockedBucket:
        return LockedBucket(switch.client(self.archive.s3), self.name)

    def signers(self, switch: KillSwitch | None = None) -> list[Signer]:
        switch = switch or KillSwitch()
        return [Signer(switch.client(self.archive.kms), key_id) for key_id in self.key_ids]

    def kids(self) -> list[str]:
        return [signer.kid for signer in self.signers()]

    def add_key(self) -> None:
        self.key_ids.append(self.archive._signing_key())

    def run(self, at: float, switch: KillSwitch | None = None, known: int | None = None) -> list[int | None]:
        """Do what the function does at an hour: the keys, then a digest for each log; `known`: keys configured."""
        switch, clock = switch or KillSwitch(), SetClock(at)
        vault, dynamodb = self.vault(switch), switch.service(self.archive.estate.dynamodb)
        digester = replace(self.archive.digester(clock, dynamodb, vault), signer=self.signers(switch)[0])
        signers = tuple(self.signers(switch)[:known])
        rotation = KeyRotation(vault, signers, "local", clock)
        keys = rotation.keys(lambda kid: all(digester.signed_under(kid, tenant) for tenant in self.tenants))
        digester = replace(digester, signer=keys.in_force, replaced=keys.replaced)
        return [digester.sign(tenant) for tenant in self.tenants]

    def anchorer(
        self, at: float, switch: KillSwitch | None = None, known: int | None = None, *, replaced_at: str = ""
    ) -> Anchorer:
        """Give the anchor of the keys that are configured, the last of which is in force since `replaced_at`."""
        switch, clock = switch or KillSwitch(), SetClock(at)
        *earlier, in_force = self.signers(switch)[:known]
        keys = SigningKeys(in_force, tuple(Replaced(signer, "", "", replaced_at) for signer in earlier))
        settings = from_environment(Settings, self.archive.environ)
        dynamodb = switch.service(self.archive.estate.dynamodb)
        return Anchorer(dynamodb, self.vault(switch), keys, settings, clock)

    def anchor(self, at: float, switch: KillSwitch | None = None) -> str | None:
        return self.anchorer(at, switch).anchor(self.tenants)

    def seal(self) -> None:
        for tenant in self.tenants:
            self.archive.sealer(vault=self.vault(KillSwitch())).seal(tenant)

    def hour(self, at: float, known: int | None = None) -> list[int | None]:
        self.seal()
        return self.run(at, known=known)

    def objects(self, prefix: str = "") -> list[str]:
        return list(self.vault(KillSwitch()).listed(prefix))

    def read(self, key: str) -> bytes:
        return self.vault(KillSwitch()).read(key)

    def digests(self, tenant: str) -> list[dict[str, Any]]:
        keys = [key for key in self.objects(f"log/v1/local/{tenant}/1/digest/") if key.endswith(".json")]
        return [json.loads(self.read(key)) for key in keys]

    def rows(self, tenant: str) -> list[dict[str, Any]]:
        table = self.archive.environ["AUDIT_SEALS_TABLE"]
        return list(digests_after(self.archive.estate.dynamodb, table, tenant, 1, 0))

    def changes(self, tenant: str) -> list[dict[str, Any]]:
        events = self.archive.estate.events(tenant)
        return [event["meta"] for event in events if event["action"] == "SIGNING_KEY_ROTATED"]

    def everything_holds(self, tenant: str) -> None:
        """Judge a log as a stranger would who has the files and the first key."""
        by_kid = {signer.kid: signer for signer in self.signers()}
        digests = self.digests(tenant)
        for digest in digests:
            key = f"log/v1/local/{tenant}/1/digest/{digest['no']:012d}.json"
            signer = by_kid[digest["kid"]]
            assert genuine(signer.public_der, self.read(key), self.read(f"{key}.sig"))
            note = self.read(f"log/v1/local/{tenant}/1/checkpoint/{digest['tree']['size']:012d}")
            stamp = base64.b64decode(note.split()[-1])
            assert genuine(signer.public_der, digest["checkpoint"].encode(), stamp[4:])
            assert self.read(f"keys/{signer.kid}.pem") == signer.public_pem
        for earlier, later in itertools.pairwise(digests):
            assert later["period"]["from"] == earlier["period"]["to"]
            if later["kid"] != earlier["kid"]:
                self.change_holds(by_kid[earlier["kid"]], by_kid[later["kid"]])

    def change_holds(self, previous: Signer, following: Signer) -> None:
        path = f"keys/{following.kid}.rotation.json"
        body = self.read(path)
        statement = json.loads(body)
        assert statement.pop("at")
        expected = {"type": "key-rotation", "v": 1, "log": "local"}
        assert statement == expected | {"previous": previous.kid, "next": following.kid}
        assert genuine(previous.public_der, body, self.read(f"{path}.previous.sig"))
        assert genuine(following.public_der, body, self.read(f"{path}.next.sig"))


def new_ring(archive: Archive, tenants: int = 1) -> Ring:
    name = f"vault-{secrets.token_hex(6)}"
    archive.s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    archive.s3.put_object_lock_configuration(
        Bucket=name,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    )
    ring = Ring(archive, name, [archive._signing_key()], [fresh_tenant("keys") for _ in range(tenants)])
    for tenant in ring.tenants:
        archive.write(tenant, START)
    return ring


def planted(ring: Ring, key: str, body: bytes) -> None:
    ring.archive.s3.put_object(Bucket=ring.name, Key=key, Body=body)


def digester_of(ring: Ring, at: float) -> Digester:
    signers = ring.signers()
    return replace(ring.archive.digester(SetClock(at), vault=ring.vault(KillSwitch())), signer=signers[-1])

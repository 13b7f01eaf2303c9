"""The Lambda functions of the product, as data: what each runs, what starts it, and all that its role may do.

Rules of this module
- Every permission of a function stands here in words of the service (`GetItem`, `Sign`); a flow that needs one more
  action changes one line of this file. There is no `*` action, and none is accepted.
- `audit_logs` is written by `PutItem` and read by `Query`, by nobody changed or deleted (tests/infra asserts it).
- Members of a TransactWriteItems need the permission of their own kind: `PutItem`, `UpdateItem`, `DeleteItem`,
  `ConditionCheckItem`. There is no permission for the transaction itself.
- The ledger key is signed with by `audit_digest` alone, the evidence key by `evidence_manifest` alone.
- The sealer cannot write a digest and the signer cannot write a segment: each role puts its own kind of key only, so
  it takes both to forge a stretch of the log.
- The data key opens what it sealed for one purpose: a role names the purposes (`unseals`), and IAM compares them with
  the encryption context of the request. Who reads evidence cannot open a signing key or a second factor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Final, Literal

from infra.packaging import Layer

Bucket = Literal["vault", "exports"]
Key = Literal["ledger", "evidence"]
Purpose = Literal["tenant_data_key", "access_token_key", "factor", "outbox", "sso_client"]
Actions = tuple[str, ...]

APPEND: Final[Actions] = ("PutItem", "Query")
READ_OBJECT: Final[Actions] = ("GetObject", "GetObjectVersion", "ListBucket")
WRITE_OBJECT: Final[Actions] = ("PutObject", *READ_OBJECT)
# HeadObject tells the lock of an object only to those who may read its retention.
LOCK_OBJECT: Final[Actions] = (*WRITE_OBJECT, "GetObjectRetention")
# Versions, markers, checksums and locks: all that can be learned of an object, and nothing that changes one.
WATCH_OBJECT: Final[Actions] = (*READ_OBJECT, "GetObjectRetention", "ListBucketVersions")
UNSEAL: Final[Actions] = ("Decrypt",)
SEAL: Final[Actions] = ("Encrypt",)

HANDLER: Final = "handler"
_HOUR_MINUTES: Final = 60

# Keys of the log are log/v1/LOG/TENANT/EPOCH/KIND/NUMBER (shared/evidence/vault.py). A `*` of IAM crosses slashes, so
# all three levels are spelled out: otherwise the digests of a tenant called "seg" would count as segments.
_LOG: Final = "log/v1/*/*/*"
SEGMENTS: Final = f"{_LOG}/seg/*"
DIGESTS: Final = f"{_LOG}/digest/*"
CHECKPOINTS: Final = f"{_LOG}/checkpoint/*"


@dataclass(frozen=True, slots=True)
class Objects:
    """Actions on the objects of `bucket` whose key matches `pattern`, where `*` stands for anything, slashes included.

    `ListBucket` lists prefixes that match it and no others.
    """

    bucket: Bucket
    pattern: str
    actions: Actions


@dataclass(frozen=True, slots=True)
class Concern:
    """One function. `tables` and `keys` map a name to actions without their prefix.

    `entry` is `folder.function` below functions/: of its handler module, and by it of its settings; without one the
    folder has the name of the function, and `handler` is what runs.
    `indexes` maps a table to the one of its indexes that is queried. `unseals` maps what the data key protects to
    actions of KMS. `schedule_input` is the JSON event of a scheduled run, EventBridge's own if None.
    """

    name: str
    layer: Layer
    memory_mb: int
    timeout_seconds: int
    entry: str | None = None
    tables: Mapping[str, Actions] = field(default_factory=dict)
    indexes: Mapping[str, str] = field(default_factory=dict)
    objects: tuple[Objects, ...] = ()
    keys: Mapping[Key, Actions] = field(default_factory=dict)
    unseals: Mapping[Purpose, Actions] = field(default_factory=dict)
    reads_origin_secret: bool = False
    reads_introspection_secret: bool = False
    publishes_events: bool = False
    sends_mail: bool = False
    starts_evidence: bool = False
    every_minutes: int | None = None
    schedule_input: str | None = None
    stream_of: str | None = None
    stream_events: Actions = ()
    on_bad_end: bool = False

    @property
    def folder(self) -> str:
        return self._entry[0]

    @property
    def handler(self) -> str:
        folder, function = self._entry
        return f"functions.{folder}.handler.{function}"

    @property
    def settings(self) -> str:
        """Name the class of its settings, `module:class`."""
        folder, function = self._entry
        prefix = "" if function == HANDLER else function.capitalize()
        return f"functions.{folder}.settings:{prefix}Settings"

    @property
    def _entry(self) -> tuple[str, str]:
        folder, _, function = (self.entry or f"{self.name}.{HANDLER}").partition(".")
        return folder, function

    @property
    def asynchronous(self) -> bool:
        """Nobody waits for its answer: what it cannot do goes to the dead letters."""
        return self.every_minutes is not None or self.on_bad_end


# Whoever asks the address rules reads them when they have changed, and records whom they refuse: counted, or told with
# the address sealed under the tenant's data key (`OPENS_DATA_KEY`).
ADDRESS_RULES: Final[Mapping[str, Actions]] = {
    "tenants": ("BatchGetItem",),
    "subject_keys": ("BatchGetItem",),
    "ip_rules": ("Query",),
    "ip_denials": ("BatchGetItem", "PutItem", "UpdateItem"),
}
OPENS_DATA_KEY: Final[Mapping[Purpose, Actions]] = {"tenant_data_key": UNSEAL}

GUARD: Final[Mapping[str, Actions]] = {
    **ADDRESS_RULES,
    # One consistent BatchGetItem a request; the update touches `last_seen_at` and confirms a generation; the checks are
    # those of the acting session and its gate inside every commit.
    "tenants": ("BatchGetItem",),
    "tenant_staff": ("BatchGetItem", "ConditionCheckItem"),
    "user_sessions": ("BatchGetItem", "ConditionCheckItem", "UpdateItem"),
    "signing_keys": ("Query",),
    "audit_logs": APPEND,
}


def united(*grants: Mapping[str, Actions]) -> Mapping[str, Actions]:
    """Unite grants; a table that stands in several keeps every action, each once."""
    tables = sorted({table for grant in grants for table in grant})
    return {table: tuple(sorted({action for grant in grants for action in grant.get(table, ())})) for table in tables}


def environment(concern: Concern, registry: Mapping[str, str]) -> dict[str, str]:
    """Fill the fields of the concern's Settings class; RuntimeError names those that the registry lacks."""
    names = settings_fields(concern)
    unknown = [name for name in names if name not in registry]
    if unknown:
        raise RuntimeError(
            f"{concern.settings} asks for {', '.join(unknown)}: not in the registry of infra/registry.py"
        )
    return {name.upper(): registry[name] for name in names}


def settings_fields(concern: Concern) -> list[str]:
    module, name = concern.settings.split(":")
    return sorted(field.name for field in fields(getattr(import_module(module), name)))


def rate(minutes: int) -> str:
    """Write a period as EventBridge reads it: `rate(5 minutes)`, `rate(1 hour)`."""
    count, unit = (minutes // _HOUR_MINUTES, "hour") if minutes % _HOUR_MINUTES == 0 else (minutes, "minute")
    return f"rate({count} {unit}{'' if count == 1 else 's'})"

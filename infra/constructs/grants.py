"""From the grants of infra/concern.py to IAM statements, one statement a resource.

Rules of this module
- No `*` action and no statement without a resource of this stack.
- What a table, a bucket or a secret is encrypted with may be used through its service only (`kms:ViaService`): a role
  that reads a table cannot unseal a tenant's data key by itself.
- What the data key sealed directly may be unsealed for the purposes that the concern names: the encryption context of
  the request must have the names, and the value where there is one, that shared/runtime writes for that purpose.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager

from infra.concern import Actions, Concern, Key, Objects, Purpose

_READS: Final = frozenset(
    {"GetItem", "BatchGetItem", "Query", "Scan", "ConditionCheckItem", "GetObject", "GetObjectVersion"}
)
_LISTED_BY_PREFIX: Final = frozenset({"ListBucket", "ListBucketVersions"})
_OF_A_BUCKET: Final = _LISTED_BY_PREFIX | {"ListBucketMultipartUploads"}
_STREAM_ACTIONS: Final = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
# The names in an encryption context, and those whose value tells one purpose from another.
_CONTEXTS: Final[Mapping[Purpose, tuple[tuple[str, ...], Mapping[str, str]]]] = {
    "tenant_data_key": (("tenant",), {}),
    "access_token_key": (("purpose", "kid"), {"purpose": "access_token"}),
    "factor": (("tenant", "staff", "factor"), {"factor": "totp"}),
    "outbox": (("tenant", "purpose"), {"purpose": "outbox"}),
    "sso_client": (("tenant", "connection", "purpose"), {"purpose": "sso_client"}),
}
_DECRYPTING: Final = ("Decrypt", "DescribeKey")
_ENCRYPTING: Final = (
    *_DECRYPTING,
    "Encrypt",
    "GenerateDataKey",
    "ReEncryptFrom",
    "ReEncryptTo",
)


@dataclass(frozen=True, slots=True)
class Estate:
    """Everything that a function can be let near, under the names that infra/concern.py uses.

    Of the ledger keys `keys` has the newest; `earlier_ledger_keys` are the others, oldest first.
    """

    tables: Mapping[str, dynamodb.Table]
    buckets: Mapping[str, s3.Bucket]
    keys: Mapping[str, kms.Key]
    origin_secret: secretsmanager.ISecret
    introspection_secret: secretsmanager.ISecret
    event_bus: events.IEventBus
    mail_from: str
    earlier_ledger_keys: tuple[kms.Key, ...] = ()


def statements(concern: Concern, estate: Estate) -> Iterator[iam.PolicyStatement]:
    """Yield what the role of `concern` is allowed, in a fixed order."""
    for table, actions in sorted(concern.tables.items()):
        yield _allow("dynamodb", actions, estate.tables[table].table_arn)
    for table, index in sorted(concern.indexes.items()):
        yield _allow("dynamodb", ("Query",), f"{estate.tables[table].table_arn}/index/{index}")
    if concern.stream_of is not None:
        yield _allow("dynamodb", _STREAM_ACTIONS, _stream_arn(estate.tables[concern.stream_of]))
    for objects in concern.objects:
        yield from _on_objects(objects, estate.buckets[objects.bucket])
    for key, actions in sorted(concern.keys.items()):
        yield from (_allow("kms", actions, each.key_arn) for each in _keys_called(key, estate))
    for purpose, actions in sorted(concern.unseals.items()):
        yield _for_purpose(purpose, actions, estate.keys["data"])
    for secret in _secrets(concern, estate):
        yield _allow("secretsmanager", ("GetSecretValue",), secret.secret_arn)
    if concern.publishes_events:
        yield _allow("events", ("PutEvents",), estate.event_bus.event_bus_arn)
    if concern.sends_mail:
        yield _sender(estate.mail_from)
    yield from _through_services(concern, estate.keys["data"])


def _allow(service: str, actions: tuple[str, ...], resource: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=[f"{service}:{action}" for action in sorted(set(actions))], resources=[resource])


def _keys_called(name: Key, estate: Estate) -> tuple[kms.Key, ...]:
    return (*(estate.earlier_ledger_keys if name == "ledger" else ()), estate.keys[name])


def _secrets(concern: Concern, estate: Estate) -> Iterator[secretsmanager.ISecret]:
    if concern.reads_origin_secret:
        yield estate.origin_secret
    if concern.reads_introspection_secret:
        yield estate.introspection_secret


def _sender(address: str) -> iam.PolicyStatement:
    """Allow mails of one sender: its own identity, or that of its domain, whichever is verified in SES."""
    identities = [
        f"arn:{cdk.Aws.PARTITION}:ses:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:identity/{name}"
        for name in (address, address.partition("@")[2])
    ]
    return iam.PolicyStatement(
        actions=["ses:SendEmail"],
        resources=identities,
        conditions={"StringEquals": {"ses:FromAddress": address}},
    )


def _stream_arn(table: dynamodb.Table) -> str:
    if table.table_stream_arn is None:
        raise RuntimeError(f"{table.node.id} has no stream: infra/constructs/tables.py")
    return table.table_stream_arn


def _on_objects(objects: Objects, bucket: s3.Bucket) -> Iterator[iam.PolicyStatement]:
    listing = tuple(action for action in objects.actions if action in _LISTED_BY_PREFIX)
    uploads = tuple(action for action in objects.actions if action in _OF_A_BUCKET - _LISTED_BY_PREFIX)
    others = tuple(action for action in objects.actions if action not in _OF_A_BUCKET)
    if others:
        yield _allow("s3", others, bucket.arn_for_objects(objects.pattern))
    if listing:
        # Without it S3 answers 403 where a key is merely absent.
        below = _allow("s3", listing, bucket.bucket_arn)
        below.add_condition("StringLike", {"s3:prefix": objects.pattern})
        yield below
    if uploads:
        yield _allow("s3", uploads, bucket.bucket_arn)  # IAM has no condition on the prefix of these


def _for_purpose(purpose: Purpose, actions: Actions, key: kms.Key) -> iam.PolicyStatement:
    names, values = _CONTEXTS[purpose]
    statement = _allow("kms", actions, key.key_arn)
    statement.add_condition("ForAllValues:StringEquals", {"kms:EncryptionContextKeys": list(names)})
    # ForAllValues is also true of a request without any context.
    statement.add_condition("Null", {"kms:EncryptionContextKeys": "false"})
    if values:
        told_apart = {f"kms:EncryptionContext:{name}": value for name, value in values.items()}
        statement.add_condition("StringEquals", told_apart)
    return statement


def _through_services(concern: Concern, key: kms.Key) -> Iterator[iam.PolicyStatement]:
    tables = {action for actions in concern.tables.values() for action in actions}
    objects = {
        action
        for grant in concern.objects
        if grant.bucket == "exports"  # the vault is encrypted by S3 itself
        for action in grant.actions
    } - _OF_A_BUCKET
    if tables or concern.stream_of:
        yield _via("dynamodb", key, tables)
    if objects:
        yield _via("s3", key, objects)
    if concern.reads_origin_secret or concern.reads_introspection_secret:
        yield _via("secretsmanager", key, {"GetItem"})


def _via(service: str, key: kms.Key, actions: set[str]) -> iam.PolicyStatement:
    statement = _allow("kms", _DECRYPTING if actions <= _READS else _ENCRYPTING, key.key_arn)
    host = f"{service}.{cdk.Aws.REGION}.amazonaws.com"
    statement.add_condition("StringEquals", {"kms:ViaService": host})
    return statement

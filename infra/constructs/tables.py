"""The DynamoDB tables.

Rules of this module
- Two secondary indexes in all, both sparse. That of `user_sessions` finds the sessions that cleanup must look at, a
  tenant at a time, sorted by an instant that moves once an idle period, so a refresh does not write it; that of
  `exports` holds those that run. `audit_logs` has none: every login would write the same item of a per-tenant index,
  and be throttled by it.
- Every table is on demand, recoverable to any second of the last 35 days, encrypted with the customer's key, and
  outside the local stage neither deleted with the stack nor at all.
- `audit_logs` carries its own policy that denies changing and deleting to everybody, administrators included; only
  DynamoDB's own expiry removes a row. Its epoch is part of its identity: another epoch is another table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.constructs.naming import camel_case
from infra.stage import Stage
from shared.store.exports import RUNNING_BY_DEADLINE
from shared.store.session_reviews import DUE_FOR_REVIEW

_STRING: Final = dynamodb.AttributeType.STRING
_NUMBER: Final = dynamodb.AttributeType.NUMBER

CHANGES_DENIED: Final = (
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
    "dynamodb:PartiQLInsert",
)


@dataclass(frozen=True, slots=True)
class Index:
    """Finds keys by `partition` (text), in the order of `sort` (a number)."""

    name: str
    partition: str
    sort: str


@dataclass(frozen=True, slots=True)
class Table:
    """`expires`: rows carry `ttl`, Unix seconds. `stream`: the table has one, with old and new images.

    `index` holds the keys of the rows that have both of its attributes, the second a number.
    """

    name: str
    partition: str
    sort: str | None = None
    numeric_sort: bool = False
    expires: bool = False
    stream: bool = False
    index: Index | None = None


TABLES: Final[tuple[Table, ...]] = (
    Table("tenants", "tenant"),
    Table("tenant_staff", "tenant", "item"),
    Table("subject_keys", "tenant", "subject"),
    Table("user_sessions", "owner", "session_id", expires=True, index=Index(DUE_FOR_REVIEW, "tenant", "review_at")),
    Table("refresh_tokens", "token_hash", expires=True),
    Table("step_up_challenges", "challenge_id", expires=True),
    Table("audit_logs", "log_lane", "seq", numeric_sort=True, expires=True, stream=True),
    Table("audit_seals", "tenant", "seal"),
    Table("audit_verifications", "log"),
    Table("outbox", "tenant", "effect_id", expires=True, stream=True),
    Table("exports", "tenant", "export_id", index=Index(RUNNING_BY_DEADLINE, "running", "deadline_at")),
    Table("share_links", "tenant", "link", expires=True),
    Table("signing_keys", "purpose", "kid"),
    Table("throttles", "bucket", expires=True),
    Table("one_time_tokens", "token_hash", expires=True),
    Table("ip_rules", "tenant", "rule_id"),
    Table("ip_denials", "tenant", "source", expires=True),
    Table("invites", "tenant", "invite_id", expires=True),
    Table("sso_connections", "tenant", "connection_id"),
    Table("impersonations", "tenant", "item", expires=True),
    Table("legal_holds", "tenant", "hold_id"),
    Table("erasures", "tenant", "staff_id"),
    Table("access_reviews", "tenant", "item"),
    Table("evidence_calendar", "tenant", "slot"),
)


class Tables(Construct):
    """All tables; `by_name` finds one by the name it has in `TABLES`."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, construct_id)
        self.by_name: Mapping[str, dynamodb.Table] = {table.name: self._table(table, stage, key) for table in TABLES}

    def _table(self, table: Table, stage: Stage, key: kms.IKey) -> dynamodb.Table:
        made = dynamodb.Table(
            self,
            _identity(table, stage),
            partition_key=dynamodb.Attribute(name=table.partition, type=_STRING),
            sort_key=_sort_key(table),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute="ttl" if table.expires else None,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if table.stream else None,
            deletion_protection=stage.protected,
            removal_policy=removal_policy(stage),
            resource_policy=_append_only() if table.name == "audit_logs" else None,
        )
        if table.index is not None:
            made.add_global_secondary_index(
                index_name=table.index.name,
                partition_key=dynamodb.Attribute(name=table.index.partition, type=_STRING),
                sort_key=dynamodb.Attribute(name=table.index.sort, type=_NUMBER),
                projection_type=dynamodb.ProjectionType.KEYS_ONLY,
            )
        return made


def removal_policy(stage: Stage) -> cdk.RemovalPolicy:
    return cdk.RemovalPolicy.RETAIN if stage.protected else cdk.RemovalPolicy.DESTROY


def _identity(table: Table, stage: Stage) -> str:
    name = camel_case(table.name)
    return f"{name}Epoch{stage.log_epoch}" if table.name == "audit_logs" else name


def _sort_key(table: Table) -> dynamodb.Attribute | None:
    if table.sort is None:
        return None
    kind = _NUMBER if table.numeric_sort else _STRING
    return dynamodb.Attribute(name=table.sort, type=kind)


def _append_only() -> iam.PolicyDocument:
    # The policy stands on the table, so "*" is the table (naming it would make the table depend on itself).
    deny = iam.PolicyStatement(
        sid="AppendOnly",
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=list(CHANGES_DENIED),
        resources=["*"],
    )
    return iam.PolicyDocument(statements=[deny])

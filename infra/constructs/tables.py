"""The DynamoDB tables of infra/tables.py, made.

Rules of this module
- Every table is on demand, recoverable to any second of the last 35 days, encrypted with the customer's key, and
  outside the local stage neither deleted with the stack nor at all.
- `audit_logs` carries its own policy that denies changing and deleting to everybody, administrators included; only
  DynamoDB's own expiry removes a row. Its epoch is part of its identity: another epoch is another table.
"""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.naming import camel_case
from infra.stage import Stage
from infra.tables import TABLES, Table

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

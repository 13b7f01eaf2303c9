from typing import Any

import pytest

from infra.naming import camel_case
from infra.tables import TABLES, Table
from shared.store.exports import RUNNING_BY_DEADLINE
from shared.store.session_reviews import DUE_FOR_REVIEW
from tests.infra.template import Resource, Template, actions_of

NAMES = [table.name for table in TABLES]


def table_of(template: Template, table: Table) -> Resource:
    identity = f"Tables{camel_case(table.name)}"
    (found,) = (
        each
        for name, each in template.resources("AWS::DynamoDB::Table").items()
        if name.startswith(identity)
        and {"AttributeName": table.partition, "KeyType": "HASH"} in each["Properties"]["KeySchema"]
        and not any(
            other.name != table.name
            and other.name.startswith(table.name)
            and name.startswith(f"Tables{camel_case(other.name)}")
            for other in TABLES
        )
    )
    return found


@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_a_production_table_cannot_be_lost(production: Template, table: Table) -> None:
    found = table_of(production, table)
    properties = found["Properties"]
    assert properties["DeletionProtectionEnabled"] is True
    assert found["DeletionPolicy"] == found["UpdateReplacePolicy"] == "Retain"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_a_table_is_on_demand_and_encrypted_with_the_customers_key(production: Template, table: Table) -> None:
    properties = table_of(production, table)["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"]["SSEType"] == "KMS"
    assert properties["SSESpecification"]["KMSMasterKeyId"]["Fn::GetAtt"][0].startswith("KeysData")


@pytest.mark.parametrize("table", TABLES, ids=NAMES)
def test_keys_expiry_and_stream_are_as_defined(production: Template, table: Table) -> None:
    properties = table_of(production, table)["Properties"]
    keys = [key["AttributeName"] for key in properties["KeySchema"]]
    assert keys == [name for name in (table.partition, table.sort) if name]
    kinds = {each["AttributeName"]: each["AttributeType"] for each in properties["AttributeDefinitions"]}
    indexed = [table.index.partition, table.index.sort] if table.index else []
    assert kinds == {name: "N" if name in {"seq", "review_at", "deadline_at"} else "S" for name in [*keys, *indexed]}
    expiry = {"AttributeName": "ttl", "Enabled": True} if table.expires else None
    assert properties.get("TimeToLiveSpecification") == expiry
    stream = {"StreamViewType": "NEW_AND_OLD_IMAGES"} if table.stream else None
    assert properties.get("StreamSpecification") == stream


def test_sessions_to_review_and_exports_that_run_are_found_by_the_two_indexes_that_there_are(
    production: Template,
) -> None:
    indexes = {
        table.name: table_of(production, table)["Properties"].get("GlobalSecondaryIndexes", []) for table in TABLES
    }
    assert {name: [index_of(each) for each in found] for name, found in indexes.items() if found} == {
        "user_sessions": [(DUE_FOR_REVIEW, ["tenant", "review_at"])],
        "exports": [(RUNNING_BY_DEADLINE, ["running", "deadline_at"])],
    }
    assert not [
        name
        for name, found in production.resources("AWS::DynamoDB::Table").items()
        if "LocalSecondaryIndexes" in found["Properties"]
    ]


def index_of(index: dict[str, Any]) -> tuple[str, list[str]]:
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert [key["KeyType"] for key in index["KeySchema"]] == ["HASH", "RANGE"]
    return index["IndexName"], [key["AttributeName"] for key in index["KeySchema"]]


def test_the_tables_that_expire_and_stream_are_those_of_the_design() -> None:
    assert {table.name for table in TABLES if table.stream} == {"audit_logs", "outbox"}
    assert {table.name for table in TABLES if table.expires} == {
        "audit_logs",
        "user_sessions",
        "refresh_tokens",
        "step_up_challenges",
        "throttles",
        "one_time_tokens",
        "outbox",
        "invites",
        "ip_denials",
        "impersonations",
        "share_links",
    }


@pytest.mark.parametrize("key", ["KeysLedger", "KeysEvidence"])
def test_a_signing_key_signs_for_one_role_whatever_iam_says(production: Template, key: str) -> None:
    properties = production.one("AWS::KMS::Key", key)
    assert (properties["KeySpec"], properties["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    named = {each.get("Sid"): each for each in properties["KeyPolicy"]["Statement"]}
    signer = named["OneSigner"]["Principal"]["AWS"]
    assert actions_of(named["OneSigner"]) == ["kms:Sign", "kms:GetPublicKey"]
    assert named["NobodyElseSigns"]["Effect"] == "Deny"
    assert named["NobodyElseSigns"]["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": signer}}
    assert "kms:Sign" not in actions_of(named["ThisAccount"])


def test_the_two_signing_keys_have_different_signers(production: Template) -> None:
    signers = [
        statement["Principal"]["AWS"]["Fn::GetAtt"][0]
        for key in ("KeysLedger", "KeysEvidence")
        for statement in production.one("AWS::KMS::Key", key)["KeyPolicy"]["Statement"]
        if statement.get("Sid") == "OneSigner"
    ]
    assert [
        signer.startswith(name)
        for signer, name in zip(signers, ("AuditDigestRole", "EvidenceManifestRole"), strict=True)
    ] == [
        True,
        True,
    ]


@pytest.mark.parametrize("key", ["KeysData", "KeysLedger", "KeysEvidence"])
def test_in_production_nobody_schedules_the_deletion_of_a_key(production: Template, key: str) -> None:
    statements = production.one("AWS::KMS::Key", key)["KeyPolicy"]["Statement"]
    denials = [
        each for each in statements if "kms:ScheduleKeyDeletion" in actions_of(each) and each["Effect"] == "Deny"
    ]
    assert [(each["Principal"], "Condition" in each) for each in denials] == [({"AWS": "*"}, False)]


@pytest.mark.parametrize("key", ["KeysData", "KeysLedger", "KeysEvidence"])
def test_a_key_policy_lists_its_actions(production: Template, key: str) -> None:
    for statement in production.one("AWS::KMS::Key", key)["KeyPolicy"]["Statement"]:
        assert not [action for action in actions_of(statement) if "*" in action]


def test_the_data_key_rotates(production: Template) -> None:
    assert production.one("AWS::KMS::Key", "KeysData")["EnableKeyRotation"] is True


@pytest.mark.parametrize("name", ["Origin", "IntrospectionSecret"])
def test_a_secret_is_random_and_under_the_customers_key(production: Template, name: str) -> None:
    secret = production.one("AWS::SecretsManager::Secret", name)
    assert secret["GenerateSecretString"]["PasswordLength"] == 64
    assert secret["KmsKeyId"]["Fn::GetAtt"][0].startswith("KeysData")
    assert "SecretString" not in secret

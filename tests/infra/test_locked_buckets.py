import pytest

from tests.infra.template import Resource, Template


def policy_of(template: Template, bucket: str) -> dict[str, Resource]:
    statements = template.one("AWS::S3::BucketPolicy", f"{bucket}BucketPolicy")["PolicyDocument"]["Statement"]
    named = {}
    for statement in statements:
        named[statement.get("Sid") or str(statement["Condition"])] = statement
        if statement["Effect"] == "Deny":
            assert statement["Principal"] == {"AWS": "*"}
    return named


def below(bucket: str, key: str) -> Resource:
    return {"Fn::Join": ["", [{"Fn::GetAtt": [bucket, "Arn"]}, f"/{key}"]]}


def vault_id(template: Template) -> str:
    return next(name for name in template.resources("AWS::S3::Bucket") if name.startswith("Vault"))


def test_the_vault_locks_what_it_takes_for_the_stated_time(production: Template) -> None:
    vault = production.one("AWS::S3::Bucket", "Vault")
    assert vault["ObjectLockEnabled"] is True
    assert vault["ObjectLockConfiguration"]["Rule"] == {"DefaultRetention": {"Days": 2557, "Mode": "COMPLIANCE"}}
    assert vault["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = vault["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_the_exports_bucket_has_a_lock_and_no_default_that_would_lock_fragments(production: Template) -> None:
    exports = production.one("AWS::S3::Bucket", "Exports")
    assert exports["ObjectLockEnabled"] is True
    assert "Rule" not in exports.get("ObjectLockConfiguration", {})
    (rule,) = exports["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


@pytest.mark.parametrize("bucket", ["Vault", "Exports", "AccessLogs"])
def test_a_bucket_is_private_kept_and_reached_over_tls_only(production: Template, bucket: str) -> None:
    ((_, resource),) = (each for each in production.resources("AWS::S3::Bucket").items() if each[0].startswith(bucket))
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    assert set(resource["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    denials = policy_of(production, bucket)
    assert denials["{'Bool': {'aws:SecureTransport': 'false'}}"]["Action"] == "s3:*"
    assert denials["{'NumericLessThan': {'s3:TlsVersion': 1.2}}"]["Effect"] == "Deny"


@pytest.mark.parametrize("bucket", ["Vault", "Exports"])
def test_nothing_is_deleted_and_no_lock_is_bypassed(production: Template, bucket: str) -> None:
    denial = policy_of(production, bucket)["NothingIsDeleted"]
    assert denial["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"]
    assert "Condition" not in denial


def test_an_object_of_the_vault_is_written_once(production: Template) -> None:
    denial = policy_of(production, "Vault")["WrittenOnce"]
    assert (denial["Action"], denial["Condition"]) == ("s3:PutObject", {"Null": {"s3:if-none-match": "true"}})
    assert denial["Resource"] == below(vault_id(production), "*")


def test_a_bundle_is_written_once_and_parts_of_uploads_need_no_condition(production: Template) -> None:
    denial = policy_of(production, "Exports")["WrittenOnce"]
    assert denial["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }
    assert denial["NotResource"]["Fn::Join"][1][1] == "/rendering/*"


def test_the_vault_takes_no_key_that_somebody_could_delete(production: Template) -> None:
    denials = policy_of(production, "Vault")
    assert denials["NoForeignEncryption"]["Condition"] == {
        "Null": {"s3:x-amz-server-side-encryption": "false"},
        "StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"},
    }
    assert "s3:x-amz-server-side-encryption-customer-algorithm" in str(denials["NoCustomerKeys"]["Condition"])


@pytest.mark.parametrize(
    ("bucket", "retains", "days"),
    [("Vault", "VaultHoldRole", "3653"), ("Exports", "EvidenceAssembleRole", "401")],
)
def test_locks_are_set_by_one_role_and_not_beyond_the_cap(
    production: Template, bucket: str, retains: str, days: str
) -> None:
    denials = policy_of(production, bucket)
    for sid, action, role in (
        ("OneRoleRetains", "s3:PutObjectRetention", retains),
        ("OneRoleHolds", "s3:PutObjectLegalHold", "VaultHoldRole"),
    ):
        assert denials[sid]["Action"] == action
        allowed = denials[sid]["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]["Fn::GetAtt"][0]
        assert allowed.startswith(role)
    cap = denials["NobodyRetainsLonger"]
    assert cap["Condition"] == {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": days}}


def test_the_hold_role_is_for_people_with_a_second_factor_and_reads_no_content(production: Template) -> None:
    (role,) = (name for name in production.resources("AWS::IAM::Role") if name.startswith("VaultHoldRole"))
    (trust,) = production.resources("AWS::IAM::Role")[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    granted = {
        str(statement["Resource"]["Fn::Join"][1]): set(statement["Action"])
        for statement in production.statements_of(role)
    }
    holds = {"s3:GetObjectRetention", "s3:GetObjectLegalHold", "s3:PutObjectLegalHold"}
    (exports,) = (name for name in production.resources("AWS::S3::Bucket") if name.startswith("ExportsBucket"))
    assert granted == {
        str(below(vault_id(production), "*")["Fn::Join"][1]): {*holds, "s3:PutObjectRetention"},
        str(below(exports, "*")["Fn::Join"][1]): holds,  # the exports' policy lets the assembler alone set a retention
    }


def test_access_logs_which_name_addresses_are_gone_after_a_month(production: Template) -> None:
    (rule,) = production.one("AWS::S3::Bucket", "AccessLogs")["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 30)
    assert "Prefix" not in rule


def test_abandoned_uploads_and_fragments_go_away_and_public_keys_stay(production: Template) -> None:
    for bucket in ("Vault", "Exports"):
        rules = production.one("AWS::S3::Bucket", bucket)["LifecycleConfiguration"]["Rules"]
        aborts = [rule["AbortIncompleteMultipartUpload"] for rule in rules if "AbortIncompleteMultipartUpload" in rule]
        assert aborts == [{"DaysAfterInitiation": 1}]
    exports = production.one("AWS::S3::Bucket", "Exports")["LifecycleConfiguration"]["Rules"]
    assert [rule["Prefix"] for rule in exports if "ExpirationInDays" in rule] == ["rendering/", "bundles/"]
    vault = production.one("AWS::S3::Bucket", "Vault")["LifecycleConfiguration"]["Rules"]
    assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in vault if "ExpirationInDays" in rule} == {
        "log/": 2587,
        "anchor/": 2587,
    }

"""What a deployment gets that has changed its ledger key, copies its vault, and has its anchors time-stamped."""

from pathlib import Path

import pytest

from infra.stage import ROOT, Stage, UnsoundSetting
from tests.functions.time_stamping_authority import certified
from tests.infra.template import Resource, Template, actions_of, synthesized
from tests.infra.test_deployment_stage import STATED

REPLICA = {"replica_bucket_arn": "arn:aws:s3:::second-copy", "replica_account": "111122223333"}


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("roots")
    certified(folder)
    return folder / "root.pem"


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory, unbuilt_folder: Path, roots: Path) -> Template:
    """Production with every option; cdk-nag is clean, or the synthesis fails."""
    options = {"ledger_keys": 3, **REPLICA, "tsa_url": "https://tsa.example/tsr", "tsa_roots": str(roots)}
    return synthesized("production", tmp_path_factory.mktemp("extended"), unbuilt_folder, options)


def ledger_keys(template: Template) -> dict[str, Resource]:
    return {name: key for name, key in template.resources("AWS::KMS::Key").items() if name.startswith("KeysLedger")}


def test_another_ledger_key_stands_beside_the_earlier_ones_which_stay(production: Template, extended: Template) -> None:
    (first,) = ledger_keys(production)
    assert first in ledger_keys(extended)
    assert len(ledger_keys(extended)) == 3
    assert {key["DeletionPolicy"] for key in ledger_keys(extended).values()} == {"Retain"}


def test_each_ledger_key_is_never_deleted_and_signs_for_the_digest_alone(extended: Template) -> None:
    for key in ledger_keys(extended).values():
        named = {each.get("Sid"): each for each in key["Properties"]["KeyPolicy"]["Statement"]}
        signer = named["OneSigner"]["Principal"]["AWS"]
        assert signer["Fn::GetAtt"][0].startswith("AuditDigestRole")
        assert named["NobodyElseSigns"]["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": signer}}
        assert (named["NeverDeleted"]["Effect"], named["NeverDeleted"]["Action"]) == ("Deny", "kms:ScheduleKeyDeletion")


def test_the_digest_may_sign_with_all_ledger_keys_and_nobody_else_with_any(extended: Template) -> None:
    arns = [{"Fn::GetAtt": [name, "Arn"]} for name in ledger_keys(extended)]
    signers = {
        policy["Properties"]["Roles"][0]["Ref"]
        for policy in extended.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "kms:Sign" in actions_of(statement) and statement["Resource"] in arns
    }
    (signer,) = signers
    assert signer.startswith("AuditDigestRole")
    granted = [each["Resource"] for each in extended.statements_of(signer) if "kms:Sign" in actions_of(each)]
    assert sorted(map(str, granted)) == sorted(map(str, arns))


def test_the_function_knows_the_keys_in_their_order(extended: Template) -> None:
    (first,) = (name for name in ledger_keys(extended) if not name.startswith(("KeysLedger2", "KeysLedger3")))
    second, third = (
        next(name for name in ledger_keys(extended) if name.startswith(f"KeysLedger{number}")) for number in (2, 3)
    )
    variables = extended.one("AWS::Lambda::Function", "AuditDigestFunction")["Environment"]["Variables"]
    told = [each["Ref"] for each in variables["LEDGER_KEY_IDS"]["Fn::Join"][1] if isinstance(each, dict)]
    assert told == [first, second, third]


def test_the_vault_is_copied_with_its_locks_into_the_other_accounts_ownership(extended: Template) -> None:
    vault = extended.one("AWS::S3::Bucket", "Vault")
    (rule,) = vault["ReplicationConfiguration"]["Rules"]
    assert (rule["Status"], rule["Filter"], rule["DeleteMarkerReplication"]) == (
        "Enabled",
        {"Prefix": ""},
        {"Status": "Disabled"},
    )
    assert rule["Destination"] == {
        "Bucket": "arn:aws:s3:::second-copy",
        "Account": "111122223333",
        "AccessControlTranslation": {"Owner": "Destination"},
        "Metrics": {"Status": "Enabled"},
    }


def test_the_copying_role_reads_versions_and_locks_here_and_replicates_there(extended: Template) -> None:
    (role,) = (name for name in extended.resources("AWS::IAM::Role") if name.startswith("VaultReplicationRole"))
    assert extended.one("AWS::S3::Bucket", "Vault")["ReplicationConfiguration"]["Role"] == {"Fn::GetAtt": [role, "Arn"]}
    granted = {str(each["Resource"]): set(actions_of(each)) for each in extended.statements_of(role)}
    assert granted["arn:aws:s3:::second-copy/*"] == {
        "s3:ReplicateObject",
        "s3:ReplicateTags",
        "s3:ObjectOwnerOverrideToBucketOwner",
    }
    (here,) = (actions for resource, actions in granted.items() if "'/*'" in resource)
    assert {"s3:GetObjectRetention", "s3:GetObjectLegalHold", "s3:GetObjectVersionForReplication"} <= here
    every = set().union(*granted.values())
    assert not {action for action in every if "Put" in action or "Delete" in action or "*" in action}
    trust = extended.one("AWS::IAM::Role", "VaultReplicationRole")["AssumeRolePolicyDocument"]["Statement"]
    assert [each["Principal"] for each in trust] == [{"Service": "s3.amazonaws.com"}]


def test_nothing_is_copied_unless_it_is_asked_for(production: Template) -> None:
    assert "ReplicationConfiguration" not in production.one("AWS::S3::Bucket", "Vault")
    assert not [name for name in production.resources("AWS::IAM::Role") if "Replication" in name]


def test_the_function_gets_the_authority_and_its_roots(production: Template, extended: Template, roots: Path) -> None:
    def told(template: Template) -> tuple[str, str]:
        variables = template.one("AWS::Lambda::Function", "AuditDigestFunction")["Environment"]["Variables"]
        return variables["TSA_URL"], variables["TSA_ROOTS"]

    assert told(extended) == ("https://tsa.example/tsr", roots.read_text(encoding="ascii"))
    assert told(production) == ("none", "none")


def test_an_alarm_rings_for_anchors_that_have_had_no_time_stamp_for_two_days(extended: Template) -> None:
    alarm = extended.one("AWS::CloudWatch::Alarm", "ObservabilityAnchorTimeStamps")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Muniment", "AnchorTimeStampMissing")
    assert alarm["Dimensions"] == [{"Name": "service", "Value": "audit_digest"}]
    assert (alarm["Statistic"], alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"]) == (
        "Sum",
        1,
        86_400,
        2,
    )
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["TreatMissingData"] == "notBreaching"
    assert len(alarm["AlarmActions"]) == 1
    handler = (ROOT / "functions" / "audit_digest" / "handler.py").read_text(encoding="utf-8")
    assert 'name="AnchorTimeStampMissing"' in handler
    assert 'Metrics(namespace="Muniment", service="audit_digest")' in handler


def test_an_alarm_rings_for_what_was_not_copied(extended: Template) -> None:
    alarm = extended.one("AWS::CloudWatch::Alarm", "ObservabilityReplicationFailed")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/S3", "OperationsFailedReplication")
    (bucket,) = (name for name in extended.resources("AWS::S3::Bucket") if name.startswith("Vault"))
    (rule,) = extended.one("AWS::S3::Bucket", "Vault")["ReplicationConfiguration"]["Rules"]
    assert {each["Name"]: each["Value"] for each in alarm["Dimensions"]} == {
        "SourceBucket": {"Ref": bucket},
        "DestinationBucket": "second-copy",
        "RuleId": rule["Id"],
    }
    assert (alarm["Statistic"], alarm["Threshold"], alarm["TreatMissingData"]) == ("Sum", 1, "notBreaching")
    assert len(alarm["AlarmActions"]) == 1


def test_who_has_neither_authority_nor_copy_has_no_alarm_of_them(production: Template) -> None:
    named = {each["Properties"].get("MetricName") for each in production.resources("AWS::CloudWatch::Alarm").values()}
    assert not {"AnchorTimeStampMissing", "OperationsFailedReplication"} & named


@pytest.mark.parametrize(
    "options",
    [
        {"ledger_keys": 0},
        {"ledger_keys": "two"},
        {"ledger_keys": 21},
        {"tsa_url": "https://tsa.example"},
        {"tsa_roots": "LICENSE"},
        {"tsa_url": "http://tsa.example", "tsa_roots": "LICENSE"},
        {"tsa_url": "https://tsa.example/a b", "tsa_roots": "LICENSE"},
        {"tsa_url": "https://tsa.example", "tsa_roots": "LICENSE"},
        {"tsa_url": "https://tsa.example", "tsa_roots": "not-there.pem"},
        {"replica_bucket_arn": "arn:aws:s3:::second-copy"},
        {"replica_account": "111122223333"},
        {"replica_bucket_arn": "second-copy", "replica_account": "111122223333"},
        {"replica_bucket_arn": "arn:aws:s3:::second-copy", "replica_account": "1234"},
    ],
    ids=str,
)
def test_production_refuses_an_option_that_is_absurd_or_half_of_one(options: dict[str, object]) -> None:
    with pytest.raises(UnsoundSetting, match="context `"):
        Stage.production({**STATED, **options})


def test_roots_that_do_not_fit_into_an_environment_are_refused(roots: Path, tmp_path: Path) -> None:
    many = tmp_path / "many.pem"
    many.write_bytes(roots.read_bytes() * 3)
    with pytest.raises(UnsoundSetting, match="`tsa_roots`"):
        Stage.production({**STATED, "tsa_url": "https://tsa.example", "tsa_roots": str(many)})

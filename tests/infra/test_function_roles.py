from collections.abc import Iterator
from typing import Any

import pytest

from infra.concern import Concern, environment, settings_fields
from infra.concerns import CONCERNS
from infra.naming import camel_case
from shared.runtime.settings import from_environment
from shared.store.exports import RUNNING_BY_DEADLINE
from shared.store.session_reviews import DUE_FOR_REVIEW
from tests.infra.template import Resource, Template, actions_of

BY_NAME = {concern.name: concern for concern in CONCERNS}
# What the ledger's settings name for the sake of an acting session; a function without one never touches them.
OF_AN_ACTING_SESSION = {"user_sessions", "tenant_staff"}


def function_of(template: Template, concern: Concern) -> tuple[str, Resource]:
    ((name, resource),) = (
        (name, resource)
        for name, resource in template.resources("AWS::Lambda::Function").items()
        if resource["Properties"]["Description"] == f"Muniment: {concern.name}"
    )
    return name, resource["Properties"]


def role_of(template: Template, concern: Concern) -> str:
    role: str = function_of(template, concern)[1]["Role"]["Fn::GetAtt"][0]
    return role


def allowed(template: Template, concern: Concern) -> Iterator[tuple[str, Any]]:
    for statement in template.statements_of(role_of(template, concern)):
        for action in actions_of(statement):
            yield action, statement["Resource"]


@pytest.mark.parametrize("concern", CONCERNS, ids=BY_NAME)
def test_a_role_lists_its_actions_and_names_its_resources(production: Template, concern: Concern) -> None:
    permissions = list(allowed(production, concern))
    assert permissions
    for action, resource in permissions:
        assert "*" not in action
        assert resource != "*"


@pytest.mark.parametrize("concern", CONCERNS, ids=BY_NAME)
def test_a_role_is_one_functions_own_and_has_no_managed_policy(production: Template, concern: Concern) -> None:
    roles = [each["Properties"]["Role"] for each in production.resources("AWS::Lambda::Function").values()]
    role = production.resources("AWS::IAM::Role")[role_of(production, concern)]["Properties"]
    assert roles.count({"Fn::GetAtt": [role_of(production, concern), "Arn"]}) == 1
    assert "ManagedPolicyArns" not in role
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


@pytest.mark.parametrize("concern", CONCERNS, ids=BY_NAME)
def test_an_environment_is_the_settings_class_and_fills_it(production: Template, concern: Concern) -> None:
    variables = function_of(production, concern)[1]["Environment"]["Variables"]
    assert sorted(variables) == sorted(name.upper() for name in settings_fields(concern))
    module, name = concern.settings.split(":")
    settings = getattr(__import__(module, fromlist=[name]), name)
    as_text = {key: value if isinstance(value, str) else "deployed" for key, value in variables.items()}
    from_environment(settings, as_text)  # raises when a value has the wrong type


@pytest.mark.parametrize("concern", CONCERNS, ids=BY_NAME)
def test_tables_in_the_grants_are_those_in_the_settings(concern: Concern) -> None:
    named = {field.removesuffix("_table") for field in settings_fields(concern) if field.endswith("_table")}
    assert set(concern.tables) <= named
    assert named - set(concern.tables) <= OF_AN_ACTING_SESSION


@pytest.mark.parametrize("concern", CONCERNS, ids=BY_NAME)
def test_buckets_in_the_grants_are_those_in_the_settings(concern: Concern) -> None:
    named = {field.removesuffix("_bucket") for field in settings_fields(concern) if field.endswith("_bucket")}
    assert named <= {each.bucket for each in concern.objects}


@pytest.mark.parametrize("concern", CONCERNS, ids=BY_NAME)
def test_the_origin_secret_is_read_by_those_that_name_it(concern: Concern) -> None:
    assert concern.reads_origin_secret == ("origin_secret_arn" in settings_fields(concern))
    assert concern.reads_introspection_secret == ("introspection_secret_arn" in settings_fields(concern))


@pytest.mark.parametrize("concern", CONCERNS, ids=BY_NAME)
def test_who_sends_mails_or_publishes_names_the_sender_or_the_bus(concern: Concern) -> None:
    assert concern.sends_mail == ("mail_from" in settings_fields(concern))
    assert concern.publishes_events == ("event_bus_name" in settings_fields(concern))


def holders(template: Template, action: str) -> dict[str, list[Any]]:
    found = {concern.name: [arn for each, arn in allowed(template, concern) if each == action] for concern in CONCERNS}
    return {name: resources for name, resources in found.items() if resources}


def test_two_secrets_have_their_own_readers(production: Template) -> None:
    readers = holders(production, "secretsmanager:GetSecretValue")
    second = {name for name, arns in readers.items() if any(arn["Ref"].startswith("Introspection") for arn in arns)}
    assert second == {"introspection"}


def test_alerts_and_mails_leave_through_the_delivery_alone(production: Template) -> None:
    assert set(holders(production, "ses:SendEmail")) == {"notify"}
    (bus,) = holders(production, "events:PutEvents")["notify"]
    assert bus["Fn::GetAtt"][0].startswith("SecurityEventsBus")
    assert set(holders(production, "events:PutEvents")) == {"notify"}


def test_an_index_is_queried_by_those_who_look_there_and_nothing_else_of_its_table(production: Template) -> None:
    queried = holders(production, "dynamodb:Query")
    indexed = {
        name: [(arn["Fn::Join"][1][0]["Fn::GetAtt"][0], arn["Fn::Join"][1][1]) for arn in arns if "Fn::Join" in arn]
        for name, arns in queried.items()
    }
    assert {
        name: [(table[: len("TablesExports")], index) for table, index in found]
        for name, found in indexed.items()
        if found
    } == {
        "cleanup": [("TablesUserSes", f"/index/{DUE_FOR_REVIEW}")],
        "evidence_bundle": [("TablesExports", f"/index/{RUNNING_BY_DEADLINE}")],
        "evidence_fail": [("TablesExports", f"/index/{RUNNING_BY_DEADLINE}")],
    }


def test_a_mail_leaves_from_the_stated_address_only(production: Template) -> None:
    for concern in CONCERNS:
        for statement in production.statements_of(role_of(production, concern)):
            if "ses:SendEmail" in actions_of(statement):
                assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": "no-reply@muniment.example"}}
                ends = [arn["Fn::Join"][1][-1] for arn in statement["Resource"]]
                assert ends == [":identity/no-reply@muniment.example", ":identity/muniment.example"]


@pytest.mark.parametrize("concern", CONCERNS, ids=BY_NAME)
def test_logs_are_kept_and_written_by_their_own_function(production: Template, concern: Concern) -> None:
    group = function_of(production, concern)[1]["LoggingConfig"]["LogGroup"]["Ref"]
    properties = production.resources("AWS::Logs::LogGroup")[group]["Properties"]
    assert properties["LogGroupName"] == f"/muniment/{concern.name}"
    written = [resource for action, resource in allowed(production, concern) if action.startswith("logs:")]
    assert written == [{"Fn::GetAtt": [group, "Arn"]}] * 2


def test_every_log_group_has_a_retention(production: Template) -> None:
    groups = production.resources("AWS::Logs::LogGroup").values()
    assert {group["Properties"]["RetentionInDays"] for group in groups} == {400}


def test_the_audit_log_is_appended_to_and_queried_and_nothing_else(production: Template) -> None:
    (table,) = (name for name in production.resources("AWS::DynamoDB::Table") if "AuditLogs" in name)
    granted = set()
    for policy in production.resources("AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Resource"] == {"Fn::GetAtt": [table, "Arn"]}:
                granted |= set(actions_of(statement))
    assert granted == {"dynamodb:PutItem", "dynamodb:Query"}


def test_changing_and_deleting_the_audit_log_is_denied_to_everybody(production: Template) -> None:
    policy = production.one("AWS::DynamoDB::Table", "TablesAuditLogs")["ResourcePolicy"]["PolicyDocument"]
    (statement,) = policy["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", {"AWS": "*"})
    assert {"dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} <= set(statement["Action"])
    assert "Condition" not in statement


def signers(template: Template) -> set[str]:
    return {concern.name for concern in CONCERNS if "kms:Sign" in {action for action, _ in allowed(template, concern)}}


def test_two_functions_sign_each_with_its_own_key(production: Template) -> None:
    assert signers(production) == {"audit_digest", "evidence_manifest"}
    for name, key in (("audit_digest", "KeysLedger"), ("evidence_manifest", "KeysEvidence")):
        (resource,) = (arn for action, arn in allowed(production, BY_NAME[name]) if action == "kms:Sign")
        assert resource["Fn::GetAtt"][0].startswith(key)


@pytest.mark.parametrize("concern", CONCERNS, ids=BY_NAME)
def test_what_encrypts_a_table_is_used_through_the_table_only(production: Template, concern: Concern) -> None:
    for statement in production.statements_of(role_of(production, concern)):
        unseals = {action.removeprefix("kms:") for action in actions_of(statement) if action.startswith("kms:")}
        by_context = "kms:EncryptionContextKeys" in statement.get("Condition", {}).get("Null", {})
        if unseals and not by_context and not unseals <= {"Sign", "GetPublicKey"}:
            service = statement["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Join"][1]
            assert service[0] in {"dynamodb.", "s3.", "secretsmanager."}
            assert service[-1] == ".amazonaws.com"


def test_only_the_delivery_starts_the_state_machine(production: Template) -> None:
    starters = {
        concern.name
        for concern in CONCERNS
        if "states:StartExecution" in {action for action, _ in allowed(production, concern)}
    }
    assert starters == {"notify"}


def test_nobody_scans_or_deletes_but_those_whose_work_it_is() -> None:
    def having(action: str) -> set[str]:
        return {name for name, each in BY_NAME.items() if any(action in granted for granted in each.tables.values())}

    scheduled = {
        "audit_seal",
        "audit_digest",
        "audit_verify",
        "evidence_collection",
        "evidence_fail",
        "housekeeping",
        "cleanup",
        "address_sweep",
        "erasure_sweep",
        "access_review_sweep",
    }
    assert having("Scan") == {"notify", "impersonation_sweep", *scheduled}
    # A person removes his own factors and identities, an administrator factors and rules; an impersonation that ends
    # makes way for its record. Sessions and challenges go by the sweep behind an erasure alone, and tokens by nobody.
    removed = {
        "step_up": {"tenant_staff"},
        "staff": {"tenant_staff", "impersonations"},
        "access_reviews": {"impersonations"},
        "impersonation": {"impersonations"},
        "impersonation_sweep": {"impersonations"},
        "ip_rules": {"ip_rules"},
        "address_sweep": {"ip_rules", "ip_denials"},
        "sso": {"tenant_staff"},
        "sso_connections": {"sso_connections"},
        "erasure": {"tenant_staff", "subject_keys"},
        "erasure_sweep": {"tenant_staff", "user_sessions", "step_up_challenges", "outbox", "invites"},
    }
    assert having("DeleteItem") == set(removed)
    for concern, removable in removed.items():
        tables = BY_NAME[concern].tables
        assert {name for name, granted in tables.items() if "DeleteItem" in granted} == removable


def test_a_field_that_the_registry_lacks_stops_the_synthesis() -> None:
    with pytest.raises(RuntimeError, match=r"functions\.front\.settings:Settings asks for .*origin_secret_arn"):
        environment(BY_NAME["front"], {"issuer": "https://id.muniment.example"})


def test_a_stream_is_granted_to_a_table_that_has_one(production: Template) -> None:
    for concern in (each for each in CONCERNS if each.stream_of):
        streams = [arn for action, arn in allowed(production, concern) if action == "dynamodb:GetRecords"]
        table = camel_case(concern.stream_of or "")
        assert [arn["Fn::GetAtt"][1] for arn in streams] == ["StreamArn"]
        assert streams[0]["Fn::GetAtt"][0].startswith(f"Tables{table}")


def test_a_function_nobody_waits_for_hands_its_failures_to_the_dead_letters(production: Template) -> None:
    for concern in CONCERNS:
        properties = function_of(production, concern)[1]
        assert ("DeadLetterConfig" in properties) == concern.asynchronous


def test_salts_are_deleted_by_erasure_alone(production: Template) -> None:
    assert {concern.name for concern in CONCERNS if "DeleteItem" in concern.tables.get("subject_keys", ())} == {
        "erasure"
    }
    (table,) = (name for name in production.resources("AWS::DynamoDB::Table") if "SubjectKeys" in name)
    deleted = holders(production, "dynamodb:DeleteItem")
    assert [name for name, arns in deleted.items() if {"Fn::GetAtt": [table, "Arn"]} in arns] == ["erasure"]

"""What one role may do and its neighbour may not: keys of the vault, contexts of the data key, who may take a role."""

import re
from typing import Any

import pytest

from infra.concern import Concern
from infra.concerns import CONCERNS
from shared.evidence.vault import checkpoint_key, digest_key, log_prefix, public_key_key, segment_key
from shared.runtime.sealed_secret import data_key_context, outbox_context, sso_client_context, totp_context
from shared.store.signing_keys import sealing_context
from tests.infra.template import Resource, Template, actions_of

BY_NAME = {concern.name: concern for concern in CONCERNS}
# Tenants whose names are those of folders, beside an ordinary one.
PREFIXES = [log_prefix(log, tenant, 1) for log in ("prod", "seg") for tenant in ("acme", "seg", "digest", "checkpoint")]
SEGMENTS = [segment_key(prefix, 1) for prefix in PREFIXES]
STATEMENTS = [made for prefix in PREFIXES for made in (digest_key(prefix, 1), f"{digest_key(prefix, 1)}.sig")]
STATEMENTS += [checkpoint_key(prefix, 1) for prefix in PREFIXES] + [public_key_key("ab12")]
CONTEXTS = {
    "tenant_data_key": data_key_context("acme"),
    "access_token_key": sealing_context("ab12"),
    "factor": totp_context("acme", "01J"),
    "outbox": outbox_context("acme"),
    "sso_client": sso_client_context("acme", "01J"),
    "nothing": {},
    "another": {"tenant": "acme", "purpose": "another"},
    "another_purpose": {"purpose": "another", "kid": "ab12"},
    "another_factor": {"tenant": "acme", "staff": "01J", "factor": "another"},
}
OPENERS = {
    # Whoever asks the address rules seals the address of whom they refuse; the sweep only counts.
    "tenant_data_key": {"evidence_render", *(each.name for each in CONCERNS if "ip_denials" in each.tables)}
    - {"address_sweep"},
    "access_token_key": {"login", "refresh", "sessions", "step_up", "password", "invites", "impersonation", "sso"},
    "factor": {"step_up"},
    "outbox": {"notify"},
    "sso_client": {"sso"},
    "nothing": set(),
    "another": set(),
    "another_purpose": set(),
    "another_factor": set(),
}


def statements_of(template: Template, concern: Concern) -> list[Resource]:
    (role,) = (
        each["Properties"]["Role"]["Fn::GetAtt"][0]
        for each in template.resources("AWS::Lambda::Function").values()
        if each["Properties"]["Description"] == f"Muniment: {concern.name}"
    )
    return template.statements_of(role)


def matches(pattern: str, key: str) -> bool:
    """Compare as IAM does: `*` stands for anything, slashes included."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), key) is not None


def may(template: Template, name: str, action: str, key: str) -> bool:
    """Tell whether the role of a function may do `action` of S3 with this key of the vault."""
    patterns = [
        statement["Resource"]["Fn::Join"][1]
        for statement in statements_of(template, BY_NAME[name])
        if action in actions_of(statement)
    ]
    return any(
        bucket["Fn::GetAtt"][0].startswith("VaultBucket") and matches(pattern, f"/{key}")
        for bucket, pattern in patterns
    )


@pytest.mark.parametrize(
    ("writer", "own", "others"), [("audit_seal", SEGMENTS, STATEMENTS), ("audit_digest", STATEMENTS, SEGMENTS)]
)
def test_a_writer_of_the_vault_puts_its_own_keys_and_none_of_its_neighbours(
    production: Template, writer: str, own: list[str], others: list[str]
) -> None:
    for action in ("s3:PutObject", "s3:GetObject", "s3:GetObjectRetention"):
        assert [key for key in own if not may(production, writer, action, key)] == []
    assert [key for key in others if may(production, writer, "s3:PutObject", key)] == []


def test_nobody_else_puts_anything_into_the_vault(production: Template) -> None:
    writers = {
        concern.name
        for concern in CONCERNS
        for objects in concern.objects
        if objects.bucket == "vault" and "PutObject" in objects.actions
    }
    assert writers == {"audit_seal", "audit_digest"}
    for name in set(BY_NAME) - writers:
        assert not [key for key in SEGMENTS + STATEMENTS if may(production, name, "s3:PutObject", key)]


def test_the_verifier_reads_everything_of_the_vault_and_changes_nothing(production: Template) -> None:
    for key in SEGMENTS + STATEMENTS:
        for action in ("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention"):
            assert may(production, "audit_verify", action, key)
    statements = statements_of(production, BY_NAME["audit_verify"])
    allowed = {action for statement in statements for action in actions_of(statement)}
    assert {action for action in allowed if action.startswith("s3:")} == {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:GetObjectRetention",
        "s3:ListBucket",
        "s3:ListBucketVersions",
    }
    assert {action for action in allowed if action.startswith("kms:")} & {"kms:Sign", "kms:Decrypt"} <= {"kms:Decrypt"}
    assert BY_NAME["audit_verify"].tables == {
        "tenants": ("Scan",),
        "audit_logs": ("PutItem", "Query"),
        "audit_seals": ("GetItem", "Query"),
        "audit_verifications": ("GetItem", "PutItem"),
        "outbox": ("PutItem",),
    }


def fulfils(condition: dict[str, Any], context: dict[str, str]) -> bool:
    """Evaluate the conditions of infra/constructs/grants.py for a direct call of KMS; any other is a failure."""
    met = []
    for operator, wanted in condition.items():
        for key, value in wanted.items():
            if (operator, key) == ("ForAllValues:StringEquals", "kms:EncryptionContextKeys"):
                met.append(set(context) <= set([value] if isinstance(value, str) else value))
            elif (operator, key) == ("Null", "kms:EncryptionContextKeys"):
                met.append(str(not context).lower() == value)
            elif operator == "StringEquals" and key.startswith("kms:EncryptionContext:"):
                met.append(context.get(key.removeprefix("kms:EncryptionContext:")) == value)
            else:
                assert (operator, key) == ("StringEquals", "kms:ViaService")
                met.append(False)  # no service stands between
    return all(met)


def holders(template: Template, action: str, context: dict[str, str]) -> set[str]:
    return {
        concern.name
        for concern in CONCERNS
        for statement in statements_of(template, concern)
        if action in actions_of(statement) and fulfils(statement.get("Condition", {}), context)
    }


@pytest.mark.parametrize("context", CONTEXTS)
def test_what_the_data_key_sealed_is_opened_by_those_who_need_it(production: Template, context: str) -> None:
    assert holders(production, "kms:Decrypt", CONTEXTS[context]) == OPENERS[context]


def test_sealing_is_as_narrow_as_opening(production: Template) -> None:
    found = {name: holders(production, "kms:Encrypt", context) for name, context in CONTEXTS.items()}
    assert {name: sealers for name, sealers in found.items() if sealers} == {
        "access_token_key": {"housekeeping"},
        "factor": {"step_up"},
        "outbox": {"password", "invites"},
        "sso_client": {"sso_connections"},
    }


@pytest.mark.parametrize(
    ("role", "service", "source"),
    [("SchedulesRole", "scheduler", ":schedule-group/default"), ("EvidenceRole", "states", ":stateMachine:*")],
)
def test_a_service_takes_a_role_for_this_account_alone(
    production: Template, role: str, service: str, source: str
) -> None:
    (statement,) = production.one("AWS::IAM::Role", role)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
    ((_, operator),) = (
        (key, wanted["aws:SourceArn"])
        for key, wanted in statement["Condition"].items()
        if "aws:SourceArn" in wanted and key in {"StringEquals", "ArnLike"}
    )
    parts = operator["Fn::Join"][1]
    assert parts[2] == f":{service}:"
    assert parts[-2:] == [{"Ref": "AWS::AccountId"}, source]

"""The local stage deploys the template of production, but for what is listed here. Whatever else differs fails."""

import re
from collections.abc import Iterator
from typing import Any

from tests.infra.template import Template

ALLOWED = {
    "handlers run on this machine's interpreter": r"AWS::Lambda::(Function|LayerVersion)"
    r"\.Properties\.(Runtime|Architectures\[0\]|CompatibleRuntimes\[0\]|CompatibleArchitectures\[0\])",
    "layers are resolved for it": r"AWS::Lambda::LayerVersion\.Properties\.Content\.S3Key",
    "nothing outlives the local stack": r"AWS::[A-Za-z0-9:]+\.(DeletionPolicy|UpdateReplacePolicy)",
    "tables may be deleted": r"AWS::DynamoDB::Table\.Properties\.DeletionProtectionEnabled",
    "keys may be deleted": r"AWS::KMS::Key\.Properties\.KeyPolicy\.Statement.*",
    "the vault is locked for a day under governance": r"AWS::S3::Bucket\.Properties\.ObjectLockConfiguration"
    r"\.Rule\.DefaultRetention\.(Mode|Days)",
    "what the lock let go expires earlier": r"AWS::S3::Bucket\.Properties\.LifecycleConfiguration"
    r"\.Rules\[[01]\]\.ExpirationInDays",
    "bundles are locked for a day": r"AWS::S3::BucketPolicy\.Properties\.PolicyDocument\.Statement\[\d+\]"
    r"\.Condition\.NumericGreaterThan\.s3:object-lock-remaining-retention-days",
    "settings of the stage in the functions": r"AWS::Lambda::Function\.Properties\.Environment\.Variables\."
    r"(ISSUER|AUDIENCE|PUBLIC_ORIGIN|ALLOWED_ORIGINS|MAIL_FROM|LOG_NAME|LOG_ORIGIN|STAGE_NAME|EDGE_REQUIRED|LOOPBACK_ISSUERS|WATERMARK_LAG_SECONDS|WRITER_GIVE_UP_SECONDS"
    r"|EXPORTS_LOCK_MODE|EXPORTS_RETENTION_DAYS|VAULT_LOCK_MODE|VAULT_RETENTION_DAYS)",
    "the same settings among the outputs": r"Outputs\.(Issuer|Audience|PublicOrigin|AllowedOrigins|MailFrom|LogName"
    r"|LogOrigin|StageName|EdgeRequired|LoopbackIssuers|WatermarkLagSeconds|WriterGiveUpSeconds|ExportsLockMode|ExportsRetentionDays|VaultLockMode|VaultRetentionDays)\.Value",
    "mails come from another address": r"NotifyRole\w+ AWS::IAM::Policy\.Properties\.PolicyDocument\.Statement\[\d+\]"
    r"\.(Condition\.StringEquals\.ses:FromAddress|Resource\[[01]\]\.Fn::Join\[1\]\[\d+\])",
    "an export waits less for its digest": r"AWS::StepFunctions::StateMachine\.Properties\.DefinitionString.*",
    "there is no edge": r"(Edge\w+ AWS::CloudFront::\w+|Outputs\.EdgeEndpoint).*",
    "an example of an adopter's own API": r"(Example\w+ AWS::\S+|\w+Example\w+ AWS::Lambda::Permission|"
    r"Outputs\.ExampleApiId)\..*",
    "CloudFront delivers its logs by ACL": r"AWS::S3::Bucket\.Properties\.OwnershipControls\.Rules\[0\]"
    r"\.ObjectOwnership",
}


def leaves(value: Any, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, f"{path}.{name}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from leaves(each, f"{path}[{number}]")
    else:
        yield path, value


def flat(template: Template) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, resource in template.body["Resources"].items():
        found |= dict(leaves(resource, f"{name} {resource['Type']}"))
    for section in set(template.body) - {"Resources"}:
        found |= dict(leaves(template.body[section], section))
    return found


def differences(one: Template, other: Template) -> set[str]:
    left, right = flat(one), flat(other)
    return {path for path in left.keys() | right.keys() if left.get(path) != right.get(path)}


def reason_for(path: str) -> str | None:
    for reason, pattern in ALLOWED.items():
        if re.fullmatch(pattern, path) or re.fullmatch(pattern, path.partition(" ")[2]):
            return reason
    return None


def test_the_stages_differ_in_what_is_listed_and_in_nothing_else(production: Template, local: Template) -> None:
    unexplained = sorted(path for path in differences(production, local) if reason_for(path) is None)
    assert unexplained == []


def test_every_difference_on_the_list_is_there(production: Template, local: Template) -> None:
    used = {reason_for(path) for path in differences(production, local)}
    assert set(ALLOWED) - used == set()

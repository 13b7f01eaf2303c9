"""An engine that enforces IAM."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.local.deploy import client
from tests.embedded_aws import running_engine

ANY_OBJECT = "arn:aws:s3:::*/*"
FOR_A_TENANT = {
    "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["tenant"]},
    "Null": {"kms:EncryptionContextKeys": "false"},
    "StringEquals": {"kms:EncryptionContext:tenant": "acme"},
}


def statement(effect: str, action: str, resource: str = ANY_OBJECT, **more: object) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def denied_to_all(action: str, resource: str = "arn:aws:s3:::bucket/*", **condition: dict[str, str]) -> dict[str, Any]:
    return statement("Deny", action, resource, Principal="*", Condition=condition)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@dataclass(frozen=True, slots=True)
class Guarded:
    """An engine that enforces IAM, with a bucket and a role that may read and write it."""

    endpoint: str
    log: Path

    def root(self, service: str) -> Any:
        return client(service, self.endpoint)

    def as_role(self, service: str) -> Any:
        role = self.root("iam").get_role(RoleName="worker")["Role"]["Arn"]
        granted = self.root("sts").assume_role(RoleArn=role, RoleSessionName="session")
        session = granted["Credentials"]
        return boto3.client(  # type: ignore[call-overload]  # the service is not a literal here
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )

    def restrict(self, *statements: dict[str, Any]) -> None:
        self.root("s3").put_bucket_policy(Bucket="bucket", Policy=policy(*statements))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    with running_engine(folder, enforce_iam=True) as engine:
        made = Guarded(engine.endpoint, folder / "engine.log")
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        iam = made.root("iam")
        iam.create_role(RoleName="worker", AssumeRolePolicyDocument=policy(trust))
        allowed = [statement("Allow", action) for action in ("s3:GetObject", "s3:PutObject")]
        allowed.append(statement("Allow", "kms:Sign", "*"))
        allowed.append(statement("Allow", "dynamodb:Query", "arn:aws:dynamodb:*:*:table/sessions/index/due"))
        as_one = {"StringEquals": {"ses:FromAddress": "no-reply@mail.example"}}
        identity = "arn:aws:ses:us-east-1:000000000000:identity/mail.example"
        allowed.append(statement("Allow", "ses:SendEmail", identity, Condition=as_one))
        allowed.append(statement("Allow", "kms:Decrypt", "*", Condition=FOR_A_TENANT))
        iam.put_role_policy(RoleName="worker", PolicyName="work", PolicyDocument=policy(*allowed))
        made.root("s3").create_bucket(Bucket="bucket")
        made.root("s3").put_object(Bucket="bucket", Key="key", Body=b"body")
        yield made


def refused(call: Any, **arguments: object) -> bool:
    try:
        call(**arguments)
    except ClientError as refusal:
        return "AccessDenied" in refusal.response["Error"]["Code"]
    return False


def test_a_policy_that_denies_what_is_not_tls_lets_the_loopback_pass(guarded: Guarded) -> None:
    guarded.restrict(denied_to_all("s3:*", Bool={"aws:SecureTransport": "false"}))
    assert not refused(guarded.as_role("s3").get_object, Bucket="bucket", Key="key")


def test_what_a_role_may_not_do_is_refused_and_noted(guarded: Guarded) -> None:
    assert refused(guarded.as_role("s3").delete_object, Bucket="bucket", Key="key")
    noted = guarded.log.read_text()
    assert re.search(r"denied: \S+:assumed-role/worker/session may not s3:DeleteObject on", noted)


def test_a_policy_that_wants_conditional_writes_tells_them_apart(guarded: Guarded) -> None:
    guarded.restrict(
        denied_to_all(
            "s3:PutObject",
            Null={"s3:if-none-match": "true"},
            Bool={"s3:ObjectCreationOperation": "true"},
        )
    )
    s3 = guarded.as_role("s3")
    assert refused(s3.put_object, Bucket="bucket", Key="new", Body=b"1")
    assert not refused(s3.put_object, Bucket="bucket", Key="new", Body=b"1", IfNoneMatch="*")
    where = {"Bucket": "bucket", "Key": "parts"}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    part = {"PartNumber": 1, "ETag": s3.upload_part(**where, PartNumber=1, Body=b"1")["ETag"]}
    whole = {"MultipartUpload": {"Parts": [part]}}
    assert refused(s3.complete_multipart_upload, **where, **whole)
    assert not refused(s3.complete_multipart_upload, **where, **whole, IfNoneMatch="*")


def test_a_policy_limits_how_long_a_writer_may_lock(guarded: Guarded) -> None:
    root = guarded.root("s3")
    root.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    limit = {"s3:object-lock-remaining-retention-days": "2"}
    longer = denied_to_all("s3:PutObject", "arn:aws:s3:::locked/*", NumericGreaterThan=limit)
    root.put_bucket_policy(Bucket="locked", Policy=policy(longer))
    s3 = guarded.as_role("s3")

    def lock(days: int) -> dict[str, object]:
        until = datetime.now(UTC) + timedelta(days=days, hours=-1)
        return {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}

    assert not refused(s3.put_object, Bucket="locked", Key="key", Body=b"1", **lock(2))
    assert refused(s3.put_object, Bucket="locked", Key="key", Body=b"1", **lock(4))


def test_a_key_that_is_denied_to_everybody_but_a_role_is_that_roles(guarded: Guarded) -> None:
    role = guarded.root("iam").get_role(RoleName="worker")["Role"]["Arn"]
    owner = statement("Allow", "kms:*", "*", Principal={"AWS": "arn:aws:iam::000000000000:root"})
    others = denied_to_all("kms:Sign", "*", ArnNotEquals={"aws:PrincipalArn": role})
    key = guarded.root("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Policy=policy(owner, others))[
        "KeyMetadata"
    ]["KeyId"]
    signing = {"KeyId": key, "Message": b"1", "SigningAlgorithm": "ECDSA_SHA_256"}
    assert not refused(guarded.as_role("kms").sign, **signing)


def test_a_role_that_may_unseal_for_one_context_unseals_for_no_other(guarded: Guarded) -> None:
    root = guarded.root("kms")
    key = root.create_key()["KeyMetadata"]["KeyId"]

    def may_open(**context: str) -> bool:
        sealed = root.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
        opened = {"KeyId": key, "CiphertextBlob": sealed, "EncryptionContext": context}
        return not refused(guarded.as_role("kms").decrypt, **opened)

    assert may_open(tenant="acme")
    assert not may_open(tenant="other")
    assert not may_open(tenant="acme", staff="somebody", factor="totp")
    assert not may_open(purpose="access_token")
    assert not may_open()


def test_a_role_that_may_send_as_one_address_sends_as_no_other(guarded: Guarded) -> None:
    for domain in ("mail.example", "other.example"):
        guarded.root("sesv2").create_email_identity(EmailIdentity=domain)
    content = {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "World"}}}}
    to = {"ToAddresses": ["somebody@company.example"]}

    def may_send(address: str) -> bool:
        old = {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "World"}}}
        answers = {
            refused(guarded.as_role("sesv2").send_email, FromEmailAddress=address, Destination=to, Content=content),
            refused(guarded.as_role("ses").send_email, Source=address, Destination=to, Message=old),
        }
        assert len(answers) == 1, "both versions of the API are authorized alike"
        return answers == {False}

    assert may_send("no-reply@mail.example")
    assert may_send("Muniment <no-reply@mail.example>")
    assert not may_send("somebody@mail.example")
    assert not may_send("no-reply@other.example")


def test_a_role_that_may_query_an_index_queries_neither_its_table_nor_another_index(guarded: Guarded) -> None:
    key = {"AttributeName": "tenant", "KeyType": "HASH"}
    index = {"KeySchema": [key], "Projection": {"ProjectionType": "KEYS_ONLY"}}
    guarded.root("dynamodb").create_table(
        TableName="sessions",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "tenant")],
        GlobalSecondaryIndexes=[{"IndexName": name, **index} for name in ("due", "other")],
        BillingMode="PAY_PER_REQUEST",
    )

    def may_query(name: str, **where: str) -> bool:
        values = {":value": {"S": "acme"}}
        query = guarded.as_role("dynamodb").query
        condition = f"{name} = :value"
        return not refused(
            query, TableName="sessions", KeyConditionExpression=condition, ExpressionAttributeValues=values, **where
        )

    assert may_query("tenant", IndexName="due")
    assert not may_query("tenant", IndexName="other")
    assert not may_query("id")

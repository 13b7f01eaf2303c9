"""Signature Version 4, with botocore as the oracle."""

import hashlib
from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from shared.store.wire import sign

PRINTABLE = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
STAMP = "20261001T093012Z"


@given(
    body=st.binary(max_size=300),
    access_key=st.from_regex("[A-Z0-9]{16,20}", fullmatch=True),
    secret=PRINTABLE,
    token=st.none() | PRINTABLE,
    region=st.sampled_from(["us-east-1", "eu-central-1"]),
    service=st.sampled_from(["dynamodb", "kms", "secretsmanager"]),
    target=st.from_regex("[A-Za-z_0-9]{4,20}[.][A-Za-z]{3,20}", fullmatch=True),
)
def test_our_signature_is_botocores(
    body: bytes, access_key: str, secret: str, token: str | None, region: str, service: str, target: str
) -> None:
    host = f"{service}.{region}.amazonaws.com"
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": host,
        "x-amz-date": STAMP,
        "x-amz-target": target,
    }
    if token:
        headers["x-amz-security-token"] = token
    environ = {"AWS_REGION": region, "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret}
    ours = sign(headers, body, environ, service=service, stamp=STAMP)

    request = AWSRequest("POST", f"https://{host}/", headers=headers, data=body)
    request.context["timestamp"] = STAMP
    auth = SigV4Auth(Credentials(access_key, secret, token), service, region)
    canonical = auth.canonical_request(request)
    theirs = auth.signature(auth.string_to_sign(request, canonical), request)

    assert ours.rpartition("Signature=")[2] == theirs
    assert f"Credential={access_key}/{datetime(2026, 10, 1, tzinfo=UTC):%Y%m%d}/{region}/{service}/" in ours
    assert hashlib.sha256(body).hexdigest() in canonical

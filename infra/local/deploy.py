"""Deploy a synthesized CDK stack, unchanged, into the embedded AWS.

What `cdk deploy` does against an account that was bootstrapped: put each asset under the bucket and
key that the assembly names, create or update the stack from the template, wait, and report the
outputs, or each resource that failed with its reason.
"""

import functools
import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.engine import REGION

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

# The reproducible zip's only date (the format begins in 1980), so equal code gives equal bytes.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_TEMPLATE = ".template.json"
_ASSETS = ".assets.json"
_TEMPLATES = "muniment-local-templates"
_BOOTSTRAP_VERSION = "30"
_POLL_SECONDS = 0.1


class DeployFailed(RuntimeError):
    """The stack did not come up; the message names each resource that failed and why."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """One stack of a cloud assembly (a `cdk.out` folder)."""

    folder: Path
    stack_name: str

    @classmethod
    def only_stack_in(cls, folder: Path) -> "Assembly":
        """Find the one stack of `folder`; DeployFailed when there is none, or more than one."""
        names = sorted(path.name.removesuffix(_TEMPLATE) for path in folder.glob(f"*{_TEMPLATE}"))
        if len(names) != 1:
            raise DeployFailed(f"{folder} must hold one synthesized stack, found {names or 'none'}")
        return cls(folder, names[0])

    def template(self) -> str:
        return (self.folder / f"{self.stack_name}{_TEMPLATE}").read_text(encoding="utf-8")

    def files(self) -> Iterator[dict[str, Any]]:
        """Yield the file assets; none when the stack was synthesized without any."""
        listing = self.folder / f"{self.stack_name}{_ASSETS}"
        if listing.exists():
            yield from json.loads(listing.read_text(encoding="utf-8"))["files"].values()


_ATTEMPTS = 2
_READ_SECONDS = 120
_making_a_client = threading.Lock()


@functools.cache
def client(service: str, endpoint: str, *, attempts: int = _ATTEMPTS, read_seconds: float = _READ_SECONDS) -> Any:  # noqa: ANN401 -- boto3 makes its clients at run time
    """Make a boto3 client of the embedded AWS with the root credentials that it takes.

    Nothing of the developer's AWS configuration (profiles, proxies, endpoints) has a say in it.
    """
    config = Config(
        signature_version="v4",
        retries={"total_max_attempts": attempts},
        read_timeout=read_seconds,
        proxies={},
    )
    with _making_a_client:  # a session is not thread-safe, its clients are
        return _session().client(  # type: ignore[call-overload]  # the service is not a literal here
            service,
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 -- the engine's own root secret, not a secret
            config=config,
        )


@functools.cache
def _session() -> boto3.Session:
    unread = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return boto3.Session(botocore_session=botocore.session.Session(session_vars=unread))


def deploy(endpoint: str, assembly: Assembly) -> dict[str, str]:
    """Bring the stack to what `assembly` says and return its outputs.

    Raises DeployFailed. A stack that is already so is left as it is.
    """
    _upload(endpoint, assembly)
    cloudformation: CloudFormationClient = client("cloudformation", endpoint)
    if _submit(cloudformation, assembly, _template_url(endpoint, assembly)):
        _wait(cloudformation, assembly.stack_name)
    return _outputs(_described(cloudformation, assembly.stack_name))


def _upload(endpoint: str, assembly: Assembly) -> None:
    account = client("sts", endpoint).get_caller_identity()["Account"]
    client("ssm", endpoint).put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version",
        Value=_BOOTSTRAP_VERSION,
        Type="String",
        Overwrite=True,
    )
    s3 = client("s3", endpoint)
    buckets: set[str] = set()
    for asset in assembly.files():
        body = _body(assembly.folder, asset["source"])
        for destination in asset["destinations"].values():
            bucket = _resolved(destination["bucketName"], account)
            if bucket not in buckets:
                s3.create_bucket(Bucket=bucket)
                buckets.add(bucket)
            s3.put_object(Bucket=bucket, Key=_resolved(destination["objectKey"], account), Body=body)


def _resolved(text: str, account: str) -> str:
    values = {"AccountId": account, "Region": REGION, "Partition": "aws"}
    for name, value in values.items():
        text = text.replace(f"${{AWS::{name}}}", value)
    return text


def _body(folder: Path, source: dict[str, str]) -> bytes:
    path = folder / source["path"]
    return _zipped(path) if source["packaging"] == "zip" and path.is_dir() else path.read_bytes()


def _zipped(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_EPOCH)
                entry.external_attr = (path.stat().st_mode & 0o777) << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)
    return packed.getvalue()


def _template_url(endpoint: str, assembly: Assembly) -> str:
    """Lay the template into a bucket and give its address: a request carries at most 51,200 bytes of it."""
    s3 = client("s3", endpoint)
    s3.create_bucket(Bucket=_TEMPLATES)
    key = f"{assembly.stack_name}.template.json"
    s3.put_object(Bucket=_TEMPLATES, Key=key, Body=assembly.template().encode())
    return f"{endpoint}/{_TEMPLATES}/{key}"


def _submit(cloudformation: "CloudFormationClient", assembly: Assembly, template_url: str) -> bool:
    """Ask for the stack; False when there is nothing to change."""
    exists = _described(cloudformation, assembly.stack_name) is not None
    submit = cloudformation.update_stack if exists else cloudformation.create_stack
    try:
        submit(
            StackName=assembly.stack_name,
            TemplateURL=template_url,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except ClientError as refused:
        message = refused.response["Error"].get("Message", "")
        if "No updates are to be performed" in message:
            return False
        raise DeployFailed(f"{assembly.stack_name}: {message}") from refused
    return True


def _described(cloudformation: "CloudFormationClient", stack_name: str) -> "StackTypeDef | None":
    try:
        return cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as absent:
        if "does not exist" in absent.response["Error"].get("Message", ""):
            return None
        raise


def _wait(cloudformation: "CloudFormationClient", stack_name: str) -> None:
    while (stack := _described(cloudformation, stack_name)) is not None:
        status = stack["StackStatus"]
        if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(_POLL_SECONDS)
    raise DeployFailed(_report(cloudformation, stack_name, stack))


def _report(cloudformation: "CloudFormationClient", stack_name: str, stack: "StackTypeDef | None") -> str:
    status = stack["StackStatus"] if stack else "gone"
    lines = [f"stack {stack_name} is {status}"]
    if stack:
        events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
        lines += [
            f"  {event.get('LogicalResourceId')} ({event.get('ResourceType')}):"
            f" {event.get('ResourceStatusReason', 'no reason given')}"
            for event in reversed(events)
            if event.get("ResourceStatus", "").endswith("_FAILED")
        ]
    return "\n".join(lines)


def _outputs(stack: "StackTypeDef | None") -> dict[str, str]:
    listed = stack.get("Outputs", []) if stack else []
    return {
        output["OutputKey"]: output["OutputValue"]
        for output in listed
        if "OutputKey" in output and "OutputValue" in output
    }

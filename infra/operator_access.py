"""How a command of the operator's finds its deployment, and by what right it acts on it.

1. The deployment: the stack that is named, or the local stage if it runs, else the stack of the usual name. 2. The
operator's own credentials, from wherever boto3 finds them; IAM says what they are good for, and the log who it was.
What cannot be had is one line for whoever sits at the terminal (`FAULTS`, `one_line`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.record import RecordFile
from infra.operator_name import operator_name
from shared.runtime.settings import from_environment
from shared.store.transaction import Contended
from shared.store.wire import ServiceError, Unavailable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")

DEFAULT_STACK: Final = "Muniment"
_LOCAL: Final = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class NoAccess(RuntimeError):
    """The message is one line for the operator."""


FAULTS: Final = (NoAccess, BotoCoreError, ClientError, ServiceError, Unavailable, Contended)


@dataclass(frozen=True, slots=True)
class Access:
    """`outputs` are those of the stack; `environ` holds region, credentials and, of a stage, the endpoint."""

    outputs: Mapping[str, str]
    environ: Mapping[str, str]

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        return _client(service, self.environ)

    def operator(self) -> str:
        """Ask AWS who it is; gives what the log may hold of the ARN."""
        return operator_name(self.client("sts").get_caller_identity()["Arn"])

    def settings(self, kind: type[S], **instead: str) -> S:
        """Read the outputs, which are named as the fields of `kind` are, in CamelCase; raises `NoAccess`.

        `kind` is a dataclass; `instead` are values of fields that are not what the outputs say.
        """
        names = {name: "".join(map(str.capitalize, name.split("_"))) for name in (each.name for each in fields(kind))}
        found = {name.upper(): self.outputs[output] for name, output in names.items() if output in self.outputs}
        found |= {name.upper(): value for name, value in instead.items()}
        try:
            return from_environment(kind, found)
        except RuntimeError as fault:
            raise NoAccess(f"This stack is not one of Muniment: {fault}") from fault


def access_of(stack: str | None, endpoint: str | None, environ: Mapping[str, str], home: Path) -> Access:
    """Find the stack that is named; without a name the local stage of `home` if it runs, else the usual stack.

    `endpoint` is of the AWS API, where it is not AWS itself. Raises one of `FAULTS`.
    """
    record = RecordFile(home).read() if stack is None and endpoint is None else None
    if record is not None and record.is_running() and record.deployment is not None:
        return Access(record.deployment.outputs, {**_LOCAL, "AWS_ENDPOINT_URL": record.deployment.aws_endpoint})
    endpoint = endpoint or environ.get("AWS_ENDPOINT_URL")
    variables = _credentials(environ) | ({} if endpoint is None else {"AWS_ENDPOINT_URL": endpoint})
    described = _client("cloudformation", variables).describe_stacks(StackName=stack or DEFAULT_STACK)
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Stacks"][0].get("Outputs", [])}
    return Access(outputs, variables)


def one_line(fault: Exception) -> str:
    return f"{' '.join(str(fault).split())}\n"


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    session = boto3.Session(region_name=environ.get("AWS_REGION"))
    found = session.get_credentials()
    if found is None or session.region_name is None:
        raise NoAccess("No AWS credentials or no region: sign in with the AWS CLI and set AWS_REGION.")
    frozen = found.get_frozen_credentials()
    variables = {
        "AWS_REGION": session.region_name,
        "AWS_ACCESS_KEY_ID": str(frozen.access_key),
        "AWS_SECRET_ACCESS_KEY": str(frozen.secret_key),
    }
    return variables | ({"AWS_SESSION_TOKEN": frozen.token} if frozen.token else {})


def _client(service: str, environ: Mapping[str, str]) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    session = boto3.Session(
        environ["AWS_ACCESS_KEY_ID"],
        environ["AWS_SECRET_ACCESS_KEY"],
        environ.get("AWS_SESSION_TOKEN"),
        environ["AWS_REGION"],
    )
    return session.client(  # type: ignore[call-overload]  # the service is not a literal here
        service, endpoint_url=environ.get("AWS_ENDPOINT_URL")
    )

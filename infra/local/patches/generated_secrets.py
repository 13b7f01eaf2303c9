"""CloudFormation generates a secret as it was asked to, and refers to it by ARN.

Vanilla reads PasswordLength and ExcludeCharacters of GenerateSecretString and ignores the rest
(ExcludePunctuation, RequireEachIncludedType, ...), takes the characters from a generator that is
not made for secrets, and lets `Ref` be the secret's name. On AWS the value is that of
GetRandomPassword with the same options, and `Ref` is the ARN (AWS::SecretsManager::Secret, return
values), which CDK puts into policies and environments.
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

from infra.local.seams import Seam

_PROVISIONERS = "ministack.services.cloudformation.provisioners"
_SERVICE = "ministack.services.secretsmanager"
SEAMS = (
    Seam(_PROVISIONERS, "_RESOURCE_HANDLERS", kind="dict"),
    Seam(_PROVISIONERS, "_sm_secret_string", ("props",)),
    Seam(_PROVISIONERS, "_sm_secret_create", ("logical_id", "props", "stack_name")),
    Seam(
        _PROVISIONERS,
        "_sm_secret_update",
        ("physical_id", "old_props", "new_props", "stack_name", "logical_id"),
    ),
    Seam(_PROVISIONERS, "_sm_secret_delete", ("physical_id", "props")),
    Seam(_SERVICE, "_get_random_password", ("data",)),
    Seam(_SERVICE, "_resolve", ("secret_id", "use_arn_scope")),
)

_FLAGS = (
    "ExcludeLowercase",
    "ExcludeNumbers",
    "ExcludePunctuation",
    "ExcludeUppercase",
    "IncludeSpace",
    "RequireEachIncludedType",
)
Provisioned = tuple[str, dict[str, Any]]


def _secret_string(props: dict[str, Any]) -> str:
    wanted = props.get("GenerateSecretString")
    if wanted is None or props.get("SecretString"):
        return str(props.get("SecretString", ""))
    generated = _password(wanted)
    if "SecretStringTemplate" not in wanted:
        return generated
    filled = json.loads(wanted["SecretStringTemplate"])
    return json.dumps(filled | {wanted["GenerateStringKey"]: generated})


def _password(wanted: dict[str, Any]) -> str:
    request: dict[str, Any] = {name: str(wanted[name]).lower() == "true" for name in _FLAGS if name in wanted}
    request["PasswordLength"] = int(wanted.get("PasswordLength", 32))
    request["ExcludeCharacters"] = wanted.get("ExcludeCharacters", "")
    status, _headers, body = secretsmanager._get_random_password(request)
    answer = json.loads(body)
    if status != HTTPStatus.OK:
        raise ValueError(f"AWS::SecretsManager::Secret GenerateSecretString: {answer}")
    return str(answer["RandomPassword"])


def _creating(create: Callable[..., Provisioned]) -> Callable[..., Provisioned]:
    def create_with_arn(logical_id: str, props: dict[str, Any], stack_name: str) -> Provisioned:
        _name, attributes = create(logical_id, props, stack_name)
        return attributes["Arn"], attributes

    return create_with_arn


def _updating(update: Callable[..., Provisioned]) -> Callable[..., Provisioned]:
    def update_by_arn(physical_id: str, *rest: Any) -> Provisioned:  # noqa: ANN401 -- as vanilla
        _name, attributes = update(_name_of(physical_id), *rest)
        return attributes["Arn"], attributes

    return update_by_arn


def _deleting(delete: Callable[..., None]) -> Callable[..., None]:
    def delete_by_arn(physical_id: str, props: dict[str, Any]) -> None:
        delete(_name_of(physical_id), props)

    return delete_by_arn


def _name_of(physical_id: str) -> str:
    name, _secret = secretsmanager._resolve(physical_id)
    return str(name or physical_id)


def apply() -> None:
    """Replace the generator and wrap the provisioner of AWS::SecretsManager::Secret."""
    provisioners._sm_secret_string = _secret_string
    secret = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    secret["create"] = _creating(secret["create"])
    secret["update"] = _updating(secret["update"])
    secret["delete"] = _deleting(secret["delete"])

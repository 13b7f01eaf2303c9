"""Sending a mail is authorized for its sender.

Vanilla, with IAM enforced, asks for ses:SendEmail on `*` and knows no condition key of SES, so a role that may send as
one address is denied everything. On AWS the resource is the verified identity that the address belongs to, and
`ses:FromAddress` is the address ("Actions, resources, and condition keys for Amazon SES v2").
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from email.utils import parseaddr
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import ses, ses_v2

from infra.local.seams import Seam

_ACTIONS = "ministack.core.iam_actions"
SEAMS = (
    Seam(
        _ACTIONS,
        "extract_resource_arn",
        ("service", "method", "path", "headers", "body", "query_params", "region", "account_id"),
    ),
    Seam("ministack.core.iam_evaluator", "_resolve_condition_key", ("key", "ctx")),
    Seam("ministack.services.ses", "_identities"),
    Seam("ministack.services.ses_v2", "_identities"),
)

_OUTBOUND = "/v2/email/outbound-emails"
_sender: ContextVar[str | None] = ContextVar("sender", default=None)  # of the request that is being authorized


def _with_sender(vanilla: Callable[..., str]) -> Callable[..., str]:
    def resource_arn(
        service: str,
        method: str,
        path: str,
        headers: object,
        body: bytes,
        query_params: Mapping[str, Any],
        region: str,
        account_id: str,
    ) -> str:
        sender = _sender_of(path, body, query_params) if service == "ses" and method == "POST" else None
        _sender.set(sender)
        if sender is None:
            return vanilla(service, method, path, headers, body, query_params, region, account_id)
        return f"arn:aws:ses:{region}:{account_id}:identity/{_identity(sender)}"

    return resource_arn


def _sender_of(path: str, body: bytes, query_params: Mapping[str, Any]) -> str | None:
    """Name the address that a request sends as; None for a request that sends nothing."""
    if path.rstrip("/") == _OUTBOUND:
        try:
            stated = json.loads(body)["FromEmailAddress"]
        except (ValueError, LookupError, TypeError):
            return None  # SES itself will refuse it
    else:
        named = query_params.get("Source", "")
        stated = named[0] if isinstance(named, list) else named
    return parseaddr(str(stated))[1] or None


def _identity(address: str) -> str:
    known = address in ses._identities or address in ses_v2._identities
    return address if known else address.rpartition("@")[2]


def _resolving(resolve: Callable[[str, Any], object]) -> Callable[[str, Any], object]:
    def resolve_sender(key: str, ctx: Any) -> object:  # noqa: ANN401 -- as vanilla
        return _sender.get() if key.lower() == "ses:fromaddress" else resolve(key, ctx)

    return resolve_sender


def apply() -> None:
    """Wrap what names the resource of a request, and the look-up of condition keys."""
    iam_actions.extract_resource_arn = _with_sender(iam_actions.extract_resource_arn)
    iam_evaluator._resolve_condition_key = _resolving(iam_evaluator._resolve_condition_key)

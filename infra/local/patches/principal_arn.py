"""The condition key aws:PrincipalArn names a role, not its session.

Vanilla, with IAM enforced, gives `arn:aws:sts::...:assumed-role/ROLE/SESSION` for a caller that has
assumed a role, so a key policy that denies "everybody but this role" denies the role too. On AWS the
key is the ARN of the role itself ("AWS global condition context keys").
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam

from infra.local.seams import Seam

_EVALUATOR = "ministack.core.iam_evaluator"
SEAMS = (
    Seam(_EVALUATOR, "_resolve_condition_key", ("key", "ctx")),
    Seam(_EVALUATOR, "_role_name_from_assumed_arn", ("assumed_arn",)),
    Seam("ministack.services.iam", "_roles"),
)


def _resolving(resolve: Callable[[str, Any], object]) -> Callable[[str, Any], object]:
    def resolve_role(key: str, ctx: Any) -> object:  # noqa: ANN401 -- as vanilla
        if key.lower() != "aws:principalarn" or ":assumed-role/" not in ctx.principal_arn:
            return resolve(key, ctx)
        name = iam_evaluator._role_name_from_assumed_arn(ctx.principal_arn)
        role = iam._roles.get_scoped(ctx.principal_account, None, name)
        return role["Arn"] if role else resolve(key, ctx)

    return resolve_role


def apply() -> None:
    """Wrap the look-up of condition keys."""
    iam_evaluator._resolve_condition_key = _resolving(iam_evaluator._resolve_condition_key)

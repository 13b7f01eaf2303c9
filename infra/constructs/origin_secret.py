"""The secret with which the edge proves to the functions that a request came through it."""

from typing import Final

from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.constructs.acknowledgement import acknowledge
from infra.constructs.tables import removal_policy
from infra.stage import Stage

_CHARACTERS: Final = 64


class OriginSecret(Construct):
    """A plain random string; the functions read it by ARN (current and previous), it never stands in an environment."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, construct_id)
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description="Muniment: value of X-Origin-Verify between the edge and the functions",
            # By its ARN: given the key itself, the CDK would widen the key's policy with `*` actions.
            encryption_key=kms.Key.from_key_arn(self, "Key", key.key_arn),
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=_CHARACTERS, exclude_punctuation=True, include_space=False
            ),
            removal_policy=removal_policy(stage),
        )
        acknowledge(
            self.secret,
            {
                "AwsSolutions-SMG4": "Rotated by an operator: a new value must reach the "
                "distribution in the same deployment; functions accept current and previous."
            },
        )

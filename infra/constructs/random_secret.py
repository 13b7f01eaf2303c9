"""A random string in Secrets Manager that two parties share: the functions, and somebody outside of them."""

from typing import Final

from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.constructs.acknowledgement import acknowledge
from infra.constructs.tables import removal_policy
from infra.stage import Stage

_CHARACTERS: Final = 64


class RandomSecret(Construct):
    """`secret`; functions read it by ARN (current and previous), it never stands in an environment.

    `unrotated` says why no schedule rotates it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, stage: Stage, key: kms.IKey, describes: str, unrotated: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description=f"Muniment: {describes}",
            # By its ARN: given the key itself, the CDK would widen the key's policy with `*` actions.
            encryption_key=kms.Key.from_key_arn(self, "Key", key.key_arn),
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=_CHARACTERS, exclude_punctuation=True, include_space=False
            ),
            removal_policy=removal_policy(stage),
        )
        acknowledge(self.secret, {"AwsSolutions-SMG4": unrotated})

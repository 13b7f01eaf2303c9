"""What the function that answers for the whole API reads from its environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Field names are environment variables in upper case; infra fills them from its registry."""

    origin_secret_arn: str
    edge_required: bool
    issuer: str
    software_version: str

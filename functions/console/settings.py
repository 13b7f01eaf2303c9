"""What the console reads from its environment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Field names are environment variables in upper case; infra fills them from its registry."""

    origin_secret_arn: str
    edge_required: bool

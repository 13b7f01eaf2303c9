"""What the security settings read from their environment."""

from dataclasses import dataclass

from shared.edge.wiring import PolicySettings


@dataclass(frozen=True, slots=True)
class Settings(PolicySettings):
    """`access_token_seconds` is told and cannot be changed: it is the deployment's."""

    access_token_seconds: int

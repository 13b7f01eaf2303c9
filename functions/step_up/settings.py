"""What enrolment and step-up read from their environment."""

from dataclasses import dataclass

from shared.edge.wiring import PolicySettings


@dataclass(frozen=True, slots=True)
class Settings(PolicySettings):
    """`data_key_id` seals TOTP secrets and unseals the signing key.

    `allowed_origins`, separated by commas: pages that may use passkeys, and whose cookies are believed.
    """

    step_up_challenges_table: str
    refresh_tokens_table: str
    outbox_table: str
    access_token_seconds: int
    allowed_origins: str
    security_retention_seconds: int

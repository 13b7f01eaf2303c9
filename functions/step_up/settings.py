"""What enrolment and step-up read from their environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """`data_key_id` seals TOTP secrets and unseals the signing key."""

    subject_keys_table: str
    step_up_challenges_table: str
    data_key_id: str
    access_token_seconds: int

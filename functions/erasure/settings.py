"""What the erasure of people reads from its environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """`data_key_id` also opens the tenants' data keys, for what the log holds of whoever erases."""

    invites_table: str
    legal_holds_table: str
    erasures_table: str
    outbox_table: str


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """Of the sweep, which decides nothing and writes no event: it takes away what PII_ERASED has told of."""

    tenant_staff_table: str
    user_sessions_table: str
    step_up_challenges_table: str
    outbox_table: str
    invites_table: str
    impersonations_table: str
    legal_holds_table: str
    access_reviews_table: str
    erasures_table: str

"""What the evidence calendar reads from its environment."""

from dataclasses import dataclass

from shared.edge.wiring import HttpSettings


@dataclass(frozen=True, slots=True)
class Settings(HttpSettings):
    """`data_key_id` also opens the tenants' data keys, for the reasons of waivers."""

    evidence_calendar_table: str
    audit_verifications_table: str

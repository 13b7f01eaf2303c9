"""Environment of the delivery."""

from __future__ import annotations

from dataclasses import dataclass

from shared.store.transaction import LedgerSettings


@dataclass(frozen=True, slots=True)
class Settings(LedgerSettings):
    """`mail_from` is a sender that SES has verified; links in mails lead to `public_origin` (https, no trailing slash).

    `data_key_id` unseals the secrets of links, for this table alone.
    """

    outbox_table: str
    invites_table: str
    evidence_state_machine_arn: str
    event_bus_name: str
    mail_from: str
    public_origin: str
    data_key_id: str

"""Deliver one effect. Every delivery is idempotent, because the stream and the sweep may both bring the same row.

1. Read the row again: what is closed has happened. 2. Make it happen, at least once. 3. Note it.

What can never be delivered (the person was erased, the address is none, the link has expired) is closed as such, with a
reason. Everything else that fails stays pending for the next sweep.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from functions.notify.alert import EMAIL, EVENT_BUS, AlertRecord
from functions.notify.bus import Bus
from functions.notify.courier import Courier
from functions.notify.message import compose
from functions.notify.recipient import AddressBook
from functions.notify.settings import Settings
from functions.notify.templates import TEMPLATES
from shared.audit.moment import rfc3339
from shared.domain.mail_address import deliverable
from shared.runtime.sealed_secret import SecretSealer, outbox_context
from shared.store.attribute import Row
from shared.store.item import get
from shared.store.outbox import (
    BUS_EVENT,
    DELIVERED,
    INVITATION,
    MAIL,
    PENDING,
    SECURITY_ALERT,
    START_EXPORT,
    UNDELIVERABLE,
    close,
    closed,
    pending_effects,
)
from shared.store.wire import Clock, JsonService, ServiceError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

STREAM_HEADSTART_SECONDS: Final = 60  # the sweep leaves younger rows to the stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    dynamodb: JsonService
    step_functions: SFNClient
    courier: Courier
    bus: Bus
    alerts: AlertRecord
    addresses: AddressBook
    sealer: SecretSealer
    settings: Settings
    clock: Clock

    def deliver(self, image: Row) -> None:
        """Make the effect happen, then note it. Raises `RuntimeError` for a kind that nothing here delivers."""
        # 1. Happened already: a repeated record.
        key = {"tenant": image["tenant"], "effect_id": image["effect_id"]}
        effect = get(self.dynamodb, self.settings.outbox_table, key)
        if effect is None or effect["status"] != PENDING:
            return
        # 2. and 3.
        match effect["kind"]:
            case kind if kind == START_EXPORT:
                self._start_export(effect["effect_id"], effect["payload"])
                self._close(effect, DELIVERED)
            case kind if kind in {MAIL, INVITATION}:
                reason = self._mail(effect)
                self._close(effect, UNDELIVERABLE if reason else DELIVERED, reason)
            case kind if kind == SECURITY_ALERT:
                self._alert(effect)
            case kind if kind == BUS_EVENT:
                self.bus.put_event(effect)
                self._close(effect, DELIVERED)
            case kind:
                raise RuntimeError(f"no delivery for effects of kind {kind}")

    def sweep(self) -> int:
        """Deliver what the stream lost; gives how many. A fault is raised only after all others were tried."""
        late = self.clock() - STREAM_HEADSTART_SECONDS
        number, faults = 0, list[Exception]()
        for effect in pending_effects(self.dynamodb, self.settings.outbox_table, late):
            try:
                self.deliver(effect)
            except Exception as fault:  # noqa: BLE001 - collected and raised below
                fault.add_note(f"effect {effect['effect_id']}")
                faults.append(fault)
            else:
                number += 1
        if faults:
            raise ExceptionGroup("effects could not be delivered", faults)
        return number

    def _mail(self, effect: Row) -> str | None:
        """Send a mail; gives the reason why it never can be sent, None when it was."""
        payload = effect["payload"]
        if payload["expires_at"] is not None and self.clock() >= payload["expires_at"]:
            return "expired"
        secret = None
        if payload["sealed"] is not None:
            secret = self.sealer.open(payload["sealed"], outbox_context(effect["tenant"])).decode()
        return self._send(effect, payload["values"], secret)

    def _alert(self, effect: Row) -> None:
        payload = effect["payload"]
        self.bus.put_alert(effect)
        channels = [EVENT_BUS]
        # A person who cannot be reached any more does not keep the alert from the others.
        if self._send(effect, {**payload["detail"], "incident": payload["incident"]}, None) is None:
            channels.append(EMAIL)
        self.alerts.commit(effect, channels, self.clock())

    def _send(self, effect: Row, facts: Mapping[str, Any], secret: str | None) -> str | None:
        template = TEMPLATES.get(effect["payload"]["template"])
        if template is None:
            raise RuntimeError(f"no mail called {effect['payload']['template']}")
        recipient = self.addresses.of(effect)
        if recipient is None:
            return "no_recipient"
        address = deliverable(recipient.address)
        if address is None:
            return "no_address"
        message = compose(
            template,
            name=recipient.name,
            tenant=effect["tenant"],
            facts={"time": rfc3339(effect["created_at"]), **facts},
            link=f"{self.settings.public_origin}{template.link.path}{secret}" if template.link and secret else None,
        )
        return None if self.courier.send(address, message) else "rejected"

    def _close(self, effect: Row, status: str, reason: str | None = None) -> None:
        """Note the end of an effect, so that the sweep leaves it alone; somebody else's note is as good."""
        try:
            close(self.dynamodb, closed(self.settings.outbox_table, effect, status, self.clock(), reason))
        except ServiceError as refusal:
            if refusal.code != "ConditionalCheckFailedException":
                raise

    def _start_export(self, execution: str, payload: Mapping[str, Any]) -> None:
        """Start the state machine under the export's own name: a second start of it changes nothing."""
        try:
            self.step_functions.start_execution(
                stateMachineArn=self.settings.evidence_state_machine_arn,
                name=execution,
                input=json.dumps(payload),
            )
        except self.step_functions.exceptions.ExecutionAlreadyExists:
            return

"""Deliver one effect. Every delivery is idempotent, because the stream and the sweep may both bring the same row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.notify.settings import Settings
from shared.store.attribute import Row
from shared.store.outbox import START_EXPORT, mark_delivered, pending_effects
from shared.store.wire import Clock, JsonService, ServiceError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

STREAM_HEADSTART_SECONDS = 60  # the sweep leaves younger rows to the stream


@dataclass(frozen=True, slots=True)
class Delivery:
    dynamodb: JsonService
    step_functions: SFNClient
    settings: Settings
    clock: Clock

    def deliver(self, effect: Row) -> None:
        """Make the effect happen, then note it. Raises `RuntimeError` for a kind that nothing here delivers."""
        # 1. Happened already: a repeated record.
        if effect["status"] != "PENDING":
            return
        # 2. Make it happen, at least once.
        if effect["kind"] != START_EXPORT:
            raise RuntimeError(f"no delivery for effects of kind {effect['kind']}")
        self._start_export(effect["effect_id"], effect["payload"])
        # 3. Note it, so that the sweep leaves it alone.
        try:
            mark_delivered(self.dynamodb, self.settings.outbox_table, effect, self.clock())
        except ServiceError as refusal:
            if refusal.code != "ConditionalCheckFailedException":
                raise

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

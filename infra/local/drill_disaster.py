"""What a disaster does to a deployed stage, and what its operator does, over the AWS API.

Tables are put back as a restore to a point in time would leave them. `outbox` is not: its rows would be delivered once
more by its stream, which no restored table has.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.local.demo_client import UnexpectedAnswerError
from infra.local.demo_tenant import TENANT
from infra.local.deploy import Assembly, client, deploy
from infra.local.record import Deployment
from shared.audit.epoch import STARTED
from shared.audit.event import Actor, Draft, new_event_id
from shared.runtime.settings import from_environment
from shared.store.attribute import unmarshal
from shared.store.transaction import Ledger, LedgerSettings
from shared.store.wire import Wire

_NOT_PUT_BACK: Final = frozenset({"AuditLogsTable", "AuditSealsTable", "AuditVerificationsTable", "OutboxTable"})
_REBUILT: Final = ("segment#", "digest#", "head#", "digest_head#")
_LOCAL: Final = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
Rows = list[dict[str, Any]]  # in DynamoDB's own JSON
Copy = Mapping[str, Rows]


@dataclass(frozen=True, slots=True)
class Loss:
    """What is gone: the rows of `audit_seals` of the first epoch, by their `seal`."""

    seals: Mapping[str, Mapping[str, Any]]


class Estate:
    """The tables and functions of a stage, with the rights of whoever owns the account."""

    def __init__(self, deployment: Deployment) -> None:
        self.endpoint = deployment.aws_endpoint
        self._outputs = deployment.outputs
        self._dynamodb = client("dynamodb", self.endpoint)
        self._lambda = client("lambda", self.endpoint)
        (self.stack,) = (
            each["StackName"] for each in client("cloudformation", self.endpoint).describe_stacks()["Stacks"]
        )

    def copy(self) -> Copy:
        tables = [output for output in self._outputs if output.endswith("Table") and output not in _NOT_PUT_BACK]
        return {output: self._rows(output) for output in tables}

    def stop(self) -> None:
        """Let no function run, whoever calls it."""
        for name in self._functions():
            self._lambda.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    def stop_signing(self) -> None:
        name = self._outputs["AuditDigestFunction"]
        self._lambda.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    def let_in(self) -> None:
        """Make the keys for new tokens, and let every function run."""
        housekeeping = self._outputs["HousekeepingFunction"]
        self._lambda.delete_function_concurrency(FunctionName=housekeeping)
        answer = self._lambda.invoke(FunctionName=housekeeping, Payload=b"{}")
        if "FunctionError" in answer:
            raise UnexpectedAnswerError(f"housekeeping failed: {answer['Payload'].read().decode()}")
        for name in self._functions():
            self._lambda.delete_function_concurrency(FunctionName=name)

    def digest_number(self) -> int:
        """Give the number of the digest that was signed last."""
        key = {"tenant": {"S": TENANT}, "seal": {"S": f"digest_head#{self._outputs['LogEpoch']}"}}
        row = self._dynamodb.get_item(TableName=self._outputs["AuditSealsTable"], Key=key, ConsistentRead=True)
        return int(row["Item"]["no"]["N"])

    def lose(self, copy: Copy) -> Loss:
        """Lose the log's own tables, and make every other one what it was; functions stand still already."""
        seals = self._seals()
        self._dynamodb.delete_table(TableName=self._outputs["AuditLogsTable"])
        self._empty("AuditSealsTable")
        for output, rows in copy.items():
            self._empty(output)
            for row in rows:
                self._dynamodb.put_item(TableName=self._outputs[output], Item=row)
        return Loss(seals)

    def deploy(self, assembly: Path) -> Mapping[str, str]:
        """Deploy what was synthesized over what runs; gives the outputs."""
        self._outputs = deploy(self.endpoint, Assembly.only_stack_in(assembly))
        return self._outputs

    def require_start(self, loss: Loss) -> None:
        first = self._first_event()
        head, digest = loss.seals["head#1"], loss.seals["digest_head#1"]
        told = first["meta"]
        stated = (first["action"], first["epoch"], first["seq"], told["digest"], told["sealed"]["segment"])
        found = (STARTED, 2, 1, {"no": int(digest["no"]), "sha256": digest["sha256"]}, int(head["segment"]))
        if stated != found or told["sealed"]["size"] != int(head["tree_size"]):
            raise UnexpectedAnswerError(f"the epoch began with {stated}, expected {found}")
        if not told["sealed"]["lanes"]:
            raise UnexpectedAnswerError("the epoch began and names no lane")

    def require_seals(self, loss: Loss) -> int:
        """Compare the rows of the first epoch with those that were lost, as far as keys sign; gives their number.

        Behind the last digest nobody vouches for a segment any more: the table of the log is lost as well.
        """
        signed = loss.seals["digest_head#1"]["segment"]
        expected = {seal: row for seal, row in loss.seals.items() if "segment#" not in seal or row["no"] <= signed}
        (last,) = (row for seal, row in expected.items() if "segment#" in seal and row["no"] == signed)
        expected["head#1"] = {**loss.seals["head#1"], "segment": signed, **last["after"]}
        found = self._seals()
        if found != expected:
            raise UnexpectedAnswerError(f"audit_seals differs: {sorted(found.keys() ^ expected.keys())}")
        return len(found)

    def begin_unexplained(self) -> None:
        """Write the first event of an epoch that says nothing of why it began: with the rights of an administrator."""
        names = {name: "".join(map(str.capitalize, name.split("_"))) for name in LedgerSettings.__dataclass_fields__}
        settings = from_environment(
            LedgerSettings, {name.upper(): self._outputs[out] for name, out in names.items() if out in self._outputs}
        )
        wire = Wire.from_environment("dynamodb", {**_LOCAL, "AWS_ENDPOINT_URL": self.endpoint})
        now = time.time()
        actor = Actor("user", "u_intruder", "admin")
        draft = Draft(new_event_id(now), "AUTH_LOGOUT", "success", actor, "session", {})
        _Unminding(wire, settings, time.time).commit(TENANT, [], [draft])
        wire.close()

    def _first_event(self) -> Any:  # noqa: ANN401 - JSON
        key = {"log_lane": {"S": f"{TENANT}#{self._outputs['LogEpoch']}#0"}, "seq": {"N": "1"}}
        row = self._dynamodb.get_item(TableName=self._outputs["AuditLogsTable"], Key=key, ConsistentRead=True)
        return json.loads(row["Item"]["line"]["S"])

    def _seals(self) -> dict[str, Mapping[str, Any]]:
        rows = (unmarshal(row) for row in self._rows("AuditSealsTable"))
        return {row["seal"]: row for row in rows if row["tenant"] == TENANT and _of_the_first(row["seal"])}

    def _functions(self) -> list[str]:
        pages = self._lambda.get_paginator("list_functions").paginate()
        return [each["FunctionName"] for page in pages for each in page["Functions"]]

    def _rows(self, output: str) -> Rows:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._outputs[output], ConsistentRead=True)
        return [row for page in pages for row in page["Items"]]

    def _empty(self, output: str) -> None:
        table = self._outputs[output]
        keys = [each["AttributeName"] for each in self._dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]]
        for row in self._rows(output):
            self._dynamodb.delete_item(TableName=table, Key={name: row[name] for name in keys})


class _Unminding(Ledger):
    """A ledger that an intruder has made: it begins an epoch with whatever he wants."""

    def _refuse_before_epoch(self, *_: object) -> None:
        return


def _of_the_first(seal: str) -> bool:
    kind, epoch = seal.split("#")[:2]
    return f"{kind}#" in _REBUILT and epoch == "1"

"""The same log over and over, each time in tables and a vault of its own: what two runs made of it can be compared."""

from __future__ import annotations

import contextlib
import copy
import gzip
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from shared.audit.event import GENESIS, Actor, Draft, Line, Position, compose
from shared.audit.moment import rfc3339
from shared.evidence.vault import LockedBucket
from shared.store.attribute import Row, unmarshal
from shared.store.audit_logs import append_item, lane_key
from tests.functions.archive import Archive
from tests.functions.estate import KEYS
from tests.functions.kill_points import KillSwitch

START = 1_790_000_000.0
_OF_THE_MAKING = {"retain_until", "sha256"}  # beside the versions: each world has its own objects
Rows = Sequence[tuple[str, int, Line]]


def log_of(
    tenant: str, lanes: Mapping[str, int], ends: Mapping[str, tuple[int, str]] | None = None, at: float = START
) -> Rows:
    """Write `lanes[name]` events a lane, those that open the others first; `ends` says what each lane continues."""
    opened = [name for name in lanes if name != "0" and name not in (ends or {})]
    actions: dict[str, list[tuple[str, dict[str, Any]]]] = {
        name: [("AUTH_LOGOUT", {"number": number}) for number in range(count)] for name, count in lanes.items()
    }
    actions["0"] = [("AUDIT_LANE_OPENED", {"lane": name}) for name in opened] + actions["0"]
    rows = []
    for lane, events in actions.items():
        seq, previous = (ends or {}).get(lane, (0, GENESIS))
        for action, meta in events:
            seq += 1
            draft = Draft(
                event_id=f"01J{lane:0>3}{seq:0>20}",
                action=action,
                outcome="success",
                actor=Actor("user", "u_1", "admin"),
                resource="test",
                context={},
                meta=meta,
            )
            line = compose(draft, Position("local", tenant, 1, lane, seq, previous), rfc3339(at + seq))
            rows.append((lane, seq, line))
            previous = line.leaf
    return rows


class World(Archive):
    """An archive with its own tables of the log, its own seals and its own vault; the rest is the session's."""

    def __init__(self, archive: Archive, tenant: str, rows: Rows = ()) -> None:
        vars(self).update(vars(archive))
        self.tenant = tenant
        self.estate = copy.copy(archive.estate)
        self.estate.prefix = f"w{secrets.token_hex(4)}-"
        self.vault_name = f"{self.estate.prefix}vault"
        for name, keys in (("audit_logs", KEYS["audit_logs"]), ("audit_seals", ("tenant", "seal"))):
            self.estate._create(name, keys)
        self.s3.create_bucket(Bucket=self.vault_name, ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
        self.s3.put_object_lock_configuration(
            Bucket=self.vault_name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
        )
        tables = {f"{name.upper()}_TABLE": f"{self.estate.prefix}{name}" for name in ("audit_logs", "audit_seals")}
        self.environ = archive.environ | tables | {"VAULT_BUCKET": self.vault_name}
        self.append(rows)

    def append(self, rows: Rows) -> None:
        table = self.environ["AUDIT_LOGS_TABLE"]
        items = [
            append_item(table, lane_key(self.tenant, 1, lane), seq, line, 2**31, "row") for lane, seq, line in rows
        ]
        if items:
            self.estate.dynamodb.call("TransactWriteItems", {"TransactItems": [item.wire() for item in items]})

    def put_row(self, lane: str, seq: int, **values: object) -> None:
        """Put a row behind the product's back, over what is there."""
        key = {"log_lane": {"S": lane_key(self.tenant, 1, lane)}, "seq": {"N": str(seq)}}
        wired = {name: {"S": value} if isinstance(value, str) else {"N": str(value)} for name, value in values.items()}
        self.estate.dynamodb.call("PutItem", {"TableName": self.environ["AUDIT_LOGS_TABLE"], "Item": key | wired})

    def wrapped(self, switch: KillSwitch) -> World:
        """Give the same world to a process that a switch may kill."""
        other = copy.copy(self)
        other.s3, other.kms = switch.client(self.s3), switch.client(self.kms)
        other.estate = copy.copy(self.estate)
        other.estate.dynamodb = switch.service(self.estate.dynamodb)  # type: ignore[assignment]  # a port of the same shape
        return other

    def seal(self, switch: KillSwitch | None = None) -> int:
        return (self.wrapped(switch) if switch else self).sealer().seal(self.tenant)

    @property
    def vault(self) -> LockedBucket:
        return LockedBucket(self.s3, self.vault_name)

    def versions(self) -> dict[str, list[bytes]]:
        """Read every version of every object, the oldest first."""
        found = self.s3.list_object_versions(Bucket=self.vault_name)
        contents: dict[str, list[bytes]] = {}
        for each in reversed(found.get("Versions", [])):
            contents.setdefault(each["Key"], []).append(self.vault.read(each["Key"], each["VersionId"]))
        return contents

    def seal_rows(self) -> list[Row]:
        rows = map(unmarshal, self.estate._scanned("audit_seals"))
        return sorted(rows, key=lambda row: str(row["seal"]))

    def sealed_lines(self) -> list[bytes]:
        """Read the lines of what the seal rows name, in their order and by their versions."""
        lines: list[bytes] = []
        for row in self.seal_rows():
            if row["seal"].startswith("segment#"):
                lines += gzip.decompress(self.vault.read(row["key"], row["version_id"])).splitlines()
        return lines

    def lines(self) -> list[bytes]:
        return [row["line"].encode() for row in self.estate.rows("audit_logs") if "line" in row]

    def outcome(self) -> dict[str, Any]:
        """Give all that a run leaves behind, but for what differs each time that it is made."""
        objects = {key: [_content(key, body) for body in bodies] for key, bodies in self.versions().items()}
        events = [_without(json.loads(line), {"id", "prev"}) for line in self.lines()]
        return {"objects": objects, "seals": [_without(row) for row in self.seal_rows()], "events": events}


def _content(key: str, body: bytes) -> object:
    if key.endswith(".json"):
        return _without(json.loads(body))
    if key.endswith((".sig", ".pem")) or "/checkpoint/" in key:
        with contextlib.suppress(UnicodeDecodeError):
            return body.decode().partition("\n\n")[0]  # the text that is signed; signatures differ
        return "signature"
    return body


def _without(value: Any, names: set[str] = _OF_THE_MAKING) -> Any:
    if isinstance(value, dict):
        names = names | _OF_THE_MAKING
        kept = {name: member for name, member in value.items() if name not in names and not name.endswith("version_id")}
        return {name: _without(member, names) for name, member in kept.items()}
    return [_without(member, names) for member in value] if isinstance(value, list) else value

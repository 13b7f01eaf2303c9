"""What sealing and verifying cost per event, beside compressing the same lines and nothing else.

Printed, never asserted. `make bench` puts these figures into its table (`report`).
"""

import gzip
import time
from dataclasses import dataclass
from typing import Any, cast

import pytest

from functions.audit_seal.flow import Sealer
from functions.audit_seal.settings import Settings
from shared.audit.event import GENESIS, Actor, Draft, Position, compose, new_event_id
from shared.audit.merkle import Frontier
from shared.audit.moment import rfc3339
from shared.evidence.segment import continued, pack, parse, summarize, unpack
from shared.evidence.vault import Stored

EVENTS = 20_000


def lines() -> list[bytes]:
    """Write a lane of events as the ledger would."""
    written: list[bytes] = []
    previous = GENESIS
    for number in range(EVENTS):
        draft = Draft(
            event_id=new_event_id(1_790_000_000 + number),
            action="AUTH_TOKEN_REFRESH",
            outcome="success",
            actor=Actor("user", f"u_{number % 50}", "member", f"s_{number % 500}", "password"),
            resource=f"session/s_{number % 500}",
            context={"request_id": f"{number:016x}", "country": "DE", "ip_net": "203.0.113.0/24"},
            meta={"generation": number % 40},
        )
        line = compose(draft, Position("bench", "t_acme", 1, "0", number + 1, previous), "2026-10-01T00:00:00.000Z")
        previous = line.leaf
        written.append(line.text.encode())
    return written


@dataclass(frozen=True, slots=True)
class Sealing:
    """CPU seconds of `EVENTS` events: sealed, only compressed, read back and hashed; `packed` is their size, sealed."""

    sealed: float
    compressed: float
    read: float
    packed: int


def sealing(raw: list[bytes]) -> Sealing:
    began = time.process_time()
    events = [parse(line) for line in raw]
    continued({}, events)
    packed = pack(events)
    summarize(events, packed)
    Frontier().extend(event.leaf for event in events).root()
    sealed = time.process_time() - began
    began = time.process_time()
    gzip.compress(b"\n".join(raw), 6)
    compressed = time.process_time() - began
    began = time.process_time()
    Frontier().extend(event.leaf for event in unpack(packed)).root()
    return Sealing(sealed, compressed, time.process_time() - began, len(packed))


def test_sealing_beside_plain_compression(capsys: pytest.CaptureFixture[str]) -> None:
    found = sealing(lines())
    with capsys.disabled():
        print(
            f"\nsealing: {EVENTS / found.sealed:,.0f} events per CPU second; "
            f"compressing alone {EVENTS / found.compressed:,.0f}; reading back and hashing "
            f"{EVENTS / found.read:,.0f} ({found.packed / EVENTS:.0f} bytes an event, sealed)"
        )


LANES = 4


class Memory:
    """A table that answers at once, and takes seal rows: what is measured is the sealer's own work on real answers."""

    def __init__(self) -> None:
        self.pages: dict[str, list[dict[str, Any]]] = {str(lane): [] for lane in range(LANES)}
        heads = dict.fromkeys(self.pages, (0, GENESIS))
        for number in range(EVENTS):
            lane = "0" if number < LANES - 1 else str(number % LANES)
            opens = {"lane": str(number + 1)} if number < LANES - 1 else {"generation": number % 40}
            seq, previous = heads[lane]
            draft = Draft(
                event_id=new_event_id(1_790_000_000 + number),
                action="AUDIT_LANE_OPENED" if number < LANES - 1 else "AUTH_TOKEN_REFRESH",
                outcome="success",
                actor=Actor("user", f"u_{number % 50}", "member", f"s_{number % 500}", "password"),
                resource=f"session/s_{number % 500}",
                context={"request_id": f"{number:016x}", "country": "DE", "ip_net": "203.0.113.0/24"},
                meta=opens,
            )
            at = Position("bench", "t_acme", 1, lane, seq + 1, previous)
            line = compose(draft, at, rfc3339(1_790_000_000 + number))
            heads[lane] = (seq + 1, line.leaf)
            row = {"seq": {"N": str(seq + 1)}, "line": {"S": line.text}, "leaf": {"S": line.leaf}}
            self.pages[lane].append(row)

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        del deadline
        if operation != "Query":
            return {}
        (lane,) = [value["S"] for value in request["ExpressionAttributeValues"].values() if "S" in value]
        return {"Items": self.pages[lane.rpartition("#")[2]]}


class Nowhere:
    """A vault that takes everything."""

    def put_version(self, *_: object) -> str:
        return "v"

    def stored(self, *_: object) -> Stored:
        return Stored("v", "2033-10-01T00:00:00.000Z", 0)


def whole_run(table: Memory) -> tuple[float, int]:
    """Let the sealer itself seal all that the table has; gives its CPU seconds and the number of segments."""
    settings = Settings("tenants", "audit_logs", "audit_seals", "vault", "bench", 1)
    sealer = Sealer(table, cast("Any", Nowhere()), settings)
    began = time.process_time()
    segments = sealer.seal("t_acme")
    return time.process_time() - began, segments


def test_a_whole_run_over_several_lanes(capsys: pytest.CaptureFixture[str]) -> None:
    spent, segments = whole_run(Memory())
    with capsys.disabled():
        print(f"\nsealing run: {EVENTS / spent:,.0f} events per CPU second, {LANES} lanes, {segments} segments")

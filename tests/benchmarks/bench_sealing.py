"""What sealing and verifying cost per event, beside compressing the same lines and nothing else.

Printed, never asserted.
"""

import gzip
import time

import pytest

from shared.audit.event import GENESIS, Actor, Draft, Position, compose, new_event_id
from shared.audit.merkle import Frontier
from shared.evidence.segment import continued, pack, parse, summarize, unpack

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


def test_sealing_beside_plain_compression(capsys: pytest.CaptureFixture[str]) -> None:
    raw = lines()
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
    read = time.process_time() - began
    with capsys.disabled():
        print(
            f"\nsealing: {EVENTS / sealed:,.0f} events per CPU second; compressing alone {EVENTS / compressed:,.0f}; "
            f"reading back and hashing {EVENTS / read:,.0f} ({len(packed) / EVENTS:.0f} bytes an event, sealed)"
        )

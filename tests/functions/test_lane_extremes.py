"""The worst that a writer may be given, in lanes and through to the sealed line: clocks, sizes, characters, nothing."""

from dataclasses import replace

import pytest

from shared.audit.event import MAX_LINE_BYTES, Actor, Draft, new_event_id
from shared.evidence.segment import Event, continued, parse, unpack
from shared.store.audit_logs import log_tail
from shared.store.audit_seals import read_seal_head, segments_after
from shared.store.transaction import Committed, Ledger
from tests.functions.archive import Archive, SetClock, _Unhurried, fresh_tenant
from tests.functions.company import archive

__all__ = ["archive"]

NOW = 1_790_000_000.0


def draft(**members: object) -> Draft:
    base = Draft(new_event_id(NOW), "AUTH_LOGIN_FAILED", "failure", Actor("anonymous", None), "test", {})
    return base._replace(**members)  # type: ignore[arg-type]  # fields of a draft by name


def writer(archive: Archive, clock: SetClock) -> Ledger:
    settings = replace(archive.estate._ledger_settings(), log_lanes=64)
    return Ledger(_Unhurried(archive.estate.dynamodb), settings, clock)


def sealed(archive: Archive, tenant: str) -> list[Event]:
    archive.sealer().seal(tenant)
    table = archive.environ["AUDIT_SEALS_TABLE"]
    rows = segments_after(archive.estate.dynamodb, table, tenant, 1, 0)
    return [event for row in rows for event in unpack(archive.vault.read(row["key"], row["version_id"]))]


def test_clocks_that_run_backwards_between_writers_break_nothing(archive: Archive) -> None:
    tenant, clocks = fresh_tenant("back"), [SetClock(NOW), SetClock(NOW - 240), SetClock(NOW + 240)]
    writers = [writer(archive, clock) for clock in clocks]
    for _ in range(3):
        for number, ledger in enumerate(writers):
            assert isinstance(ledger.commit(tenant, [], [draft()]), Committed)
            clocks[number].now -= 10
    events = sealed(archive, tenant)
    continued({}, events)
    assert len(events) >= 9
    within = [[event.time for event in events if event.lane == lane] for lane in {event.lane for event in events}]
    assert any(times != sorted(times) for times in within), "no lane has a time that goes back"
    clock = SetClock(NOW + 300)
    assert archive.digester(clock).sign(tenant) == 1


def test_an_event_of_the_largest_line_is_sealed_byte_for_byte_and_one_byte_more_is_refused(archive: Archive) -> None:
    tenant, ledger = fresh_tenant("large"), writer(archive, SetClock(NOW))
    ledger.commit(tenant, [], [draft(meta={"texts": []})])
    (small,) = log_tail(archive.estate.dynamodb, archive.environ["AUDIT_LOGS_TABLE"], tenant, 1, {})
    filling = MAX_LINE_BYTES - len(small.line.encode())
    texts = ["x" * 1_000] * (filling // 1_003 - 1)  # with two quotes and the comma behind
    texts.append("y" * (filling - 1_003 * len(texts) - 2))
    assert isinstance(ledger.commit(tenant, [], [draft(meta={"texts": texts})]), Committed)
    with pytest.raises(ValueError, match="exceeds"):
        ledger.commit(tenant, [], [draft(meta={"texts": [*texts[:-1], texts[-1] + "z"]})])
    assert isinstance(ledger.commit(tenant, [], [draft()]), Committed)  # the refusal left nothing behind
    lines = [event.line for event in sealed(archive, tenant)]
    assert (len(lines), len(lines[1])) == (3, MAX_LINE_BYTES)


@pytest.mark.parametrize("agent", ["\ud800 lone", "a\0b", "line\u2028separator", "\U0001f600" * 50_000, "A" * 200_000])
def test_hostile_texts_reach_the_sealed_line_as_one_line(archive: Archive, agent: str) -> None:
    tenant, ledger = fresh_tenant("texts"), writer(archive, SetClock(NOW))
    outcome = ledger.commit(tenant, [], [draft(context={"device": agent}, resource=agent, reason=None)])
    assert isinstance(outcome, Committed)
    (event,) = sealed(archive, tenant)
    assert b"\n" not in event.line
    assert parse(event.line).members["context"]["device"][:1] == agent.replace("\ud800", "\ufffd")[:1]
    continued({}, [event])


def test_a_tenant_without_events_is_neither_sealed_nor_signed(archive: Archive) -> None:
    tenant = fresh_tenant("none")
    assert archive.sealer().seal(tenant) == 0
    assert archive.digester(SetClock(NOW)).sign(tenant) is None
    table = archive.environ["AUDIT_SEALS_TABLE"]
    assert read_seal_head(archive.estate.dynamodb, table, tenant, 1).segment == 0

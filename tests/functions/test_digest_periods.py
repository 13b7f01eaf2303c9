"""Periods of digests: months in which nothing happened, and clocks that are wrong."""

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from functions.audit_digest import handler
from functions.audit_digest.clock_check import ClockAstray, check_clock
from functions.audit_digest.rotation import KeyRotation
from shared.evidence.signer import Signer, genuine
from shared.store.audit_seals import read_digest_head
from tests.functions.archive import Archive, SetClock, fresh_tenant
from tests.functions.company import archive
from tests.functions.kill_points import KillSwitch, killed

__all__ = ["archive"]

START = 1_790_000_000.0
HOUR = 3_600
DAY = 86_400
DAYS = 40


@pytest.fixture
def tenant(archive: Archive) -> str:
    """Give a log of one event that is sealed, and signed for the first time."""
    tenant = fresh_tenant("silent")
    archive.write(tenant, START)
    assert sign_at(archive, tenant, START + 60) == 1
    return tenant


def sign_at(archive: Archive, tenant: str, at: float) -> int | None:
    archive.sealer().seal(tenant)
    return archive.digester(SetClock(at)).sign(tenant)


def digests(archive: Archive, tenant: str) -> list[dict[str, Any]]:
    keys = [key for key in archive.objects(f"log/v1/local/{tenant}/1/digest/") if key.endswith(".json")]
    return [archive.document(key) for key in keys]


def test_weeks_of_silence_are_proven_day_by_day(archive: Archive, tenant: str) -> None:
    for day in range(1, DAYS):
        assert sign_at(archive, tenant, START + 60 + day * DAY) == day + 1
    assert [sign_at(archive, tenant, START + 60 + (DAYS - 1) * DAY + hour * HOUR) for hour in (1, 12, 23)] == [None] * 3
    found = digests(archive, tenant)
    public = Signer(archive.kms, archive.environ["LEDGER_KEY_ID"]).public_der
    for digest in found:
        key = f"log/v1/local/{tenant}/1/digest/{digest['no']:012d}.json"
        assert genuine(public, archive.vault.read(key), archive.vault.read(f"{key}.sig"))
    for earlier, later in itertools.pairwise(found):
        assert later["period"]["from"] == earlier["period"]["to"]
        # All that the log holds of a silent day is that the day before was signed.
        assert later["counts"] == {"total": 1, "by_action": {"AUDIT_DIGEST_SIGNED": 1}}
        assert later["tree"]["size"] == earlier["tree"]["size"] + 1
        assert later["source"]["unsealed"] == 0
    assert len(found) == DAYS


def test_a_period_without_any_segment_is_signed_with_the_tree_of_the_one_before(archive: Archive, tenant: str) -> None:
    digester = archive.digester(SetClock(START + 60 + DAY))  # the sealer stands still
    assert digester.sign(tenant) == 2
    first, empty = digests(archive, tenant)
    assert (empty["segments"], empty["counts"]) == ([], {"total": 0, "by_action": {}})
    assert (empty["tree"], empty["lanes"], empty["checkpoint"]) == (first["tree"], first["lanes"], first["checkpoint"])
    assert empty["source"]["unsealed"] == 1
    assert empty["period"] == {"from": first["period"]["to"], "to": "2026-09-22T14:14:20.000Z"}


@pytest.mark.parametrize("back", [0, 1, HOUR, 30 * DAY])
def test_a_clock_that_ran_backwards_signs_nothing_until_it_has_passed_the_last_period(
    archive: Archive, tenant: str, back: int
) -> None:
    archive.write(tenant, START + 61)
    before = archive.objects(f"log/v1/local/{tenant}/")
    archive.sealer().seal(tenant)
    assert archive.digester(SetClock(START + 60 - back)).sign(tenant) is None
    assert [key for key in archive.objects(f"log/v1/local/{tenant}/") if key not in before and "/seg/" not in key] == []
    assert archive.digester(SetClock(START + 60.001)).sign(tenant) == 2
    for digest in digests(archive, tenant):
        assert digest["period"]["from"] < digest["period"]["to"]


def test_what_a_faster_clock_began_is_finished_once_the_slower_one_gets_there(archive: Archive, tenant: str) -> None:
    archive.write(tenant, START + 70)
    archive.sealer().seal(tenant)
    switch = KillSwitch()
    vault = type(archive.vault)(switch.client(archive.s3), archive.vault_name)
    switch.at, switch.moment = 0, "after"  # its first call to S3 puts the digest
    killed(switch, lambda: archive.digester(SetClock(START + 200), vault=vault).sign(tenant))
    with pytest.raises(RuntimeError, match="is not ours"):
        archive.digester(SetClock(START + 199)).sign(tenant)
    assert archive.digester(SetClock(START + 200)).sign(tenant) == 2
    assert digests(archive, tenant)[1]["period"]["to"] == "2026-09-21T14:16:40.000Z"


@pytest.mark.parametrize("off", [-5 * HOUR, -62, 62, 5 * HOUR])
def test_a_clock_that_is_wrong_signs_nothing_at_all(
    archive: Archive, tenant: str, monkeypatch: pytest.MonkeyPatch, off: float
) -> None:
    present = archive.vault.present()
    digester = archive.digester(SetClock(present + off))
    digester = replace(digester, settings=replace(digester.settings, watermark_lag_seconds=120))
    rotation = KeyRotation(archive.vault, (digester.signer,), "local", digester.clock)
    monkeypatch.setattr(handler, "_wiring", lambda: (digester, rotation))
    monkeypatch.setattr(handler, "tenant_ids", lambda *_: iter([tenant]))
    archive.write(tenant, START + 100)
    archive.sealer().seal(tenant)
    with pytest.raises(ClockAstray, match="nothing is signed"):
        handler.handler({}, None)
    head = read_digest_head(archive.estate.dynamodb, archive.environ["AUDIT_SEALS_TABLE"], tenant, 1)
    assert head is not None
    assert head["no"] == 1


class Slow:
    """S3 that answers after `seconds` of the clock, and says what time it was half way."""

    def __init__(self, clock: SetClock, seconds: float, off: float) -> None:
        self.clock, self.seconds, self.off = clock, seconds, off

    def present(self) -> float:
        self.clock.now += self.seconds
        return self.clock.now - self.seconds / 2 + self.off


@pytest.mark.parametrize(
    ("seconds", "off", "stands"),
    [
        (0, 0, True),
        (0, 60, True),
        (0, -61, True),
        (0, 60.5, False),
        (0, -61.5, False),
        (300, 100, True),
        (10, 80, False),
    ],
)
def test_a_clock_may_be_off_by_the_tolerance_and_a_slow_answer_is_no_wrong_clock(
    seconds: float, off: float, *, stands: bool
) -> None:
    clock = SetClock(START)
    vault: Any = Slow(clock, seconds, off)
    if stands:
        check_clock(vault, clock, 60)
    else:
        with pytest.raises(ClockAstray):
            check_clock(vault, clock, 60)


def test_a_log_without_an_event_is_never_begun_by_its_digests(archive: Archive) -> None:
    tenant = fresh_tenant("never")
    assert [sign_at(archive, tenant, START + day * DAY) for day in range(3)] == [None] * 3
    assert archive.objects(f"log/v1/local/{tenant}/") == []
    assert archive.estate.events(tenant) == []
    assert json.dumps(archive.rows("audit_seals"), default=str).count(tenant) == 0


def test_a_first_period_does_not_end_before_its_first_event(archive: Archive) -> None:
    tenant = fresh_tenant("ahead")
    archive.write(tenant, START + 30)  # by a writer whose clock is ahead
    assert [sign_at(archive, tenant, START + seconds) for seconds in (0, 30, 31)] == [None, None, 1]
    (digest,) = digests(archive, tenant)
    assert digest["period"] == {"from": "2026-09-21T14:13:50.000Z", "to": "2026-09-21T14:13:51.000Z"}

"""When a digest is due, and which key finishes one that lies in the vault already."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from functions.audit_digest.flow import AT_REST, IDLE_SECONDS, Digester, _Since
from functions.audit_digest.rotation import Replaced
from shared.audit.moment import rfc3339
from shared.evidence.signer import Signer
from shared.store.audit_seals import SealHead

NOW = 1_800_000_000.0
ACTIVE, IDLE = {"counts": {"AUTH_LOGIN_SUCCESS": 1}}, {"counts": dict.fromkeys(sorted(AT_REST), 1)}


@dataclass(frozen=True)
class Key:
    kid: str


def replaced(kid: str) -> Replaced:
    return Replaced(cast("Signer", Key(kid)), "next", "0" * 64, rfc3339(NOW))


def digest(ago: float, *, uncovered: float = -1) -> dict[str, Any]:
    """Give the row of a digest of so long ago; its last event came so many seconds behind its watermark."""
    to = NOW - ago
    return {"to": rfc3339(to), "watermark": rfc3339(to - 60), "time_max": rfc3339(to - 60 + uncovered)}


def due(previous: dict[str, Any] | None, *segments: dict[str, Any], change: Replaced | None = None) -> bool:
    return Digester._due(_Since(previous, SealHead(), list(segments), change), NOW)


def test_what_people_did_is_signed_at_once_and_what_the_machinery_says_of_itself_is_not() -> None:
    assert due(digest(1), ACTIVE)
    assert due(digest(1), IDLE, ACTIVE)
    assert due(None, ACTIVE)
    assert not due(digest(1), IDLE)
    assert not due(None, IDLE)
    assert not due(None)


@pytest.mark.parametrize(("ago", "expected"), [(IDLE_SECONDS - 1, False), (IDLE_SECONDS, True)])
def test_silence_is_signed_when_it_has_lasted_a_day(ago: int, *, expected: bool) -> None:
    assert due(digest(ago)) is expected
    assert due(digest(ago), IDLE) is expected


@pytest.mark.parametrize(("behind", "expected"), [(-0.001, False), (0, True), (5, True)])
def test_events_at_or_behind_the_last_watermark_want_one_more_digest(behind: float, *, expected: bool) -> None:
    assert due(digest(1, uncovered=behind)) is expected


def test_digest_of_a_log_without_events_covers_all_that_there_is() -> None:
    assert not due({**digest(1), "time_max": None})


def test_next_key_signs_at_once_but_never_over_a_tree_that_the_earlier_one_has_signed() -> None:
    assert due(digest(1), IDLE, change=replaced("old"))
    assert not due(digest(2 * IDLE_SECONDS, uncovered=5), change=replaced("old"))


def finishing(
    kid: str | None, *, previous: bool, change: str | None = None, replaced_keys: tuple[str, ...] = ()
) -> str:
    """Name the key that finishes a digest which says that it is by `kid`."""
    unasked = cast("Any", None)
    digester = Digester(
        dynamodb=unasked,
        vault=unasked,
        signer=cast("Signer", Key("current")),
        ledger=unasked,
        settings=unasked,
        clock=lambda: NOW,
        replaced=tuple(replaced(each) for each in replaced_keys),
    )
    since = _Since(digest(1) if previous else None, SealHead(), [], replaced(change) if change else None)
    return digester._kid_of_adopted(since, {} if kid is None else {"kid": kid})


def test_earlier_key_finishes_what_it_began_until_the_log_has_gone_over_to_the_next_one() -> None:
    assert finishing("old", previous=True, change="old", replaced_keys=("old",)) == "old"
    assert finishing("old", previous=True, replaced_keys=("old",)) == "current"


def test_key_from_before_the_earlier_one_finishes_nothing() -> None:
    assert finishing("older", previous=True, change="old", replaced_keys=("older", "old")) == "current"


def test_any_earlier_key_may_have_begun_the_first_digest_of_a_log() -> None:
    for kid in ("older", "old"):
        assert finishing(kid, previous=False, replaced_keys=("older", "old")) == kid


@pytest.mark.parametrize("kid", ["planted", None])
def test_digest_by_a_key_that_is_none_of_ours_is_compared_with_what_the_one_in_force_would_say(
    kid: str | None,
) -> None:
    assert finishing(kid, previous=True, change="old", replaced_keys=("old",)) == "current"
    assert finishing(kid, previous=False, replaced_keys=("old",)) == "current"

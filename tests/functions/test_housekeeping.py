"""The first signing key, and steps that do not starve each other."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.housekeeping.flow import FirstSigningKey, new_signing_key, run
from functions.housekeeping.handler import handler
from shared.runtime.log import Log
from shared.store.signing_keys import put_first, sealing_context
from shared.store.wire import Unavailable
from tests.functions.estate import Estate


def test_deployment_has_one_key_whoever_makes_it_and_however_often(estate: Estate) -> None:
    handler({}, None)
    (key,) = [row for row in estate.rows("signing_keys") if row["purpose"] == "access_token"]
    assert key["status"] == "current"
    assert key["public_pem"].startswith("-----BEGIN PUBLIC KEY-----")
    opened = estate.sealer.open(key["private_sealed"], sealing_context(key["kid"]))
    assert opened not in key["private_sealed"]


def test_key_that_loses_the_race_is_not_stored(estate: Estate) -> None:
    def race(_: int) -> bool:
        key = new_signing_key(estate.sealer, int(estate.clock()))
        return put_first(estate.dynamodb, estate.environ["SIGNING_KEYS_TABLE"], key)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(race, range(4))) == [False] * 4
    assert len([row for row in estate.rows("signing_keys") if row["purpose"] == "access_token"]) == 1


def test_sealed_key_opens_for_its_own_kid_only(estate: Estate) -> None:
    key = new_signing_key(estate.sealer, 0)
    with pytest.raises(RuntimeError, match="InvalidCiphertext"):
        estate.sealer.open(key.private_sealed, sealing_context("another"))


def test_failing_step_is_raised_after_all_have_run(estate: Estate) -> None:
    ran: list[float] = []

    def broken(_: float) -> None:
        raise Unavailable("injected")

    steps = (
        broken,
        FirstSigningKey(estate.dynamodb, estate.environ["SIGNING_KEYS_TABLE"], estate.sealer, Log(estate.clock)),
        ran.append,
    )
    with pytest.raises(ExceptionGroup, match="housekeeping failed"):
        run(steps, 7.0)
    assert ran == [7.0]

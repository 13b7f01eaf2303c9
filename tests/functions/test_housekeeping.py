"""Signing keys over their whole life, what each log is told of them, and the drill of an emergency."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import functions.housekeeping.handler
import functions.introspection.handler
import functions.login.handler
import functions.refresh.handler
import functions.sessions.handler
import shared.edge.wiring
from functions.housekeeping.flow import Announcement, Retention, SigningKeys, new_signing_key, run
from functions.housekeeping.handler import handler
from infra.local.engine_process import EngineProcess
from shared.domain.signing_key import RotationPolicy
from shared.runtime.log import Log
from shared.store.signing_keys import changed, new_key, read_ring, sealing_context
from shared.store.transaction import Ledger
from shared.store.wire import Unavailable
from tests.functions.estate import Estate, MovableClock, Person, call, event, in_environment, login, me, refresh

DAY = 86_400
MODULES = (
    functions.housekeeping.handler,
    functions.introspection.handler,
    functions.login.handler,
    functions.refresh.handler,
    functions.sessions.handler,
)


@pytest.fixture
def deployment(embedded_aws: EngineProcess, wires: None, estate: Estate) -> Iterator[Estate]:  # noqa: ARG001 - their order
    """Make a deployment of its own, before anything has run in it: its keys are nobody else's."""
    own = Estate(embedded_aws.endpoint, MovableClock())
    before = in_environment(own.environ)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared.edge.wiring, "CLOCK", own.clock)
        _forget()
        yield own
    own.close()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    _forget()


def _forget() -> None:
    """Start every function anew: the next event finds no execution environment."""
    for module in MODULES:
        module._wiring.cache_clear()


def signing_keys(estate: Estate) -> SigningKeys:
    policy = RotationPolicy(90 * DAY, DAY, 600)
    return SigningKeys(estate.dynamodb, estate.environ["SIGNING_KEYS_TABLE"], estate.sealer, policy, Log(estate.clock))


def announcement(estate: Estate) -> Announcement:
    environ = estate.environ
    return Announcement(estate.dynamodb, environ["SIGNING_KEYS_TABLE"], environ["TENANTS_TABLE"], estate.ledger)


def kids(estate: Estate) -> dict[str, str]:
    """Give the keys by their status; only one may have each."""
    keys = read_ring(estate.dynamodb, estate.environ["SIGNING_KEYS_TABLE"]).keys
    assert len({key.status for key in keys}) == len(keys)
    return {key.status: key.kid for key in keys}


def rotations(estate: Estate, tenant: str) -> list[dict[str, Any]]:
    return [each["meta"] for each in estate.events(tenant) if each["action"] == "SIGNING_KEY_ROTATED"]


def test_deployment_has_one_key_that_signs_and_one_that_waits_however_often_it_is_looked_after(
    deployment: Estate,
) -> None:
    handler({}, None)
    first = kids(deployment)
    assert set(first) == {"current", "next"}
    handler({}, None)
    assert kids(deployment) == first
    for row in deployment.rows("signing_keys"):
        if row["purpose"] == "access_token":
            assert row["public_pem"].startswith("-----BEGIN PUBLIC KEY-----")
            opened = deployment.sealer.open(row["private_sealed"], sealing_context(row["kid"]))
            assert opened not in row["private_sealed"]


def test_runs_at_once_make_each_key_once(deployment: Estate) -> None:
    made = [signing_keys(deployment) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda keys: keys(deployment.clock()), made))
    assert set(kids(deployment)) == {"current", "next"}
    ring = read_ring(deployment.dynamodb, deployment.environ["SIGNING_KEYS_TABLE"])
    assert (len(ring.keys), ring.revision) == (2, 2)


def test_change_that_was_planned_on_older_keys_is_not_made(deployment: Estate) -> None:
    table = deployment.environ["SIGNING_KEYS_TABLE"]
    signing_keys(deployment)(deployment.clock())
    late = new_signing_key(deployment.sealer, 0)
    assert not changed(deployment.dynamodb, table, 1, [new_key(table, late)])
    assert late.kid not in kids(deployment).values()


def test_key_signs_for_ninety_days_then_verifies_until_its_last_token_has_expired_and_is_kept(
    deployment: Estate,
) -> None:
    keys, at = signing_keys(deployment), deployment.clock()
    keys(at)
    before = kids(deployment)
    keys(at + 90 * DAY - 1)
    assert kids(deployment) == before
    keys(at + 90 * DAY)
    after = kids(deployment)
    assert (after["current"], after["previous"]) == (before["next"], before["current"])
    assert after["next"] not in before.values()
    keys(at + 90 * DAY + 959)
    assert kids(deployment) == after
    keys(at + 90 * DAY + 961)
    assert kids(deployment)["retired"] == before["current"]
    private = {row["kid"]: "private_sealed" in row for row in deployment.rows("signing_keys") if row["kid"] != "-"}
    assert private == {before["current"]: False, after["current"]: True, after["next"]: True}


def test_sealed_key_opens_for_its_own_kid_only(estate: Estate) -> None:
    key = new_signing_key(estate.sealer, 0)
    assert key.private_sealed is not None
    with pytest.raises(RuntimeError, match="InvalidCiphertext"):
        estate.sealer.open(key.private_sealed, sealing_context("another"))


def test_every_tenant_is_told_of_a_key_that_signs_once(deployment: Estate) -> None:
    tenants = [deployment.new_tenant() for _ in range(3)]
    handler({}, None)
    handler({}, None)
    told = {"kid": kids(deployment)["current"], "previous": None, "cause": "first"}
    assert [rotations(deployment, tenant) for tenant in tenants] == [[told]] * 3


def test_two_runs_that_tell_at_once_tell_once(deployment: Estate) -> None:
    tenant, at = deployment.new_tenant(), deployment.clock()
    signing_keys(deployment)(at)
    ring = read_ring(deployment.dynamodb, deployment.environ["SIGNING_KEYS_TABLE"])
    for _ in range(2):  # both have read that nothing was told
        announcement(deployment)._tell(tenant, ring.keys, None, at)
    assert len(rotations(deployment, tenant)) == 1


def test_announcement_that_breaks_is_finished_by_the_next_run_and_none_is_lost_or_doubled(deployment: Estate) -> None:
    sound, broken = deployment.new_tenant(), deployment.new_tenant()
    keys, tell, at = signing_keys(deployment), announcement(deployment), deployment.clock()
    keys(at)
    tell(at)
    first = kids(deployment)["current"]
    with pytest.MonkeyPatch.context() as patch:
        original = deployment.ledger.commit

        def commit(tenant: str, *rest: Any, **how: Any) -> Any:
            if tenant == broken:
                raise Unavailable("injected")
            return original(tenant, *rest, **how)

        patch.setattr(type(deployment.ledger), "commit", lambda _, *rest, **how: commit(*rest, **how))
        for days in (90, 180):
            keys(at + days * DAY)
            with pytest.raises(ExceptionGroup, match=broken):
                tell(at)
    tell(at)
    told = rotations(deployment, broken)
    tell(at)
    assert rotations(deployment, broken) == told
    assert told == rotations(deployment, sound)
    assert [each["cause"] for each in told] == ["first", "scheduled", "scheduled"]
    assert [each["previous"] for each in told] == [None, first, told[1]["kid"]]
    assert told[2]["kid"] == kids(deployment)["current"]


def test_drill_of_an_emergency(deployment: Estate) -> None:
    """The steps of docs/operations.md: the key is revoked, its tokens die, people go on, and nothing breaks."""
    person = deployment.new_person(deployment.new_tenant())
    handler({}, None)
    signed_in = login(person).body
    assert me(signed_in["access_token"]).status == 200
    leaked = kids(deployment)["current"]
    # 1. Revoke.
    assert handler({"revoke_signing_key": leaked}, None) == {"revoked": leaked}
    after = kids(deployment)
    assert after["revoked"] == leaked
    assert len({after["current"], after["next"], leaked}) == 3
    # 2. Within the freshness of the key rings every environment refuses what it signed, and none breaks.
    answers = []
    for seconds in (0, 150, 299, 301):
        deployment.clock.offset = seconds
        answers.append(me(signed_in["access_token"]).status)
    assert set(answers) <= {200, 401}
    assert answers[-1] == 401
    assert leaked not in published_kids()
    # 3. People go on with their refresh tokens, and get access tokens of the new key.
    refreshed = refresh(signed_in["refresh_token"])
    assert refreshed.status == 200
    assert me(refreshed.body["access_token"]).status == 200
    # 4. Every log tells it.
    told = rotations(deployment, person.tenant)[-1]
    assert told == {"kid": after["current"], "previous": leaked, "cause": "emergency"}


def published_kids() -> list[str]:
    answer = call(functions.introspection.handler.handler, event("GET /.well-known/jwks.json"))
    return [key["kid"] for key in answer.body["keys"]]


def test_fresh_environment_refuses_a_revoked_key_at_once(deployment: Estate) -> None:
    person = deployment.new_person(deployment.new_tenant())
    handler({}, None)
    signed_in = login(person).body
    handler({"revoke_signing_key": kids(deployment)["current"]}, None)
    _forget()
    assert me(signed_in["access_token"]).status == 401
    assert me(refresh(signed_in["refresh_token"]).body["access_token"]).status == 200


def test_revocation_may_be_repeated_and_an_unknown_key_is_an_error(deployment: Estate) -> None:
    handler({}, None)
    waiting = kids(deployment)["next"]
    for _ in range(2):
        assert handler({"revoke_signing_key": waiting}, None) == {"revoked": waiting}
    assert kids(deployment)["revoked"] == waiting
    assert kids(deployment)["next"] != waiting
    with pytest.raises(RuntimeError, match="no signing key is ffff"):
        handler({"revoke_signing_key": "ffff"}, None)


def test_revocation_without_a_key_that_waits_makes_one_that_signs(deployment: Estate) -> None:
    table = deployment.environ["SIGNING_KEYS_TABLE"]
    only = new_signing_key(deployment.sealer, 0, status="current", cause="first")
    assert changed(deployment.dynamodb, table, 0, [new_key(table, only)])
    signing_keys(deployment).revoke(only.kid, deployment.clock())
    after = kids(deployment)
    assert (set(after), after["revoked"]) == ({"revoked", "current"}, only.kid)


class Died(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("days", [0, 90])
def test_run_that_dies_between_two_calls_leaves_one_key_that_signs_and_the_next_run_finishes(
    deployment: Estate, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, at = signing_keys(deployment), deployment.clock()
    if days:
        keys(at)
    at += days * DAY
    living: Callable[..., Any] = type(deployment.dynamodb).call
    left = 0

    def dying(self: object, operation: str, *rest: Any, **how: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Died
        return living(self, operation, *rest, **how)

    monkeypatch.setattr(type(deployment.dynamodb), "call", dying)
    for calls in range(12):
        left = calls
        try:
            keys(at)
        except Died:
            left = 100
            found = [key.status for key in read_ring(deployment.dynamodb, keys.table).keys]
            assert not found or found.count("current") == 1
    assert {"current", "next"} <= set(kids(deployment))


def test_failing_step_is_raised_after_all_have_run() -> None:
    ran: list[float] = []

    def broken(_: float) -> None:
        raise Unavailable("injected")

    with pytest.raises(ExceptionGroup, match="housekeeping failed"):
        run((broken, ran.append), 7.0)
    assert ran == [7.0]


def test_people_are_signed_in_across_a_rotation(deployment: Estate) -> None:
    person: Person = deployment.new_person(deployment.new_tenant())
    handler({}, None)
    keys = signing_keys(deployment)
    signed_in = login(person).body
    keys(deployment.clock() + 91 * DAY)  # as if the first key were that old
    _forget()
    assert me(signed_in["access_token"]).status == 200
    assert me(refresh(signed_in["refresh_token"]).body["access_token"]).status == 200


RETENTION: dict[str, str | int] = {
    "vault_lock_mode": "COMPLIANCE",
    "vault_retention_days": 2557,
    "exports_lock_mode": "COMPLIANCE",
    "exports_retention_days": 1096,
    "audit_log_ttl_seconds": 630_720_000,
    "security_retention_seconds": 15_552_000,
}


def retention(estate: Estate, tenant: str) -> list[dict[str, Any]]:
    return [each["change"] for each in estate.events(tenant) if each["action"] == "RETENTION_CHANGED"]


def with_retention(estate: Estate, **changes: str | int) -> Retention:
    table = estate.environ["TENANTS_TABLE"]
    return Retention(estate.dynamodb, table, estate.ledger, {**RETENTION, **changes})


def test_each_log_tells_of_the_retention_once_a_change_and_first_of_what_there_is(deployment: Estate) -> None:
    tenants = [deployment.new_tenant() for _ in range(2)]
    handler({}, None)
    handler({}, None)
    first = {"before": None, "after": RETENTION}
    assert [retention(deployment, tenant) for tenant in tenants] == [[first], [first]]
    longer = with_retention(deployment, vault_retention_days=3_653)
    longer(deployment.clock())
    longer(deployment.clock())
    second = {"before": RETENTION, "after": {**RETENTION, "vault_retention_days": 3_653}}
    assert [retention(deployment, tenant) for tenant in tenants] == [[first, second], [first, second]]
    late = deployment.new_tenant()
    longer(deployment.clock())
    assert retention(deployment, late) == [{"before": None, "after": second["after"]}]


def test_runs_at_once_tell_of_a_retention_once(deployment: Estate) -> None:
    tenant = deployment.new_tenant()
    steps = [with_retention(deployment, exports_retention_days=7) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda step: step(deployment.clock()), steps))
    assert len(retention(deployment, tenant)) == 1


def test_retention_that_cannot_be_told_is_told_by_the_next_run(
    deployment: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = deployment.new_tenant()

    def unavailable(*_arguments: object, **_members: object) -> None:
        raise Unavailable("injected")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "commit", unavailable)
        with pytest.raises(ExceptionGroup):
            with_retention(deployment)(deployment.clock())
    assert retention(deployment, tenant) == []
    with_retention(deployment)(deployment.clock())
    assert len(retention(deployment, tenant)) == 1

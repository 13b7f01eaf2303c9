"""The rows that a restore writes of a person and of a tenant: each bound of what the log says, one by one."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from infra.restoration import tenant_rows
from infra.restoration.operation import Operation, Tables
from infra.restoration.people import People, Person
from infra.restoration.tenant_rows import TenantRows, settled
from shared.audit.event import Actor
from shared.domain.ip_rule import Network, network_of
from shared.domain.ip_rule import Rule as AddressRule
from shared.domain.restoration import Correction, Replay, Rule
from shared.domain.step_up import Failures
from shared.store.attribute import unmarshal
from shared.store.identities import Identities
from shared.store.ip_rules import StoredRule
from shared.store.item import Item
from shared.store.second_factors import Factors, PasskeysRow, RecoveryCode, RecoveryRow, TotpRow
from shared.store.sso_connections import Connection, Domain
from shared.store.tenant_staff import GateRow, identity_key

TENANT, STAFF, NOW = "acme", "usr_1", 5_000.75
TABLES = Tables(*Tables.__slots__)
OPERATION = Operation(cast("Any", None), TABLES, cast("Any", None), Actor("system", "restore"), 3, NOW, "c1")
FACTORS = Factors(
    totp=TotpRow(b"sealed", 7),
    recovery=RecoveryRow((RecoveryCode("h", None),), 4),
    passkeys=PasskeysRow(),
    failures=Failures(),
    salt=b"s",
)
PERSON = Person(
    staff_id=STAFF,
    gate=GateRow("ACTIVE", "admin", 9),
    epoch=2,
    password="an old hash",
    factors=FACTORS,
    identities=Identities(2, {"digest-1": cast("Any", None), "digest-2": cast("Any", None)}),
    rows={},
)
NOTHING = Correction(
    status="DEACTIVATED",
    role="member",
    session_version=10,
    must_enrol=False,
    totp_step=None,
    no_password=False,
    no_factors=False,
    no_codes=False,
    no_identities=False,
    erased=False,
    measures=(),
)


def written(item: Item) -> dict[str, Any]:
    """Give what an update sets; what it removes is None."""
    request = item.request
    names = request.get("ExpressionAttributeNames", {})
    values = unmarshal(request.get("ExpressionAttributeValues", {}))
    set_, _, removed = request["UpdateExpression"].partition("REMOVE")
    told = {names[name]: values[value] for name, value in re.findall(r"(#\w+) = (:\w+)", set_)}
    return told | dict.fromkeys((names[name] for name in re.findall(r"#\w+", removed)), None)


def corrected(person: Person = PERSON, **made: Any) -> dict[str, list[Item]]:
    """Give the items of a correction, by their labels."""
    items: dict[str, list[Item]] = {}
    for item in People(OPERATION, TENANT)._items(person, replace(NOTHING, **made)):
        items.setdefault(item.label, []).append(item)
    return items


def test_gate_is_what_was_decided_and_knows_the_epoch_and_that_older_invites_are_void() -> None:
    (gate,) = corrected()["gate"]
    assert written(gate) == {
        "status": "DEACTIVATED",
        "role": "member",
        "session_version": 10,
        "invites_void_before": 5_000,
        "epoch": 3,
        "must_enrol": None,
    }
    (enrolling,) = corrected(must_enrol=True)["gate"]
    assert written(enrolling)["must_enrol"] is True


def test_gate_is_corrected_only_as_it_was_read() -> None:
    (gate,) = corrected()["gate"]
    values = unmarshal(gate.request["ExpressionAttributeValues"]).values()
    assert {"ACTIVE", "admin", 9} <= set(values)
    assert gate.request["ConditionExpression"].count("=") == 3


def test_reset_that_is_under_way_ends_with_every_restore_and_the_password_only_where_it_was_replaced() -> None:
    (kept,) = corrected()["password"]
    assert written(kept) == {"reset_hash": None}
    (voided,) = corrected(no_password=True)["password"]
    assert written(voided)["hash"].startswith("$argon2id$")
    assert written(voided)["reset_hash"] is None
    assert "password" not in corrected(replace(PERSON, password=None), no_password=True)


def test_authenticator_takes_no_code_again_and_is_left_alone_where_nothing_says_so() -> None:
    (totp,) = corrected(totp_step=12)["totp"]
    assert written(totp) == {"last_totp_step": 12}
    assert "totp" not in corrected()
    assert "totp" not in corrected(replace(PERSON, factors=replace(FACTORS, totp=None)), totp_step=12)


def test_codes_go_alone_or_with_all_factors() -> None:
    nothing, codes, everything = corrected(), corrected(no_codes=True), corrected(no_codes=True, no_factors=True)
    assert set(nothing) == {"gate", "password"}
    assert len(set(codes) - set(nothing)) == 1
    touched = {item.key for items in everything.values() for item in items}
    assert len(touched) > len({item.key for items in codes.values() for item in items})


def test_every_identity_goes_or_none() -> None:
    assert "identity" not in corrected()
    gone = corrected(no_identities=True)["identity"]
    keys = [tuple(identity_key(TENANT, digest).items()) for digest in ("digest-1", "digest-2")]
    assert [item.key for item in gone] == keys


def connection(**changes: Any) -> Connection:
    found = Connection(
        tenant=TENANT,
        connection_id="con_1",
        name="Acme",
        issuer="https://idp.example",
        client_id="c",
        secret_sealed=None,
        algorithms=("RS256",),
        domains={"acme.example": Domain("t", 1), "new.example": Domain("t", None)},
        enabled=True,
        provisioning=False,
        max_age_seconds=None,
        created_at=1,
        changed_at=1,
        version=4,
    )
    return found._replace(**changes)


def connections(monkeypatch: pytest.MonkeyPatch, found: Connection, replay: Replay) -> list[tuple[Item, ...]]:
    monkeypatch.setattr(tenant_rows, "connections_of", lambda *_: [found])
    return [items for _, items in TenantRows(OPERATION, TENANT)._connections(replay)]


@pytest.mark.parametrize(
    ("enabled", "provisioning", "off"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_connection_that_the_log_tells_of_is_off_with_all_that_it_lets_in(
    monkeypatch: pytest.MonkeyPatch, *, enabled: bool, provisioning: bool, off: bool
) -> None:
    found = connection(enabled=enabled, provisioning=provisioning)
    assert bool(connections(monkeypatch, found, Replay(connections={"con_1": False}))) is off
    assert connections(monkeypatch, found, Replay()) == []


@pytest.mark.parametrize(("told", "version"), [(0, 5), (4, 5), (9, 10)])
def test_connection_that_is_switched_off_has_a_version_that_nobody_has_seen(told: int, version: int) -> None:
    off = TenantRows(OPERATION, TENANT)._switched_off(connection(provisioning=True), Replay(versions={"con_1": told}))
    assert (off.enabled, off.provisioning, off.version, off.changed_at) == (False, False, version, 5_000)


def test_connection_that_was_removed_goes_with_its_verified_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    (items,) = connections(monkeypatch, connection(), Replay(connections={"con_1": True}))
    assert [item.kind for item in items] == ["Delete", "Delete"]
    assert "acme.example" in str(items[1].key)


def own_row(monkeypatch: pytest.MonkeyPatch, row: Mapping[str, Any], replay: Replay) -> dict[str, Any]:
    monkeypatch.setattr(tenant_rows, "read_rules", lambda *_: [])
    base = {"tenant": TENANT, "policy": {}, "policy_version": 2}
    return written(TenantRows(OPERATION, TENANT)._own_row({**base, **row}, {"max_replays": 3}, replay))


def test_tenant_s_own_row_has_versions_behind_all_that_were_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = own_row(monkeypatch, {}, Replay(settings=[{"a": 1}, {"b": 2}]))
    assert found == {
        "policy": {"max_replays": 3},
        "policy_version": 5,
        "policy_changed_at": 5_000,
        "restore_epoch": 3,
        "ip_rules_suspended_at": None,
        "ip_rules_due": None,
    }
    assert own_row(monkeypatch, {"ip_rules_version": 6}, Replay(versions={"ip_rules": 4}))["ip_rules_version"] == 7
    assert own_row(monkeypatch, {"ip_rules_version": 4}, Replay(versions={"ip_rules": 6}))["ip_rules_version"] == 7


def test_settings_are_replayed_in_their_order_and_of_a_group_only_what_was_told() -> None:
    policy = {"max_replays": 1, "risk_weights": {"NEW_COUNTRY": 10, "NEW_DEVICE": 5}, "ranges": {"a": 1}}
    changes: list[dict[str, Any]] = [
        {"max_replays": 2},
        {"risk_weights": {"NEW_DEVICE": 7}},
        {"max_replays": 3, "ranges": {"b": 2}},
    ]
    assert settled(policy, changes) == {
        "max_replays": 3,
        "risk_weights": {"NEW_COUNTRY": 10, "NEW_DEVICE": 7},
        "ranges": {"b": 2},
    }
    assert settled({}, [{"risk_modes": {"NEW_DEVICE": "off"}}]) == {"risk_modes": {"NEW_DEVICE": "off"}}
    assert policy["max_replays"] == 1


def stored(cidr: str, action: Any = "deny") -> StoredRule:
    network = network_of(cidr)
    assert isinstance(network, Network)
    return StoredRule(AddressRule("rul_1", network, action), "the office", "usr_9", 17)


def test_rule_is_what_the_log_says_with_the_note_that_the_table_still_has() -> None:
    told = Rule("192.0.2.0/24", "allow", "usr_2", "2026-07-01T00:00:00.000Z")
    kept = tenant_rows._rule("rul_1", told, stored("198.51.100.0/24"))
    assert kept == stored("192.0.2.0/24", "allow")
    new = tenant_rows._rule("rul_1", told, None)
    assert new is not None
    assert (new.note, new.created_by, new.created_at) == (None, "usr_2", 1_782_864_000)
    assert tenant_rows._rule("rul_1", Rule(None), stored("192.0.2.0/24")) is None


@pytest.mark.parametrize("told", [Rule("192.0.2.0/24", "ask"), Rule("somewhere", "deny")])
def test_rule_that_is_none_ends_the_restore(told: Rule) -> None:
    with pytest.raises(RuntimeError, match="a rule rul_1 that is none"):
        tenant_rows._rule("rul_1", told, None)

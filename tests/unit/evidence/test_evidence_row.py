"""A row of evidence: the columns of the contract, and what stands in them."""

import hmac
import json
from typing import Any

from shared.audit.canonical import canonical
from shared.audit.catalogue import load
from shared.audit.event import Actor, Target
from shared.audit.personal_data import PersonalData
from shared.evidence.evidence_row import COLUMNS, Discloser, Row, cells, evidence_row
from shared.evidence.segment import Event
from tests.unit.evidence.events import AT, event_of

DATA_KEY = bytes(range(32))
SALT, OTHER_SALT = b"s" * 32, b"t" * 32
CONTEXT = {"request_id": "r", "correlation_id": "c_1", "route": "r", "ip_net": "203.0.113.0/24", "country": "DE"}
PERSONAL = PersonalData(DATA_KEY, "acme")
VALUES = {"email": "ada@acme.example", "ip": "203.0.113.9", "user_agent": "Mozilla/5.0"}


def entry(event_id: str, *, of: Any = "actor", subject: str = "u_1", values: dict[str, str] | None = None) -> Any:
    salt = SALT if subject == "u_1" else OTHER_SALT
    return PERSONAL.entry(salt, subject=subject, of=of, event_id=event_id, values=values or VALUES)


def personal_event(*entries: dict[str, Any], **members: Any) -> Event:
    event_id = "01ARZ3NDEKTSV4RRFFQ6000007"
    sealed = tuple(entry(event_id, **one) for one in entries)
    return event_of(event_id=event_id, personal=sealed, context=CONTEXT, **members)


def row_of(event: Event, salts: dict[str, bytes] | None = None) -> Row:
    known = {"u_1": SALT, "u_2": OTHER_SALT} if salts is None else salts
    return evidence_row(event, Discloser(PERSONAL, known).disclose(event), load())


def test_columns_are_those_of_the_contract_in_its_order() -> None:
    contract = (
        "event_id, time_utc, action, outcome, reason, actor_type, actor_id, actor_email, on_behalf_of, target_type, "
        "target_id, resource, ip, country, user_agent, session_id, before, after, metadata, correlation_id, tsc, lane, "
        "seq, leaf_hash"
    )
    assert ", ".join(COLUMNS) == contract
    assert tuple(row_of(event_of())) == COLUMNS


def test_row_says_who_did_what_when_where_and_with_what_outcome() -> None:
    event = personal_event(
        {},
        action="USER_PROVISIONED",
        reason="invited",
        targets=(Target("user", "u_2"), Target("user", "u_3")),
        change={"before": {"role": "viewer"}, "after": {"role": "admin"}},
    )
    assert row_of(event) == {
        "event_id": "01ARZ3NDEKTSV4RRFFQ6000007",
        "time_utc": AT,
        "action": "USER_PROVISIONED",
        "outcome": "success",
        "reason": "invited",
        "actor_type": "user",
        "actor_id": "u_1",
        "actor_email": "ada@acme.example",
        "on_behalf_of": None,
        "target_type": "user",
        "target_id": "u_2",
        "resource": "session/s_1",
        "ip": "203.0.113.9",
        "country": "DE",
        "user_agent": "Mozilla/5.0",
        "session_id": "s_1",
        "before": {"role": "viewer"},
        "after": {"role": "admin"},
        "metadata": {},
        "correlation_id": "c_1",
        "tsc": ["CC6.2", "CC6.3"],
        "lane": "0",
        "seq": 1,
        "leaf_hash": event.leaf.hex(),
    }


def test_risk_decision_stands_in_the_metadata_beside_the_rest() -> None:
    risk = {"score": 75, "reasons": ["NEW_DEVICE", "NEW_COUNTRY"], "action": "STEP_UP_REQUIRED"}
    row = row_of(event_of(action="SUSPICIOUS_LOGIN_DETECTED", risk=risk, meta={"method": "password"}))
    assert row["metadata"] == {**risk, "method": "password"}
    assert row["tsc"] == ["CC7.2", "CC7.3"]


def test_under_impersonation_the_actor_is_the_administrator_and_the_person_stands_beside() -> None:
    event = personal_event({"subject": "u_1"}, on_behalf_of="u_2")
    row = row_of(event)
    assert (row["actor_id"], row["actor_email"], row["on_behalf_of"]) == ("u_1", "ada@acme.example", "u_2")


def test_why_an_administrator_acted_stands_as_the_reason_until_the_person_is_erased() -> None:
    told = {"of": "target", "subject": "u_2", "values": {"reason": "Ticket 4711"}}
    event = personal_event({}, told, action="IMPERSONATION_STARTED", on_behalf_of="u_2")
    assert row_of(event)["reason"] == "Ticket 4711"
    assert row_of(event, {"u_1": SALT})["reason"] == "[erased]"
    assert row_of(personal_event({}), {})["reason"] is None
    assert row_of(personal_event({}, told, reason="user_deactivated"))["reason"] == "user_deactivated"
    assert row_of(personal_event({"values": {"reason": "typed"}}))["reason"] is None


def test_erased_person_is_printed_as_erased() -> None:
    event = personal_event({})
    before, after = row_of(event), row_of(event, salts={})
    assert {name: after[name] for name in COLUMNS if after[name] != before[name]} == {
        "actor_email": "[erased]",
        "ip": "[erased]",
        "user_agent": "[erased]",
    }


def test_erasing_the_target_leaves_what_the_actor_did() -> None:
    event = personal_event({}, {"of": "target", "subject": "u_2", "values": {"email": "bob@acme.example"}})
    discloser = Discloser(PERSONAL, {"u_1": SALT})
    actor, target = discloser.disclose(event)
    assert actor["values"] == VALUES
    assert target == {"of": "target", "erased": True}
    assert row_of(event, {"u_1": SALT})["actor_email"] == "ada@acme.example"


def test_values_of_a_target_never_stand_in_the_actor_columns() -> None:
    event = personal_event({"of": "target", "subject": "u_2", "values": {"email": "bob@acme.example"}})
    row = row_of(event)
    assert (row["actor_email"], row["user_agent"], row["ip"]) == (None, None, "203.0.113.0/24")


def test_event_without_personal_data_shows_the_network_alone() -> None:
    row = row_of(event_of(context=CONTEXT))
    assert (row["actor_email"], row["ip"], row["user_agent"]) == (None, "203.0.113.0/24", None)


def test_salt_of_another_person_opens_nothing() -> None:
    row = row_of(personal_event({}), {"u_1": OTHER_SALT})
    assert {row["actor_email"], row["ip"], row["user_agent"]} == {"[erased]"}


def test_disclosed_key_proves_the_values_against_the_line() -> None:
    event = personal_event({})
    (disclosed,) = Discloser(PERSONAL, {"u_1": SALT}).disclose(event)
    mac = hmac.digest(bytes.fromhex(disclosed["k_event"]), canonical(disclosed["values"]), "sha256").hex()
    assert mac == event.members["pii"][0]["mac"]


def test_criteria_of_an_invalidation_follow_its_reason() -> None:
    found = {
        reason: row_of(event_of(action="SESSION_INVALIDATED", reason=reason))["tsc"]
        for reason in ("reuse_detected", "user_deactivated", "logout")
    }
    assert found == {
        "reuse_detected": ["CC7.4", "CC6.1"],
        "user_deactivated": ["CC6.2", "CC6.3"],
        "logout": ["CC6.1", "CC6.3"],
    }


def test_anonymous_actor_has_no_id_and_no_session() -> None:
    row = row_of(event_of(action="AUTH_LOGIN_FAILED", actor=Actor("anonymous", None)))
    assert (row["actor_type"], row["actor_id"], row["session_id"]) == ("anonymous", None, None)


def test_cells_write_objects_as_canonical_json_and_absence_as_nothing() -> None:
    event = event_of(change={"before": None, "after": {"b": 1, "a": "\u00fc"}}, meta={"ok": False, "n": 0})
    named = dict(zip(COLUMNS, cells(row_of(event)), strict=True))
    assert (named["before"], named["after"]) == ("", '{"a":"\u00fc","b":1}')
    assert json.loads(named["metadata"]) == {"n": 0, "ok": False}
    assert (named["reason"], named["seq"], named["tsc"]) == ("", "1", "CC6.1")


def test_empty_metadata_is_an_empty_cell() -> None:
    assert dict(zip(COLUMNS, cells(row_of(event_of())), strict=True))["metadata"] == ""


def test_zero_and_false_are_written() -> None:
    named = dict(zip(COLUMNS, cells(row_of(event_of(change={"before": 0, "after": False}))), strict=True))
    assert (named["before"], named["after"]) == ("0", "false")

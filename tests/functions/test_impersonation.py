"""Acting in another person's name: who may begin it, what comes of it, and how it is left."""

from typing import Any

import pytest

from shared.audit.moment import unix_seconds
from shared.domain.permission import ROLES
from tests.functions.conftest import Calls
from tests.functions.estate import Estate, MovableClock, Person, call, event, refresh
from tests.functions.impersonating import BEGIN, REASON, Impersonating, begin, impersonate, listed, proven
from tests.functions.signed_in import END, SESSIONS, SignedIn, sign_in

PAIRS = {("owner", "admin"), ("owner", "member"), ("owner", "auditor"), ("admin", "member"), ("admin", "auditor")}
ACTING = [role for role in ROLES if role in {"owner", "admin"}]


@pytest.fixture
def actor(estate: Estate, tenant: str) -> SignedIn:
    return proven(estate, estate.new_person(tenant, "admin"))


@pytest.fixture
def member(estate: Estate, tenant: str) -> Person:
    return estate.new_person(tenant, "member")


@pytest.fixture
def acting(actor: SignedIn, member: Person) -> Impersonating:
    return impersonate(actor, member, ticket="T-1")


def denial(estate: Estate, tenant: str) -> dict[str, Any]:
    line = estate.events(tenant)[-1]
    assert (line["action"], line["outcome"]) == ("IMPERSONATION_DENIED", "denied")
    return line


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize("target", ROLES)
@pytest.mark.parametrize("role", ACTING)
def test_only_people_of_a_lower_role_are_impersonated(
    estate: Estate, tenant: str, role: str, target: str, mode: str
) -> None:
    actor, other = proven(estate, estate.new_person(tenant, role)), estate.new_person(tenant, target)
    answer = begin(actor, other.staff_id, mode=mode)
    if (role, target) in PAIRS:
        assert (answer.status, answer.body["impersonation"]["mode"]) == (201, mode)
        return
    assert (answer.status, answer.code) == (403, "permission_denied")
    line = denial(estate, tenant)
    assert (line["reason"], line["actor"]["id"]) == ("TARGET_ROLE", actor.person.staff_id)
    assert line["targets"] == [{"type": "user", "id": other.staff_id}]
    assert estate.session_rows(other) == []


def test_answer_is_a_token_and_what_it_stands_for(actor: SignedIn, member: Person) -> None:
    answer = begin(actor, member.staff_id, minutes=10, mode="write", ticket="T-1")
    assert set(answer.body) == {"token_type", "access_token", "expires_in", "impersonation"}
    assert "cookies" not in answer.raw
    assert answer.body["expires_in"] == 600
    told = answer.body["impersonation"]
    assert told["actor"] == {"staff_id": actor.person.staff_id, "role": "admin"}
    assert told["target"] == {"staff_id": member.staff_id, "role": "member"}
    assert (told["mode"], told["reason"], told["ticket"], told["status"]) == ("write", REASON, "T-1", "active")
    assert unix_seconds(told["expires_at"]) - unix_seconds(told["started_at"]) == 600


def test_thirty_minutes_of_reading_are_what_nobody_has_to_ask_for(actor: SignedIn, member: Person) -> None:
    answer = begin(actor, member.staff_id)
    assert (answer.body["expires_in"], answer.body["impersonation"]["mode"]) == (1_800, "read")
    assert answer.body["impersonation"]["ticket"] is None


def test_me_is_the_other_person_with_a_banner_and_little_left(estate: Estate, tenant: str, actor: SignedIn) -> None:
    auditor = estate.new_person(tenant, "auditor")
    answer = impersonate(actor, auditor).me()
    body = answer.body
    assert (body["staff"]["staff_id"], body["role"]) == (auditor.staff_id, "auditor")
    assert body["permissions"] == ["SETTINGS_SECURITY_VIEW"]
    banner = body["impersonation"]
    assert banner["actor"] == {"staff_id": actor.person.staff_id, "name": "Ada Example"}
    assert (banner["mode"], banner["reason"]) == ("read", REASON)
    assert banner["expires_at"] == body["session"]["absolute_expires_at"]
    assert banner["impersonation_id"] == body["session"]["session_id"]
    assert answer.headers["X-Impersonated-By"] == actor.person.staff_id


def test_whoever_acts_for_himself_carries_no_mark(actor: SignedIn) -> None:
    answer = actor.calls("GET /api/auth/me")
    assert answer.body["impersonation"] is None
    assert "X-Impersonated-By" not in answer.headers


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"minutes": 0}, "/minutes"),
        ({"minutes": 61}, "/minutes"),
        ({"minutes": -1}, "/minutes"),
        ({"minutes": "30"}, "/minutes"),
        ({"minutes": True}, "/minutes"),
        ({"minutes": 1.5}, "/minutes"),
        ({"reason": ""}, "/reason"),
        ({"reason": " \t"}, "/reason"),
        ({"reason": "x" * 501}, "/reason"),
        ({"reason": None}, "/reason"),
        ({"ticket": ""}, "/ticket"),
        ({"ticket": "  "}, "/ticket"),
        ({"ticket": "x" * 101}, "/ticket"),
        ({"mode": "admin"}, "/mode"),
        ({"target_id": "a#gate"}, "/target_id"),
        ({"target_id": "../x"}, "/target_id"),
        ({"tenant": "other"}, "/tenant"),
    ],
)
def test_body_that_makes_no_sense_is_refused_by_its_fault(
    actor: SignedIn, member: Person, changed: dict[str, Any], pointer: str
) -> None:
    answer = begin(actor, member.staff_id, **changed) if "target_id" not in changed else begin(actor, **changed)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert [fault["pointer"] for fault in answer.body["errors"]] == [pointer]


@pytest.mark.parametrize("minutes", [1, 60])
def test_limits_of_the_minutes_are_included(actor: SignedIn, member: Person, minutes: int) -> None:
    assert begin(actor, member.staff_id, minutes=minutes).body["expires_in"] == 60 * minutes


def test_reason_is_never_left_out(actor: SignedIn, member: Person) -> None:
    from functions.impersonation.handler import handler  # noqa: PLC0415 - the raw call of this test alone

    answer = call(handler, event(BEGIN, {"target_id": member.staff_id}, bearer=actor.access_token))
    assert [fault["pointer"] for fault in answer.body["errors"]] == ["/reason"]


def test_nobody_impersonates_himself(estate: Estate, tenant: str, actor: SignedIn) -> None:
    answer = begin(actor, actor.person.staff_id)
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert denial(estate, tenant)["reason"] == "SELF"


def test_deactivated_person_is_not_impersonated(estate: Estate, tenant: str, actor: SignedIn, member: Person) -> None:
    estate.change_gate(member, "status", "DEACTIVATED")
    assert begin(actor, member.staff_id).status == 403
    assert denial(estate, tenant)["reason"] == "TARGET_INACTIVE"


def test_person_of_another_tenant_is_like_one_who_does_not_exist(estate: Estate, tenant: str, actor: SignedIn) -> None:
    elsewhere = estate.new_person(estate.new_tenant(), "member")
    answers = [begin(actor, target) for target in (elsewhere.staff_id, "u_nobody")]
    told = [{key: value for key, value in answer.body.items() if key != "request_id"} for answer in answers]
    assert told[0] == told[1]
    assert (answers[0].status, answers[0].code) == (404, "not_found")
    assert [line["reason"] for line in estate.events(tenant)[-2:]] == ["TARGET_UNKNOWN", "TARGET_UNKNOWN"]
    assert estate.actions(elsewhere.tenant) == []


def test_refusal_that_cannot_be_recorded_is_503(actor: SignedIn, audit_write_fails: Any) -> None:
    audit_write_fails()
    assert begin(actor, actor.person.staff_id).status == 503


def test_proof_serves_for_a_minute(actor: SignedIn, member: Person, clock: MovableClock) -> None:
    clock.offset = 61
    assert begin(actor, member.staff_id).code == "insufficient_user_authentication"


@pytest.mark.parametrize(
    ("setting", "mode", "status"),
    [("write", "write", 201), ("read", "write", 403), ("read", "read", 201), ("off", "read", 403)],
)
def test_tenant_says_what_administrators_may(
    estate: Estate, tenant: str, actor: SignedIn, member: Person, setting: str, mode: str, status: int
) -> None:
    estate.change_settings(tenant, {"impersonation": setting})
    assert begin(actor, member.staff_id, mode=mode).status == status
    if status == 403:
        assert denial(estate, tenant)["reason"] == "SWITCHED_OFF"


def test_tenant_says_how_long(estate: Estate, tenant: str, actor: SignedIn, member: Person) -> None:
    estate.change_settings(tenant, {"impersonation_minutes": 5})
    assert begin(actor, member.staff_id, minutes=6).status == 400
    assert begin(actor, member.staff_id).body["expires_in"] == 300


def test_end_is_recorded_and_the_token_is_dead(estate: Estate, tenant: str, acting: Impersonating) -> None:
    assert acting.me().status == 200
    assert acting.finish().status == 204
    assert acting.me().code == "invalid_token"
    assert acting.finish().code == "invalid_token"
    line = estate.events(tenant)[-1]
    assert (line["action"], line["reason"]) == ("IMPERSONATION_ENDED", "ended")
    assert (line["actor"]["id"], line["on_behalf_of"]) == (acting.actor.person.staff_id, acting.target.staff_id)
    meta = line["meta"]
    assert (meta["requests"], meta["denied"], meta["ticket"]) == (2, 0, "T-1")
    assert 0 <= meta["seconds"] < 60
    assert acting.open_row() is None
    session = acting.session()
    assert (session["status"], session["revoke_reason"]) == ("REVOKED", "impersonation_ended")


def test_ones_own_token_ends_it_too_since_that_of_the_impersonation_may_be_lost(
    estate: Estate, tenant: str, acting: Impersonating
) -> None:
    assert acting.finish(acting.actor.access_token).status == 204
    assert acting.me().status == 401
    assert estate.events(tenant)[-1]["reason"] == "ended"
    again = acting.finish(acting.actor.access_token)
    assert (again.status, again.code) == (404, "not_found")


def test_what_somebody_else_has_begun_is_not_ones_own_to_end(
    estate: Estate, tenant: str, acting: Impersonating
) -> None:
    for other in (proven(estate, estate.new_person(tenant, "owner")), sign_in(estate, acting.target)):
        assert acting.finish(other.access_token).status == 404
    assert acting.me().status == 200


def test_who_begins_again_leaves_the_first(estate: Estate, tenant: str, acting: Impersonating) -> None:
    other = estate.new_person(tenant, "member")
    second = impersonate(acting.actor, other)
    assert (acting.me().status, second.me().status) == (401, 200)
    ended, started = estate.events(tenant)[-2:]
    assert (ended["action"], ended["reason"]) == ("IMPERSONATION_ENDED", "superseded")
    assert ended["on_behalf_of"] == acting.target.staff_id
    assert (started["action"], started["on_behalf_of"]) == ("IMPERSONATION_STARTED", other.staff_id)
    row = second.open_row()
    assert row is not None
    assert row["impersonation_id"] == second.impersonation_id


def test_what_was_over_when_the_next_begins_ended_for_its_own_cause(
    estate: Estate, tenant: str, actor: SignedIn, member: Person, clock: MovableClock
) -> None:
    impersonate(actor, member, minutes=1)
    clock.offset = 61
    actor.prove("impersonate")
    impersonate(actor, member)
    ended = estate.events(tenant)[-2]
    assert (ended["action"], ended["reason"], ended["meta"]["seconds"]) == ("IMPERSONATION_ENDED", "expired", 60)


def test_two_administrators_may_see_with_the_eyes_of_one_person(
    estate: Estate, tenant: str, acting: Impersonating
) -> None:
    second = impersonate(proven(estate, estate.new_person(tenant, "owner")), acting.target)
    assert (acting.me().status, second.me().status) == (200, 200)
    assert acting.finish().status == 204
    assert second.me().status == 200


def test_impersonated_person_sees_it_among_his_sessions_and_may_end_it(estate: Estate, acting: Impersonating) -> None:
    own = sign_in(estate, acting.target)
    rows = {row["session_id"]: row for row in own.calls(SESSIONS).body["sessions"]}
    assert rows[own.session_id]["impersonation"] is None
    shown = rows[acting.impersonation_id]
    assert shown["impersonation"]["actor"] == {"staff_id": acting.actor.person.staff_id}
    assert shown["impersonation"]["mode"] == "read"
    assert shown["impersonation"]["expires_at"] == shown["absolute_expires_at"]
    assert (shown["device"], shown["country"], shown["agent"], shown["current"]) == (None, None, "unknown", False)
    assert own.calls(END, ends=acting.impersonation_id).status == 204
    assert acting.me().status == 401
    assert own.calls("GET /api/auth/me").status == 200


def test_nothing_of_the_impersonated_person_moves(estate: Estate, actor: SignedIn, member: Person) -> None:
    own = sign_in(estate, member)
    staff = [row for row in estate.partition("tenant_staff", "tenant", member.tenant) if member.staff_id in row["item"]]
    before = own.row()
    acting = impersonate(actor, member)
    acting.me()
    acting.finish()
    after = [row for row in estate.partition("tenant_staff", "tenant", member.tenant) if member.staff_id in row["item"]]
    assert (own.row(), after) == (before, staff)


def test_session_is_none_of_cleanups_and_has_no_refresh_token(acting: Impersonating) -> None:
    row = acting.session()
    assert "review_at" not in row
    assert row["current_hash"] == "none"
    assert row["idle_expires_at"] == row["absolute_expires_at"] == row["created_at"] + 1_800


@pytest.mark.parametrize("generation", [1, 2])
def test_refresh_token_text_of_such_a_session_is_refused_like_any_other(
    estate: Estate, acting: Impersonating, generation: int, clock: MovableClock
) -> None:
    text = sign_in(estate, acting.target).refresh_token
    parts = text.split(".")
    parts[3], parts[4] = acting.impersonation_id, str(generation)
    for offset in (0, 1_900):
        clock.offset = offset
        answer = refresh(".".join(parts))
        assert (answer.status, answer.code) == (401, "invalid_grant")
    row = acting.session()
    assert row["status"] == "ACTIVE"


def test_list_tells_what_is_open_and_what_is_past_newest_first(
    estate: Estate, tenant: str, actor: SignedIn, member: Person
) -> None:
    ids = []
    for number in range(3):
        acting = impersonate(actor, member, ticket=f"T-{number}")
        ids.append(acting.impersonation_id)
    auditor = sign_in(estate, estate.new_person(tenant, "auditor"))
    first = listed(auditor.access_token, "limit=1").body
    assert [(row["impersonation_id"], row["status"], row["cause"]) for row in first["impersonations"]] == [
        (ids[2], "active", None),
        (ids[1], "ended", "superseded"),
    ]
    second = listed(auditor.access_token, f"limit=1&cursor={first['next_cursor']}").body
    assert [row["impersonation_id"] for row in second["impersonations"]] == [ids[0]]
    assert second["next_cursor"] is None
    assert second["impersonations"][0]["requests"] == 0


def test_list_says_of_an_open_one_that_it_is_over_before_the_sweep_comes(
    actor: SignedIn, member: Person, clock: MovableClock
) -> None:
    acting = impersonate(actor, member, minutes=1)
    clock.offset = 61
    (row,) = listed(acting.actor.access_token).body["impersonations"]
    assert (row["status"], row["cause"], row["ended_at"]) == ("ended", "expired", None)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=open%23x", "cursor=", "page=2"])
def test_list_takes_no_other_parameters(actor: SignedIn, query: str) -> None:
    assert listed(actor.access_token, query).status == 400


@pytest.mark.usefixtures("acting")
def test_list_of_another_tenant_is_its_own(estate: Estate) -> None:
    elsewhere = sign_in(estate, estate.new_person(estate.new_tenant(), "owner"))
    assert listed(elsewhere.access_token).body == {"impersonations": [], "next_cursor": None}


def test_counted_calls(actor: SignedIn, member: Person, calls: Calls) -> None:
    begin(actor, member.staff_id)
    calls.clear()
    acting = impersonate(actor, member)
    assert [one for one in calls.operations() if one != "UpdateItem"] == [
        *("BatchGetItem", "BatchGetItem", "GetItem", "BatchGetItem"),
        "TransactWriteItems",
    ]
    calls.clear()
    acting.me()
    assert calls.operations() == ["BatchGetItem", "UpdateItem", "GetItem", "GetItem"]

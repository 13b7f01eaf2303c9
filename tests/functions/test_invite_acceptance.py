"""POST /api/auth/invites/accept: who holds the token of an invitation joins, once."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.store.invites import INVITE_SECONDS
from shared.store.item import get
from shared.store.tenant_staff import gate_key, owners_key
from shared.store.wire import Wire
from tests.functions.estate import Estate, MovableClock, Place, login, me
from tests.functions.invitations import (
    NEW_PASSWORD,
    accept,
    invited,
    inviter,
    joined,
    listed,
    people_of,
    revoke,
)
from tests.functions.signed_in import SignedIn
from tests.functions.test_factor_change_races import Interrupted, commit, interrupted
from tests.functions.test_step_up import enrol

__all__ = ["interrupted"]
EMAIL = "grace@acme.example"


@pytest.fixture
def owner(estate: Estate, tenant: str) -> SignedIn:
    return inviter(estate, tenant, "owner")


def test_whoever_accepts_is_signed_in_and_can_log_in(owner: SignedIn) -> None:
    answer = accept(invited(owner, name="Grace Example"))
    person = joined(answer, EMAIL)
    seen = me(answer.body["access_token"])
    assert (seen.status, seen.body["role"], seen.body["staff"]["email"]) == (200, "member", EMAIL)
    assert seen.body["staff"]["name"] == "Grace Example"
    assert answer.body["must_enrol"] is False
    assert login(person, password=NEW_PASSWORD).status == 200


def test_person_says_what_he_is_called(owner: SignedIn) -> None:
    answer = accept(invited(owner, name="Grace Example"), name="Amazing Grace")
    assert me(answer.body["access_token"]).body["staff"]["name"] == "Amazing Grace"


def test_acceptance_is_one_commit_of_three_events(estate: Estate, owner: SignedIn) -> None:
    token = invited(owner, name="Grace Example")
    answer = accept(token)
    lines = estate.events(owner.person.tenant)[-3:]
    assert [line["action"] for line in lines] == ["INVITE_ACCEPTED", "USER_PROVISIONED", "AUTH_LOGIN_SUCCESS"]
    assert len({line["time"] for line in lines}) == 1
    staff_id = answer.body["session"]["staff_id"]
    assert {line["actor"]["id"] for line in lines} == {staff_id}
    assert lines[1]["change"] == {"before": None, "after": {"role": "member", "status": "ACTIVE"}}
    assert lines[1]["meta"]["invite_id"] == token.split(".")[1]
    assert lines[2]["actor"]["session"] == answer.body["session"]["session_id"]
    assert {entry["sub"] for line in lines for entry in line["pii"]} == {staff_id}
    assert "acme.example" not in json.dumps(lines)
    assert "Grace" not in json.dumps(lines)
    (told,) = [
        row["payload"]
        for row in estate.partition("outbox", "tenant", owner.person.tenant)
        if row["payload"].get("name") == "user_joined"
    ]
    assert told["staff_id"] == staff_id


def test_first_place_is_learned(estate: Estate, owner: SignedIn) -> None:
    place = Place(address="203.0.90.9", country="FR")
    person = joined(accept(invited(owner), place=place), EMAIL)
    answer = login(person, place=place, password=NEW_PASSWORD)
    assert answer.status == 200
    scored = [line for line in estate.events(person.tenant) if line["action"] == "ANOMALY_SCORED"]
    assert scored[-1]["risk"]["score"] == 0


@pytest.mark.parametrize(
    ("role", "first"), [("owner", "factor"), ("admin", "factor"), ("auditor", "all"), ("member", "all")]
)
def test_administrators_begin_with_enrolling_a_factor(estate: Estate, owner: SignedIn, role: str, first: str) -> None:
    answer = accept(invited(owner, role=role))
    bearer, must = answer.body["access_token"], first == "factor"
    assert (answer.body["must_enrol"], me(bearer).body["must_enrol"]) == (must, must)
    if must:
        enrol(bearer, estate.clock())
        assert me(bearer).body["must_enrol"] is False


def test_owner_who_joins_is_counted(estate: Estate, owner: SignedIn) -> None:
    accept(invited(owner, role="owner"))
    accept(invited(owner, "hedy@acme.example", role="admin"))
    row = get(estate.dynamodb, estate.prefix + "tenant_staff", owners_key(owner.person.tenant))
    assert row is not None
    assert row["active"] == 2


def test_browser_gets_cookies(owner: SignedIn) -> None:
    token = invited(owner)
    from_elsewhere = accept(token, mode="cookie")
    assert from_elsewhere.code == "csrf_rejected"
    place = Place(
        address="203.0.91.1",
        extra={"origin": "https://muniment.example", "sec-fetch-site": "same-origin", "x-muniment-csrf": "1"},
    )
    answer = accept(token, place=place, mode="cookie")
    assert answer.status == 200, answer.text
    assert "refresh_token" not in answer.body
    assert any(cookie.startswith("__Host-rt=") for cookie in answer.raw["cookies"])


def test_token_counts_once(owner: SignedIn) -> None:
    token = invited(owner)
    assert accept(token).status == 200
    assert accept(token).code == "invalid_grant"


def test_of_two_acceptances_at_once_one_makes_the_person(estate: Estate, owner: SignedIn) -> None:
    token, tenant = invited(owner), owner.person.tenant
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: accept(token, name=f"Grace {number}"), range(4)))
    assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]
    assert len(people_of(estate, tenant)) == 2
    assert estate.actions(tenant).count("INVITE_ACCEPTED") == 1


def test_every_dead_token_reads_alike(estate: Estate, owner: SignedIn) -> None:
    used, withdrawn = invited(owner), invited(owner, "hedy@acme.example")
    accept(used)
    revoke(owner, next(one["invite_id"] for one in listed(owner) if one["status"] == "OPEN"))
    good = invited(owner, "joan@acme.example")
    tenant, invite_id, secret = good.split(".")
    other = estate.new_tenant()
    dead = [
        used,
        withdrawn,
        f"{other}.{invite_id}.{secret}",
        f"{tenant}.{invite_id}.{secret[:-1]}",
        f"{tenant}.{invite_id}.{secret}.",
        f"{tenant}.nothing.{secret}",
        f"{tenant}.address#joan@acme.example.{secret}",
        f"nobody.{invite_id}.{secret}",
        f"{tenant}.{invite_id}",
        "x",
        "..",
        "\x00",
    ]
    answers = [accept(token) for token in dead]
    assert {(answer.status, answer.code) for answer in answers} == {(401, "invalid_grant")}
    told = {json.dumps({**answer.body, "request_id": ""}) for answer in answers}
    assert len(told) == 1
    assert accept(good).status == 200


@pytest.mark.parametrize("token", ["\ud800", "x" * 257, ""])
def test_what_is_no_token_is_400(token: str) -> None:
    assert accept(token).code == "invalid_request"


def test_nobody_asks_for_another_role_as_he_joins(owner: SignedIn) -> None:
    assert accept(invited(owner), role="owner").code == "invalid_request"


def test_token_of_three_days_is_410(owner: SignedIn, clock: MovableClock) -> None:
    token = invited(owner)
    clock.offset += INVITE_SECONDS - 5
    assert accept(token, password="short").code == "password_rejected"
    clock.offset += 5
    answer = accept(token)
    assert (answer.status, answer.code) == (410, "invite_expired")


def test_unfit_password_leaves_the_token_good(estate: Estate, owner: SignedIn) -> None:
    token = invited(owner, "grace.hopper@acme.example", name="Grace Example")
    before = estate.events(owner.person.tenant)
    for unfit, reason in (("too short", "too_short"), ("grace hopper 2026", "contains_context_word")):
        answer = accept(token, password=unfit)
        assert (answer.status, answer.code) == (422, "password_rejected")
        assert reason in answer.body["reasons"]
    assert estate.events(owner.person.tenant) == before
    assert accept(token).status == 200


@pytest.mark.parametrize(
    ("name", "value"), [("status", "DEACTIVATED"), ("role", "member"), ("role", "auditor"), ("role", "admin")]
)
def test_invite_is_void_when_its_inviter_could_not_give_the_role_any_more(
    estate: Estate, owner: SignedIn, name: str, value: str
) -> None:
    token = invited(owner, role="owner")
    estate.change_gate(owner.person, name, value)
    assert accept(token).code == "invalid_grant"
    assert len(people_of(estate, owner.person.tenant)) == 1


def test_invite_lives_on_with_an_inviter_who_may_still_give_the_role(estate: Estate, owner: SignedIn) -> None:
    token = invited(owner, role="admin")
    estate.change_gate(owner.person, "role", "admin")
    estate.change_gate(owner.person, "session_version", 7)
    assert accept(token).status == 200


@pytest.mark.parametrize(("name", "value"), [("status", "DEACTIVATED"), ("role", "member")])
def test_inviter_who_loses_his_rights_between_check_and_commit_voids_the_invite(
    estate: Estate, owner: SignedIn, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    token = invited(owner)
    original = Wire.call

    def losing(self: Wire, operation: str, request: dict[str, object], *, deadline: float | None = None) -> object:
        if operation == "TransactWriteItems":
            estate.change_gate(owner.person, name, value)
        return original(self, operation, request, deadline=deadline)

    monkeypatch.setattr(Wire, "call", losing)
    assert accept(token).code == "invalid_grant"
    assert "INVITE_ACCEPTED" not in estate.actions(owner.person.tenant)


def test_invite_whose_time_is_over_before_the_commit_makes_nobody(
    estate: Estate, owner: SignedIn, interrupted: Interrupted
) -> None:
    token, tenant = invited(owner), owner.person.tenant
    key = {"tenant": tenant, "invite_id": token.split(".")[1]}
    answer = interrupted(
        lambda: accept(token),
        commit,
        lambda: estate.change_row("invites", key, {"expires_at": int(estate.clock()) - 1}),
    )
    assert answer is not None
    assert (answer.status, answer.code) == (410, "invite_expired")
    assert len(people_of(estate, tenant)) == 1


def test_invite_that_is_revoked_before_the_commit_makes_nobody(
    estate: Estate, owner: SignedIn, interrupted: Interrupted
) -> None:
    token, tenant = invited(owner), owner.person.tenant
    answer = interrupted(lambda: accept(token), commit, lambda: revoke(owner, token.split(".")[1]))
    assert answer is not None
    assert answer.code == "invalid_grant"
    assert len(people_of(estate, tenant)) == 1


def test_invite_of_somebody_erased_is_void(estate: Estate, owner: SignedIn) -> None:
    token = invited(owner)
    (row,) = [row for row in estate.partition("invites", "tenant", owner.person.tenant) if "staff_id" in row]
    estate.delete("subject_keys", {"tenant": owner.person.tenant, "subject": row["staff_id"]})
    assert accept(token).code == "invalid_grant"


def test_suspended_tenant_is_joined_by_nobody(estate: Estate, owner: SignedIn) -> None:
    token = invited(owner)
    estate.change_row("tenants", {"tenant": owner.person.tenant}, {"status": "SUSPENDED"})
    assert accept(token).code == "invalid_grant"


def test_address_that_became_somebodys_meanwhile_is_409(estate: Estate, owner: SignedIn) -> None:
    token, tenant = invited(owner), owner.person.tenant
    key = {"tenant": tenant, "item": f"email#{EMAIL}"}
    estate.change_row("tenant_staff", key, {"staff_id": "u_somebody"})
    answer = accept(token)
    assert (answer.status, answer.code) == (409, "already_used")
    assert len(people_of(estate, tenant)) == 1


def test_guesses_of_an_address_are_refused_beyond_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.invites.acceptance.ADDRESS_BUDGET", 3)
    place = Place(address="192.0.2.99")
    answers = [accept(f"guess-{number}", place=place) for number in range(8)]
    assert [answer.code for answer in answers[:3]] == ["invalid_grant"] * 3
    refused = next(answer for answer in answers if answer.status == 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_acceptance_whose_events_cannot_be_written_is_503_and_makes_nobody(
    estate: Estate, owner: SignedIn, audit_write_fails: Callable[[], None]
) -> None:
    token = invited(owner)
    audit_write_fails()
    assert accept(token).status == 503
    assert len(people_of(estate, owner.person.tenant)) == 1


def test_password_and_token_stand_nowhere(estate: Estate, owner: SignedIn, capsys: pytest.CaptureFixture[str]) -> None:
    token = invited(owner)
    accept(token, password="short")
    person = joined(accept(token), EMAIL)
    kept = capsys.readouterr().out + json.dumps(estate.everything(), default=str)
    assert token not in kept
    assert NEW_PASSWORD not in kept
    assert get(estate.dynamodb, estate.prefix + "tenant_staff", gate_key(person.tenant, person.staff_id)) is not None


def test_address_rules_of_the_tenant_hold_for_whoever_joins_and_leave_the_token_good(
    estate: Estate, owner: SignedIn
) -> None:
    token, tenant = invited(owner), owner.person.tenant
    rule = {"cidr": "192.0.2.0/24", "action": "deny", "created_by": owner.person.staff_id, "created_at": 1}
    estate.change_row("ip_rules", {"tenant": tenant, "rule_id": "r1"}, rule)
    estate.change_row("tenants", {"tenant": tenant}, {"ip_rules_version": 1})
    refused = accept(token, place=Place(address="192.0.2.5"))
    assert (refused.status, refused.code) == (403, "ip_denied")
    line = estate.events(tenant)[-1]
    assert (line["action"], line["actor"]["auth"]) == ("IP_RULE_ENFORCED", "invite_token")
    assert accept(token).status == 200


def test_person_at_an_international_domain_logs_in_however_the_domain_is_typed(owner: SignedIn) -> None:
    email = "grace@b\u00fccher.example"
    person = joined(accept(invited(owner, email)), email)
    assert login(person, password=NEW_PASSWORD).status == 200

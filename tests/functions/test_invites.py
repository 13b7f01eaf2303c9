"""POST, GET and DELETE of /api/staff/invites: who may ask whom to join, as what."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.invites.handler import handler
from shared.store.invites import INVITE_SECONDS, open_invites_by
from shared.store.one_time_tokens import hash_of
from shared.store.wire import Wire
from tests.functions.estate import Estate, MovableClock, call, event
from tests.functions.invitations import (
    INVITE,
    LIST,
    accept,
    invite,
    invited,
    inviter,
    listed,
    mails_of,
    revoke,
    token_of,
)
from tests.functions.post_office import PostOffice, post
from tests.functions.signed_in import SignedIn, sign_in

__all__ = ["post"]


@pytest.fixture
def admin(estate: Estate, tenant: str) -> SignedIn:
    return inviter(estate, tenant)


def test_token_goes_into_the_mail_alone(estate: Estate, admin: SignedIn, post: PostOffice) -> None:
    email = f"grace-{admin.person.tenant}@acme.example"
    answer = invite(admin, email, name="Grace Example")
    assert answer.status == 201
    assert set(answer.body) == {"invite_id", "staff_id", "expires_at"}
    token = token_of(estate, admin.person.tenant, answer.body["invite_id"])
    kept = json.dumps(estate.everything(), default=str)
    assert hash_of(token) in kept
    assert token not in kept + answer.text
    post.deliver_all(admin.person.tenant)
    (mail,) = post.mails(email)
    assert f"#token={token}" in mail.text


def test_invite_is_recorded_with_whom_it_is_for_sealed(estate: Estate, admin: SignedIn) -> None:
    invite_id = invite(admin, name="Grace Example").body["invite_id"]
    line = estate.events(admin.person.tenant)[-1]
    assert (line["action"], line["outcome"], line["resource"]) == ("USER_INVITED", "success", f"invites/{invite_id}")
    assert line["actor"]["id"] == admin.person.staff_id
    assert line["change"]["after"] == {"role": "member", "status": "OPEN"}
    (target,) = line["targets"]
    assert {entry["sub"] for entry in line["pii"]} == {target["id"], admin.person.staff_id}
    assert "acme.example" not in json.dumps(line)
    assert "Grace" not in json.dumps(line)


def test_invites_are_told_to_the_bus_without_personal_data(estate: Estate, admin: SignedIn) -> None:
    invite(admin, name="Grace Example")
    rows = estate.partition("outbox", "tenant", admin.person.tenant)
    (told,) = [row["payload"] for row in rows if row["kind"] == "bus_event"]
    assert (told["name"], told["detail"]["role"]) == ("user_invited", "member")
    assert "acme.example" not in json.dumps(rows, default=str)
    assert "Grace" not in json.dumps(rows, default=str)


@pytest.mark.parametrize(
    ("role", "given", "status"),
    [
        ("owner", "owner", 201),
        ("owner", "admin", 201),
        ("admin", "admin", 201),
        ("admin", "auditor", 201),
        ("admin", "member", 201),
        ("admin", "owner", 403),
    ],
)
def test_nobody_invites_above_himself(estate: Estate, tenant: str, role: str, given: str, status: int) -> None:
    session = inviter(estate, tenant, role)
    answer = invite(session, role=given)
    assert answer.status == status
    if status == 403:
        line = estate.events(tenant)[-1]
        assert (line["action"], line["reason"], line["meta"]) == ("ACCESS_DENIED", "ROLE_BEYOND_OWN", {"role": given})
        assert estate.partition("invites", "tenant", tenant) == []


@pytest.mark.parametrize(("role", "status"), [("member", 201), ("auditor", 401), ("admin", 401)])
def test_fresh_proof_is_asked_above_a_member(estate: Estate, tenant: str, role: str, status: int) -> None:
    session = sign_in(estate, estate.new_person(tenant))
    answer = invite(session, role=role)
    assert answer.status == status
    if status == 401:
        assert (answer.code, answer.body["purpose"]) == ("insufficient_user_authentication", "rbac_admin")
        session.prove("rbac_admin")
        assert invite(session, role=role).status == 201
        assert estate.events(tenant)[-1]["actor"]["step_up"] == "challenge-rbac_admin"


@pytest.mark.parametrize(
    "body",
    [
        {"email": "grace@acme.example", "role": "superuser"},
        {"email": "grace@acme.example", "role": "Owner"},
        {"email": "grace@acme.example"},
        {"email": "grace", "role": "member"},
        {"email": "a" * 320 + "@acme.example", "role": "member"},
        {"email": "gr\u0430ce@acme.example", "role": "member"},
        {"email": "\uff47race@acme.example", "role": "member"},
        {"email": "grace\x00@acme.example", "role": "member"},
        {"email": "grace\ud800@acme.example", "role": "member"},
        {"email": "Grace <grace@acme.example>", "role": "member"},
        {"email": "grace@acme.example\r\nBcc: eve@evil.example", "role": "member"},
        {"email": "grace@acme.example", "role": "member", "name": "Grace\x00"},
        {"email": "grace@acme.example", "role": "member", "name": "x" * 201},
        {"email": "grace@acme.example", "role": "member", "tenant": "another"},
    ],
)
def test_what_is_no_address_or_no_role_is_400(estate: Estate, admin: SignedIn, body: dict[str, str]) -> None:
    before = estate.events(admin.person.tenant)
    answer = call(handler, event(INVITE, body, bearer=admin.access_token))
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert estate.events(admin.person.tenant) == before


def test_look_alike_domain_is_shown_as_another_one(admin: SignedIn) -> None:
    invite(admin, "grace@acme.example")
    invite(admin, "grace@\u0430cme.example")
    assert [one["email"] for one in listed(admin)] == ["grace@xn--cme-5cd.example", "grace@acme.example"]
    assert [one["status"] for one in listed(admin)] == ["OPEN", "OPEN"]


@pytest.mark.parametrize("again", ["GRACE@Acme.Example", " grace@acme.example ", "grace@ac\u00adme.example"])
def test_address_in_another_spelling_is_the_same(estate: Estate, admin: SignedIn, again: str) -> None:
    first = invited(admin, "grace@acme.example")
    second = invited(admin, again, name="Grace")
    assert [one["status"] for one in listed(admin)] == ["OPEN", "REVOKED"]
    assert accept(first).code == "invalid_grant"
    assert accept(second).status == 200
    assert invite(admin, again.swapcase()).code == "already_used"
    ended = next(line for line in estate.events(admin.person.tenant) if line["action"] == "INVITE_REVOKED")
    assert (ended["reason"], ended["actor"]["id"]) == ("replaced", admin.person.staff_id)


def test_address_of_somebody_is_409(estate: Estate, admin: SignedIn) -> None:
    gone = estate.new_person(admin.person.tenant, "member")
    estate.change_gate(gone, "status", "DEACTIVATED")
    for email in (admin.person.email, gone.email.upper()):
        answer = invite(admin, email)
        assert (answer.status, answer.code) == (409, "already_used")
    assert listed(admin) == []


def test_same_address_is_another_persons_in_another_tenant(estate: Estate, admin: SignedIn) -> None:
    there = inviter(estate, estate.new_tenant())
    assert invite(there, admin.person.email).status == 201


def test_who_could_not_invite_an_owner_neither_replaces_nor_revokes_the_invite(estate: Estate, tenant: str) -> None:
    owner, admin = inviter(estate, tenant, "owner"), inviter(estate, tenant)
    invite_id = invite(owner, role="owner").body["invite_id"]
    assert invite(admin, role="member").code == "permission_denied"
    assert revoke(admin, invite_id).code == "permission_denied"
    assert [one["status"] for one in listed(admin)] == ["OPEN"]


def test_of_two_invites_of_one_address_at_once_one_counts(estate: Estate, admin: SignedIn) -> None:
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: invite(admin), range(2)))
    assert [answer.status for answer in answers] == [201, 201]
    assert sorted(one["status"] for one in listed(admin)) == ["OPEN", "REVOKED"]
    tokens = [token_of(estate, admin.person.tenant, answer.body["invite_id"]) for answer in answers]
    assert sorted(accept(token).status for token in tokens) == [200, 401]


def test_revoked_invite_is_void_and_on_the_record(estate: Estate, admin: SignedIn) -> None:
    token = invited(admin)
    (shown,) = listed(admin)
    assert revoke(admin, shown["invite_id"]).status == 204
    assert accept(token).code == "invalid_grant"
    line = estate.events(admin.person.tenant)[-1]
    assert (line["action"], line["reason"]) == ("INVITE_REVOKED", "withdrawn")
    again = revoke(admin, shown["invite_id"])
    assert (again.status, again.code) == (409, "already_used")
    assert invite(admin).status == 201, "the address may be invited again"


def test_accepted_invite_cannot_be_revoked(admin: SignedIn) -> None:
    accept(invited(admin))
    (shown,) = listed(admin)
    assert shown["status"] == "ACCEPTED"
    assert revoke(admin, shown["invite_id"]).code == "already_used"


def test_invite_of_another_tenant_is_nothing(estate: Estate, admin: SignedIn) -> None:
    there = inviter(estate, estate.new_tenant(), "owner")
    invite_id = invite(admin).body["invite_id"]
    for unknown in (invite_id, "nothing", "address#grace@acme.example", "", "x" * 65):
        answer = revoke(there, unknown)
        assert (answer.status, answer.code) == (404, "not_found")
    assert listed(there) == []
    assert [one["status"] for one in listed(admin)] == ["OPEN"]


def test_expired_invite_is_shown_as_such_and_gives_way(admin: SignedIn, clock: MovableClock, estate: Estate) -> None:
    invite(admin)
    clock.offset += INVITE_SECONDS
    fresh = inviter(estate, admin.person.tenant)
    assert [one["status"] for one in listed(fresh)] == ["EXPIRED"]
    assert invite(fresh).status == 201
    assert [one["status"] for one in listed(fresh)] == ["OPEN", "REVOKED"]


def test_budget_of_an_inviter_ends(admin: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.invites.flow.BUDGET", 2)
    answers = [invite(admin, f"grace{number}@acme.example").status for number in range(3)]
    assert answers == [201, 201, 429]


def test_budget_is_that_of_one_inviter_in_one_tenant_and_comes_back_after_an_hour(
    estate: Estate, admin: SignedIn, monkeypatch: pytest.MonkeyPatch, clock: MovableClock
) -> None:
    monkeypatch.setattr("functions.invites.flow.BUDGET", 1)
    clock.offset = (3_100 - clock()) % 3_600  # 500 seconds are left of an hour; never back, where deadlines have passed
    first, second = inviter(estate, admin.person.tenant), inviter(estate, admin.person.tenant)
    assert invite(first, "grace@acme.example").status == 201
    clock.offset += 400
    refused = invite(first, "hedy@acme.example")
    assert (refused.status, int(refused.headers["Retry-After"]) <= 100) == (429, True)
    assert invite(second, "hedy@acme.example").status == 201
    clock.offset += 101
    assert invite(first, "joan@acme.example").status == 201


def test_refused_request_takes_nothing_from_the_budget(admin: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.invites.flow.BUDGET", 1)
    assert invite(admin, role="owner").status == 403
    assert invite(admin, "grace").status == 400
    assert invite(admin).status == 201


def test_list_tells_of_the_newest_invites_what_may_be_told_and_says_when_there_are_more(
    admin: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("grace", "hedy", "joan"):
        invite(admin, f"{name}@acme.example", name=name.title())
    whole = call(handler, event(LIST, bearer=admin.access_token)).body
    assert ([one["name"] for one in whole["invites"]], whole["truncated"]) == (["Joan", "Hedy", "Grace"], False)
    assert set(whole["invites"][0]) == {
        *("invite_id", "staff_id", "email", "name", "role", "status", "invited_by", "created_at", "expires_at"),
    }
    monkeypatch.setattr("functions.invites.flow.MAX_LISTED", 2)
    shown = call(handler, event(LIST, bearer=admin.access_token)).body
    assert ([one["name"] for one in shown["invites"]], shown["truncated"]) == (["Joan", "Hedy"], True)


def test_accepted_invite_does_not_expire_in_the_list(admin: SignedIn, clock: MovableClock, estate: Estate) -> None:
    accept(invited(admin))
    clock.offset += INVITE_SECONDS
    assert [one["status"] for one in listed(inviter(estate, admin.person.tenant))] == ["ACCEPTED"]


def test_invite_whose_event_cannot_be_written_is_503_and_sends_nothing(
    estate: Estate, admin: SignedIn, audit_write_fails: Callable[[], None]
) -> None:
    audit_write_fails()
    assert invite(admin).status == 503
    assert estate.partition("outbox", "tenant", admin.person.tenant) == []


@pytest.mark.parametrize(("name", "value"), [("status", "DEACTIVATED"), ("role", "member")])
def test_inviter_who_loses_his_rights_meanwhile_commits_nothing(
    estate: Estate, admin: SignedIn, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    original = Wire.call

    def losing(self: Wire, operation: str, request: dict[str, object], *, deadline: float | None = None) -> object:
        if operation == "TransactWriteItems":
            estate.change_gate(admin.person, name, value)
        return original(self, operation, request, deadline=deadline)

    monkeypatch.setattr(Wire, "call", losing)
    assert invite(admin).code == "invalid_token"
    assert estate.partition("invites", "tenant", admin.person.tenant) == []


def test_open_invites_of_a_leaver_are_found(estate: Estate, tenant: str) -> None:
    leaver, other = inviter(estate, tenant), inviter(estate, tenant)
    ids = [invite(leaver, f"grace{number}@acme.example").body["invite_id"] for number in range(3)]
    invite(other, "hedy@acme.example")
    revoke(other, ids[0])
    accept(token_of(estate, tenant, ids[1]))
    table = estate.environ["INVITES_TABLE"]
    found = open_invites_by(estate.dynamodb, table, tenant, leaver.person.staff_id)
    assert [one.invite_id for one in found] == [ids[2]]
    assert len(mails_of(estate, tenant, ids[2])) == 1

"""Nobody holds up what takes his access away: not by moving his session, nor by beginning anew what ends with it."""

from typing import Any

import pytest

from functions.impersonation.begin import BUDGET, BUDGET_SECONDS
from functions.password.reset_completion import _ATTEMPTS as RESET_ATTEMPTS
from functions.sessions.logout import KEEP_BUDGET, KEEP_SECONDS
from shared.edge.measure_commit import LEAST_ROUNDS, Measures
from shared.edge.measure_consequences import MAX_INVITES, Consequences
from shared.store.invites import INVITE_SECONDS
from shared.store.tenant_staff import gate_key
from tests.functions.estate import Estate, MovableClock, Response, call
from tests.functions.impersonating import begin, impersonate, proven
from tests.functions.invitations import accept, invite, invited, revoke
from tests.functions.reviewing import begun as reviewed
from tests.functions.reviewing import decide
from tests.functions.signed_in import LOGOUT_ALL, request, sign_in
from tests.functions.signed_in import SERVED as HANDLERS
from tests.functions.staff_calls import DEACTIVATE, REACTIVATE, ROLE, administrator, ask, gate


def keep(access_token: str) -> Response:
    """End all sessions but this one, which goes on under another version."""
    return call(HANDLERS[LOGOUT_ALL], request(LOGOUT_ALL, access_token, {"keep_current": True}))


def test_session_is_moved_a_few_times_a_minute_and_then_told_to_wait(
    estate: Estate, tenant: str, clock: MovableClock
) -> None:
    session = sign_in(estate, estate.new_person(tenant, "member"))
    token = session.access_token
    for _ in range(KEEP_BUDGET):
        answer = keep(token)
        assert answer.status == 200
        token = answer.body["access_token"]
    told, version = estate.actions(tenant), gate(estate, session.person)["session_version"]
    refused = keep(token)
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert 0 < int(refused.headers["Retry-After"]) <= KEEP_SECONDS
    assert gate(estate, session.person)["session_version"] == version
    assert estate.actions(tenant) == told
    clock.offset = KEEP_SECONDS
    assert keep(token).status == 200


def test_budget_of_one_person_is_nobody_elses(estate: Estate, tenant: str) -> None:
    busy, calm = (sign_in(estate, estate.new_person(tenant, "member")) for _ in range(2))
    token = busy.access_token
    for _ in range(KEEP_BUDGET):
        token = keep(token).body["access_token"]
    assert keep(token).status == 429
    assert keep(calm.access_token).status == 200


def test_whoever_takes_access_away_tries_more_often_than_a_session_can_be_moved() -> None:
    """Two windows of the budget may meet in one request."""
    assert min(LEAST_ROUNDS, RESET_ATTEMPTS) > 2 * KEEP_BUDGET


def test_deactivation_is_not_held_up_by_impersonations_that_are_begun_meanwhile(
    estate: Estate, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = administrator(estate, tenant)
    admin = proven(estate, estate.new_person(tenant, "admin"))
    target = estate.new_person(tenant, "member")
    impersonate(admin, target)
    original, begun = Consequences.of, list[int]()

    def overtaken(self: Consequences, *given: Any) -> Any:
        found = original(self, *given)
        begun.append(begin(admin, target.staff_id).status)
        return found

    monkeypatch.setattr(Consequences, "of", overtaken)
    assert ask(owner, DEACTIVATE, admin.person.staff_id).status == 200
    assert set(begun) == {201}, "each attempt was overtaken"
    assert gate(estate, admin.person)["status"] == "DEACTIVATED"
    assert begin(admin, target.staff_id).status == 401
    assert estate.actions(tenant).count("USER_DEACTIVATED") == 1


@pytest.mark.parametrize("act", ["deactivation", "review"])
def test_measure_about_a_busy_person_is_decided_anew_more_often_than_a_few_times(
    estate: Estate, tenant: str, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    owner, busy = administrator(estate, tenant), estate.new_person(tenant, "admin")
    review_id = reviewed(owner, [owner, administrator(estate, tenant)])
    original, lost = Measures.changes, list[int]()

    def overtaken(self: Measures, *given: Any, **named: Any) -> Any:
        found = original(self, *given, **named)
        if len(lost) < 3 * LEAST_ROUNDS // 2:
            lost.append(gate(estate, busy)["session_version"] + 1)
            estate.change_row("tenant_staff", gate_key(tenant, busy.staff_id), {"session_version": lost[-1]})
        return found

    monkeypatch.setattr(Measures, "changes", overtaken)
    if act == "deactivation":
        assert ask(owner, DEACTIVATE, busy.staff_id).status == 200
    else:
        assert decide(owner, review_id, busy.staff_id, "revoke").status == 200
    assert len(lost) > LEAST_ROUNDS
    assert gate(estate, busy)["session_version"] == lost[-1] + 1


def test_beginnings_have_a_budget_and_what_is_refused_begins_nothing(estate: Estate, tenant: str) -> None:
    admin, target = proven(estate, estate.new_person(tenant, "admin")), estate.new_person(tenant, "member")
    for _ in range(BUDGET):
        assert begin(admin, target.staff_id).status == 201
    refused = begin(admin, target.staff_id)
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert 0 < int(refused.headers["Retry-After"]) <= BUDGET_SECONDS
    assert estate.actions(tenant).count("IMPERSONATION_STARTED") == BUDGET
    other = proven(estate, estate.new_person(tenant, "admin"))
    assert begin(other, target.staff_id).status == 201


def test_deactivation_is_not_blocked_by_an_expired_invite_whose_address_has_gone(
    estate: Estate, tenant: str, clock: MovableClock
) -> None:
    admin = administrator(estate, tenant, "admin")
    invited(admin)
    clock.offset = INVITE_SECONDS + 1
    estate.delete("invites", {"tenant": tenant, "invite_id": "address#grace@acme.example"})
    owner = administrator(estate, tenant)
    assert ask(owner, DEACTIVATE, admin.person.staff_id).status == 200
    assert "INVITE_REVOKED" not in estate.actions(tenant), "it had expired"


def test_expired_invite_is_revoked_though_its_address_has_gone(
    estate: Estate, tenant: str, clock: MovableClock
) -> None:
    first = invite(administrator(estate, tenant, "admin")).body["invite_id"]
    clock.offset = INVITE_SECONDS + 1
    estate.delete("invites", {"tenant": tenant, "invite_id": "address#grace@acme.example"})
    assert revoke(administrator(estate, tenant, "admin"), first).status == 204
    assert estate.actions(tenant)[-1] == "INVITE_REVOKED"


def test_expired_invite_is_revoked_alone_and_its_address_is_invited_again(
    estate: Estate, tenant: str, clock: MovableClock
) -> None:
    first = invite(administrator(estate, tenant, "admin")).body["invite_id"]
    clock.offset = INVITE_SECONDS + 1
    later = administrator(estate, tenant, "admin")
    assert revoke(later, first).status == 204
    token = invited(later)
    assert accept(token).status == 200


@pytest.mark.parametrize("back", ["reactivated", "promoted again"])
def test_invites_of_somebody_who_lost_his_rights_stay_void_when_he_has_them_again(
    estate: Estate, tenant: str, clock: MovableClock, back: str
) -> None:
    owner, admin = administrator(estate, tenant), administrator(estate, tenant, "admin")
    tokens = [invited(admin, f"mallory{number}@evil.example") for number in range(MAX_INVITES + 1)]
    staff_id = admin.person.staff_id
    if back == "reactivated":
        assert ask(owner, DEACTIVATE, staff_id).status == 200
        assert ask(owner, REACTIVATE, staff_id).status == 200
    else:
        assert ask(owner, ROLE, staff_id, {"role": "member"}).status == 200
        assert ask(owner, ROLE, staff_id, {"role": "admin"}).status == 200
    assert {accept(token).status for token in tokens} == {401}
    assert "INVITE_ACCEPTED" not in estate.actions(tenant)
    clock.offset = 2
    estate.change_row("tenant_staff", {"tenant": tenant, "item": f"{staff_id}#gate"}, {"must_enrol": False})
    again = sign_in(estate, admin.person)
    assert accept(invited(again, "grace@acme.example")).status == 200, "what he offers from now on counts"


def test_invite_that_is_voided_between_its_reading_and_the_commit_makes_nobody(
    estate: Estate, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from functions.invites.acceptance import Acceptance  # noqa: PLC0415 - patched here alone

    owner, admin = administrator(estate, tenant), administrator(estate, tenant, "admin")
    token, staff_id = invited(admin), admin.person.staff_id
    original = Acceptance._opened

    def overtaken(self: Acceptance, *given: Any) -> Any:
        monkeypatch.undo()
        assert ask(owner, ROLE, staff_id, {"role": "member"}).status == 200
        assert ask(owner, ROLE, staff_id, {"role": "admin"}).status == 200
        return original(self, *given)

    monkeypatch.setattr(Acceptance, "_opened", overtaken)
    assert accept(token).status == 401
    assert "INVITE_ACCEPTED" not in estate.actions(tenant)

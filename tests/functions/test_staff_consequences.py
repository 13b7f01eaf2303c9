"""Impersonations and invites end in the commit that ends the access of those on whose rights they rest."""

import pytest

from shared.audit.event import Actor, Draft, new_event_id
from shared.domain.session import AAL2, Binding, Standing
from shared.store.impersonations import Beginning, Person, begun, open_by, opened_session
from shared.store.transaction import Committed
from tests.functions.estate import Estate, MovableClock
from tests.functions.route_objects import an_invite
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.staff_calls import DEACTIVATE, REACTIVATE, RESET, ROLE, SIGN_OUT, administrator, ask


def impersonated(actor: SignedIn, target: SignedIn) -> str:
    """Begin an impersonation as its own route commits it; gives its id."""
    estate, now = actor.estate, int(actor.estate.clock())
    beginning = Beginning(
        tenant=actor.person.tenant,
        impersonation_id=new_event_id(now),
        actor=Person(actor.person.staff_id, 1, actor.person.role),
        actor_session=actor.session_id,
        target=Person(target.person.staff_id, 1, target.person.role),
        mode="read",
        reason="they asked for help",
        ticket=None,
        notice="end",
        started_at=now,
        expires_at=now + 900,
    )
    binding = Binding("device", "DE", "198.51.100.0/24", "unknown")
    standing = Standing(target.person.role, AAL2, ("pwd", "otp"), now, now, now + 900, 900)
    items = [
        begun(estate.environ["IMPERSONATIONS_TABLE"], beginning),
        opened_session(estate.environ["USER_SESSIONS_TABLE"], beginning, binding, standing),
    ]
    draft = Draft(
        event_id=new_event_id(now),
        action="AUTH_LOGIN_SUCCESS",
        outcome="success",
        actor=Actor("system", "test"),
        resource="test",
        context={},
    )
    assert isinstance(estate.ledger.commit(beginning.tenant, items, [draft]), Committed)
    return beginning.impersonation_id


def causes(estate: Estate, tenant: str) -> list[tuple[str, str]]:
    ended = [event for event in estate.events(tenant) if event["action"] == "IMPERSONATION_ENDED"]
    return [(event["meta"]["impersonation_id"], event["reason"]) for event in ended]


def still_open(estate: Estate, actor: SignedIn) -> bool:
    table = estate.environ["IMPERSONATIONS_TABLE"]
    return open_by(estate.dynamodb, table, actor.person.tenant, actor.person.staff_id) is not None


@pytest.mark.parametrize(
    ("route", "side", "cause"),
    [
        (DEACTIVATE, "actor", "actor_lost_rights"),
        (ROLE, "actor", "actor_lost_rights"),
        (SIGN_OUT, "actor", "actor_session_ended"),
        (RESET, "actor", "actor_session_ended"),
        (DEACTIVATE, "target", "target_changed"),
        (SIGN_OUT, "target", "target_changed"),
        (RESET, "target", "target_changed"),
    ],
)
def test_impersonation_ends_with_the_access_of_either(
    estate: Estate, tenant: str, route: str, side: str, cause: str
) -> None:
    owner = administrator(estate, tenant)
    people = {
        "actor": administrator(estate, tenant, "admin"),
        "target": sign_in(estate, estate.new_person(tenant, "member")),
    }
    impersonation_id = impersonated(people["actor"], people["target"])
    assert ask(owner, route, people[side].person.staff_id).status == 200
    assert causes(estate, tenant) == [(impersonation_id, cause)]
    assert not still_open(estate, people["actor"])
    event = estate.events(tenant)[-1]
    assert (event["actor"]["id"], event["on_behalf_of"]) == (owner.person.staff_id, None), "the owner acts for himself"
    assert event["meta"]["impersonator"] == people["actor"].person.staff_id
    (row,) = [row for row in estate.session_rows(people["target"].person) if row["session_id"] == impersonation_id]
    assert (row["status"], row["revoke_reason"]) == ("REVOKED", "impersonation_ended")


def test_impersonation_that_had_run_out_is_told_as_that_and_no_longer_than_it_was(
    estate: Estate, tenant: str, clock: MovableClock
) -> None:
    admin = administrator(estate, tenant, "admin")
    impersonation_id = impersonated(admin, sign_in(estate, estate.new_person(tenant, "member")))
    clock.offset = 3_700
    owner = administrator(estate, tenant)
    assert ask(owner, ROLE, admin.person.staff_id, {"role": "member"}).status == 200
    assert causes(estate, tenant) == [(impersonation_id, "expired")]
    (row,) = [row for row in estate.partition("impersonations", "tenant", tenant) if "cause" in row]
    assert row["ended_at"] == row["expires_at"]
    assert estate.events(tenant)[-1]["meta"]["seconds"] == row["expires_at"] - row["started_at"]


def test_target_who_rises_is_impersonated_no_more(estate: Estate, tenant: str) -> None:
    owner, admin = administrator(estate, tenant), administrator(estate, tenant, "admin")
    target = sign_in(estate, estate.new_person(tenant, "member", totp=True))
    impersonation_id = impersonated(admin, target)
    assert ask(owner, ROLE, target.person.staff_id, {"role": "auditor"}).status == 200
    assert causes(estate, tenant) == []
    assert ask(owner, ROLE, target.person.staff_id, {"role": "owner"}).status == 200
    assert causes(estate, tenant) == [(impersonation_id, "target_changed")]


def test_actor_who_rises_goes_on(estate: Estate, tenant: str) -> None:
    owner = administrator(estate, tenant)
    admin = sign_in(estate, estate.new_person(tenant, "admin", totp=True))
    impersonated(admin, sign_in(estate, estate.new_person(tenant, "member")))
    assert ask(owner, ROLE, admin.person.staff_id, {"role": "owner"}).status == 200
    assert still_open(estate, admin)


def test_impersonations_of_others_go_on(estate: Estate, tenant: str) -> None:
    owner, admin = administrator(estate, tenant), administrator(estate, tenant, "admin")
    impersonated(admin, sign_in(estate, estate.new_person(tenant, "member")))
    stranger = estate.new_person(tenant, "member")
    assert ask(owner, DEACTIVATE, stranger.staff_id).status == 200
    assert ask(owner, REACTIVATE, stranger.staff_id).status == 200
    assert still_open(estate, admin)


def test_more_than_a_commit_holds_are_left_to_the_sweep(estate: Estate, tenant: str) -> None:
    owner = administrator(estate, tenant)
    target = sign_in(estate, estate.new_person(tenant, "member"))
    for _ in range(12):
        impersonated(administrator(estate, tenant, "admin"), target)
    assert ask(owner, DEACTIVATE, target.person.staff_id).status == 200
    assert len(causes(estate, tenant)) == 8


def test_open_invites_of_whoever_is_deactivated_are_revoked(estate: Estate, tenant: str) -> None:
    owner, admin = administrator(estate, tenant), administrator(estate, tenant, "admin")
    mine, others = an_invite(admin), an_invite(owner)
    assert ask(owner, SIGN_OUT, admin.person.staff_id).status == 200
    assert "INVITE_REVOKED" not in estate.actions(tenant)
    assert ask(owner, DEACTIVATE, admin.person.staff_id).status == 200
    rows = {row["invite_id"]: row for row in estate.partition("invites", "tenant", tenant)}
    assert (rows[mine]["status"], rows[mine]["close_reason"]) == ("REVOKED", "inviter_deactivated")
    assert rows[others]["status"] == "OPEN"
    event = estate.events(tenant)[-1]
    assert (event["action"], event["reason"], event["resource"]) == (
        "INVITE_REVOKED",
        "inviter_deactivated",
        f"invites/{mine}",
    )
    assert (event["actor"]["id"], event["actor"]["step_up"]) == (owner.person.staff_id, "challenge-rbac_admin")

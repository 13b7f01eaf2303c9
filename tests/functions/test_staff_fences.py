"""What a measure was decided by, changed between its reading and its commit: decided anew, and told as it is then."""

import pytest

from tests.functions.estate import Estate, Response
from tests.functions.passkey_calls import registered, removed
from tests.functions.post_office import PostOffice, post
from tests.functions.signed_in import SignedIn, sign_in
from tests.functions.staff_calls import (
    DEACTIVATE,
    REACTIVATE,
    RESET,
    ROLE,
    SIGN_OUT,
    administrator,
    ask,
    effects,
    gate,
    owners,
)
from tests.functions.test_factor_change_races import Interrupted, commit, interrupted
from tests.functions.test_password_reset import complete, mailed, opens

__all__ = ["interrupted", "post"]


@pytest.fixture
def session(estate: Estate, tenant: str) -> SignedIn:
    return administrator(estate, tenant)


def test_two_forced_logouts_at_once_are_two_versions_and_two_events(
    estate: Estate, tenant: str, session: SignedIn, interrupted: Interrupted
) -> None:
    other, person = administrator(estate, tenant), estate.new_person(tenant, "member")
    first: list[Response] = []
    late = interrupted(
        lambda: ask(session, SIGN_OUT, person.staff_id),
        commit,
        lambda: first.append(ask(other, SIGN_OUT, person.staff_id)),
    )
    assert late is not None
    assert [answer.body["session_version"] for answer in (*first, late)] == [2, 3]
    assert gate(estate, person)["session_version"] == 3
    changes = [line["change"] for line in estate.events(tenant) if line["action"] == "SESSION_INVALIDATED"]
    assert [(one["before"]["session_version"], one["after"]["session_version"]) for one in changes] == [(1, 2), (2, 3)]


def test_owner_made_meanwhile_is_counted_out_when_he_is_deactivated(
    estate: Estate, tenant: str, session: SignedIn, interrupted: Interrupted
) -> None:
    """A role that grows within administrators leaves no version behind: the role itself is the fence."""
    other, person = administrator(estate, tenant), estate.new_person(tenant, "admin", totp=True)
    late = interrupted(
        lambda: ask(session, DEACTIVATE, person.staff_id),
        commit,
        lambda: ask(other, ROLE, person.staff_id, {"role": "owner"}),
    )
    assert late is not None
    assert (late.status, gate(estate, person)["role"]) == (200, "owner")
    assert owners(estate, tenant) == (2, 2)


def test_owner_who_is_reactivated_twice_at_once_comes_back_once(
    estate: Estate, tenant: str, session: SignedIn, interrupted: Interrupted
) -> None:
    other, person = administrator(estate, tenant), estate.new_person(tenant, "owner", totp=True)
    ask(session, DEACTIVATE, person.staff_id)
    late = interrupted(
        lambda: ask(session, REACTIVATE, person.staff_id), commit, lambda: ask(other, REACTIVATE, person.staff_id)
    )
    assert late is not None
    assert (late.status, late.code) == (409, "already_used")
    assert owners(estate, tenant) == (3, 3)
    assert estate.actions(tenant).count("USER_REACTIVATED") == 1
    mails = [payload["template"] for kind, payload in effects(estate, tenant) if kind == "mail"]
    assert mails.count("reactivated") == 1


def proven(estate: Estate, tenant: str) -> SignedIn:
    """Sign a member without any factor in who may change his factors."""
    live = sign_in(estate, estate.new_person(tenant, "member"))
    live.prove("account_security")
    return live


def test_nobody_becomes_an_administrator_on_a_passkey_that_goes_meanwhile(
    estate: Estate, tenant: str, session: SignedIn, interrupted: Interrupted
) -> None:
    live = proven(estate, tenant)
    key, gone = registered(live.access_token), list[Response]()
    late = interrupted(
        lambda: ask(session, ROLE, live.person.staff_id, {"role": "admin"}),
        commit,
        lambda: gone.append(removed(live.access_token, key.passkey_id)),
    )
    assert late is not None
    assert (gone[0].status, late.status, late.body["must_enrol"]) == (204, 200, True)
    assert gate(estate, live.person)["must_enrol"] is True


def test_passkey_registered_meanwhile_spares_the_new_administrator_another_factor(
    estate: Estate, tenant: str, session: SignedIn, interrupted: Interrupted
) -> None:
    live = proven(estate, tenant)
    late = interrupted(
        lambda: ask(session, ROLE, live.person.staff_id, {"role": "admin"}),
        commit,
        lambda: registered(live.access_token),
    )
    assert late is not None
    assert (late.status, late.body["must_enrol"]) == (200, False)


def test_reset_takes_the_passkey_that_was_registered_meanwhile(
    estate: Estate, tenant: str, session: SignedIn, interrupted: Interrupted
) -> None:
    live = proven(estate, tenant)
    late = interrupted(lambda: ask(session, RESET, live.person.staff_id), commit, lambda: registered(live.access_token))
    assert late is not None
    assert late.status == 200
    rows = {row["item"]: row for row in estate.partition("tenant_staff", "tenant", tenant)}
    assert rows[f"{live.person.staff_id}#factor#passkeys"]["passkeys"] == []
    told = next(line for line in estate.events(tenant) if line["action"] == "MFA_RESET_BY_ADMIN")
    assert told["meta"]["passkeys"] == 1


def test_link_asked_for_before_a_deactivation_serves_neither_after_it_nor_after_the_return(
    estate: Estate, tenant: str, session: SignedIn, post: PostOffice
) -> None:
    person = estate.new_person(tenant, "member")
    token = mailed(post, person)
    assert ask(session, DEACTIVATE, person.staff_id).status == 200
    assert complete(token).code == "invalid_grant"
    assert ask(session, REACTIVATE, person.staff_id).status == 200
    assert complete(token).code == "invalid_grant"
    assert not opens(person, "seven quiet herons at dusk")
    assert complete(mailed(post, person)).status == 204, "a further one serves"

"""What proves whoever asks, as he himself sees it."""

from typing import Any

import pytest

from functions.step_up.handler import handler as step_up_handler
from shared.domain.step_up import CONSECUTIVE_FAILURES
from shared.store.tenant_staff import factor_key
from tests.functions.estate import Estate, call, event, login, step_up
from tests.functions.passkey_calls import registered, secured

NOTHING = {"password": True, "totp": False, "totp_disabled": False, "passkeys": 0, "recovery_codes_left": 0}


def factors(bearer: str) -> dict[str, Any]:
    response = call(step_up_handler, event("GET /api/auth/factors", bearer=bearer))
    assert response.status == 200, response.text
    return dict(response.body)


def test_somebody_with_a_password_alone_has_no_second_factor(estate: Estate, tenant: str) -> None:
    assert factors(login(estate.new_person(tenant, "member")).body["access_token"]) == NOTHING


def test_each_factor_shows_when_it_is_there(estate: Estate, tenant: str) -> None:
    holder = estate.new_person(tenant, "member", totp=True)
    bearer = secured(estate, holder, login(holder).body["access_token"])
    assert factors(bearer) == NOTHING | {"totp": True}
    registered(bearer)
    assert step_up("factors/recovery-codes", None, bearer).status == 200
    assert factors(bearer) == NOTHING | {"totp": True, "passkeys": 1, "recovery_codes_left": 10}


def test_an_authenticator_that_takes_no_code_any_more_says_so(estate: Estate, tenant: str) -> None:
    holder = estate.new_person(tenant, "member", totp=True)
    bearer = login(holder).body["access_token"]
    failures = {"count": 0, "since": 0, "streak": CONSECUTIVE_FAILURES, "locks": 9, "locked_until": 0}
    estate.change_row("tenant_staff", factor_key(tenant, holder.staff_id, "failures"), failures)
    assert factors(bearer)["totp_disabled"] is True


def test_somebody_who_signs_in_by_a_provider_alone_has_no_password(estate: Estate, tenant: str) -> None:
    holder = estate.new_person(tenant, "member")
    bearer = login(holder).body["access_token"]
    estate.delete("tenant_staff", factor_key(tenant, holder.staff_id, "password"))
    assert factors(bearer)["password"] is False


@pytest.mark.usefixtures("estate")
def test_nobody_is_told_nothing() -> None:
    assert call(step_up_handler, event("GET /api/auth/factors")).code == "invalid_token"

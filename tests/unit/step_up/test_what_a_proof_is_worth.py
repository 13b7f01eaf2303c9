"""What a session is worth once a second factor was proved in it."""

import pytest

from functions.step_up.factors import Proof
from shared.domain.session import AAL1, AAL2, Standing
from shared.domain.step_up import PASSKEY, RECOVERY_CODE, TOTP

NOW = 1_800_000_000
MONTH, DAY = 30 * 86_400, 86_400
OPENED = Standing("member", AAL1, ("pwd",), NOW - 60, NOW - 60, NOW - 60 + MONTH, 28_800)
RISEN = Standing("member", AAL2, ("pwd", "otp"), NOW - 60, NOW - 60, NOW - 60 + MONTH, 28_800)


@pytest.mark.parametrize(("method", "reference"), [(TOTP, "otp"), (PASSKEY, "pop"), (RECOVERY_CODE, "rc")])
def test_session_rises_to_two_factors_and_to_their_limit(method: str, reference: str) -> None:
    standing = Proof(method, ()).raised(OPENED, NOW, DAY)
    assert (standing.acr, standing.amr, standing.auth_time) == (AAL2, ("pwd", reference), NOW)
    assert standing.absolute_expires_at == NOW + DAY


def test_no_proof_lengthens_a_session() -> None:
    assert Proof(TOTP, ()).raised(OPENED, NOW, 2 * MONTH).absolute_expires_at == OPENED.absolute_expires_at


def test_session_that_has_risen_keeps_its_limit() -> None:
    standing = Proof(TOTP, ()).raised(RISEN, NOW, DAY)
    assert standing.absolute_expires_at == RISEN.absolute_expires_at
    assert (standing.amr, standing.auth_time) == (("pwd", "otp"), NOW)


def test_spare_code_alone_advises_to_enrol() -> None:
    assert Proof(RECOVERY_CODE, ()).advice(OPENED) == {"enrolment_advised": True}
    assert Proof(RECOVERY_CODE, ()).advice(RISEN) == {}
    assert Proof(TOTP, ()).advice(OPENED) == {}

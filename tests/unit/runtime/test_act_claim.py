"""`act` in an access token: whose hand it is, never nested, of two texts exactly. PyJWT is the oracle."""

from typing import Any

import jwt
import pytest

from shared.domain.impersonation import Impersonator
from shared.runtime.access_token import AccessToken, Invalid
from tests.unit.runtime.test_access_tokens import (
    AUDIENCE,
    BEARER,
    CLAIMS,
    HEADER,
    ISSUER,
    KEY,
    MINT,
    NOW,
    PEM,
    VERIFIER,
)

HAND = Impersonator("u_admin", "s_admin")
ACT = {"sub": "u_admin", "sid": "s_admin"}


def signed(act: object) -> str:
    return jwt.encode({**CLAIMS, "act": act}, KEY, algorithm="ES256", headers=HEADER)


def test_act_is_minted_for_an_impersonation_and_believed() -> None:
    verified = VERIFIER.verify(MINT.mint(BEARER._replace(act=HAND), NOW), NOW)
    assert isinstance(verified, AccessToken)
    assert (verified.staff_id, verified.act) == ("u_1", HAND)


def test_token_of_somebody_who_acts_for_himself_has_none() -> None:
    verified = VERIFIER.verify(MINT.mint(BEARER, NOW), NOW)
    assert isinstance(verified, AccessToken)
    assert verified.act is None


def test_pyjwt_reads_the_claim_as_rfc_8693_has_it() -> None:
    text = MINT.mint(BEARER._replace(act=HAND), NOW)
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(text, PEM, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER, options=options)
    assert claims["act"] == ACT
    plain = jwt.decode(
        MINT.mint(BEARER, NOW), PEM, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER, options=options
    )
    assert "act" not in plain


def test_what_pyjwt_signs_is_believed() -> None:
    verified = VERIFIER.verify(signed(ACT), NOW)
    assert isinstance(verified, AccessToken)
    assert verified.act == HAND


@pytest.mark.parametrize(
    "act",
    [
        None,
        "u_admin",
        [],
        [ACT],
        {},
        True,
        {"sub": "u_admin"},
        {"sid": "s_admin"},
        {**ACT, "act": ACT},
        {**ACT, "iss": "https://other.example"},
        {"sub": 1, "sid": "s_admin"},
        {"sub": "u_admin", "sid": None},
        {"sub": ["u_admin"], "sid": "s_admin"},
        {"sub": {"sub": "u_admin"}, "sid": "s_admin"},
    ],
)
def test_any_other_form_of_it_makes_the_token_invalid(act: object) -> None:
    assert VERIFIER.verify(signed(act), NOW) == Invalid("claims")


@pytest.mark.parametrize("claim", ["may_act", "Act", "on_behalf_of"])
def test_its_relatives_are_claims_that_nobody_knows(claim: str) -> None:
    text = jwt.encode({**CLAIMS, claim: ACT}, KEY, algorithm="ES256", headers=HEADER)
    assert VERIFIER.verify(text, NOW) == Invalid("claims")

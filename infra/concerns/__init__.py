"""The roster of the product's functions, in the words of infra/concern.py."""

from typing import Final

from infra.concern import Concern
from infra.concerns.addresses import ADDRESSES
from infra.concerns.background import BACKGROUND
from infra.concerns.evidence import EVIDENCE
from infra.concerns.http import HTTP
from infra.concerns.own_apis import AUTHORIZER, OWN_APIS
from infra.concerns.people import PEOPLE
from infra.concerns.single_sign_on import SINGLE_SIGN_ON

CONCERNS: Final[tuple[Concern, ...]] = (
    *HTTP,
    *PEOPLE,
    *SINGLE_SIGN_ON,
    *ADDRESSES,
    *EVIDENCE,
    *BACKGROUND,
    *OWN_APIS,
)

__all__ = ["AUTHORIZER", "CONCERNS", "EVIDENCE", "OWN_APIS"]

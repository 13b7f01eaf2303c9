"""The bodies that the routes of the address rules take."""

from collections.abc import Mapping
from typing import Final

from shared.domain.ip_rule import ACTIONS
from shared.edge.fields import LINE, WORDS_FORM, Body, Field

_CIDR: Final = Field("cidr", "IPv4 or IPv6 network in CIDR notation, or one address", max_length=64)
_ACTION: Final = Field("action", "What becomes of a request from there", choices=ACTIONS)
_NORMALIZE: Final = Field(
    "normalize", "Whether bits behind the prefix are dropped instead of refused", required=False, kind=bool
)

IP_RULE: Final = Body(
    (
        _CIDR,
        _ACTION,
        Field(
            "note",
            "What the rule is for; shown to administrators, kept out of the log",
            required=False,
            pattern=LINE,
            form=WORDS_FORM,
            max_length=200,
        ),
        _NORMALIZE,
        Field("confirm", "Whether the rule is made even if it refuses its author", required=False, kind=bool),
    )
)
SIMULATION: Final = Body(
    (
        _CIDR._replace(required=False),
        _ACTION._replace(required=False),
        _NORMALIZE,
        Field("without", "The rule that would be taken away", required=False, max_length=64),
    ),
    one_of=("cidr", "without"),
)

IP_RULE_BODIES: Final[Mapping[str, Body]] = {
    "POST /api/ip-rules": IP_RULE,
    "POST /api/ip-rules/{rule_id}/confirm": Body(),
    "DELETE /api/ip-rules/{rule_id}": Body(),
    "POST /api/ip-rules/simulate": SIMULATION,
}

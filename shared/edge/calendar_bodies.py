"""The body that the route of waivers takes."""

from collections.abc import Mapping
from typing import Final

from shared.domain.evidence_calendar import BY_ID
from shared.edge.fields import WORDS, WORDS_FORM, Body, Field

_DATE: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

WAIVER: Final = Body(
    (
        Field("obligation", "What is waived", choices=tuple(BY_ID)),
        Field("period_from", "First day of its period", pattern=_DATE),
        Field("reason", "Why; kept as evidence", pattern=WORDS, form=WORDS_FORM, max_length=500),
        Field("until", "Last day on which the waiver counts, at most a year from now", pattern=_DATE),
    )
)

CALENDAR_BODIES: Final[Mapping[str, Body]] = {"POST /api/compliance/calendar/waivers": WAIVER}

"""The bodies that the routes of the access reviews take."""

from collections.abc import Mapping
from typing import Final

from shared.domain.access_review import DECISIONS, SCOPES
from shared.domain.permission import ROLES
from shared.edge.fields import WORDS, WORDS_FORM, Body, Field

ACCESS_REVIEW: Final = Body(
    (
        Field("scope", "Whose access is reviewed: that of administrators, or everybody's", choices=SCOPES),
        Field("reviewers", "The staff ids of those who decide, 1 to 20", kind=list),
        Field("due", "Last day, in UTC", pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    )
)
DECISION: Final = Body(
    (
        Field("decision", "What becomes of the person's access", choices=DECISIONS),
        Field("role", "The role to have instead; goes with modify alone", required=False, choices=ROLES),
        Field(
            "seen_role",
            "The role that the person has by now, where it is not the snapshot's",
            required=False,
            choices=ROLES,
        ),
        Field("reason", "Why, in the reviewer's own words", pattern=WORDS, form=WORDS_FORM, max_length=500),
    )
)

ACCESS_REVIEW_BODIES: Final[Mapping[str, Body]] = {
    "POST /api/compliance/access-reviews": ACCESS_REVIEW,
    "POST /api/compliance/access-reviews/{review_id}/items/{staff_id}/decision": DECISION,
    "POST /api/compliance/access-reviews/{review_id}/attest": Body(),
}

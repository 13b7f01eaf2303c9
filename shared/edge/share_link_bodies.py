"""Bodies of the share links."""

from collections.abc import Mapping
from typing import Final

from shared.edge.fields import LINE, WORDS_FORM, Body, Field

LONGEST_DAYS: Final = 90

SHARE_LINK: Final = Body(
    (
        Field("expires_in_days", "How long it counts, 1 to 90 days", kind=int, between=(1, LONGEST_DAYS)),
        Field(
            "auditor",
            "For whom it is: name or firm, or an e-mail address; kept as evidence until that person is erased",
            pattern=LINE,
            form=WORDS_FORM,
            max_length=200,
        ),
    )
)
SHARE_LINK_BODIES: Final[Mapping[str, Body]] = {
    "POST /api/compliance/exports/{export_id}/share-links": SHARE_LINK,
    "DELETE /api/compliance/exports/{export_id}/share-links/{share_id}": Body(),
}

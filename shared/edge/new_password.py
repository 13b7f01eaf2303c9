"""The refusal of a new password that is not fit: all that it lacks at once, and nothing of its text."""

from shared.domain.password import context_words, rejections
from shared.edge.problem import Refused
from shared.runtime.password_blocklist import listed


def refuse_unfit(new: str, *about: str, second_factor: bool, current: str | None = None) -> None:
    """Raise 422 with the reasons; `about` are the names on which it may not lean: tenant, address, person."""
    words = context_words(*about)
    reasons = rejections(new, second_factor=second_factor, words=words, listed=listed, current=current)
    if reasons:
        detail = "Choose another password: a longer one, of words that do not belong together."
        raise Refused(422, "password_rejected", detail, members={"reasons": list(reasons)})

"""Why the word of an identity provider, or of whoever pretends to be one, is not taken."""


class Distrusted(Exception):
    """A sign-in that ends here; `reason` is for the log alone, the caller learns one refusal for all."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

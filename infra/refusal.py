"""Why a synthesis ends without a template, in words for the person who asked for it."""


class SynthesisRefused(RuntimeError):
    """The message is one line that says what is wrong and what to do; infra/app.py prints it and ends with 1."""

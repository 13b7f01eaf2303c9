"""A condition is parsed and checked once, however many rows it is asked of.

Vanilla takes the text of a key condition or filter apart again for every row of a Query or Scan, and checks its grammar
again. AWS gives the same answers, and no caller pays for the rows beside his. What is remembered here depends on
nothing but the text and the parameter that it came in, so answers are those of vanilla.
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

from collections.abc import Callable, Sequence
from functools import lru_cache

from ministack.services import dynamodb

from infra.local.seams import Seam

_SERVICE = "ministack.services.dynamodb"
SEAMS = (
    Seam(_SERVICE, "_tokenize", ("expr",)),
    Seam(_SERVICE, "_check_redundant_parens", ("tokens", "slot")),
    Seam(_SERVICE, "_check_reserved_keyword_usage", ("tokens",)),
    Seam(_SERVICE, "_condition_syntax_error", ("expr", "slot")),
)
_REMEMBERED = 1_024  # texts; ours are a few hundred

Token = tuple[str, str]


def _tokenizing(tokenize: Callable[[str], list[Token]]) -> Callable[[str], list[Token]]:
    @lru_cache(_REMEMBERED)
    def taken_apart(expr: str) -> tuple[Token, ...]:
        return tuple(tokenize(expr))

    # A list of his own for each caller, as he may change it.
    return lambda expr: [*taken_apart(expr)]


def _checking(check: Callable[..., str | None]) -> Callable[..., str | None]:
    remembered = lru_cache(_REMEMBERED)(check)
    return lambda tokens, *slot: remembered(_frozen(tokens), *slot)


def _frozen(tokens: Sequence[Token]) -> tuple[Token, ...]:
    return tuple(tokens)


def apply() -> None:
    """Remember what a text was taken apart into, and what was found wrong with it."""
    dynamodb._tokenize = _tokenizing(dynamodb._tokenize)
    dynamodb._check_redundant_parens = _checking(dynamodb._check_redundant_parens)
    dynamodb._check_reserved_keyword_usage = _checking(dynamodb._check_reserved_keyword_usage)
    dynamodb._condition_syntax_error = lru_cache(_REMEMBERED)(dynamodb._condition_syntax_error)

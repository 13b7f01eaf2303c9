"""Budgets, figures and whether they are met, as one table and as the document that the README quotes.

Pure: what was measured goes in, text comes out.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Self

PARTS: Final = ("requests", "evidence", "ledger")  # what is run together, in the order of the table

_HEADER: Final = ("", "what", "Muniment", "the other", "ratio", "budget", "met", "measured")


@dataclass(frozen=True, slots=True)
class Row:
    """`met` is None where there is no budget, or no figure. `part` names what was run for it, `date` when it was."""

    budget: str
    what: str
    ours: str
    beside: str
    figure: str
    limit: str = ""
    met: bool | None = None
    part: str = ""
    date: str = ""

    def cells(self) -> tuple[str, ...]:
        met = {True: "yes", False: "**no**", None: ""}[self.met]
        return (self.budget, self.what, self.ours, self.beside, self.figure, self.limit, met, self.date)


@dataclass(frozen=True, slots=True)
class Document:
    """`machine` and `versions` are told as they are; `date` is ISO 8601, and that of the last run."""

    date: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    rows: Sequence[Row] = field(default_factory=list)

    def json(self) -> str:
        members: dict[str, Any] = asdict(self)
        return json.dumps(members, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `json` wrote."""
        members = json.loads(text)
        return cls(**members | {"rows": [Row(**row) for row in members["rows"]]})

    def after(self, earlier: Self | None) -> Self:
        """Keep what an earlier run found by the parts that were not run in this one, on the same processor."""
        if earlier is None or earlier.machine["processor"] != self.machine["processor"]:
            return self
        run = {row.part for row in self.rows}
        rows = sorted(
            [*(row for row in earlier.rows if row.part not in run), *self.rows],
            key=lambda row: PARTS.index(row.part),
        )
        return replace(self, versions={**earlier.versions, **self.versions}, rows=rows)

    def markdown(self) -> str:
        machine = "\n".join(f"- {name}: {value}" for name, value in self.machine.items())
        versions = ", ".join(f"{name} {value}" for name, value in self.versions.items())
        return _PAGE.format(date=self.date, table=markdown_table(self.rows), machine=machine, versions=versions)


def milliseconds(seconds: Sequence[float]) -> str:
    """Give the median of the rounds, and from where to where they went."""
    middle, low, high = (1000 * value for value in (statistics.median(seconds), min(seconds), max(seconds)))
    digits = 0 if middle >= 10 else 2  # three figures are as many as the spread allows
    return f"{middle:.{digits}f} ms ({low:.{digits}f} to {high:.{digits}f})"


def per_cpu_second(count: int, seconds: Sequence[float]) -> str:
    """Give how many events a CPU second does: the median of the rounds, and from where to where they went."""
    rates = [count / each for each in seconds]
    return f"{statistics.median(rates):,.0f} events ({min(rates):,.0f} to {max(rates):,.0f})"


def ratio_row(
    budget: str, what: str, ours: Sequence[float], theirs: Sequence[float], limit: float | None = None
) -> Row:
    """Compare round by round: what disturbs the machine disturbs both sides of a round."""
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    return Row(
        budget,
        what,
        milliseconds(ours),
        milliseconds(theirs),
        f"{ratio:.2f} of it",
        "" if limit is None else f"at most {limit:g}",
        None if limit is None else ratio <= limit,
    )


def markdown_table(rows: Sequence[Row]) -> str:
    lines = [_HEADER, tuple("---" for _ in _HEADER), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def plain_table(rows: Sequence[Row]) -> str:
    """Align the columns for a terminal."""
    lines = [_HEADER, *(row.cells() for row in rows)]
    widths = [max(len(cells[column]) for cells in lines) for column in range(len(_HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in lines
    )


_PAGE: Final = """# Benchmarks

Written by `make bench` on {date}. Nothing here is asserted: a figure that misses its budget says so. `PARTS` runs some
of the three parts alone (`make bench PARTS=evidence`); the last column says when a row was measured.

{table}

Milliseconds are CPU time of the application's process for one operation, user and system, all threads: the median of
the rounds, and in parentheses from where to where they went. A ratio is the median of the rounds' ratios, since both
sides of a round are measured within the same seconds.

## How it is measured

- What stands in a row was measured in one run on one machine, in turns: a round measures every system once, one after
  the other, and then the next round begins. Every operation follows the one before it; only appending has writers at
  once.
- What counts is the application's process. Databases are real and in processes of their own, and their CPU does not
  count: PostgreSQL for the Django peers, the embedded AWS for Muniment. oidc-provider and better-auth run on their
  in-memory adapters, whose work is in their process and counts.
- Every application is called in its process, at the interface that its platform has, with no HTTP server in front:
  Muniment by its Lambda handler with an API Gateway event, Django by WSGI, better-auth by its Fetch handler,
  oidc-provider by its request listener (`light-my-request`). What that driving costs with an empty application is
  measured in the same way and taken off, for all of them.
- Muniment is the product's own code, unchanged: door, guard, conditions, ES256 signature, sealed successor, audit event
  and SigV4-signed requests over loopback. TLS to the database is on for nobody.
- Peers are warmed up before the first round (the Node ones with thousands of operations, so that they are compiled).
- Peers do what their defaults do, with rotation on: simplejwt with its blacklist and HS256, django-oauth-toolkit with
  reuse protection and opaque tokens, oidc-provider with an ES256 access token and no ID token. None of them writes an
  audit event or checks a session's version in the operation. No middleware, no cookie cache.
- `check` is the guard behind its door on the route of `GET /api/auth/me`, answering 204 right after it; `me` is that
  whole route, which reads the profile too. simplejwt's is a view behind `IsAuthenticated` that loads the user;
  better-auth's is `get-session`.
- Calls and units are those of a warm function, as the engine reports them. It reports nothing for condition checks and
  refuted attempts, so these stand beside the units; AWS bills them.
- A cold start is a fresh process: import and wiring of the refresh, up to its first request, with compiled bytecode.
  Both sides load certificates at their first connection only, so the second row adds a TLS context to both.
- Appending alone is measured with concurrency: threads of one process, each with a ledger of its own, append to one
  tenant's log for three seconds, with lanes that open as in production and with one lane only. They share the machine
  with the embedded AWS, so the figures compare with each other and say little of DynamoDB. What an event costs in a
  long log leaves the engine out: it is the CPU time and the calls of the ledger alone, in a log of one lane.
- Exporting is figured in events per CPU second of the process, from sealed segments on disk to one report in a ZIP.
  Everybody writes the same bytes of the report, and nothing of it is personal beside the peers. Ours compares segments
  with their seals, follows the lanes, guards against formulas and gathers the segments for the bundle as well; nobody
  else does. Memory is the peak of the whole process, interpreter and libraries included.
- Two workers are two processes that render halves of the same segments into memory, beside one that renders all of
  them; their ratio is by the wall clock, so it means something on a machine with two free cores only. What passes
  through the assembler is counted by its store, for a bundle of 30,000 segments that is described and never made.
- Sealing is figured in events per CPU second. The whole run is the sealer over a table that answers at once and a vault
  that takes everything; the row beside compression hashes, chains, packs and sums up the lines of one lane, and the
  other side does no more than gzip the same lines at the same level.

## Machine

{machine}

{versions}.
"""

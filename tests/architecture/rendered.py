"""The tables of the documents, and the policies, as the code says them. `make docs` writes them; a test compares.

In a document a table stands behind `<!-- name -->` and a blank line, and ends with the next blank line.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from functions.audit_verify.findings import FINDINGS
from functions.notify.bus import detail_type
from shared.domain.impersonation import READ, WRITE, may_impersonate
from shared.domain.permission import ABOUT, ROLES, administers, covers, holds
from shared.domain.retention import POLICY
from shared.domain.risk import RULES
from shared.domain.security_policy import CHOICES, NUMBERS
from shared.domain.session import AAL2
from shared.domain.step_up import METHOD_REFERENCES, PURPOSES
from shared.edge.console_routes import CONSOLE
from shared.edge.routes import ROUTES
from shared.store.bus_events import ALERTS, EVENTS, BusEvent
from tests.architecture.published import published
from tests.architecture.sources import ROOT
from tests.object_lock import proofs

Table = Callable[[], str]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def settings() -> str:
    numbers = [
        (f"`{number.name}`", number.about, f"{number.default:,}", f"{number.least:,} to {number.most:,}")
        for number in NUMBERS
    ]
    choices = [(f"`{choice.name}`", choice.about, choice.options[0], ", ".join(choice.options)) for choice in CHOICES]
    return table(("setting", "what", "default", "from, to"), [*numbers, *choices])


def signals() -> str:
    rows = [(rule.name, rule.group, str(rule.points), rule.about) for rule in RULES]
    return table(("signal", "group", "points", "when"), rows)


def retention() -> str:
    rows = [
        (
            each.name,
            ", ".join(f"`{place}`" for place in each.where),
            f"`{each.figure}`" if each.figure else "for ever" if each.days is None else f"{each.days} days",
            each.since,
            each.by,
        )
        for each in POLICY
    ]
    return table(("what", "where", "how long", "since", "taken away by"), rows)


def purposes() -> str:
    rows = [
        (f"`{purpose.name}`", str(purpose.max_age_seconds), "once" if purpose.single_use else "any number of times")
        for purpose in PURPOSES.values()
    ]
    return table(("purpose", "seconds", "serves"), rows)


def permissions() -> str:
    rows = [
        (f"`{permission}`", about, *(_mark(holds(role, permission)) for role in ROLES))
        for permission, about in ABOUT.items()
    ]
    return table(("permission", "what it allows", *ROLES), rows)


def relations() -> str:
    rows = [
        (
            role,
            _list(other for other in ROLES if covers(role, other) and administers(role)),
            _list(other for other in ROLES if may_impersonate(role, other, READ)),
            _list(other for other in ROLES if may_impersonate(role, other, WRITE)),
            "needed" if administers(role) else "as the risk asks",
        )
        for role in ROLES
    ]
    return table(("role", "gives, takes and acts on", "impersonates, reading", "writing too", "second factor"), rows)


def routes() -> str:
    rows = [
        (
            f"`{route.key}`",
            f"`{route.permission}`" if route.permission else "",
            f"`{route.step_up}`" if route.step_up else "",
            _mark(route.impersonation),
            route.summary,
        )
        for route in ROUTES
    ]
    return table(("route", "permission", "step-up", "served to an impersonation", "what"), rows)


_CONSOLE: Final = ("nothing", "the web console, which is the same for everybody")
# What each route without a permission goes by, and what that is worth.
PATHWAYS: Final[Mapping[str, tuple[str, str]]] = {
    "GET /api/health": ("nothing", "tells nothing of anybody"),
    "GET /api/openapi.json": ("nothing", "tells nothing of anybody"),
    "POST /api/auth/login": (
        "a password, throttled by account and address, scored by risk",
        "a session with one factor; from `step_up_score` none before a second one is proved, from `block_score` none",
    ),
    "POST /api/auth/sso/discover": (
        "a mail domain that somebody has proven",
        "the names of tenant and connection; nothing of a person",
    ),
    "GET /api/auth/sso/{tenant}/{connection}/start": (
        "nothing",
        "the address of the provider, and a journey; no session",
    ),
    "GET /api/auth/sso/callback": (
        "the journey of this browser, and the word of its provider: code, PKCE, state, nonce, a signed ID token",
        "a code for this browser; a session only by its exchange (at once in json mode)",
    ),
    "POST /api/auth/sso/token": (
        "the code of a callback, once, within a minute, and the cookie beside it; scored by risk",
        "a session with one factor, as after a password: what the provider says of its own factors raises nothing",
    ),
    "POST /api/auth/refresh": (
        "the current refresh token, on its device",
        "the same session goes on, with what was proved in it; judged anew where device, country or client differ",
    ),
    "POST /api/auth/step-up/verify": (
        "the challenge of a sign-in or a refresh, and a second factor",
        "that session, with two factors",
    ),
    "POST /api/auth/password/reset": ("nothing", "a message to the address on file; the answer is always the same"),
    "POST /api/auth/password/reset/complete": (
        "the token of that message: 256 bits, once, within half an hour",
        "a new password and no session; second factors stay, all sessions end",
    ),
    "POST /api/auth/invites/accept": (
        "the token of an invitation: 256 bits, once, within three days, while the inviter may give the role",
        "a person with a session of one factor; an administrator can do nothing with it but enrol a second one",
    ),
    "GET /api/share/{token}": (
        "the token of a share link: 256 bits, until it expires or is revoked, throttled by address",
        "one finished bundle, for minutes; no session. The log names for whom the link is",
    ),
    "GET /.well-known/jwks.json": ("nothing", "public keys"),
    "POST /api/auth/introspect": (
        "the deployment's introspection secret",
        "what an access token is worth at this moment; no session",
    ),
    **{route.key: _CONSOLE for route in CONSOLE},
}


def pathways() -> str:
    open_routes = [route.key for route in ROUTES if not route.authenticated]
    unsaid = sorted(set(open_routes) ^ set(PATHWAYS))
    if unsaid:
        raise LookupError(f"say in tests/architecture/rendered.py what these routes go by, and no others: {unsaid}")
    return table(("route", "goes by", "is worth"), [(f"`{key}`", *PATHWAYS[key]) for key in open_routes])


def factors() -> str:
    rows = [(f"`{method}`", f"`{reference}`", f"`{AAL2}`") for method, reference in METHOD_REFERENCES.items()]
    return table(("second factor", "`amr`", "`acr` of the session from then on"), rows)


def object_lock() -> str:
    return table(("what was tried", "on what", *proofs.BOTH), proofs.rows())


def _bus(events: Mapping[str, BusEvent]) -> str:
    rows = [
        (f"`{name}`", detail_type(name), each.when, ", ".join(f"`{member}`" for member in each.detail))
        for name, each in events.items()
    ]
    return table(("name", "`detail-type`", "when", "members of its `detail`"), rows)


def findings() -> str:
    return table(
        ("finding", "what it means", "what to do"),
        [(f"`{name}`", each.says, each.do) for name, each in FINDINGS.items()],
    )


def _mark(yes: bool) -> str:  # noqa: FBT001 - it is what is said
    return "yes" if yes else ""


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "nobody"


DOCUMENTS: Final[Mapping[str, Mapping[str, Table]]] = {
    "docs/sessions.md": {"settings": settings, "signals": signals, "purposes": purposes},
    "docs/access.md": {
        "permissions": permissions,
        "relations": relations,
        "routes": routes,
        "pathways": pathways,
        "factors": factors,
    },
    "docs/operations.md": {"object lock": object_lock, "findings": findings, "retention": retention},
    "docs/events.md": {"events": lambda: _bus(EVENTS), "alerts": lambda: _bus(ALERTS)},
}


def found(text: str, name: str) -> re.Match[str] | None:
    """Find the table `name` in the text of a document; it is group 1."""
    return re.search(rf"<!-- {name} -->\n\n(.*?)(?=\n\n|\n\Z)", text, re.DOTALL)


def render() -> None:
    """Write every table into its document."""
    for document, tables in DOCUMENTS.items():
        path = ROOT / document
        text = path.read_text(encoding="utf-8")
        for name, rendered in tables.items():
            place = found(text, name)
            if place is None:
                raise LookupError(f"{document} has no place for the table {name}")
            text = text[: place.start(1)] + rendered() + text[place.end(1) :]
        path.write_text(text, encoding="utf-8")
    for document, text in published().items():
        (ROOT / document).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    render()

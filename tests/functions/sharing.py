"""A company that shares a finished bundle, and whoever uses its links."""

from typing import Any

from functions.share_links.handler import handler
from shared.store.share_links import link_key
from tests.functions.company import Company, proven
from tests.functions.estate import Person, Place, Response, call, event
from tests.functions.signed_in import SignedIn, sign_in

LINKS = "/api/compliance/exports/{export_id}/share-links"
AUDITOR = "Jane Doe, Example Audit LLP"
ASKED = {"expires_in_days": 7, "auditor": AUDITOR}


class Shared:
    """A company with a finished bundle, and an owner with a fresh proof."""

    def __init__(self, company: Company, export_id: str) -> None:
        self.company, self.export_id = company, export_id
        self.owner = company.person("owner")
        self.bearer = proven(company.estate, self.owner)

    def asks(self, method: str, share_id: str | None = None, body: object = None, **more: Any) -> Response:
        path = {"export_id": more.pop("export_id", self.export_id)}
        path |= {} if share_id is None else {"share_id": share_id}
        route = f"{method} {LINKS}" + ("" if share_id is None else "/{share_id}")
        document = event(route, body, bearer=more.pop("bearer", self.bearer), **more)
        return call(handler, document | {"pathParameters": path})

    def make(self, **changed: Any) -> tuple[str, str]:
        """Make a link; gives its id and its token."""
        answer = self.asks("POST", body=ASKED | changed)
        assert answer.status == 201, answer.text
        return answer.body["share_id"], answer.body["url"].rpartition("/")[2]

    def row(self, share_id: str) -> dict[str, Any]:
        rows = self.company.estate.partition("share_links", "tenant", self.company.tenant)
        return next(row for row in rows if row.get("share_id") == share_id)

    def change(self, share_id: str, **values: Any) -> None:
        key = link_key(self.company.tenant, self.export_id, share_id)
        self.company.estate.change_row("share_links", key, values)

    def lines(self, action: str) -> list[dict[str, Any]]:
        return [line for line in self.company.estate.events(self.company.tenant) if line["action"] == action]

    def signed_in(self, person: Person) -> SignedIn:
        return sign_in(self.company.estate, person)


def uses(token: str, place: Place | None = None, request_id: str | None = None) -> Response:
    document = event("GET /api/share/{token}", place=place, path=f"/api/share/{token}", request_id=request_id)
    return call(handler, document | {"pathParameters": {"token": token}})

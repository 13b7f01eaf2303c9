"""POST /api/auth/sso/discover: by which connection the people of a mail domain sign in.

1. Take from the budget of the address. 2. Read the e-mail address; only its domain is looked at, so the answer says
nothing of a person. 3. Find who has proven the domain, and the connection that did. 4. Answer with the two names that
the start asks for; everything else gets one 404: no such domain, one that is not proven any more, a connection that is
switched off. So whoever knows a domain learns that its organization is here, and by which name: a sign-in page that
leads on by the address cannot do without.
"""

from dataclasses import dataclass

from functions.sso.chronicle import Chronicle, Tables
from functions.sso.open_connection import open_connection
from shared.domain.federation import mail_domain
from shared.edge.fields import read_body
from shared.edge.problem import Refused, invalid_request
from shared.edge.reply import Reply, json_reply
from shared.edge.request import Request
from shared.edge.sso_bodies import SSO_DISCOVER
from shared.store.item import get
from shared.store.sso_connections import Connection, domain_key
from shared.store.wire import JsonService


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    dynamodb: JsonService
    tables: Tables
    chronicle: Chronicle

    def __call__(self, request: Request) -> Reply:
        # 1. The budget.
        self.chronicle.budget(request, "discover")
        # 2. The domain.
        domain = mail_domain(read_body(request, SSO_DISCOVER)["email"].strip())
        if domain is None:
            raise invalid_request([("/email", "An e-mail address, whose domain is in ASCII.")])
        # 3. Whose it is.
        connection = self._found(domain)
        # 4. The answer.
        if connection is None:
            raise Refused(404, "not_found", f"No identity provider is known for {domain}.")
        return json_reply(200, {"tenant": connection.tenant, "connection_id": connection.connection_id})

    def _found(self, domain: str) -> Connection | None:
        proof = get(self.dynamodb, self.tables.sso_connections, domain_key(domain))
        if proof is None:
            return None
        found = open_connection(self.dynamodb, self.tables, str(proof["owner"]), str(proof["of"]))
        # The domain's own row and the connection are written together; read one after the other they may differ.
        return found[1] if found is not None and domain in found[1].verified_domains else None

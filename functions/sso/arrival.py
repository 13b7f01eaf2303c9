"""A browser that is back from a provider, with the journey that it left on."""

from dataclasses import dataclass

from functions.sso.chronicle import LINK_FAILED, Suspected
from functions.sso.journey import Journey
from shared.edge.request import Request
from shared.store.attribute import Row
from shared.store.item import Item
from shared.store.one_time_tokens import SSO_NONCE, OneTimeToken, hash_of, issued
from shared.store.sso_connections import Connection


@dataclass(frozen=True, slots=True)
class Arrival:
    request: Request
    tenant: Row
    connection: Connection
    journey: Journey

    def suspected(self, reason: str, staff_id: str | None = None, email: str | None = None) -> Suspected:
        return suspected_on(self.tenant, self.journey, reason, staff_id, email)

    def spent(self, table: str, staff_id: str) -> Item:
        """Take the nonce (label "sso_nonce"): of two callbacks of one journey, one commits."""
        journey, tenant = self.journey, self.connection.tenant
        nonce = OneTimeToken(nonce_hash(journey), SSO_NONCE, tenant, staff_id, journey.expires_at)
        return issued(table, nonce, int(self.request.now))


def suspected_on(
    tenant: Row, journey: Journey, reason: str, staff_id: str | None = None, email: str | None = None
) -> Suspected:
    """Give what is refused on a journey: a sign-in, or the linking that a known person began."""
    suspected = Suspected(tenant, reason, journey.connection_id, staff_id, email)
    if journey.link is None:
        return suspected
    # What a provider says of somebody who cannot be linked is nothing that the person's own key should seal.
    return Suspected(tenant, reason, journey.connection_id, journey.link.staff_id, action=LINK_FAILED)


def nonce_hash(journey: Journey) -> str:
    return hash_of(f"nonce.{journey.nonce}")

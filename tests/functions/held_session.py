"""Sessions put into the tables as a login puts them: for tests that ask what becomes of the rows."""

import secrets
from dataclasses import dataclass

from shared.audit.event import Actor, Draft, new_event_id, system_context
from shared.domain.session import AAL1, Binding, Standing
from shared.store.item import get
from shared.store.refresh_tokens import Issued, issued
from shared.store.transaction import Committed
from shared.store.user_sessions import Opening, opened, session_key
from tests.functions.estate import Estate, Person

IDLE_SECONDS = 28_800
ABSOLUTE_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Held:
    """A session that was opened at `opened_at`."""

    person: Person
    session_id: str
    token_hash: str
    opened_at: int

    def row(self, estate: Estate) -> dict[str, object]:
        key = session_key(self.person.tenant, self.person.staff_id, self.session_id)
        row = get(estate.dynamodb, estate.environ["USER_SESSIONS_TABLE"], key)
        assert row is not None
        return row

    def token_row(self, estate: Estate) -> dict[str, object]:
        row = get(estate.dynamodb, estate.environ["REFRESH_TOKENS_TABLE"], {"token_hash": self.token_hash})
        assert row is not None
        return row

    @property
    def standing(self) -> Standing:
        at = self.opened_at
        return Standing(self.person.role, AAL1, ("pwd",), at, at, at + ABSOLUTE_SECONDS, IDLE_SECONDS)


def hold(estate: Estate, person: Person, at: int, version: int = 1) -> Held:
    """Open a session at the instant `at`."""
    held = Held(person, new_event_id(at), secrets.token_hex(32), at)
    opening = Opening(
        tenant=person.tenant,
        staff_id=person.staff_id,
        session_id=held.session_id,
        session_version=version,
        current_hash=held.token_hash,
        binding=Binding("device", "DE", "198.51.100.0/24", "Firefox/Linux"),
        standing=held.standing,
        idle_expires_at=at + IDLE_SECONDS,
    )
    token = Issued(
        token_hash=held.token_hash,
        tenant=person.tenant,
        staff_id=person.staff_id,
        session_id=held.session_id,
        generation=1,
        parent_hash=None,
        issued_at=at,
        expires_at=at + IDLE_SECONDS,
        ends_at=held.standing.absolute_expires_at,
    )
    items = [
        opened(estate.environ["USER_SESSIONS_TABLE"], opening),
        issued(estate.environ["REFRESH_TOKENS_TABLE"], token),
    ]
    event = Draft(
        event_id=new_event_id(at),
        action="AUTH_LOGIN_SUCCESS",
        outcome="success",
        actor=Actor("system", "test"),
        resource="test",
        context=system_context("test"),
    )
    assert isinstance(estate.ledger.commit(person.tenant, items, [event]), Committed)
    return held

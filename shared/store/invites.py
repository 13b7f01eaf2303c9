"""`invites`: who was asked to join a tenant.

| `invite_id` | what it holds |
| --- | --- |
| a ULID | one invite, see below |
| `address#<normalised>` | `open_invite`: the one invite of an address that counts; gone once it was used or revoked |

| attribute of an invite | what it holds |
| --- | --- |
| `status` | OPEN, then ACCEPTED or REVOKED for good; one that has expired stays OPEN |
| `email`, `name` | whom it is for: the address in ASCII, as it was typed but for the domain; the name may be empty |
| `role`, `staff_id` | what the person will be, and the id to come: events seal under it from the first on |
| `invited_by` | the staff id whose rights it rests on; absent where an operator of the deployment made it |
| `token_hash` | hexadecimal SHA-256 of the whole token: 256 random bits need no slow hash (ASVS 6.5.2) |
| `created_at`, `expires_at`, `closed_at`, `close_reason` | Unix seconds, and why it was revoked |
| `ttl` | thirty days after it expired |
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.domain.password import normal_email
from shared.store.attribute import Row
from shared.store.condition import above, absent, between, equals
from shared.store.item import Item, get, put, query, update
from shared.store.wire import JsonService

OPEN: Final = "OPEN"
ACCEPTED: Final = "ACCEPTED"
REVOKED: Final = "REVOKED"
# Why an invite was revoked.
WITHDRAWN: Final = "withdrawn"
REPLACED: Final = "replaced"
INVITER_LEFT: Final = "inviter_left"
INVITE_SECONDS: Final = 72 * 3_600
_KEPT_SECONDS: Final = 30 * 86_400
# ULIDs begin with a digit, rows of addresses with a small letter.
_FIRST_ID, _AFTER_IDS = "0", "a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """An invite. `invited_by` None: an operator of the deployment made it, and it rests on nobody's rights."""

    tenant: str
    invite_id: str
    staff_id: str
    email: str
    name: str
    role: str
    invited_by: str | None
    token_hash: str
    created_at: int
    expires_at: int
    status: str = OPEN

    def expired(self, now: float) -> bool:
        return now >= self.expires_at


def invite_key(tenant: str, invite_id: str) -> dict[str, str]:
    return {"tenant": tenant, "invite_id": invite_id}


def address_key(tenant: str, email: str) -> dict[str, str]:
    """Give the key of the row that says which invite of an address counts; `email` is one that mail can reach."""
    return {"tenant": tenant, "invite_id": f"address#{normal_email(email)}"}


def invite_of(row: Row) -> Invite:
    return Invite(
        tenant=row["tenant"],
        invite_id=row["invite_id"],
        staff_id=row["staff_id"],
        email=row["email"],
        name=row["name"],
        role=row["role"],
        invited_by=row.get("invited_by"),
        token_hash=row["token_hash"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        status=row["status"],
    )


def read_invite(dynamodb: JsonService, table: str, tenant: str, invite_id: str) -> Invite | None:
    """Read one invite; `invite_id` is an identifier, and as such never the key of an address."""
    row = get(dynamodb, table, invite_key(tenant, invite_id))
    return None if row is None else invite_of(row)


def open_invite(row: Row | None) -> str | None:
    """Name the invite that counts, by the row of its address; it may have expired, and its own row may be gone."""
    return None if row is None else row.get("open_invite")


def invites_of(dynamodb: JsonService, table: str, tenant: str, limit: int | None = None) -> Iterator[Invite]:
    """Read the invites of a tenant, newest first, whatever became of them."""
    clauses = (equals("tenant", tenant), between("invite_id", _FIRST_ID, _AFTER_IDS))
    return map(invite_of, query(dynamodb, table, *clauses, descending=True, limit=limit))


def open_invites_by(dynamodb: JsonService, table: str, tenant: str, staff_id: str) -> list[Invite]:
    """Read what rests on the rights of `staff_id`, newest first, expired or not.

    All of it is void once he has lost those rights, for each acceptance checks them in its commit; to revoke them says
    so on the record.
    """
    invites = invites_of(dynamodb, table, tenant)
    return [invite for invite in invites if invite.status == OPEN and invite.invited_by == staff_id]


def offered(table: str, invite: Invite, counts: str | None) -> tuple[Item, Item]:
    """Make an invite the one of its address that counts (labels "invite" and "invite_address").

    `counts` is the one that counted when it was read (`open_invite`). Refuted when another one does by now.
    """
    row = {
        **invite_key(invite.tenant, invite.invite_id),
        "status": OPEN,
        "staff_id": invite.staff_id,
        "email": invite.email,
        "name": invite.name,
        "role": invite.role,
        "token_hash": invite.token_hash,
        "created_at": invite.created_at,
        "expires_at": invite.expires_at,
        "ttl": invite.expires_at + _KEPT_SECONDS,
    }
    if invite.invited_by is not None:
        row["invited_by"] = invite.invited_by
    address = {
        **address_key(invite.tenant, invite.email),
        "open_invite": invite.invite_id,
        "ttl": invite.expires_at + _KEPT_SECONDS,
    }
    as_read = absent("open_invite") if counts is None else equals("open_invite", counts)
    return (
        put(table, row, absent("tenant"), label="invite"),
        put(table, address, as_read, label="invite_address"),
    )


def accepted(table: str, invite: Invite, now: int) -> tuple[Item, Item]:
    """Use an invite up (labels "invite" and "invite_address"): of two requests with its token, one commits."""
    used = update(
        table,
        invite_key(invite.tenant, invite.invite_id),
        equals("status", OPEN),
        equals("token_hash", invite.token_hash),
        above("expires_at", now),
        set_={"status": ACCEPTED, "closed_at": now},
        label="invite",
    )
    return used, _no_longer_counts(table, invite)


def revoked(table: str, invite: Invite, now: int, reason: str) -> tuple[Item, ...]:
    """Revoke an open invite (labels "invite_before" and "invite_address"); refuted when it is open no more.

    Of one that has expired only its own row: that of the address may be gone, or speak of another one.
    """
    itself = replaced(table, invite, now, reason)
    return (itself,) if invite.expired(now) else (itself, _no_longer_counts(table, invite))


def replaced(table: str, invite: Invite, now: int, reason: str) -> Item:
    """Revoke an open invite whose address gets another one in the same commit (label "invite_before")."""
    return update(
        table,
        invite_key(invite.tenant, invite.invite_id),
        equals("status", OPEN),
        set_={"status": REVOKED, "closed_at": now, "close_reason": reason},
        label="invite_before",
    )


def _no_longer_counts(table: str, invite: Invite) -> Item:
    key = address_key(invite.tenant, invite.email)
    as_read = equals("open_invite", invite.invite_id)
    return update(table, key, as_read, remove=("open_invite",), label="invite_address")

"""`tenant_staff`: the people of a tenant, several rows a person.

| `item` | what it holds |
| --- | --- |
| `<staff>#gate` | `status`, `role`, `session_version`, `left`, `must_enrol`, `invites_void_before`, `granted`: 1 KB |
| `<staff>#profile` | `name`, `email` |
| `<staff>#factor#password` | `hash` (argon2id), `changed_at`, `reset_hash` of the one reset token that counts |
| `<staff>#factor#...` | the second factors: see `second_factors` |
| `email#<normalised>` | `staff_id`: an address belongs to one person of a tenant |
| `roles#owners` | `active`: how many people are ACTIVE owners; whoever makes or unmakes one says so here too |
| `<staff>#identities` | the identities of providers that the person has: see `identities` |
| `identity#<digest>` | `staff_id`, `linked_at`, `connection_id`: issuer and subject of an identity provider |
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

from shared.domain.password import normal_email
from shared.domain.session import ACTIVE
from shared.store.attribute import Row
from shared.store.condition import absent, at_least, between, equals, present
from shared.store.item import Item, check, put, query, update
from shared.store.wire import JsonService

_MAX_SORT_KEY_BYTES: Final = 1_024  # DynamoDB refuses a longer one; NFKC makes up to 18 characters of one

_NOBODYS: Final = ("email", "identity", "roles")  # what rows begin with that are of addresses, identities and counts
MISSING: Final = "MISSING"  # the status of a gate row that is not there
DEACTIVATED: Final = "DEACTIVATED"
ERASED: Final = "ERASED"  # a tombstone: the id stays taken, and nobody is behind it any more
OWNER: Final = "owner"


class Granted(NamedTuple):
    """Since when somebody has his role (Unix seconds), and the event that tells of it; None where nobody noted it."""

    at: int | None = None
    event_id: str | None = None


class GateRow(NamedTuple):
    """What every request is checked against. `status` is ACTIVE, DEACTIVATED, ERASED, or MISSING where there is no row.

    `must_enrol`: an administrator without a second factor, who may do nothing but enrol one. `invites_void_before`
    (Unix seconds): what he had offered up to then is void, although he may have his rights again; 0 where nothing is.
    """

    status: str
    role: str
    session_version: int
    must_enrol: bool = False
    invites_void_before: int = 0


def gate_key(tenant: str, staff_id: str) -> dict[str, str]:
    return {"tenant": tenant, "item": f"{staff_id}#gate"}


def profile_key(tenant: str, staff_id: str) -> dict[str, str]:
    return {"tenant": tenant, "item": f"{staff_id}#profile"}


def factor_key(tenant: str, staff_id: str, factor: str) -> dict[str, str]:
    return {"tenant": tenant, "item": f"{staff_id}#factor#{factor}"}


def email_key(tenant: str, email: str) -> dict[str, str]:
    """Give the key of an address; `email` as typed, untrusted. One that no sort key can hold stands as its digest."""
    item = f"email#{normal_email(email)}"
    if len(item.encode()) > _MAX_SORT_KEY_BYTES:
        item = f"email#sha256#{sha256(item.encode()).hexdigest()}"
    return {"tenant": tenant, "item": item}


def owners_key(tenant: str) -> dict[str, str]:
    return {"tenant": tenant, "item": "roles#owners"}


def one_owner_more(table: str, tenant: str) -> Item:
    """Count an ACTIVE owner who is made in the same commit (label "owners")."""
    return update(table, owners_key(tenant), add={"active": 1}, label="owners")


def one_owner_less(table: str, tenant: str) -> Item:
    """Count out an owner who is unmade in the same commit (label "owners"); refuted when no other one is left."""
    return update(table, owners_key(tenant), at_least("active", 2), add={"active": -1}, label="owners")


def identity_key(tenant: str, digest: str) -> dict[str, str]:
    """Give the key of a person of an identity provider; `digest` of issuer and subject, never of an address."""
    return {"tenant": tenant, "item": f"identity#{digest}"}


def linked_identity(table: str, key: Mapping[str, str], staff_id: str, connection_id: str, now: int) -> Item:
    """Say whose an identity is (label "identity"); refuted when it is anybody's."""
    row = {**key, "staff_id": staff_id, "connection_id": connection_id, "linked_at": now}
    return put(table, row, absent("tenant"), label="identity")


def gate_of(row: Row | None) -> GateRow:
    if row is None:
        return GateRow(MISSING, "", 0)
    enrols, void = row.get("must_enrol", False), row.get("invites_void_before", 0)
    return GateRow(row["status"], row["role"], row["session_version"], enrols, void)


def granted_of(row: Row) -> Granted:
    """Read of a gate's row how its role was granted; nothing where that was noted of another role.

    A restore corrects the role by the log, and leaves the note as it is.
    """
    noted = row.get("granted", {})
    return Granted(noted["at"], noted.get("event_id")) if noted.get("role") == row["role"] else Granted()


def people_of(dynamodb: JsonService, table: str, tenant: str, after: str | None = None) -> Iterator[Row]:
    """Read the rows of the people of a tenant in the order of their staff ids, those `after` one where it is given.

    A staff id ends where "#" follows, which sorts below all that an id is made of. Rows of nobody are not read.
    """
    lowest = f"{after or ''}$"
    for other in (*_NOBODYS, None):
        highest = "~" if other is None else f"{other}#"
        if lowest < highest:
            yield from query(dynamodb, table, equals("tenant", tenant), between("item", lowest, highest))
        lowest = max(lowest, f"{other}$")


def rows_of_person(dynamodb: JsonService, table: str, tenant: str, staff_id: str) -> list[Row]:
    """Read all rows that begin with a person's id, in the order of their items; none of addresses and identities."""
    return list(query(dynamodb, table, equals("tenant", tenant), between("item", f"{staff_id}#", f"{staff_id}$")))


def named(rows: Sequence[Row]) -> dict[str, Row]:
    """Index the rows of a batch by their `item`."""
    return {row["item"]: row for row in rows}


def unchanged_gate(table: str, tenant: str, staff_id: str, gate: GateRow) -> Item:
    """Check that the gate is ACTIVE and still what a decision relied on (label "gate")."""
    return check(
        table,
        gate_key(tenant, staff_id),
        equals("status", ACTIVE),
        equals("session_version", gate.session_version),
        equals("role", gate.role),
        label="gate",
    )


def held_gate(table: str, tenant: str, staff_id: str, gate: GateRow) -> Item:
    """Check that a gate lets in whom it let in when it was read, whether it lets anybody in or not (label "gate")."""
    if gate.status == MISSING:
        return check(table, gate_key(tenant, staff_id), absent("tenant"), label="gate")
    as_read = equals("status", gate.status), equals("role", gate.role)
    return check(table, gate_key(tenant, staff_id), *as_read, label="gate")


def bumped_gate(
    table: str, tenant: str, staff_id: str, session_version: int, incident: Mapping[str, str] | None = None
) -> Item:
    """Leave `session_version` behind: every session of the person is dead from this commit on (label "gate").

    `incident` ("reason", "incident_id") is why, where security has it so: cleanup stamps the sessions with it.
    """
    left = None if incident is None else {"session_version": session_version, **incident}
    return update(
        table,
        gate_key(tenant, staff_id),
        equals("status", ACTIVE),
        equals("session_version", session_version),
        set_={} if left is None else {"left": left},
        add={"session_version": 1},
        label="gate",
    )


def changed_gate(
    table: str,
    tenant: str,
    staff_id: str,
    before: GateRow,
    after: GateRow,
    left: Mapping[str, str] | None = None,
    granted: Granted | None = None,
) -> Item:
    """Put what differs in `after` in the place of what was read (label "gate"); something must.

    `left` ("reason", "incident_id") is why a version was left behind: cleanup stamps its sessions with it. `granted` is
    noted where the role is another one.
    """
    said = before._asdict()
    changes = {name: value for name, value in after._asdict().items() if said[name] != value}
    enrols = changes.pop("must_enrol", None)
    if enrols:
        changes["must_enrol"] = True
    if granted is not None and "role" in changes:
        changes["granted"] = _noted(after.role, granted)
    if left is not None:
        changes["left"] = {"session_version": before.session_version, **left}
    return update(
        table,
        gate_key(tenant, staff_id),
        equals("status", before.status),
        equals("session_version", before.session_version),
        equals("role", before.role),
        set_=changes,
        remove=("must_enrol",) if enrols is False else (),
        label="gate",
    )


def _noted(role: str, granted: Granted) -> dict[str, Any]:
    return {"role": role, **{name: value for name, value in granted._asdict().items() if value is not None}}


def unchanged_password(table: str, tenant: str, staff_id: str, stored: str) -> Item:
    """Check that the hash which a password was proved against still stands (label "password")."""
    return check(table, factor_key(tenant, staff_id, "password"), equals("hash", stored), label="password")


def changed_password(table: str, tenant: str, staff_id: str, before: str, after: str, now: int) -> Item:
    """Put the hash of a new password (label "password"), which voids every reset token; refuted when it has changed."""
    return update(
        table,
        factor_key(tenant, staff_id, "password"),
        equals("hash", before),
        set_={"hash": after, "changed_at": now},
        remove=("reset_hash",),
        label="password",
    )


def voided_reset(table: str, tenant: str, staff_id: str) -> Item:
    """Void the reset token that counts, if there is one (label "password"); refuted where there is no password."""
    key = factor_key(tenant, staff_id, "password")
    return update(table, key, present("hash"), remove=("reset_hash",), label="password")


def rehashed_password(table: str, tenant: str, staff_id: str, before: str, after: str) -> Item:
    """Put another hash of the same password (label "password"); refuted when the password changed since."""
    key = factor_key(tenant, staff_id, "password")
    return update(table, key, equals("hash", before), set_={"hash": after}, label="password")


def resettable_password(table: str, tenant: str, staff_id: str, hash_before: str, reset_hash: str) -> Item:
    """Make `reset_hash` the one reset token that counts (label "password"): those before it are void."""
    key = factor_key(tenant, staff_id, "password")
    return update(table, key, equals("hash", hash_before), set_={"reset_hash": reset_hash}, label="password")


def reset_password(
    table: str, tenant: str, staff_id: str, *, before: str, after: str, reset_hash: str, now: int
) -> Item:
    """Put the hash of a new password for the token that counts (label "password"), and spend it.

    Refuted when the password or the token changed since: of two requests with one token, one commits.
    """
    return update(
        table,
        factor_key(tenant, staff_id, "password"),
        equals("hash", before),
        equals("reset_hash", reset_hash),
        set_={"hash": after, "changed_at": now},
        remove=("reset_hash",),
        label="password",
    )


def enrolled_totp(table: str, tenant: str, staff_id: str, secret_sealed: bytes, step: int, now: int) -> Item:
    """Put the confirmed authenticator with the time step that its first code spent; refuted when one is there."""
    changes = {"secret_sealed": secret_sealed, "last_totp_step": step, "confirmed_at": now}
    row = {**factor_key(tenant, staff_id, "totp"), **changes}
    return put(table, row, absent("tenant"), label="totp")


class NewStaff(NamedTuple):
    """A person to provision. `totp_secret_sealed` None: no second factor yet; `must_enrol`: nothing before there is.

    `password_hash` None: an identity provider says who it is, and no password does. `granted_by` is the event that
    tells how he came to his role, where whoever provisions knows it.
    """

    tenant: str
    staff_id: str
    email: str
    name: str
    role: str
    password_hash: str | None
    totp_secret_sealed: bytes | None = None
    must_enrol: bool = False
    granted_by: str | None = None


def provisioning_items(table: str, staff: NewStaff, now: int) -> tuple[Item, ...]:
    """Give the puts that make a person, refuted (label "email" or "gate") when address or id are taken.

    The salt of the person's sealed data and the event belong into the same commit; they are the caller's.
    """
    tenant, staff_id = staff.tenant, staff.staff_id
    gate: dict[str, Any] = {
        **gate_key(tenant, staff_id),
        "status": ACTIVE,
        "role": staff.role,
        "session_version": 1,
        "epoch": 1,
    }
    gate["granted"] = _noted(staff.role, Granted(now, staff.granted_by))
    if staff.must_enrol:
        gate["must_enrol"] = True
    profile = {**profile_key(tenant, staff_id), "name": staff.name, "email": staff.email, "created_at": now}
    items = [
        put(table, {**email_key(tenant, staff.email), "staff_id": staff_id}, absent("tenant"), label="email"),
        put(table, gate, absent("tenant"), label="gate"),
        put(table, profile, label="profile"),
    ]
    if staff.role == OWNER:
        items.append(one_owner_more(table, tenant))
    if staff.password_hash is not None:
        password = {**factor_key(tenant, staff_id, "password"), "hash": staff.password_hash, "created_at": now}
        items.append(put(table, password, label="password"))
    if staff.totp_secret_sealed is not None:
        items.append(enrolled_totp(table, tenant, staff_id, staff.totp_secret_sealed, 0, now))
    return tuple(items)

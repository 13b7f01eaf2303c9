"""What a route names by an id or a secret, made straight in the tables for whoever is signed in.

Each function takes a session and gives the id. It makes the object for the session's person and tenant, so that a call
with it does its work; made for somebody of another tenant, the same id must be nothing to whoever calls.
"""

import base64
import secrets
from collections.abc import Callable
from typing import Any

import pyotp

from functions.access_reviews.document import sha256_of, snapshot
from functions.share_links.record import sealed_auditor
from functions.share_links.token import new_token
from shared.audit.event import new_event_id
from shared.domain.ip_rule import CONFIRM_SECONDS, CREATION
from shared.domain.passkey import Passkey
from shared.domain.step_up import CHALLENGE_SECONDS, Challenge
from shared.runtime.data_key import DataKeys
from shared.runtime.sealed_secret import totp_context
from shared.store.access_reviews import Review, decided, items_of, reviews_of, write_people
from shared.store.access_reviews import begun as review_begun
from shared.store.attribute import Row
from shared.store.exports import completed_item, new_export_id, new_export_item
from shared.store.identities import Identities, Link, changed_identities
from shared.store.impersonations import Beginning, begun
from shared.store.impersonations import Person as Actor
from shared.store.invites import Invite, offered
from shared.store.item import Item
from shared.store.legal_holds import Hold, placed
from shared.store.one_time_tokens import hash_of
from shared.store.second_factors import PasskeysRow, changed_passkeys
from shared.store.share_links import ShareLink
from shared.store.share_links import offered as offered_link
from shared.store.sso_connections import Connection, Domain, stored_connection
from shared.store.step_up_challenges import StoredChallenge, enrolment_id, put_challenge
from shared.store.subject_keys import new_salt_item
from shared.store.tenant_staff import enrolled_totp, identity_key, linked_identity
from shared.store.user_sessions import owner_of
from tests.functions.address_book import put_rules
from tests.functions.estate import Estate
from tests.functions.signed_in import SignedIn, sign_in

Made = Callable[[SignedIn], str]  # in a body also several ids, as a list


def tenant_of(session: SignedIn) -> str:
    return session.person.tenant


def email_of(session: SignedIn) -> str:
    return session.person.email


def access_token_of(session: SignedIn) -> str:
    return session.access_token


def refresh_token_of(session: SignedIn) -> str:
    return session.refresh_token


def a_session(session: SignedIn) -> str:
    """Open another session of the same person."""
    return sign_in(session.estate, session.person).session_id


def a_person(session: SignedIn) -> str:
    """Provision somebody else in the tenant."""
    return session.estate.new_person(session.person.tenant, "member").staff_id


def a_deactivated_person(session: SignedIn) -> str:
    person = session.estate.new_person(session.person.tenant, "member")
    session.estate.change_gate(person, "status", "DEACTIVATED")
    return person.staff_id


def a_hold(session: SignedIn) -> str:
    """Hold somebody of the tenant."""
    estate, tenant, held = session.estate, session.person.tenant, a_person(session)
    hold_id, now = new_event_id(estate.clock()), int(estate.clock())
    hold = Hold(tenant, hold_id, held, "a dispute", None, session.person.staff_id, now)
    for item in placed(estate.prefix + "legal_holds", hold, None):
        _write(session, item)
    return hold_id


def an_impersonation(session: SignedIn) -> str:
    """Begin an impersonation by the person, whatever his role is."""
    person, now = session.person, int(session.estate.clock())
    beginning = Beginning(
        tenant=person.tenant,
        impersonation_id=new_event_id(now),
        actor=Actor(person.staff_id, 1, person.role),
        actor_session=session.session_id,
        target=Actor(a_person(session), 1, "member"),
        mode="read",
        reason="A test",
        ticket=None,
        notice="end",
        started_at=now,
        expires_at=now + 1_800,
    )
    _write(session, begun(session.estate.prefix + "impersonations", beginning))
    return beginning.impersonation_id


def a_passkey(session: SignedIn) -> str:
    person, passkey_id = session.person, secrets.token_urlsafe(16)
    passkey = Passkey(passkey_id, b"key", 0, "Laptop", int(session.estate.clock()), None, "0" * 32, backed_up=False)
    table = session.estate.prefix + "tenant_staff"
    _write(session, changed_passkeys(table, person.tenant, person.staff_id, PasskeysRow(), [passkey]))
    return passkey_id


def an_authenticator(session: SignedIn) -> str:
    """Enrol a TOTP authenticator; gives its sealed secret, in base64."""
    sealed = _sealed_secret(session, pyotp.random_base32())
    person, table = session.person, session.estate.prefix + "tenant_staff"
    _write(session, enrolled_totp(table, person.tenant, person.staff_id, sealed, 0, int(session.estate.clock())))
    return base64.b64encode(sealed).decode()


def an_enrolment_code(session: SignedIn) -> str:
    """Begin to enrol an authenticator; gives its code of this moment."""
    secret = pyotp.random_base32()
    stored = StoredChallenge(
        _challenge(session, enrolment_id(session.session_id), "totp_enrolment"),
        pending_sealed=_sealed_secret(session, secret),
        pending={"replaces": None},
    )
    _write(session, put_challenge(session.estate.prefix + "step_up_challenges", stored))
    return pyotp.TOTP(secret).at(session.estate.clock())


def an_identity(session: SignedIn) -> str:
    """Link somebody of a provider to whoever is signed in."""
    person, table = session.person, session.estate.prefix + "tenant_staff"
    digest, now = secrets.token_hex(32), int(session.estate.clock())
    links = {digest: Link("c-1", now)}
    _write(session, linked_identity(table, identity_key(person.tenant, digest), person.staff_id, "c-1", now))
    _write(session, changed_identities(table, person.tenant, person.staff_id, Identities(), links))
    return digest


def reviewers_for(session: SignedIn) -> list[str]:
    """Name who may review everybody: the person, and two owners whom the tenant gets, each for the other one."""
    owners = (session.estate.new_person(session.person.tenant, "owner").staff_id for _ in range(2))
    return [session.person.staff_id, *owners]


def a_review(session: SignedIn) -> str:
    """Begin a review of one administrator by the person."""
    estate, person, now = session.estate, session.person, int(session.estate.clock())
    table, review_id = estate.prefix + "access_reviews", new_event_id(now)
    reviewed = {"staff_id": estate.new_person(person.tenant, "admin").staff_id, "role": "admin", "status": "ACTIVE"}
    write_people(estate.dynamodb, table, person.tenant, review_id, [reviewed])
    review = Review(
        tenant=person.tenant,
        review_id=review_id,
        scope="administrators",
        reviewers=(person.staff_id,),
        due="2099-01-01",
        due_at=now + 86_400,
        created_at=now,
        created_by=person.staff_id,
        created_event=new_event_id(now),
        population=1,
        snapshot_sha256=sha256_of(snapshot(person.tenant, review_id, "administrators", now, [reviewed])),
    )
    _write(session, review_begun(table, review))
    return review_id


def a_reviewed_person(session: SignedIn) -> str:
    """Give who is looked at in the latest review that the person is to decide."""
    estate, person = session.estate, session.person
    table = estate.prefix + "access_reviews"
    reviews = reviews_of(estate.dynamodb, table, person.tenant)
    review_id = next(row["review_id"] for row in reviews if row["reviewers"] == [person.staff_id])
    (item,) = items_of(estate.dynamodb, table, person.tenant, review_id)
    return str(item["person"]["staff_id"])


def a_decided_review(session: SignedIn) -> str:
    """Begin a review in which everybody has been decided about."""
    estate, person, now, review_id = session.estate, session.person, int(session.estate.clock()), a_review(session)
    kept = {"decision": "keep", "result": "kept", "role_before": "admin", "role_after": "admin"}
    told = {"status_after": "ACTIVE", "by": person.staff_id, "at": now, "late": False, "seconds": 1}
    decision = {**kept, **told, "event_id": new_event_id(now), "events": [], "reason": "as agreed"}
    table = estate.prefix + "access_reviews"
    for item in decided(table, person.tenant, review_id, a_reviewed_person(session), decision):
        _write(session, item)
    return review_id


def a_connection(session: SignedIn) -> str:
    """Trust a provider that nobody runs."""
    return nobodys_connection(session.estate, session.person.tenant)


def a_connection_with_a_domain(session: SignedIn) -> str:
    """Trust a provider that nobody runs, for a domain that was proven before."""
    return nobodys_connection(session.estate, session.person.tenant, "acme.example")


def nobodys_connection(estate: Estate, tenant: str, *proven: str) -> str:
    """Let a tenant trust a provider that nobody runs, for domains that were proven before, as the connection says."""
    connection_id = f"c-{secrets.token_hex(4)}"
    connection = Connection(
        tenant=tenant,
        connection_id=connection_id,
        name="Acme",
        issuer="http://127.0.0.1:9",
        client_id="muniment",
        secret_sealed=None,
        algorithms=("RS256",),
        domains={domain: Domain("proof", 1) for domain in proven},
        enabled=True,
        provisioning=False,
        max_age_seconds=None,
        created_at=1,
        changed_at=1,
        version=1,
    )
    item = stored_connection(estate.prefix + "sso_connections", None, connection)
    estate.dynamodb.call("PutItem", dict(item.request))
    return connection_id


def a_challenge(session: SignedIn) -> str:
    """Put a step-up challenge to the session."""
    challenge = _challenge(session, secrets.token_urlsafe(18), "rbac_admin")
    _write(session, put_challenge(session.estate.prefix + "step_up_challenges", StoredChallenge(challenge)))
    session.change_row(step_up_challenge=challenge.challenge_id)
    return challenge.challenge_id


def a_bundle(session: SignedIn) -> str:
    """Make a completed export."""
    table, tenant, now = session.estate.prefix + "exports", session.person.tenant, int(session.estate.clock())
    export_id = new_export_id(session.estate.clock())
    row = {
        "tenant": tenant,
        "export_id": export_id,
        "kind": "bundle",
        "requested": {"from": "2026-07-01", "to": "2026-09-30", "format": "csv"},
        "requested_by": {"actor": session.person.staff_id, "role": session.person.role, "step_up": None},
        "created_at": now,
        "deadline_at": now + 3_600,
        "progress": {"step": "requested", "done": 0, "total": 0},
    }
    found = {"key": f"bundles/{tenant}/{export_id}.zip", "version_id": "1", "name": export_id}
    digests: dict[str, Any] = {"sha256": "0" * 64, "manifest_sha256": "0" * 64}
    digests["resolved"] = {"from": "2026-07-01T00:00:00.000Z", "to_exclusive": "2026-10-01T00:00:00.000Z"}
    digests["files"] = [{"path": "CC6_Access_Control/access_logs.csv", "rows": 0}]
    _write(session, new_export_item(table, row))
    _write(session, completed_item(table, tenant, export_id, {**found, **digests, "size": 1}))
    return export_id


def a_share_link(session: SignedIn) -> str:
    """Share the bundle that was made for the session last; gives the id of the link."""
    return _shared(session)[0]


def a_share_token(session: SignedIn) -> str:
    """Share a bundle; gives the token of the link."""
    a_bundle(session)
    return _shared(session)[1]


def _shared(session: SignedIn) -> tuple[str, str]:
    """Share in the name of the session's person, whatever his role is."""
    estate, person, now = session.estate, session.person, int(session.estate.clock())
    own = [row for row in estate.partition("exports", "tenant", person.tenant) if _made_for(row, person.staff_id)]
    export_id, share_id = str(own[-1]["export_id"]), f"shr_{new_event_id(now)}"
    token = new_token(person.tenant, export_id, share_id)
    (tenant,) = estate.partition("tenants", "tenant", person.tenant)
    personal = DataKeys(estate.sealer).personal_data(person.tenant, tenant["data_key_sealed"])
    salt, item = new_salt_item(estate.prefix + "subject_keys", person.tenant, share_id)
    link = ShareLink(
        tenant=person.tenant,
        export_id=export_id,
        share_id=share_id,
        token_hash=hash_of(token),
        auditor=sealed_auditor(personal, salt, share_id, "Audit LLP"),
        created_by=person.staff_id,
        created_at=now,
        expires_at=now + 3_600,
        epoch=1,
    )
    for each in (item, *offered_link(estate.prefix + "share_links", link, None)):
        _write(session, each)
    return share_id, token


def _made_for(row: Row, staff_id: str) -> bool:
    return bool(row["requested_by"]["actor"] == staff_id)


def an_event(session: SignedIn) -> str:
    """Give the last event of the tenant's log."""
    return str(session.estate.events(session.person.tenant)[-1]["id"])


def an_invite(session: SignedIn) -> str:
    """Invite a member in the name of the session's person."""
    now, invite_id = int(session.estate.clock()), new_event_id(session.estate.clock())
    invite = Invite(
        tenant=session.person.tenant,
        invite_id=invite_id,
        staff_id=f"u_{invite_id}",
        email=f"{invite_id.lower()}@acme.example",
        name="",
        role="member",
        invited_by=session.person.staff_id,
        token_hash="0" * 64,
        created_at=now,
        expires_at=now + 3_600,
    )
    for item in offered(session.estate.prefix + "invites", invite, None):
        _write(session, item)
    return invite_id


def _challenge(session: SignedIn, challenge_id: str, purpose: str) -> Challenge:
    return Challenge(
        challenge_id=challenge_id,
        owner=owner_of(session.person.tenant, session.person.staff_id),
        session_id=session.session_id,
        purpose=purpose,
        tries=0,
        expires_at=int(session.estate.clock()) + CHALLENGE_SECONDS,
        outcome=None,
    )


def _sealed_secret(session: SignedIn, secret: str) -> bytes:
    person = session.person
    return session.estate.sealer.seal(secret.encode(), totp_context(person.tenant, person.staff_id))


def _write(session: SignedIn, item: Item) -> None:
    session.estate.dynamodb.call("TransactWriteItems", {"TransactItems": [item.wire()]})


def a_rule(session: SignedIn) -> str:
    """Make an address rule that refuses nobody of the tests."""
    return put_rules(session.estate, session.person.tenant, ("deny", "192.0.2.1"))[0]


def an_unconfirmed_rule(session: SignedIn) -> str:
    """Make an address rule that waits to be confirmed."""
    until = session.estate.clock() + CONFIRM_SECONDS
    return put_rules(session.estate, session.person.tenant, ("deny", "192.0.2.2", CREATION, until))[0]

"""Every kind of act that a person or a session can be in the middle of when it is revoked, made ready to be sent.

A kind is a function that prepares and gives the request itself: what it needs before (a proof, a challenge, a second
session) is there, and only the act itself meets the revocation.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Final

import pyotp

from functions.evidence_bundle.handler import handler as evidence_bundle_handler
from functions.password.handler import handler as password_handler
from functions.step_up.handler import handler as step_up_handler
from shared.audit.event import Actor, Draft, new_event_id, system_context
from shared.store.item import get
from shared.store.one_time_tokens import PASSWORD_RESET, OneTimeToken, hash_of, issued
from shared.store.tenant_staff import factor_key, resettable_password
from shared.store.transaction import Committed
from tests.functions.estate import PASSWORD, Estate, Person, Place, Response, call, event, login, refresh, step_up
from tests.functions.signed_in import CHANGE, END, LOGOUT, LOGOUT_ALL, SignedIn, sign_in
from tests.functions.software_authenticator import SoftwareAuthenticator

Act = Callable[[], Response]
Kind = Callable[[SignedIn], Act]

NEW_PASSWORD: Final = "seven quiet herons at dusk"
VERIFY: Final = "POST /api/auth/step-up/verify"
BUNDLE: Final = "POST /api/compliance/export/bundle"
REMOVE_PASSKEY: Final = "DELETE /api/auth/factors/passkeys/{passkey_id}"
REMOVE_TOTP: Final = "DELETE /api/auth/factors/totp"
ELSEWHERE: Final = Place(address="203.0.113.77", country="DE")
ABROAD: Final = Place(address="192.0.2.33", country="FR")


def code_of(person: Person, now: float) -> str:
    assert person.totp_secret is not None
    return pyotp.TOTP(person.totp_secret).at(now)


def _logout(session: SignedIn) -> Act:
    return lambda: session.calls(LOGOUT)


def _logout_all(session: SignedIn) -> Act:
    return lambda: session.calls(LOGOUT_ALL)


def _logout_all_others(session: SignedIn) -> Act:
    return lambda: session.calls(LOGOUT_ALL, {"keep_current": True})


def _end_of_another(session: SignedIn) -> Act:
    other = sign_in(session.estate, session.person, device="phone")
    return lambda: session.calls(END, ends=other.session_id)


def _challenge(session: SignedIn) -> Act:
    return lambda: step_up("step-up/challenges", {"purpose": "rbac_admin"}, session.access_token)


def _answer(session: SignedIn) -> Act:
    answer = {"challenge_id": _asked(session), "code": code_of(session.person, session.estate.clock())}
    return lambda: step_up("step-up/verify", answer, session.access_token)


def _wrong_answer(session: SignedIn) -> Act:
    answer = {"challenge_id": _asked(session), "code": "wrong"}
    return lambda: step_up("step-up/verify", answer, session.access_token)


def _asked(session: SignedIn) -> str:
    asked = step_up("step-up/challenges", {"purpose": "rbac_admin"}, session.access_token)
    assert asked.status == 201, asked.text
    return str(asked.body["challenge_id"])


def _authenticator_begun(session: SignedIn) -> Act:
    session.prove("account_security")
    return lambda: step_up("factors/totp", None, session.access_token)


def _authenticator_confirmed(session: SignedIn) -> Act:
    session.prove("account_security")
    begun = step_up("factors/totp", None, session.access_token)
    code = pyotp.TOTP(begun.body["secret"]).at(session.estate.clock())
    return lambda: step_up("factors/totp/confirm", {"code": code}, session.access_token)


def _authenticator_removed(session: SignedIn) -> Act:
    session.prove("account_security")
    return lambda: call(step_up_handler, event(REMOVE_TOTP, bearer=session.access_token))


def _recovery_codes(session: SignedIn) -> Act:
    session.prove("account_security")
    return lambda: step_up("factors/recovery-codes", None, session.access_token)


def _passkey_begun(session: SignedIn) -> Act:
    session.prove("account_security")
    return lambda: step_up("factors/passkeys", None, session.access_token)


def _passkey_confirmed(session: SignedIn) -> Act:
    session.prove("account_security")
    options = step_up("factors/passkeys", None, session.access_token).body["publicKey"]
    body = {"passkey": SoftwareAuthenticator().created(options)}
    return lambda: step_up("factors/passkeys/confirm", body, session.access_token)


def _passkey_removed(session: SignedIn) -> Act:
    registered = _passkey_confirmed(session)()
    assert registered.status == 200, registered.text
    document = event(REMOVE_PASSKEY, bearer=session.access_token)
    document["pathParameters"] = {"passkey_id": registered.body["passkey"]["passkey_id"]}
    return lambda: call(step_up_handler, document)


def _settings(session: SignedIn) -> Act:
    session.prove("rbac_admin")
    body = {"single_factor_absolute_seconds": 60_000 + 60 * secrets.randbelow(30_000)}  # never what is in force already
    return lambda: session.calls(CHANGE, body)


def _refused_settings(session: SignedIn) -> Act:
    return lambda: session.calls(CHANGE, {"max_replays": 3})


def _bundle(session: SignedIn) -> Act:
    session.prove("data_export")
    body = {"from": "2026-07-01", "to": "2026-09-30", "format": "csv"}
    return lambda: call(evidence_bundle_handler, event(BUNDLE, body, bearer=session.access_token))


def _password_changed(session: SignedIn) -> Act:
    document = event("POST /api/auth/password", {"current": PASSWORD, "new": NEW_PASSWORD}, bearer=session.access_token)
    return lambda: call(password_handler, document)


def _wrong_password(session: SignedIn) -> Act:
    body = {"current": "not the password at all", "new": NEW_PASSWORD}
    return lambda: call(password_handler, event("POST /api/auth/password", body, bearer=session.access_token))


def _password_reset(session: SignedIn) -> Act:
    """Complete a reset whose message is in the person's mailbox."""
    text = secrets.token_urlsafe(32)
    _send_reset(session.estate, session.person, text)
    body = {"token": text, "new": NEW_PASSWORD}
    place = Place(address=f"10.1.{secrets.randbelow(256)}.{secrets.randbelow(256)}")
    return lambda: call(password_handler, event("POST /api/auth/password/reset/complete", body, place=place))


def _send_reset(estate: Estate, person: Person, text: str) -> None:
    now, tenant, staff_id = int(estate.clock()), person.tenant, person.staff_id
    row = get(estate.dynamodb, f"{estate.prefix}tenant_staff", factor_key(tenant, staff_id, "password"))
    assert row is not None
    token = OneTimeToken(hash_of(text), PASSWORD_RESET, tenant, staff_id, now + 1_800)
    items = [
        issued(f"{estate.prefix}one_time_tokens", token, now),
        resettable_password(f"{estate.prefix}tenant_staff", tenant, staff_id, row["hash"], token.token_hash),
    ]
    draft = Draft(
        event_id=new_event_id(now),
        action="PASSWORD_RESET_REQUESTED",
        outcome="success",
        actor=Actor("anonymous", None),
        resource="test",
        context=system_context("test"),
    )
    assert isinstance(estate.ledger.commit(tenant, items, [draft]), Committed)


def _refresh(session: SignedIn) -> Act:
    return lambda: refresh(session.refresh_token)


def _replay(session: SignedIn) -> Act:
    assert refresh(session.refresh_token).status == 200
    return lambda: refresh(session.refresh_token)


def _refresh_abroad(session: SignedIn) -> Act:
    return lambda: refresh(session.refresh_token, place=ABROAD)


def _risky_refresh(session: SignedIn) -> Act:
    return lambda: refresh(session.refresh_token, device="another", place=ELSEWHERE)


def _answer_of_a_refresh(session: SignedIn) -> Act:
    asked = _risky_refresh(session)()
    assert asked.code == "insufficient_user_authentication", asked.text
    answer = {
        "challenge_id": asked.body["challenge_id"],
        "code": code_of(session.person, session.estate.clock()),
        "refresh_token": session.refresh_token,
        "device_id": "another",
    }
    return lambda: call(step_up_handler, event(VERIFY, answer, place=ELSEWHERE))


def _login(session: SignedIn) -> Act:
    return lambda: login(session.person, place=anywhere("DE"))


def _risky_login(session: SignedIn) -> Act:
    assert login(session.person, place=anywhere("DE")).status == 200
    return lambda: login(session.person, device="another", place=anywhere("FR"))


def _answer_of_a_login(session: SignedIn) -> Act:
    asked = _risky_login(session)()
    assert asked.code == "insufficient_user_authentication", asked.text
    code = code_of(session.person, session.estate.clock())
    answer = {"challenge_id": asked.body["challenge_id"], "code": code}
    return lambda: call(step_up_handler, event(VERIFY, answer))


def anywhere(country: str) -> Place:
    """Give an address of its own: how often one may try is counted over all tenants."""
    numbers = [secrets.randbelow(256) for _ in range(3)]
    return Place(address=f"10.{numbers[0]}.{numbers[1]}.{numbers[2]}", country=country)


# What a signed-in person does; each of these is a change or at least an event of his.
SIGNED_IN: Final[Mapping[str, Kind]] = {
    "logout": _logout,
    "logout of all": _logout_all,
    "logout of all others": _logout_all_others,
    "end of another session": _end_of_another,
    "step-up challenge": _challenge,
    "step-up answer": _answer,
    "wrong step-up answer": _wrong_answer,
    "authenticator begun": _authenticator_begun,
    "authenticator confirmed": _authenticator_confirmed,
    "authenticator removed": _authenticator_removed,
    "recovery codes": _recovery_codes,
    "passkey begun": _passkey_begun,
    "passkey confirmed": _passkey_confirmed,
    "passkey removed": _passkey_removed,
    "settings": _settings,
    "settings without permission": _refused_settings,
    "bundle": _bundle,
    "password changed": _password_changed,
    "wrong password for a change": _wrong_password,
}
# What a person does with tokens and passwords.
SIGNING_IN: Final[Mapping[str, Kind]] = {
    "refresh": _refresh,
    "replay": _replay,
    "refresh abroad": _refresh_abroad,
    "risky refresh": _risky_refresh,
    "answer of a risky refresh": _answer_of_a_refresh,
    "login": _login,
    "risky login": _risky_login,
    "answer of a risky login": _answer_of_a_login,
    "password reset": _password_reset,
}
KINDS: Final[Mapping[str, Kind]] = {**SIGNED_IN, **SIGNING_IN}
ROLES: Final[Mapping[str, str]] = {"authenticator removed": "member", "settings without permission": "member"}

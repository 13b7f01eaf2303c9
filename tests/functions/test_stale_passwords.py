"""A change of a password or of a one-time token that was decided on other rows does not happen: each clause alone."""

import secrets

import pytest
from argon2 import PasswordHasher

from shared.runtime.argon2id import needs_rehash, proves
from shared.store.item import Item
from shared.store.one_time_tokens import PASSWORD_RESET, OneTimeToken, issued, read_token, used
from shared.store.outbox import DELIVERED, UNDELIVERABLE, closed, mail
from shared.store.tenant_staff import changed_password, rehashed_password, reset_password, resettable_password
from shared.store.wire import ServiceError
from tests.functions.estate import PASSWORD, Estate, Person, login

NOW = 1_900_000_000


class Rows:
    def __init__(self, estate: Estate, person: Person) -> None:
        self.estate, self.person = estate, person
        self.staff, self.tokens = estate.prefix + "tenant_staff", estate.prefix + "one_time_tokens"
        item = f"{person.staff_id}#factor#password"
        self.hash = next(str(row["hash"]) for row in estate.rows("tenant_staff") if row["item"] == item)
        self.whose = person.tenant, person.staff_id

    def commits(self, item: Item) -> bool:
        """Write one item by itself; False when its condition does not hold."""
        operation = {"Put": "PutItem", "Update": "UpdateItem"}[item.kind]
        try:
            self.estate.dynamodb.call(operation, dict(item.request))
        except ServiceError as refusal:
            if refusal.code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def password(self) -> dict[str, object]:
        item = f"{self.person.staff_id}#factor#password"
        return next(row for row in self.estate.rows("tenant_staff") if row["item"] == item)


@pytest.fixture
def rows(estate: Estate, person: Person) -> Rows:
    return Rows(estate, person)


def new_token(rows: Rows, *, purpose: str = PASSWORD_RESET) -> OneTimeToken:
    token = OneTimeToken(secrets.token_hex(32), purpose, *rows.whose, NOW + 60)
    assert rows.commits(issued(rows.tokens, token, NOW))
    return token


def test_token_is_used_once_in_time_and_for_its_purpose(rows: Rows) -> None:
    token = new_token(rows)
    assert not rows.commits(used(rows.tokens, token, NOW + 60))
    invited = OneTimeToken(token.token_hash, "invite", *rows.whose, token.expires_at)
    assert not rows.commits(used(rows.tokens, invited, NOW))
    assert [rows.commits(used(rows.tokens, token, NOW + 59)) for _ in range(2)] == [True, False]
    stored = read_token(rows.estate.dynamodb, rows.tokens, token.token_hash)
    assert stored is not None
    assert stored.used
    assert not stored.open(PASSWORD_RESET, NOW)


def test_token_opens_for_its_purpose_before_it_expires(rows: Rows) -> None:
    token = new_token(rows)
    assert token.open(PASSWORD_RESET, NOW + 59)
    assert not token.open(PASSWORD_RESET, NOW + 60)
    assert not token.open("invite", NOW)
    assert read_token(rows.estate.dynamodb, rows.tokens, "0" * 64) is None


def test_token_is_issued_once_and_used_only_if_it_was_issued(rows: Rows) -> None:
    token = new_token(rows)
    assert not rows.commits(issued(rows.tokens, token, NOW))
    made_up = OneTimeToken(secrets.token_hex(32), PASSWORD_RESET, *rows.whose, NOW + 60)
    assert not rows.commits(used(rows.tokens, made_up, NOW))


def test_password_changes_from_the_hash_that_was_read_and_from_no_other(rows: Rows) -> None:
    change = changed_password(rows.staff, *rows.whose, rows.hash, "new", NOW)
    assert [rows.commits(change), rows.commits(change)] == [True, False]
    assert not rows.commits(rehashed_password(rows.staff, *rows.whose, rows.hash, "other"))
    assert not rows.commits(resettable_password(rows.staff, *rows.whose, rows.hash, "token"))
    assert rows.password()["hash"] == "new"


def test_rehash_keeps_the_reset_token_and_when_the_password_was_changed(rows: Rows) -> None:
    assert rows.commits(resettable_password(rows.staff, *rows.whose, rows.hash, "token"))
    before = rows.password()
    assert rows.commits(rehashed_password(rows.staff, *rows.whose, rows.hash, "rehashed"))
    assert rows.password() == {**before, "hash": "rehashed"}


def test_reset_needs_the_hash_that_was_read_and_the_token_that_counts(rows: Rows) -> None:
    assert rows.commits(resettable_password(rows.staff, *rows.whose, rows.hash, "first"))
    assert rows.commits(resettable_password(rows.staff, *rows.whose, rows.hash, "second"))

    def reset(before: str, token: str) -> bool:
        return rows.commits(
            reset_password(rows.staff, *rows.whose, before=before, after="new", reset_hash=token, now=NOW)
        )

    assert not reset(rows.hash, "first")
    assert not reset("another", "second")
    assert [reset(rows.hash, "second"), reset("new", "second")] == [True, False]


def test_effect_is_closed_once(rows: Rows) -> None:
    table = rows.estate.prefix + "outbox"
    letter = mail(table, *rows.whose, "password_changed", NOW, values={}, sealed=b"secret")
    assert rows.commits(letter)
    (row,) = [row for row in rows.estate.rows("outbox") if row["tenant"] == rows.person.tenant]
    done = closed(table, row, UNDELIVERABLE, NOW, "expired")
    assert [rows.commits(done), rows.commits(closed(table, row, DELIVERED, NOW))] == [True, False]
    (after,) = [row for row in rows.estate.rows("outbox") if row["tenant"] == rows.person.tenant]
    assert (after["status"], after["reason"], after["closed_at"]) == (UNDELIVERABLE, "expired", NOW)
    assert "sealed" not in after["payload"]


def test_hash_of_other_parameters_is_made_anew_by_the_next_sign_in_and_by_no_other(rows: Rows) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, hash_len=16).hash(PASSWORD)
    assert needs_rehash(weaker)
    rows.estate.change_row(
        "tenant_staff",
        {"tenant": rows.person.tenant, "item": f"{rows.person.staff_id}#factor#password"},
        {"hash": weaker},
    )
    assert login(rows.person).status == 200
    anew = str(rows.password()["hash"])
    assert proves(PASSWORD, anew)
    assert not needs_rehash(anew)
    assert login(rows.person).status == 200
    assert rows.password()["hash"] == anew

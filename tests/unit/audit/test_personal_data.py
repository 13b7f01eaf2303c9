"""Personal data: sealed per person, committed to, gone without the salt."""

import hmac
from typing import Any

import pytest

from shared.audit.canonical import canonical
from shared.audit.personal_data import MAX_VALUE, PersonalData

SALT, OTHER_SALT = b"s" * 32, b"t" * 32
VALUES = {"email": "ada@acme.example", "ip": "203.0.113.7"}
SEALER = PersonalData(b"k" * 32, "t_acme")


def entry(**members: Any) -> dict[str, Any]:
    standard: dict[str, Any] = {"subject": "u_1", "of": "actor", "event_id": "E1", "values": VALUES}
    return dict(SEALER.entry(SALT, **(standard | members)))


def test_values_come_back_with_the_salt_and_prove_the_commitment() -> None:
    sealed = entry()
    disclosed = SEALER.disclose(SALT, sealed, "E1")
    assert disclosed.values == VALUES
    assert hmac.digest(disclosed.key, canonical(VALUES), "sha256").hex() == sealed["mac"]


@pytest.mark.parametrize(
    ("sealer", "salt", "changes", "event_id"),
    [
        (SEALER, OTHER_SALT, {}, "E1"),
        (PersonalData(b"x" * 32, "t_acme"), SALT, {}, "E1"),
        (PersonalData(b"k" * 32, "t_other"), SALT, {}, "E1"),
        (SEALER, SALT, {"sub": "u_2"}, "E1"),
        (SEALER, SALT, {"of": "target"}, "E1"),
        (SEALER, SALT, {}, "E2"),
    ],
    ids=["other salt", "other key", "other tenant", "other person", "other role", "other event"],
)
def test_nothing_opens_for_anybody_or_anything_else(
    sealer: PersonalData, salt: bytes, changes: dict[str, str], event_id: str
) -> None:
    with pytest.raises(ValueError, match="does not open"):
        sealer.disclose(salt, entry() | changes, event_id)


def test_the_key_of_one_event_and_role_says_nothing_of_another() -> None:
    keys = {
        SEALER.disclose(SALT, entry(event_id=event_id, of=of), event_id).key
        for event_id in ("E1", "E2")
        for of in ("actor", "target")
    }
    assert len(keys) == 4


def test_sealing_the_same_values_twice_shows_neither_in_the_ciphertext() -> None:
    assert entry()["ct"] != entry()["ct"]
    assert entry()["mac"] == entry()["mac"]


def test_hostile_values_are_cut_and_made_well_formed_before_they_are_sealed() -> None:
    sealed = entry(values={"user_agent": "\ud800" + "x" * 200_000})
    assert SEALER.disclose(SALT, sealed, "E1").values == {"user_agent": ("\ufffd" + "x" * 200_000)[:MAX_VALUE]}


def test_macs_of_two_purposes_or_tenants_differ() -> None:
    other = PersonalData(b"k" * 32, "t_other")
    macs = {SEALER.authenticate("a", b"m"), SEALER.authenticate("b", b"m"), other.authenticate("a", b"m")}
    assert len(macs) == 3

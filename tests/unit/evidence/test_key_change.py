"""A change of key is what both keys have signed, and nothing else that lies in the vault."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.audit.canonical import canonical
from shared.evidence.key_change import key_chain, key_change
from shared.evidence.vault import LockedBucket, public_key_key, rotation_key


class Key:
    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        public = self._private.public_key()
        self.pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.kid = hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message, ec.ECDSA(SHA256()))


@dataclass
class Objects:
    """A vault as far as it is read here: what lies at a key."""

    found: dict[str, bytes] = field(default_factory=dict)

    def find(self, key: str) -> bytes | None:
        return self.found.get(key)

    def lay(self, before: Key, following: Key, **others: Any) -> None:
        """Lay a change as its function does, but for what `others` says."""
        statement = canonical({"previous": before.kid, "next": following.kid, **others})
        name = rotation_key(following.kid)
        self.found |= {
            public_key_key(before.kid): before.pem,
            public_key_key(following.kid): following.pem,
            name: statement,
            f"{name}.previous.sig": before.sign(statement),
            f"{name}.next.sig": following.sign(statement),
        }

    @property
    def vault(self) -> LockedBucket:
        return cast("LockedBucket", self)


A, B, C = Key(), Key(), Key()


def test_keys_are_followed_back_to_the_first() -> None:
    objects = Objects()
    objects.lay(A, B)
    objects.lay(B, C)
    kids, changes = key_chain(objects.vault, C.kid)
    assert kids == [A.kid, B.kid, C.kid]
    assert [change.previous for change in changes] == [A.kid, B.kid]
    assert key_chain(Objects().vault, A.kid) == ([A.kid], [])


@pytest.mark.parametrize("ending", ["", ".previous.sig", ".next.sig"])
def test_part_of_a_change_is_none(ending: str) -> None:
    objects = Objects()
    objects.lay(A, B)
    del objects.found[rotation_key(B.kid) + ending]
    assert key_change(objects.vault, B.kid) is None


@pytest.mark.parametrize("absent", [A, B])
def test_key_that_is_not_there_has_signed_nothing(absent: Key) -> None:
    objects = Objects()
    objects.lay(A, B)
    del objects.found[public_key_key(absent.kid)]
    assert key_change(objects.vault, B.kid) is None


@pytest.mark.parametrize(("side", "signer"), [("previous", B), ("next", A), ("previous", C), ("next", C)])
def test_each_signature_is_by_the_key_whose_place_it_has(side: str, signer: Key) -> None:
    objects = Objects()
    objects.lay(A, B)
    name = rotation_key(B.kid)
    objects.found[f"{name}.{side}.sig"] = signer.sign(objects.found[name])
    assert key_change(objects.vault, B.kid) is None


@pytest.mark.parametrize("taken", [A, B])
def test_key_under_the_name_of_another_is_not_that_key(taken: Key) -> None:
    objects = Objects()
    objects.lay(A, B)
    name, side = rotation_key(B.kid), "previous" if taken is A else "next"
    objects.found[public_key_key(taken.kid)] = C.pem
    objects.found[f"{name}.{side}.sig"] = C.sign(objects.found[name])
    assert key_change(objects.vault, B.kid) is None


@pytest.mark.parametrize("others", [{"next": C.kid}, {"previous": 7}, {"previous": None}])
def test_statement_of_something_else_is_none(others: dict[str, Any]) -> None:
    objects = Objects()
    objects.lay(A, B, **others)
    assert key_change(objects.vault, B.kid) is None


@pytest.mark.parametrize("planted", [b"", b"\xff", b"[]", b"{}", b"7", b"[" * 100_000])
def test_what_is_no_statement_is_none(planted: bytes) -> None:
    objects = Objects()
    objects.lay(A, B)
    objects.found[rotation_key(B.kid)] = planted
    assert key_change(objects.vault, B.kid) is None


def test_circle_of_changes_is_refused() -> None:
    objects = Objects()
    objects.lay(A, B)
    objects.lay(B, A)
    with pytest.raises(RuntimeError, match="circle"):
        key_chain(objects.vault, A.kid)

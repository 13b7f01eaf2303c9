"""Signing keys and secrets in an execution environment: read seldom, and never too seldom."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from functions.housekeeping.flow import new_signing_key
from shared.runtime.argon2id import DUMMY, MEMORY_KIB, hashed, proves
from shared.runtime.data_key import DataKeys
from shared.runtime.origin_secret import StoredOriginSecrets
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.signing_keys import KeyRing, Signer
from shared.store.attribute import marshal
from shared.store.signing_keys import SigningKeyRow
from shared.store.wire import ServiceError, Unavailable


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class FakeService:
    """Keys in a table, and a KMS that seals by reversing; implements the wire's one method."""

    def __init__(self) -> None:
        self.rows: list[SigningKeyRow] = []
        self.calls: list[str] = []
        self.secrets = {"AWSCURRENT": "new"}

    def call(self, operation: str, request: dict[str, Any], *, deadline: float | None = None) -> dict[str, Any]:
        assert deadline is None
        self.calls.append(operation)
        answer: dict[str, Any] = getattr(self, operation)(request)
        return answer

    def Query(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the name of the operation
        names = SigningKeyRow.__slots__
        return {"Items": [marshal({name: getattr(row, name) for name in names}) for row in self.rows]}

    def Encrypt(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the name of the operation
        return {"CiphertextBlob": base64.b64encode(base64.b64decode(request["Plaintext"])[::-1]).decode()}

    def Decrypt(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the name of the operation
        return {"Plaintext": base64.b64encode(base64.b64decode(request["CiphertextBlob"])[::-1]).decode()}

    def GetSecretValue(self, request: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the name of the operation
        value = self.secrets.get(request["VersionStage"])
        if value is None:
            raise ServiceError("ResourceNotFoundException", "no such stage", {})
        return {"SecretString": value}


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def sealer(service: FakeService) -> SecretSealer:
    return SecretSealer(service, "key")


def test_keys_are_read_once_and_again_after_five_minutes(service: FakeService, sealer: SecretSealer) -> None:
    clock = Clock()
    key = new_signing_key(sealer, 0)
    service.rows = [key]
    ring = KeyRing(service, "keys", clock)
    assert ring.find(key.kid) is not None
    service.calls.clear()
    clock.now += 299
    assert ring.find(key.kid) is not None
    assert service.calls == []
    service.rows = []
    clock.now += 1
    assert ring.find(key.kid) is None, "a removed key stops counting"


def test_unknown_kid_buys_one_read_a_minute(service: FakeService, sealer: SecretSealer) -> None:
    clock = Clock()
    ring = KeyRing(service, "keys", clock)
    for _ in range(5):
        assert ring.find("forged") is None
    assert service.calls == ["Query"]
    new = new_signing_key(sealer, 0)
    service.rows = [new]
    clock.now += 60
    assert ring.find(new.kid) is not None


def test_deployment_without_a_key_cannot_sign_until_there_is_one(service: FakeService, sealer: SecretSealer) -> None:
    ring = KeyRing(service, "keys", Clock())
    with pytest.raises(Unavailable):
        ring.current()
    service.rows = [new_signing_key(sealer, 0)]
    assert ring.current().kid == service.rows[0].kid


def test_private_half_is_unsealed_once_and_follows_a_new_current_key(
    service: FakeService, sealer: SecretSealer
) -> None:
    clock = Clock()
    first, second = new_signing_key(sealer, 0), new_signing_key(sealer, 0)
    service.rows = [first]
    ring = KeyRing(service, "keys", clock)
    signer = Signer(ring, sealer)
    for _ in range(3):
        signed, signature = signer.sign(str.encode)
        assert signed == first.kid.encode()
    assert service.calls.count("Decrypt") == 1
    public = ring.find(first.kid)
    assert public is not None
    public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    service.rows = [SigningKeyRow(first.purpose, first.kid, "previous", b"", first.public_pem, 0), second]
    clock.now += 300
    assert signer.sign(str.encode)[0] == second.kid.encode()


def test_data_key_is_unwrapped_once_a_tenant_and_ciphertext(service: FakeService, sealer: SecretSealer) -> None:
    keys = DataKeys(sealer)
    for _ in range(2):
        keys.personal_data("acme", b"k" * 32)
    keys.personal_data("acme", b"l" * 32)
    keys.personal_data("other", b"k" * 32)
    assert service.calls == ["Decrypt"] * 3


def test_origin_secrets_are_current_and_previous_and_a_minute_old_at_most(service: FakeService) -> None:
    clock = Clock()
    secrets = StoredOriginSecrets(service, "arn", clock)
    assert secrets.values() == ("new",), "a secret that was never rotated has no previous value"
    service.secrets = {"AWSCURRENT": "newer", "AWSPREVIOUS": "new"}
    clock.now += 59
    assert secrets.values() == ("new",)
    clock.now += 1
    assert secrets.values() == ("newer", "new")


def test_origin_secret_that_cannot_be_read_is_no_secret_at_all(service: FakeService) -> None:
    service.secrets = {"AWSPREVIOUS": "old"}
    with pytest.raises(ServiceError):
        StoredOriginSecrets(service, "arn", Clock()).values()


def test_password_hash_is_argon2id_with_the_stated_cost_and_so_is_the_dummy() -> None:
    stored = hashed("correct horse")
    prefix = f"$argon2id$v=19$m={MEMORY_KIB},t=2,p=1$"
    assert stored.startswith(prefix)
    assert DUMMY.startswith(prefix)
    assert len(DUMMY.split("$")[-1]) == len(stored.split("$")[-1])
    assert proves("correct horse", stored)
    assert not proves("correct horse ", stored)
    assert not proves("", DUMMY)
    assert not proves("x", "not a hash")

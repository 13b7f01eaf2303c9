"""Signing keys and secrets in an execution environment: read seldom, and never too seldom."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from functions.housekeeping.flow import new_signing_key
from shared.runtime.argon2id import DUMMY, MEMORY_KIB, hashed, proves
from shared.runtime.data_key import DataKeys
from shared.runtime.origin_secret import StoredOriginSecrets
from shared.runtime.sealed_secret import SecretSealer
from shared.runtime.signing_keys import KeyRing, Signer
from shared.store.attribute import marshal
from shared.store.signing_keys import SigningKeyRow, sealing_context
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
        names = SigningKeyRow._fields
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


@pytest.mark.parametrize("status", ["next", "current", "previous", "retired", "revoked"])
def test_key_counts_while_it_is_published(service: FakeService, sealer: SecretSealer, status: str) -> None:
    service.rows = [new_signing_key(sealer, 0, status=status)]
    ring = KeyRing(service, "keys", Clock())
    published = status in {"next", "current", "previous"}
    assert (ring.find(service.rows[0].kid) is not None) == published
    assert len(ring.published()) == published


def test_revoked_key_verifies_and_signs_for_five_minutes_at_most(service: FakeService, sealer: SecretSealer) -> None:
    clock = Clock()
    old, new = (new_signing_key(sealer, 0, status="current") for _ in range(2))
    service.rows = [old]
    ring = KeyRing(service, "keys", clock)
    signer = Signer(ring, sealer)
    assert signer.sign(str.encode)[0] == old.kid.encode()
    service.rows = [old._replace(status="revoked", private_sealed=None), new]
    clock.now += 300
    assert signer.sign(str.encode)[0] == new.kid.encode()
    assert ring.find(old.kid) is None


def test_keys_that_cannot_be_read_again_neither_sign_nor_verify_beyond_five_minutes(
    service: FakeService, sealer: SecretSealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    service.rows = [new_signing_key(sealer, 0, status="current")]
    ring = KeyRing(service, "keys", clock)
    signer = Signer(ring, sealer)
    signer.sign(str.encode)

    def fails(_: dict[str, Any]) -> dict[str, Any]:
        raise Unavailable("injected")

    monkeypatch.setattr(service, "Query", fails)
    clock.now += 299
    signer.sign(str.encode)
    clock.now += 1
    with pytest.raises(Unavailable):
        signer.sign(str.encode)
    with pytest.raises(Unavailable):
        ring.find(service.rows[0].kid)


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
    with pytest.raises(Unavailable):
        ring.current()
    service.rows = [new_signing_key(sealer, 0, status="current")]
    assert ring.current().kid == service.rows[0].kid


def test_private_half_is_unsealed_once_and_follows_a_new_current_key(
    service: FakeService, sealer: SecretSealer
) -> None:
    clock = Clock()
    first, second = (new_signing_key(sealer, 0, status="current") for _ in range(2))
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
    service.rows = [first._replace(status="previous", private_sealed=None), second]
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


def sealed_by(sealer: SecretSealer, key: SigningKeyRow, der: bytes) -> SigningKeyRow:
    return key._replace(private_sealed=sealer.seal(der, sealing_context(key.kid)))


def der_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_both_halves_are_read_as_the_general_reader_reads_them(service: FakeService, sealer: SecretSealer) -> None:
    small = [ec.derive_private_key(scalar, ec.SECP256R1()) for scalar in (1, 2, 255, 2**200)]  # leading zero octets
    for key in [*small, *(ec.generate_private_key(ec.SECP256R1()) for _ in range(20))]:
        row = new_signing_key(sealer, 0, status="current")._replace(public_pem=pem_of(key))
        service.rows = [sealed_by(sealer, row, der_of(key))]
        ring = KeyRing(service, "keys", Clock())
        assert ring.find(row.kid) == load_pem_public_key(row.public_pem.encode())
        signed, signature = Signer(ring, sealer).sign(str.encode)
        key.public_key().verify(signature, signed, ec.ECDSA(hashes.SHA256()))


def mismatched() -> bytes:
    one, other = (der_of(ec.generate_private_key(ec.SECP256R1())) for _ in range(2))
    return one[:68] + other[68:]


@pytest.mark.parametrize(
    "der",
    [
        der_of(ec.generate_private_key(ec.SECP384R1())),
        der_of(ec.generate_private_key(ec.SECP256K1())),
        der_of(ec.generate_private_key(ec.SECP256R1()))[:-1],
        der_of(ec.generate_private_key(ec.SECP256R1())) + b"\0",
        mismatched(),
        b"",
    ],
)
def test_a_private_half_of_another_form_signs_nothing(service: FakeService, sealer: SecretSealer, der: bytes) -> None:
    service.rows = [sealed_by(sealer, new_signing_key(sealer, 0, status="current"), der)]
    with pytest.raises(RuntimeError, match="the access token key"):
        Signer(KeyRing(service, "keys", Clock()), sealer).sign(str.encode)


def off_the_curve() -> str:
    lines = pem_of(ec.generate_private_key(ec.SECP256R1())).split("\n")
    der = bytearray(base64.b64decode("".join(lines[1:-2])))
    der[-1] ^= 1
    return "\n".join([lines[0], base64.b64encode(der).decode(), *lines[-2:]])


def compressed() -> str:
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    short = point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    der = base64.b64decode("".join(pem_of(ec.generate_private_key(ec.SECP256R1())).split("\n")[1:-2]))[:26] + short
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    "pem",
    [
        pem_of(ec.generate_private_key(ec.SECP384R1())),
        pem_of(ec.generate_private_key(ec.SECP256K1())),
        pem_of(ec.generate_private_key(ec.SECP256R1())).replace("MFkw", "MFk!"),
        pem_of(ec.generate_private_key(ec.SECP256R1()))[:-40],
        off_the_curve(),
        compressed(),
        "",
    ],
)
def test_a_public_half_of_another_form_verifies_nothing(service: FakeService, sealer: SecretSealer, pem: str) -> None:
    service.rows = [new_signing_key(sealer, 0)._replace(public_pem=pem)]
    with pytest.raises(RuntimeError, match="is not on P-256"):
        KeyRing(service, "keys", Clock()).find(service.rows[0].kid)

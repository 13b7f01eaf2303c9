"""Tree heads as signed notes, verified as openssl and any C2SP reader would."""

import base64
import hashlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.audit.checkpoint import Checkpoint, origin_of

KEY = ec.derive_private_key(0x5EED, ec.SECP256R1())
DER = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
CHECKPOINT = Checkpoint("muniment.example/prod/t_acme", 3000, hashlib.sha256(b"root").digest())


def test_the_signed_body_is_three_lines_with_their_newlines() -> None:
    root = base64.b64encode(CHECKPOINT.root).decode()
    assert CHECKPOINT.body() == f"muniment.example/prod/t_acme\n3000\n{root}\n".encode()


def test_the_note_carries_the_key_id_and_a_signature_over_the_body_alone() -> None:
    signature = KEY.sign(CHECKPOINT.body(), ec.ECDSA(hashes.SHA256()))
    body, _, line = CHECKPOINT.note(CHECKPOINT.origin, DER, signature).partition(b"\n\n")
    dash, name, stamp = line.decode().rstrip("\n").split(" ")
    blob = base64.b64decode(stamp)
    assert (dash, name, body + b"\n") == ("\u2014", CHECKPOINT.origin, CHECKPOINT.body())
    assert blob[:4] == hashlib.sha256(DER).digest()[:4]
    KEY.public_key().verify(blob[4:], CHECKPOINT.body(), ec.ECDSA(hashes.SHA256()))


def test_a_restarted_log_is_another_log() -> None:
    assert origin_of("muniment.example/prod", "t_acme", 1) == "muniment.example/prod/t_acme"
    assert origin_of("muniment.example/prod", "t_acme", 2) == "muniment.example/prod/t_acme/e2"

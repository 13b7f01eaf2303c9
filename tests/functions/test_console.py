"""The function behind the console's pages: what it serves, under which policy, and what it refuses."""

import base64
import gzip
import re
from pathlib import Path
from typing import Any

import pytest

from functions.console.flow import CONTENT_SECURITY_POLICY
from functions.console.handler import handler
from functions.console.static_files import StaticFiles
from shared.edge.console_routes import PAGES
from tests.functions.estate import Estate, Response, call, event

MAIN = ("core", "main.js")
FILE = "GET /console/{build}/{folder}/{file}"
BUILD = StaticFiles.packaged().build


@pytest.fixture(autouse=True)
def _environment(estate: Estate) -> None:
    assert estate


def asked(build: str, folder: str, file: str, **headers: str) -> dict[str, Any]:
    document = event(FILE, path=f"/console/{build}/{folder}/{file}", headers=headers)
    return {**document, "pathParameters": {"build": build, "folder": folder, "file": file}}


def page(path: str = "/") -> Response:
    return call(handler, event(f"GET {path}"))


def raw(document: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = handler(document, None)
    return answer


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_the_one_shell_and_is_never_kept(path: str) -> None:
    answer = raw(event(f"GET {path}"))
    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert answer["headers"]["Cache-Control"] == "no-store"
    assert f"/console/{BUILD}/core/main.js" in answer["body"]
    assert "{{" not in answer["body"]


def test_the_policy_lets_nothing_but_this_origin_give_code() -> None:
    headers = raw(event("GET /"))["headers"]
    assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    allowed = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert (allowed["default-src"], allowed["script-src"], allowed["style-src"]) == ("'none'", "'self'", "'self'")
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert (allowed["connect-src"], allowed["img-src"]) == ("'self'", "'self' data:")
    assert (allowed["frame-ancestors"], allowed["base-uri"], allowed["form-action"]) == ("'none'",) * 3
    assert (allowed["require-trusted-types-for"], allowed["trusted-types"]) == ("'script'", "'none'")
    assert (headers["Referrer-Policy"], headers["X-Frame-Options"]) == ("no-referrer", "DENY")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_no_other_origin_holds_the_page_or_its_files_and_the_page_asks_for_no_device() -> None:
    page_headers, file_headers = (raw(asked_for)["headers"] for asked_for in (event("GET /"), asked(BUILD, *MAIN)))
    assert page_headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert page_headers["Cross-Origin-Resource-Policy"] == file_headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert set(page_headers["Permissions-Policy"].split(", ")) >= {"camera=()", "geolocation=()", "microphone=()"}


def test_the_shell_has_no_code_of_its_own() -> None:
    shell = raw(event("GET /"))["body"]
    assert re.findall(r"<script[^>]*>(.*?)</script>", shell, re.DOTALL) == [""]
    assert not re.search(r"<style|\sstyle=|\son\w+=|https?://", shell)


def test_a_file_of_this_build_may_be_kept_for_ever() -> None:
    answer = raw(asked(BUILD, "core", "main.js"))
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert answer["headers"]["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["headers"]["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer["body"] == Path("functions/console/static/core/main.js").read_text(encoding="utf-8")


def test_a_browser_that_takes_gzip_is_sent_the_same_text_compressed() -> None:
    answer = raw(asked(BUILD, "look", "frame.css", **{"accept-encoding": "gzip, deflate, br"}))
    assert (answer["isBase64Encoded"], answer["headers"]["Content-Encoding"]) == (True, "gzip")
    assert answer["headers"]["Vary"] == "Accept-Encoding"
    sent = base64.b64decode(answer["body"])
    plain = raw(asked(BUILD, "look", "frame.css"))
    assert "Content-Encoding" not in plain["headers"]
    assert gzip.decompress(sent).decode() == plain["body"]
    assert len(sent) < len(plain["body"]) / 2
    assert answer["headers"]["Content-Type"] == plain["headers"]["Content-Type"] == "text/css; charset=utf-8"
    assert sent[4:8] == bytes(4), "RFC 1952: no time, so that equal text stays equal bytes"
    another = raw(asked(BUILD, *MAIN, **{"accept-encoding": "gzip"}))["body"]
    assert gzip.decompress(base64.b64decode(another)).decode() == raw(asked(BUILD, *MAIN))["body"]


def test_a_browser_that_takes_only_another_compression_is_sent_the_text() -> None:
    answer = raw(asked(BUILD, *MAIN, **{"accept-encoding": "br, identity"}))
    assert (answer["isBase64Encoded"], "Content-Encoding" in answer["headers"]) == (False, False)


@pytest.mark.parametrize(
    ("build", "folder", "file"),
    [
        ("0" * 16, "core", "main.js"),
        (BUILD, "core", "absent.js"),
        (BUILD, "..", "flow.py"),
        (BUILD, "..", "index.html"),
        (BUILD, ".", "index.html"),
        (BUILD, "core/..", "index.html"),
        (BUILD, "vendor", "%2e%2e"),
        (BUILD, "", "index.html"),
    ],
    ids=range(8),
)
def test_what_is_no_file_of_this_build_is_404_and_never_kept(build: str, folder: str, file: str) -> None:
    answer = call(handler, asked(build, folder, file))
    assert (answer.status, answer.code) == (404, "not_found")
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_name_of_the_build_changes_with_every_byte_and_every_name(tmp_path: Path) -> None:
    names = set()
    for name, text in (("a.js", "one"), ("a.js", "two"), ("b.js", "one")):
        folder = tmp_path / f"{name}-{text}"
        (folder / "core").mkdir(parents=True)
        (folder / "index.html").write_text("{{build}}", encoding="utf-8")
        (folder / "core" / name).write_text(text, encoding="utf-8")
        static = StaticFiles.below(folder)
        assert static.shell.text == static.build
        names.add(static.build)
    assert len(names) == 3


def built(folder: Path, files: dict[str, str]) -> StaticFiles:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return StaticFiles.below(folder)


def test_the_name_of_the_build_is_of_the_page_too_and_tells_a_name_from_what_stands_in_the_file(tmp_path: Path) -> None:
    folders = [
        {"index.html": "{{build}}", "core/a.js": "js"},
        {"index.html": "{{build}}", "core/a.jsjs": ""},
        {"index.html": "{{build}}", "core/a.j": "sjs"},
        {"index.html": "{{build}} ", "core/a.js": "js"},
    ]
    names = {built(tmp_path / str(number), files).build for number, files in enumerate(folders)}
    assert len(names) == len(folders)
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)


def test_the_name_of_the_build_is_the_same_in_whatever_order_a_file_system_lists_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = built(tmp_path, {"index.html": "", "core/a.js": "1", "core/b.js": "2", "look/c.css": "3"}).build
    listed = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda folder, pattern: sorted(listed(folder, pattern), reverse=True))
    assert StaticFiles.below(tmp_path).build == name


def test_a_file_is_compressed_once(tmp_path: Path) -> None:
    static = built(tmp_path, {"index.html": "", "core/a.js": "1" * 1_000})
    assert static.compressed("core/a.js") is static.compressed("core/a.js")


def test_a_file_is_named_by_the_whole_way_to_it(tmp_path: Path) -> None:
    assert list(built(tmp_path, {"index.html": "", "core/deep/a.js": ""}).files) == ["core/deep/a.js"]


def test_a_file_that_no_browser_is_told_about_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("{{build}}", encoding="utf-8")
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "main.js.map").write_text("{}", encoding="utf-8")
    assert StaticFiles.below(tmp_path).files == {}

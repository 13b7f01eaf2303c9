"""GET / and the files that the page loads. Nothing here is about anybody: whoever signs in does so at the API.

Rules of this module
- The policy of the page (CSP 3) lets this origin alone give code, style and answers, and no string become code
  (Trusted Types).
- A page is never kept, since it names the build; a file is kept for ever, since its address does.
"""

from dataclasses import dataclass
from typing import Final

from functions.console.static_files import StaticFile, StaticFiles
from shared.edge.console_routes import PAGES
from shared.edge.problem import Refused
from shared.edge.reply import Reply, text_reply
from shared.edge.request import Request

# `data:` is for the picture of an authenticator's secret. Forms are read by the page and never sent by the browser: a
# script that fails puts no password into an address.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_PAGE: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
_FILE: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True, slots=True)
class Console:
    static: StaticFiles

    def __call__(self, request: Request) -> Reply:
        if request.path in PAGES:
            return _reply(self.static.shell, _PAGE)
        return self._file(request)

    def _file(self, request: Request) -> Reply:
        parts = request.path_parameters
        name = f"{parts['folder']}/{parts['file']}"
        if parts["build"] != self.static.build or name not in self.static.files:
            raise Refused(404, "not_found", "The console has changed: load the page again.")
        found = self.static.files[name]
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return _reply(found, _FILE)
        headers = {**_FILE, "Content-Encoding": "gzip"}
        return Reply(200, self.static.compressed(name), found.content_type, headers, binary=True)


def _reply(found: StaticFile, headers: dict[str, str]) -> Reply:
    return text_reply(200, found.text, found.content_type, headers)

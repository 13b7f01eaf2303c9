"""Routes of the web console: pages and files, the same for everybody, and no part of the API's description."""

from typing import Final

from shared.edge.route import Route, open_route

# What mails lead to stands in the path, their tokens in the fragment, which no server and no log ever sees.
PAGES: Final = ("/", "/accept-invite", "/reset-password")

CONSOLE: Final[tuple[Route, ...]] = (
    *(open_route("GET", path, "console", "The web console") for path in PAGES),
    open_route("GET", "/console/{build}/{folder}/{file}", "console", "A file of the console, which never changes"),
)

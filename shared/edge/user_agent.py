"""Which kind of client a user agent names: family and system, nothing finer.

Rules of this module
- Versions change every month and tell nothing; a family or a system changes when somebody else holds the token.
- The text is hostile: only its first 512 characters are read, each mark is looked for once, and what comes out are our
  own words, never a part of it.
- Browsers name each other. The marks stand in an order in which the first that is found is the right one.
"""

from typing import Final

UNKNOWN: Final = "unknown"

_READ_CHARACTERS: Final = 512
_FAMILIES: Final = (
    ("Edge", ("Edg/", "EdgA/", "EdgiOS/", "Edge/")),
    ("Opera", ("OPR/", "OPiOS/", "Opera")),
    ("Samsung Internet", ("SamsungBrowser/",)),
    ("Firefox", ("Firefox/", "FxiOS/", "Focus/")),
    ("Chrome", ("Chrome/", "CriOS/", "Chromium/")),
    ("Safari", ("Safari/",)),
    ("curl", ("curl/",)),
    ("Wget", ("Wget/",)),
    ("Python", ("python-requests/", "Python-urllib/", "python-httpx/", "aiohttp/")),
    ("Go", ("Go-http-client/",)),
    ("OkHttp", ("okhttp/",)),
    ("Java", ("Java/", "Java-http-client/", "Apache-HttpClient/")),
    ("Dart", ("Dart/",)),
    ("Node", ("node-fetch", "undici", "axios/", "node")),
    ("Postman", ("PostmanRuntime/",)),
    ("CFNetwork", ("CFNetwork/",)),
)
_SYSTEMS: Final = (
    ("Windows", ("Windows",)),
    ("iOS", ("iPhone", "iPad", "iPod")),
    ("Android", ("Android",)),
    ("ChromeOS", ("CrOS",)),
    ("macOS", ("Macintosh", "Mac OS X", "macOS")),
    ("iOS", ("iOS",)),
    ("Apple", ("Darwin",)),
    ("Linux", ("Linux", "X11")),
)


def agent_of(user_agent: str) -> str:
    """Give `<family>/<system>` of an untrusted user agent, "unknown" for what it does not tell of either or both."""
    text = user_agent[:_READ_CHARACTERS]
    family, system = _first(text, _FAMILIES), _first(text, _SYSTEMS)
    return UNKNOWN if family == system == UNKNOWN else f"{family}/{system}"


def _first(text: str, table: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    return next((name for name, marks in table if any(mark in text for mark in marks)), UNKNOWN)

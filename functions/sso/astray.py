"""A sign-in that ends on its way through the provider, as a person in a browser sees it: the console, and no JSON."""

from shared.edge.problem import Refused
from shared.edge.reply import Reply, redirect
from shared.edge.request import Request


def told_in_the_console(request: Request, refused: Refused, public_origin: str) -> Reply:
    """Send a browser that goes from page to page to the console, which says what `refused` means; raise it otherwise.

    The fragment carries the code of the problem and nothing else. Every browser of today says that it navigates
    (W3C Fetch Metadata), and no program has reason to.
    """
    if request.headers.get("sec-fetch-mode") != "navigate":
        raise refused
    return redirect(f"{public_origin}/#sso_failed={refused.code}")._replace(cookies=refused.cookies)

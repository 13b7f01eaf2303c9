"""The refresh token as it arrives: in the body of a native client, or in the cookie of a browser."""

from collections.abc import Sequence

from functions.refresh.presentation import Presentation
from shared.domain.refresh_token import Presented, parse, token_hash
from shared.domain.session import device_hash_of
from shared.edge.bodies import REFRESH
from shared.edge.cookies import REFRESH_COOKIE, device_of, refuse_cross_site
from shared.edge.fields import read_body
from shared.edge.problem import invalid_request
from shared.edge.provenance import binding_of
from shared.edge.request import Request


def presented_token(request: Request, allowed_origins: Sequence[str]) -> Presentation | None:
    """Read the token that `request` presents; None for one that this product never wrote, or wrote for the other mode.

    Raises `Refused`: 400 without any token, 403 for a cookie that another site's page sent along.
    """
    body = read_body(request, REFRESH)
    text, device_id = body["refresh_token"], body["device_id"]
    in_cookie = text is None
    if text is None:
        text = request.cookies.get(REFRESH_COOKIE)
        if text is None:
            raise invalid_request([("/refresh_token", "This field is required, unless the token is in the cookie.")])
        refuse_cross_site(request, allowed_origins)
        device_id = device_of(request)
    token = parse(text)
    # A token is redeemed in the mode that it was issued for: a script that stole a browser's token finds no other door.
    if token is None or token.standing.cookie != in_cookie:
        return None
    binding = binding_of(request, device_hash_of(device_id))
    return Presentation(request, text, token, Presented(token_hash(text), binding))

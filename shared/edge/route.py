"""What a route of the product is: who serves it, and what lets a caller in."""

from dataclasses import dataclass
from typing import Final

from shared.domain.permission import OWN_ACCOUNT

_READING: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Route:
    """`permission` None is an open route: whoever calls it proves himself in the body, or is told nothing.

    `step_up` is the purpose whose fresh grant the route asks for; None asks for none. `impersonation` says whether it
    is served to somebody who acts in another person's name, `in_read_mode` that it is so in read mode too, although it
    is no view: it changes nothing of that person's. `before_enrolment` says whether it is served to an administrator
    who has no second factor yet.
    """

    method: str
    path: str
    concern: str
    permission: str | None
    step_up: str | None
    summary: str
    impersonation: bool = False
    before_enrolment: bool = False
    in_read_mode: bool = False

    @property
    def key(self) -> str:
        """The route key of API Gateway, as `routeKey` of an event carries it."""
        return f"{self.method} {self.path}"

    @property
    def authenticated(self) -> bool:
        return self.permission is not None

    def serves_impersonation(self, *, read_only: bool) -> bool:
        """Tell whether it is served to an impersonation, of which a `read_only` one changes nothing."""
        return self.impersonation and (self.method in _READING or self.in_read_mode or not read_only)


def open_route(method: str, path: str, concern: str, summary: str, *, before_enrolment: bool = False) -> Route:
    """Give a route for anyone who holds what its body asks for (a password, a refresh token)."""
    return Route(method, path, concern, None, None, summary, before_enrolment=before_enrolment)


def own_account(
    method: str,
    path: str,
    concern: str,
    summary: str,
    step_up: str | None = None,
    *,
    impersonation: bool = False,
    before_enrolment: bool = False,
) -> Route:
    """Give a route by which everybody who is signed in sees or changes what is his own."""
    return Route(method, path, concern, OWN_ACCOUNT, step_up, summary, impersonation, before_enrolment)

"""Who may come from where: the one place where a tenant's address rules are enforced.

Rules of this module
- The tenant's row says which version of the rules is in force; an environment that holds another one reads them anew,
  in one call. So a change counts with the next request, and a tenant without rules costs nothing.
- The address is the viewer's, as the edge or API Gateway told it. No header that a caller writes is looked at.
- A refusal is recorded before it is told (`address_denial`), and tells nothing: no rule, no reason.
- Rules that cannot be read refuse everybody (503): fail closed.
- What only a tenant with rules needs is loaded with the first of its requests.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

from shared.store.tenants import ip_rules_in_force

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from shared.audit.event import Actor, Target
    from shared.domain.ip_rule import Matcher, Refusal, Rule
    from shared.edge.address_denial import Denials
    from shared.edge.request import Request
    from shared.store.attribute import Row
    from shared.store.transaction import Acting
    from shared.store.wire import JsonService

MAX_TENANTS: Final = 1_000


class Origin(NamedTuple):
    """Whose session, or whose half-proved request, is refused. `subject` owns the salt, `targets` whom it is about.

    Without `acting` nobody's session is at stake.
    """

    actor: "Actor"
    subject: str
    on_behalf_of: str | None = None
    device_hash: str | None = None
    acting: "Acting | None" = None
    targets: "tuple[Target, ...]" = ()


class _Held(NamedTuple):
    version: int
    rules: "tuple[Rule, ...]"
    matcher: "Matcher"


class AddressRules:
    """`denials` gives what records refusals; it is asked for when there is the first one."""

    def __init__(self, dynamodb: "JsonService", ip_rules_table: str, denials: "Callable[[], Denials]") -> None:
        self._dynamodb = dynamodb
        self._table = ip_rules_table
        self._denials = denials
        self._held: dict[str, _Held] = {}

    def refuse(self, request: "Request", tenant: "Row", origin: "Callable[[], Origin] | None" = None) -> None:
        """Raise `Refused` (403 ip_denied) where the rules of a tenant's row do not let the request in.

        `origin` says who asks, when that matters; None is somebody who has proved nothing. Raises `Unavailable`, and
        `Refused` (401) where the session of `origin` died meanwhile.
        """
        version = ip_rules_in_force(tenant)
        if not version:
            return
        refusal = self.refusal(str(tenant["tenant"]), version, request.viewer.address, request.now)
        if refusal is not None:
            self.deny(request, str(tenant["tenant"]), refusal, None if origin is None else origin())

    def deny(self, request: "Request", tenant: str, refusal: "Refusal", origin: Origin | None = None) -> "NoReturn":
        """Record a refusal, then raise what `refuse` raises."""
        self._denials().deny(request, tenant, refusal, origin)

    def refusal(self, tenant: str, version: int, address: str, now: float) -> "Refusal | None":
        """Ask the rules of `version` or a later one; None where they let `address` in."""
        if not version:
            return None
        return self._matcher(tenant, version, now).refusal(address)

    def _matcher(self, tenant: str, version: int, now: float) -> "Matcher":
        from shared.domain.ip_rule import Matcher  # noqa: PLC0415 - see above

        held = self._held.get(tenant)
        # Rules that were read for a later version stay: a request that is late brings no old ones back.
        if held is None or held.version < version:
            from shared.store.ip_rules import read_rules  # noqa: PLC0415 - see above

            rules = tuple(stored.rule for stored in read_rules(self._dynamodb, self._table, tenant))
            return self._hold(tenant, _Held(version, rules, Matcher(rules, now)))
        until = held.matcher.until
        if until is not None and now >= until:  # a change was not confirmed in time
            return self._hold(tenant, held._replace(matcher=Matcher(held.rules, now)))
        return held.matcher

    def _hold(self, tenant: str, held: _Held) -> "Matcher":
        if tenant not in self._held and len(self._held) >= MAX_TENANTS:
            self._held.clear()
        self._held[tenant] = held
        return held.matcher

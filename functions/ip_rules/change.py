"""What a request makes of the address rules as they were read, and what it may not.

Rules of this module
- Every change is provisional for five minutes: it counts at once, and is undone by itself unless somebody confirms it
  from an address that passes the rules. A rule that is taken away comes back in the same way.
- Who takes away a rule that nobody has confirmed withdraws it: that is final, since it is what would happen anyway.
- A change that would refuse its own author is refused (409 lockout_risk) unless he says that he wants it. What is final
  must not refuse him where he would be let in without it, neither now nor when everything else that waits is undone,
  and no word of his changes that. Where he would be refused either way, it may be one step of several to repair it.
- A change that has lapsed is no change any more, whether or not the sweep has been there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from shared.domain.ip_rule import (
    CONFIRM_SECONDS,
    CREATION,
    DELETION,
    MAX_RULES,
    Action,
    Malformed,
    Network,
    Pending,
    Rule,
    network_of,
    refusal,
)
from shared.edge.problem import Refused, invalid_request
from shared.edge.request import Request
from shared.store.ip_rules import StoredRule

Rules = Sequence[StoredRule]

CREATED: Final = "IP_RULE_CREATED"
UPDATED: Final = "IP_RULE_UPDATED"
DELETED: Final = "IP_RULE_DELETED"
CONFIRMED: Final = "CONFIRMED"
WITHDRAWN: Final = "WITHDRAWN"


@dataclass(frozen=True, slots=True)
class Change:
    """`before` or `after` None: the rule is not there. `overridden`: the author is refused by it, and wants it."""

    action: str
    before: StoredRule | None
    after: StoredRule | None
    rules: Rules
    reason: str | None = None
    overridden: bool = False

    @property
    def rule_id(self) -> str:
        known = self.after or self.before
        if known is None:
            raise RuntimeError("a change of no rule")
        return known.rule_id


def asked_network(text: str, *, normalize: bool) -> Network:
    """Read the network of a body; raises `Refused` (400)."""
    network = network_of(text, normalize=normalize)
    if isinstance(network, Malformed):
        raise invalid_request([("/cidr", network.sentence)])
    return network


def known(rules: Rules, now: float) -> list[StoredRule]:
    """Give the rules that there are: one that nobody confirmed in time is none, and was not taken away either."""
    there = [stored for stored in rules if not (stored.rule.pending == CREATION and stored.rule.lapsed(now))]
    return [stored.settled() if stored.rule.lapsed(now) else stored for stored in there]


def created(rules: Rules, made: StoredRule, request: Request, *, confirm: bool) -> Change:
    """Add `made`. Raises `Refused`: 409 for a rule that is there, one too many, or one that refuses its author."""
    now, rule = request.now, made.rule
    there = [stored.rule for stored in known(rules, now)]
    if any((other.network, other.action) == (rule.network, rule.action) for other in there):
        raise Refused(409, "rule_exists", f"There is a rule to {rule.action} {rule.network}.")
    if len(rules) >= MAX_RULES:
        raise Refused(409, "rule_limit", f"A tenant has at most {MAX_RULES} rules.")
    after = [*rules, made]
    locked_out = _refuses(after, request, now)
    if locked_out and not confirm:
        raise _lockout_risk()
    return Change(CREATED, None, made, after, overridden=locked_out)


def taken_away(rules: Rules, rule_id: str, request: Request, *, confirm: bool) -> Change:
    """Take a rule away. Raises `Refused`: 404, 409 where that waits already or would refuse its author."""
    before = _find(rules, rule_id, request.now)
    if before.rule.pending == DELETION:
        raise Refused(409, "already_used", "The rule is being taken away, and waits to be confirmed.")
    if before.rule.pending == CREATION:
        after = [stored for stored in rules if stored.rule_id != rule_id]
        _refuse_final_lockout(rules, after, request)
        return Change(DELETED, before, None, after, reason=WITHDRAWN)
    leaving = _pending(before, DELETION, request.now)
    after = _with(rules, leaving)
    locked_out = _refuses(after, request, request.now)
    if locked_out and not confirm:
        raise _lockout_risk()
    return Change(DELETED, before, leaving, after, overridden=locked_out)


def confirmed(rules: Rules, rule_id: str, request: Request) -> Change:
    """Make the pending change of a rule final. Raises `Refused`: 404, 409 where nothing waits, 410 where it lapsed."""
    found = next((stored for stored in rules if stored.rule_id == rule_id), None)
    if found is not None and found.rule.lapsed(request.now):
        raise Refused(410, "confirmation_expired", "The change was undone. Make it again, and confirm it in time.")
    before = _find(rules, rule_id, request.now)
    if before.rule.pending is None:
        raise Refused(409, "already_used", "Nothing waits to be confirmed.")
    if before.rule.pending == CREATION:
        settled = before.settled()
        after = _with(rules, settled)
    else:
        settled, after = None, [stored for stored in rules if stored.rule_id != rule_id]
    if _refuses(after, request, request.now):  # as it is now, his address does not pass
        raise _lockout_risk()
    _refuse_final_lockout(rules, after, request)
    return Change(UPDATED, before, settled, after, reason=CONFIRMED)


def new_rule(rule_id: str, network: Network, action: Action, note: str | None, author: str, now: float) -> StoredRule:
    rule = Rule(rule_id, network, action, CREATION, int(now) + CONFIRM_SECONDS)
    return StoredRule(rule, note, author, int(now))


def _pending(stored: StoredRule, pending: Pending, now: float) -> StoredRule:
    changed = replace(stored.rule, pending=pending, confirm_before=int(now) + CONFIRM_SECONDS)
    return replace(stored, rule=changed)


def _find(rules: Rules, rule_id: str, now: float) -> StoredRule:
    for stored in known(rules, now):
        if stored.rule_id == rule_id:
            return stored
    raise Refused(404, "not_found", "There is no such rule.")


def _with(rules: Rules, changed: StoredRule) -> list[StoredRule]:
    return [changed if stored.rule_id == changed.rule_id else stored for stored in rules]


def _refuses(rules: Rules, request: Request, at: float) -> bool:
    return refusal([stored.rule for stored in rules], request.viewer.address, at) is not None


def _refuse_final_lockout(before: Rules, after: Rules, request: Request) -> None:
    """Refuse what would lock its author out, now or once all that still waits is undone, where `before` would not."""
    for instant in (request.now, request.now + CONFIRM_SECONDS):
        if _refuses(after, request, instant) and not _refuses(before, request, instant):
            raise _lockout_risk()


def _lockout_risk() -> Refused:
    return Refused(409, "lockout_risk", "Your own address would be refused from then on.")

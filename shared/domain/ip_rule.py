"""Address rules of a tenant: what a rule is, and who is refused.

Rules of this module
- Any deny rule that matches refuses. Else, where the tenant has allow rules, one of them must match; else all may come.
- An address and a network are of one family or do not match: a tenant that allows IPv4 networks only lets no IPv6 in.
- IPv4 inside IPv6 (`::ffff:0:0/96`, RFC 4291 section 2.5.5.2) is IPv4, in rules as in addresses.
- A change counts at once and is provisional: until `confirm_before` a rule that was made counts and one that was taken
  away does not; from then on it is the other way round, whether or not anybody has got round to writing it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, Literal, NamedTuple

Action = Literal["allow", "deny"]
Pending = Literal["creation", "deletion"]
ALLOW: Final = "allow"
DENY: Final = "deny"
ACTIONS: Final = (ALLOW, DENY)
CREATION: Final = "creation"
DELETION: Final = "deletion"

MAX_RULES: Final = 500  # of one tenant: what one Query reads and an environment holds
CONFIRM_SECONDS: Final = 300
DENY_RULE: Final = "DENY_RULE"
NOT_ALLOWED: Final = "NOT_ALLOWED"

_V4: Final = 4
_V6: Final = 6
_BITS: Final[Mapping[int, int]] = {_V4: 32, _V6: 128}
# Whatever `ipaddress` reads besides (netmasks, zone ids, signs, digits of other scripts) is no rule.
_WRITTEN: Final = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:/(?:0|[1-9][0-9]{0,2}))?")
_MAPPED: Final = 0xFFFF << 32
_MAPPED_PREFIX: Final = 96


class Network(NamedTuple):
    """`family` 4 or 6; `first` is the lowest address as a number."""

    family: int
    first: int
    prefix: int

    def __str__(self) -> str:
        form = IPv4Network if self.family == _V4 else IPv6Network
        return str(form((self.first, self.prefix)))

    @property
    def shift(self) -> int:
        """How many bits of an address the network leaves open."""
        return _BITS[self.family] - self.prefix


class Malformed(NamedTuple):
    """Why a text is no network, as a sentence for its author."""

    sentence: str


def network_of(text: str, *, normalize: bool = False) -> Network | Malformed:
    """Read a CIDR block or a single address; `normalize` drops bits behind the prefix instead of refusing them."""
    if not _WRITTEN.fullmatch(text):
        return Malformed("This is not an IPv4 or IPv6 network in CIDR notation.")
    try:
        parsed = ip_network(text, strict=False)
    except ValueError:
        return Malformed("This is not an IPv4 or IPv6 network in CIDR notation.")
    first, named = int(parsed.network_address), int(ip_address(text.partition("/")[0]))
    if parsed.version == _V6 and parsed.prefixlen < _MAPPED_PREFIX and _is_mapped(named):
        return Malformed(f"An IPv4-mapped network has a prefix of {_MAPPED_PREFIX} at least.")
    if not normalize and named != first:
        return Malformed(f"This has bits behind its prefix: {parsed} is the network, or ask for it to be normalized.")
    if parsed.version == _V6 and parsed.prefixlen >= _MAPPED_PREFIX and _is_mapped(first):
        return Network(_V4, first - _MAPPED, parsed.prefixlen - _MAPPED_PREFIX)
    return Network(parsed.version, first, parsed.prefixlen)


@dataclass(frozen=True, slots=True)
class Rule:
    """`pending` is the change that nobody has confirmed yet, which counts until `confirm_before` (Unix seconds)."""

    rule_id: str
    network: Network
    action: Action
    pending: Pending | None = None
    confirm_before: int = 0

    def lapsed(self, now: float) -> bool:
        """Tell whether a change was not confirmed in time."""
        return self.pending is not None and now >= self.confirm_before

    def counts(self, now: float) -> bool:
        if self.pending is None:
            return True
        return (self.pending == CREATION) != self.lapsed(now)


class Refusal(NamedTuple):
    """`rule_id` None: no rule names the address, and the allow rules leave it out."""

    reason: str
    rule_id: str | None


_Tables = dict[int, list[tuple[int, dict[int, str]]]]


class Matcher:
    """The rules that count from `now` to `until` (None: as long as no rule changes), ready to be asked often.

    Networks of one length are one dictionary, so an address is looked up once a length that occurs, longest first.
    """

    __slots__ = ("_allow", "_deny", "_restricted", "until")

    def __init__(self, rules: Iterable[Rule], now: float) -> None:
        known = tuple(rules)
        counting = [rule for rule in known if rule.counts(now)]
        allowing = [rule for rule in counting if rule.action == ALLOW]
        self._deny = _tables([rule for rule in counting if rule.action == DENY])
        self._allow = _tables(allowing)
        self._restricted = bool(allowing)
        self.until = min((rule.confirm_before for rule in known if rule.pending and not rule.lapsed(now)), default=None)

    def refusal(self, address: str) -> Refusal | None:
        """Say why `address` is refused; None when it may come. What is no address matches nothing."""
        family, number = _number(address)
        denied = _found(self._deny, family, number)
        if denied is not None:
            return Refusal(DENY_RULE, denied)
        if self._restricted and _found(self._allow, family, number) is None:
            return Refusal(NOT_ALLOWED, None)
        return None


def refusal(rules: Iterable[Rule], address: str, now: float) -> Refusal | None:
    """Ask once; see `Matcher`."""
    return Matcher(rules, now).refusal(address)


def due_at(rules: Iterable[Rule]) -> int | None:
    """Give the instant at which the next unconfirmed change lapses; None while nothing waits to be confirmed."""
    return min((rule.confirm_before for rule in rules if rule.pending), default=None)


def _tables(rules: Sequence[Rule]) -> _Tables:
    tables: _Tables = {}
    for family in _BITS:
        by_shift: dict[int, dict[int, str]] = {}
        for rule in rules:
            if rule.network.family == family:
                shift = rule.network.shift
                by_shift.setdefault(shift, {}).setdefault(rule.network.first >> shift, rule.rule_id)
        tables[family] = sorted(by_shift.items())
    return tables


def _found(tables: _Tables, family: int, number: int) -> str | None:
    for shift, networks in tables.get(family, ()):
        found = networks.get(number >> shift)
        if found is not None:
            return found
    return None


def _number(text: str) -> tuple[int, int]:
    """Read an address as family and number; family 0, of which there are no networks, for anything else."""
    try:
        address = ip_address(text)
    except ValueError:
        return 0, 0
    number = int(address)
    if address.version == _V6 and _is_mapped(number):
        return _V4, number - _MAPPED
    return address.version, number


def _is_mapped(number: int) -> bool:
    return number >> _BITS[_V4] == _MAPPED >> _BITS[_V4]

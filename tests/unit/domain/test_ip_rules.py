"""Address rules, against `ipaddress` as the oracle, and as a table of who is refused."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ip_rule import (
    ALLOW,
    CREATION,
    DELETION,
    DENY,
    DENY_RULE,
    NOT_ALLOWED,
    Malformed,
    Matcher,
    Network,
    Pending,
    Refusal,
    Rule,
    due_at,
    network_of,
    refusal,
)

NOW = 1_000_000.0


def network(text: str) -> Network:
    found = network_of(text)
    assert isinstance(found, Network), text
    return found


def rule(action: str, cidr: str, rule_id: str | None = None, pending: Pending | None = None, until: int = 0) -> Rule:
    return Rule(rule_id or f"{action} {cidr}", network(cidr), "allow" if action == ALLOW else "deny", pending, until)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("198.51.100.7", "198.51.100.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("2001:0db8:0000::1", "2001:db8::1/128"),
        ("::/0", "::/0"),
        ("::ffff:198.51.100.0/120", "198.51.100.0/24"),
        ("::ffff:c633:6407", "198.51.100.7/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::fffe:0:0/95", "::fffe:0:0/95"),
        ("::1:ffff:0:0/96", "::1:ffff:0:0/96"),
    ],
)
def test_network_has_one_spelling(text: str, canonical: str) -> None:
    assert str(network(text)) == canonical
    assert network(canonical) == network(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "/",
            "/24",
            "office",
            "198.51.100",
            "198.51.100.0/33",
            "2001:db8::/129",
            "198.51.100.0/-1",
            "256.0.0.0/8",
        ),
        *("198.51.100.0/024", "198.51.100.0/+8", "198.51.100.0/255.255.255.0", "198.51.100.0/0.0.0.255"),
        *("198.051.100.0/24", "0x7f.0.0.1", "fe80::1%eth0", "fe80::%1/64", "198.51.100.0/24/24", " 10.0.0.0/8"),
        *(
            "10.0.0.0/8\n",
            "\u0661\u0660.0.0.0/8",
            "10.0.0.0/\u0668",
            "[2001:db8::]/32",
            "2001:db8::/32,10.0.0.0/8",
            "::ffff:0:0/",
            "::ffff:1.2.3.4/24",  # 24 of an IPv4 address is 120 of a mapped one
        ),
    ],
)
def test_text_that_is_no_network_is_refused_normalized_or_not(text: str) -> None:
    assert isinstance(network_of(text), Malformed)
    assert isinstance(network_of(text, normalize=True), Malformed)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("198.51.100.7/24", "198.51.100.0/24"),
        ("2001:db8::1/64", "2001:db8::/64"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
    ],
)
def test_bits_behind_the_prefix_are_refused_unless_they_may_be_dropped(text: str, normal: str) -> None:
    found = network_of(text)
    assert isinstance(found, Malformed)
    assert "/" in found.sentence
    assert str(network_of(text, normalize=True)) == normal


@pytest.mark.parametrize(
    ("rules", "address", "expected"),
    [
        ([], "198.51.100.7", None),
        ([rule(DENY, "198.51.100.0/24")], "198.51.100.7", (DENY_RULE, "deny 198.51.100.0/24")),
        ([rule(DENY, "198.51.100.0/24")], "198.51.101.7", None),
        ([rule(ALLOW, "198.51.100.0/24")], "198.51.100.7", None),
        ([rule(ALLOW, "198.51.100.0/24")], "198.51.101.7", (NOT_ALLOWED, None)),
        # A deny rule wins, however narrow the allow rule is.
        ([rule(ALLOW, "198.51.100.7/32"), rule(DENY, "0.0.0.0/0")], "198.51.100.7", (DENY_RULE, "deny 0.0.0.0/0")),
        # Of two deny rules the narrower one is named.
        ([rule(DENY, "0.0.0.0/0"), rule(DENY, "198.51.100.0/24")], "198.51.100.7", (DENY_RULE, "deny 198.51.100.0/24")),
        # Families do not match one another, and an allow rule of one shuts the other out.
        ([rule(DENY, "::/0")], "198.51.100.7", None),
        ([rule(DENY, "0.0.0.0/0")], "2001:db8::1", None),
        ([rule(ALLOW, "0.0.0.0/0")], "2001:db8::1", (NOT_ALLOWED, None)),
        # IPv4 inside IPv6 is IPv4.
        ([rule(DENY, "198.51.100.0/24")], "::ffff:198.51.100.7", (DENY_RULE, "deny 198.51.100.0/24")),
        ([rule(DENY, "::ffff:198.51.100.0/120", "m")], "198.51.100.7", (DENY_RULE, "m")),
        # What is no address matches nothing.
        ([rule(DENY, "0.0.0.0/0"), rule(DENY, "::/0")], "nowhere", None),
        ([rule(ALLOW, "0.0.0.0/0"), rule(ALLOW, "::/0")], "nowhere", (NOT_ALLOWED, None)),
    ],
)
def test_who_is_refused(rules: list[Rule], address: str, expected: tuple[str, str | None] | None) -> None:
    assert refusal(rules, address, NOW) == (None if expected is None else Refusal(*expected))


addresses = st.one_of(
    st.integers(0, 2**32 - 1).map(IPv4Address),
    st.integers(2**64, 2**128 - 1).map(IPv6Address),
    st.sampled_from([IPv4Address(0), IPv4Address("255.255.255.255"), IPv6Address("::1")]),
)


@st.composite
def rules_of_few_bits(draw: st.DrawFn) -> Rule:
    """Draw a rule whose network is likely to hold one of few addresses."""
    family = draw(st.sampled_from([4, 6]))
    bits = 32 if family == 4 else 128
    prefix = draw(st.sampled_from([0, 1, bits - 2, bits - 1, bits]))
    first = draw(st.integers(0, 7)) | (draw(st.booleans()) << (bits - 1))
    base = first >> (bits - prefix) << (bits - prefix)
    return Rule(
        draw(st.sampled_from("abcdef")), Network(family, base, prefix), draw(st.sampled_from(["allow", "deny"]))
    )


few = st.one_of(
    st.builds(lambda low, high: IPv4Address(low | high << 31), st.integers(0, 7), st.booleans()),
    st.builds(lambda low, high: IPv6Address(low | high << 127), st.integers(0, 7), st.booleans()),
)


@given(st.lists(rules_of_few_bits(), max_size=8), few)
def test_matcher_agrees_with_ipaddress(rules: list[Rule], address: IPv4Address | IPv6Address) -> None:
    def matches(candidate: Rule) -> bool:
        return address.version == candidate.network.family and address in ip_network(str(candidate.network))

    denied = any(matches(candidate) for candidate in rules if candidate.action == DENY)
    allowing = [candidate for candidate in rules if candidate.action == ALLOW]
    left_out = bool(allowing) and not any(matches(candidate) for candidate in allowing)
    found = Matcher(rules, NOW).refusal(str(address))
    if denied:
        assert found is not None
        assert found.reason == DENY_RULE
        assert found.rule_id in {
            candidate.rule_id for candidate in rules if candidate.action == DENY and matches(candidate)
        }
    else:
        assert found == (Refusal(NOT_ALLOWED, None) if left_out else None)


@given(addresses, st.integers(0, 128), st.booleans())
def test_networks_are_read_as_ipaddress_reads_them(
    address: IPv4Address | IPv6Address,
    prefix: int,
    strict: bool,  # noqa: FBT001 - drawn by Hypothesis
) -> None:
    text = f"{address}/{prefix}"
    found = network_of(text, normalize=not strict)
    try:
        expected = ip_network(text, strict=strict)
    except ValueError:
        assert isinstance(found, Malformed)
        return
    assert isinstance(found, Network)
    assert str(found) == str(expected)


@pytest.mark.parametrize(
    ("pending", "expected"), [(None, (True, True)), (CREATION, (True, False)), (DELETION, (False, True))]
)
def test_change_counts_until_its_time_is_up_and_then_as_if_it_had_not_been_made(
    pending: Pending | None, expected: tuple[bool, bool]
) -> None:
    changed = rule(DENY, "10.0.0.0/8", pending=pending, until=int(NOW) if pending else 0)
    instants = NOW - 1, NOW
    assert tuple(changed.counts(at) for at in instants) == expected
    assert tuple(refusal([changed], "10.1.1.1", at) is not None for at in instants) == expected


def test_matcher_says_until_when_it_holds() -> None:
    later = rule(DENY, "10.0.0.0/8", pending=CREATION, until=int(NOW) + 20)
    sooner = rule(DENY, "11.0.0.0/8", pending=DELETION, until=int(NOW) + 10)
    past = rule(DENY, "12.0.0.0/8", pending=CREATION, until=int(NOW))
    assert Matcher([later, sooner, past, rule(DENY, "13.0.0.0/8")], NOW).until == NOW + 10
    assert Matcher([past, rule(DENY, "13.0.0.0/8")], NOW).until is None
    assert due_at([later, sooner, past]) == NOW
    assert due_at([rule(DENY, "13.0.0.0/8")]) is None


def test_lapsed_allow_rule_restricts_nobody() -> None:
    lapsed = rule(ALLOW, "10.0.0.0/8", pending=CREATION, until=int(NOW))
    assert refusal([lapsed], "192.0.2.1", NOW) is None
    assert refusal([lapsed], "192.0.2.1", NOW - 1) == Refusal(NOT_ALLOWED, None)

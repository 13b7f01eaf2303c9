"""What stands in a mail, and what never gets into one."""

import re
from html.parser import HTMLParser

import pytest

from functions.notify.bus import detail_type
from functions.notify.message import Message, compose
from functions.notify.templates import TEMPLATES
from shared.domain.impersonation import CAUSES

HOSTILE = 'Eve\r\nBcc: all@example.com\r\n\r\n<script>alert("x")</script> & \u202e\x00\u2028end'


def written(
    template: str = "password_changed", *, name: str = "Ada", link: str | None = None, **facts: object
) -> Message:
    return compose(TEMPLATES[template], name=name, tenant="acme", facts=facts, link=link)


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_mail_says_what_happened_to_whom_and_what_to_do(template: str) -> None:
    mail = written(template, time="2026-11-22T09:00:00.000Z")
    for part in ("Hello Ada,", TEMPLATES[template].says, "Organisation: acme", TEMPLATES[template].advice):
        assert part in mail.text
    assert "2026-11-22T09:00" in mail.html
    assert mail.html.startswith("<!doctype html>")


def test_subject_is_the_templates_whatever_the_values_are() -> None:
    assert written(name=HOSTILE, country=HOSTILE).subject == TEMPLATES["password_changed"].subject
    assert not [one.subject for one in TEMPLATES.values() if not one.subject.isprintable()]


def test_hostile_values_stay_on_their_line_and_are_no_markup() -> None:
    mail = written(name=HOSTILE, agent=HOSTILE)
    assert "\r" not in mail.text
    assert "\x00" not in mail.text
    assert not [line for line in mail.text.splitlines() if line.startswith("Bcc:")]
    assert "\u202e" not in mail.text
    assert "<script>" not in mail.html
    assert "&lt;script&gt;" in mail.html


def test_long_values_are_cut() -> None:
    assert len(written(agent="x" * 10_000).text) < 1_000


def test_link_stands_in_both_forms_and_only_where_there_is_one() -> None:
    link = "https://muniment.example/reset-password#token=abc"
    assert f"\n{link}\n" in written("password_reset", link=link).text
    assert f'href="{link}"' in written("password_reset", link=link).html
    assert "http" not in written("session_blocked").text
    assert "href" not in written("session_blocked").html


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_link_leads_to_a_page_whose_secret_is_in_the_fragment(template: str) -> None:
    link = TEMPLATES[template].link
    assert link is None or re.fullmatch(r"/[a-z-]+#token=", link.path)
    assert link is None or link.does


class Elements(HTMLParser):
    """The elements of a document, each opened and closed, with their attributes."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_html_is_well_formed_and_fetches_nothing(template: str) -> None:
    link = "https://muniment.example/page#token=abc" if TEMPLATES[template].link else None
    mail = written(template, name=HOSTILE, link=link, agent=HOSTILE, reason=HOSTILE)
    elements = Elements(mail.html).found
    names = {name for name, _ in elements}
    assert names <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "table",
        "tr",
        "td",
        "th",
        "h1",
        "p",
        "a",
        "br",
        "span",
    }
    addresses = [value for _, attributes in elements for name, value in attributes.items() if name in {"href", "src"}]
    assert addresses == ([link] if link else [])
    assert "url(" not in mail.html
    assert "@import" not in mail.html


def test_html_tells_layout_from_data_and_names_its_language() -> None:
    elements = Elements(written("role_changed", role="admin").html).found
    assert ("html", {"lang": "en", "dir": "ltr"}) in elements
    tables = [attributes for name, attributes in elements if name == "table"]
    assert [attributes.get("role") for attributes in tables] == ["presentation", "presentation", None]
    headings = [attributes["scope"] for name, attributes in elements if name == "th"]
    assert headings == ["row", "row"]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("see https://evil.example/x", "see https[:]//evil[.]example/x"),
        ("www.evil.example", "www[.]evil[.]example"),
        ("mailto:eve@evil.example", "mailto:eve[@]evil[.]example"),
        ("ticket 7 at 12:30. Thank you", "ticket 7 at 12:30. Thank you"),
    ],
)
def test_what_somebody_typed_is_no_link(typed: str, shown: str) -> None:
    mail = written("impersonation_started", reason=typed, ticket=typed, name=typed)
    for line in (f"Reason: {shown}", f"Ticket: {shown}", f"Hello {shown},"):
        assert line in mail.text.splitlines()
    assert f">{shown}</td>" in mail.html


@pytest.mark.parametrize("kind", ["disabled", "locked", "replay", "cloned", "failures"])
def test_every_kind_of_wrong_code_is_put_in_words(kind: str) -> None:
    assert "What happened: " in written("second_factor_failures", kind=kind).text


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_of_an_end_is_put_in_words(cause: str) -> None:
    shown = written("impersonation_ended", cause=cause).text
    assert re.search("^Why it ended: [A-Z].+[.]$", shown, re.MULTILINE)
    assert cause == "ended" or cause not in shown


def test_values_of_closed_sets_are_in_words_and_others_are_left_out() -> None:
    mail = written("impersonation_started", mode="read", minutes=30, role="admin", reason="support", ticket="T-7")
    for line in (
        "Access: looks at your account, changes nothing",
        "Role: administrator",
        "Valid for (minutes): 30",
        "Reason: support",
        "Ticket: T-7",
    ):
        assert line in mail.text
    strange = written("impersonation_started", mode="sudo", role="<b>root</b>").text
    assert not [text for text in ("Access", "Role", "sudo", "root") if text in strange]


def test_unknown_facts_are_left_out_and_known_ones_are_in_words() -> None:
    mail = written("factor_added", factor="totp", session_id="s_1", reasons=["NEW_DEVICE"], country="ZZ", agent=None)
    assert "Factor: authenticator app" in mail.text
    assert not [text for text in ("s_1", "NEW_DEVICE", "ZZ", "None", "totp") if text in mail.text]


def test_alerts_are_named_as_rules_on_the_bus_match_them() -> None:
    assert detail_type("session_blocked") == "Session Blocked"
    assert detail_type("refresh_token_reused") == "Refresh Token Reused"
    assert detail_type("ip_rule_changed") == "IP Rule Changed"
    assert detail_type("sso_connection_changed") == "SSO Connection Changed"

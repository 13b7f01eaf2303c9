"""What stands in a mail, and what never gets into one."""

import pytest

from functions.notify.alert import detail_type
from functions.notify.message import TEMPLATES, Message, compose

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


def test_unknown_facts_are_left_out_and_known_ones_are_in_words() -> None:
    mail = written("factor_added", factor="totp", session_id="s_1", reasons=["NEW_DEVICE"], country="ZZ", agent=None)
    assert "Factor: authenticator app" in mail.text
    assert not [text for text in ("s_1", "NEW_DEVICE", "ZZ", "None", "totp") if text in mail.text]


def test_alerts_are_named_as_rules_on_the_bus_match_them() -> None:
    assert detail_type("session_blocked") == "Session Blocked"
    assert detail_type("refresh_token_reused") == "Refresh Token Reused"

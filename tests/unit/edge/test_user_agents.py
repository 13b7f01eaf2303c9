"""Families and systems of real user agents, and what hostile ones come to."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.edge.user_agent import agent_of

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_MAC = "Macintosh; Intel Mac OS X 10_15_7"
_IPHONE = "iPhone; CPU iPhone OS 18_6 like Mac OS X"


@pytest.mark.parametrize(
    ("user_agent", "agent"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0", "Firefox/Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome/Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0) {_WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge/Windows"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome/ChromeOS"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome/Android"),
        (
            f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} SamsungBrowser/28.0 Chrome/130.0.0.0 Safari/537.36",
            "Samsung Internet/Android",
        ),
        (f"Mozilla/5.0 ({_MAC}) {_WEBKIT} Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0", "Opera/macOS"),
        (f"Mozilla/5.0 ({_MAC}) {_APPLE} Version/26.0 Safari/605.1.15", "Safari/macOS"),
        (f"Mozilla/5.0 ({_IPHONE}) {_APPLE} Version/26.0 Mobile/15E148 Safari/604.1", "Safari/iOS"),
        (f"Mozilla/5.0 ({_IPHONE}) {_APPLE} CriOS/140.0.0.0 Mobile/15E148 Safari/604.1", "Chrome/iOS"),
        ("curl/8.5.0", "curl/unknown"),
        ("python-requests/2.32.5", "Python/unknown"),
        ("Go-http-client/2.0", "Go/unknown"),
        ("Acme/7 CFNetwork/3826.600.41 Darwin/24.6.0", "CFNetwork/Apple"),
        ("okhttp/5.1.0", "OkHttp/unknown"),
        ("Acme for Linux", "unknown/Linux"),
        ("Acme/7", "unknown"),
        ("", "unknown"),
        ("Mozilla/5.0 (test)", "unknown"),
    ],
)
def test_family_and_system_are_told_and_nothing_finer(user_agent: str, agent: str) -> None:
    assert agent_of(user_agent) == agent


@given(st.text(max_size=600))
def test_whatever_is_sent_the_answer_is_in_our_words(user_agent: str) -> None:
    assert re.fullmatch(r"unknown|[A-Za-z ]{2,16}/[A-Za-z]{3,8}", agent_of(user_agent))


def test_only_the_beginning_is_read() -> None:
    assert agent_of("x" * 505 + "Firefox/143.0") == "unknown"
    assert agent_of("x" * 504 + "Firefox/143.0") == "Firefox/unknown"


def test_update_of_a_browser_changes_nothing() -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
    assert {agent_of(firefox.format(version)) for version in range(90, 200)} == {"Firefox/Linux"}

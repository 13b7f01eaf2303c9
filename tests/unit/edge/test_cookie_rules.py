"""What a cookie is believed for, and from whom."""

import dataclasses

import pytest

from shared.domain.web_origin import origins_of
from shared.edge.cookies import (
    CSRF_HEADER,
    device_cookie,
    device_of,
    forgotten_refresh_cookie,
    new_device_id,
    refresh_cookie,
    refuse_cross_site,
)
from shared.edge.problem import Refused
from shared.edge.request import Request, request_of
from tests.unit.edge.requests import VIEWER, request

OURS = ("https://id.example", "http://127.0.0.1")


def asked(**headers: str) -> Request:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return request(headers={CSRF_HEADER: "1", **sent})


def refused(asking: Request) -> bool:
    try:
        refuse_cross_site(asking, OURS)
    except Refused as refusal:
        return (refusal.status, refusal.code) == (403, "csrf_rejected")
    return False


@pytest.mark.parametrize("origin", ["https://id.example", "http://127.0.0.1:8080", "http://127.0.0.1"])
def test_page_of_ours_may_use_its_cookies(origin: str) -> None:
    assert not refused(asked(origin=origin))
    assert not refused(asked(origin=origin, sec_fetch_site="same-origin"))


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://id.example",
        "https://id.example:8443",
        "https://id.example.evil.example",
        "https://evil.example/https://id.example",
        "https://ID.example",
        "http://127.0.0.1:",
        "http://127.0.0.1:80a",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:80.evil.example",
        "http://127.0.0.1:80/path",
        "https://127.0.0.1:8080",
    ],
)
def test_page_of_nobody_else_may(origin: str) -> None:
    assert refused(asked(origin=origin))


def test_header_that_no_form_sends_is_needed() -> None:
    assert refused(request(headers={"origin": "https://id.example"}))
    assert refused(request(headers={"origin": "https://id.example", CSRF_HEADER: ""}))


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "SAME-ORIGIN", ""])
def test_browser_that_says_it_is_elsewhere_is_believed(site: str) -> None:
    assert refused(asked(origin="https://id.example", sec_fetch_site=site))


def test_cookies_are_bound_to_this_host_and_out_of_reach() -> None:
    for cookie in (refresh_cookie("t", 60), device_cookie("d"), forgotten_refresh_cookie()):
        assert cookie.startswith("__Host-")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
    assert "Max-Age=60" in refresh_cookie("t", 60)
    assert "Max-Age=0" in refresh_cookie("t", -5)
    assert forgotten_refresh_cookie().startswith("__Host-rt=;")


def test_device_is_one_that_we_named() -> None:
    named = dataclasses.replace(request(), cookies={"__Host-did": new_device_id()})
    assert device_of(named) == named.cookies["__Host-did"]
    for invented in ("", "short", "a" * 65, "with space and enough characters", "semi;colon-0123456789012345"):
        assert device_of(dataclasses.replace(request(), cookies={"__Host-did": invented})) is None
    assert device_of(request()) is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"cookies": ["a=1", "b=2=3"]}, {"a": "1", "b": "2=3"}),
        ({"headers": {"Cookie": "a=1; b=2"}}, {"a": "1", "b": "2"}),
        ({"cookies": ["a=1; a=2", "b=2"]}, {"b": "2"}),
        ({"cookies": ["a=1", "a=1"]}, {}),
        ({"cookies": ["novalue", "=x", ""]}, {"": "x"}),
        ({}, {}),
    ],
)
def test_cookies_are_read_once_each(event: dict[str, object], expected: dict[str, str]) -> None:
    http = {"method": "POST", "path": "/x"}
    document = {"requestContext": {"http": http, "requestId": "r"}, "rawPath": "/x", "headers": {}, **event}
    assert dict(request_of(document, VIEWER, 1.0).cookies) == expected


def test_origins_of_the_setting_are_told_apart_by_commas() -> None:
    assert origins_of("https://a.example, https://b.example ,") == ("https://a.example", "https://b.example")

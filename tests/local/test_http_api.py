"""The embedded API Gateway, addressed by the API's host name as in AWS."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.local.tiny_stack import TinyStack


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def event(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


def call(stack: TinyStack, method: str, target: str, headers: dict[str, str] | None = None) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=20)
    try:
        connection.request(method, target, headers={"Host": stack.api_host, **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def test_a_path_parameter_reaches_the_function(tiny_stack: TinyStack) -> None:
    event = call(tiny_stack, "GET", "/api/items/7?q=1&q=2").event()
    assert event["routeKey"] == "GET /api/items/{item_id}"
    assert event["pathParameters"] == {"item_id": "7"}
    assert event["rawQueryString"] == "q=1&q=2"


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/elsewhere"), ("DELETE", "/api/items/7"), ("GET", "/api/items/7/more")],
)
def test_what_no_route_matches_goes_to_the_default_route(tiny_stack: TinyStack, method: str, target: str) -> None:
    event = call(tiny_stack, method, target).event()
    assert event["routeKey"] == "$default"
    assert event["requestContext"]["http"]["method"] == method
    assert event["rawPath"] == target


@pytest.mark.parametrize("target", ["/health", "/_ministack/health", "/_ministack/ses/messages", "/_localstack/health"])
def test_the_host_name_of_an_api_belongs_to_that_api_alone(tiny_stack: TinyStack, target: str) -> None:
    assert call(tiny_stack, "GET", target).event()["rawPath"] == target


def test_nobody_wipes_the_engine_through_an_api(tiny_stack: TinyStack) -> None:
    assert call(tiny_stack, "POST", "/_ministack/reset").event()["routeKey"] == "$default"
    assert call(tiny_stack, "GET", "/still-there").status == http.HTTPStatus.OK


def test_options_is_routed_where_no_cors_is_configured(tiny_stack: TinyStack) -> None:
    event = call(tiny_stack, "OPTIONS", "/api/items").event()
    assert event["routeKey"] == "$default"
    assert event["requestContext"]["http"]["method"] == "OPTIONS"


def test_head_gets_the_headers_of_the_function_and_no_body(tiny_stack: TinyStack) -> None:
    answer = call(tiny_stack, "HEAD", "/api/items/7")
    assert answer.body == b""
    assert dict(answer.headers)["x-request-id"] == "r1"


def test_cookies_arrive_in_a_list_of_their_own(tiny_stack: TinyStack) -> None:
    event = call(tiny_stack, "GET", "/x", {"Cookie": "a=1; b=two=2"}).event()
    assert event["cookies"] == ["a=1", "b=two=2"]
    assert "cookie" not in event["headers"]


def test_an_event_without_cookies_has_no_cookies(tiny_stack: TinyStack) -> None:
    assert "cookies" not in call(tiny_stack, "GET", "/x").event()


def test_each_cookie_of_the_answer_is_a_line(tiny_stack: TinyStack) -> None:
    headers = call(tiny_stack, "GET", "/x").headers
    cookies = [value for name, value in headers if name.lower() == "set-cookie"]
    assert cookies == ["__Host-a=1; Secure; HttpOnly", "__Host-b=2; Secure"]


def test_an_exception_of_the_function_tells_nothing(tiny_stack: TinyStack) -> None:
    answer = call(tiny_stack, "GET", "/fail")
    assert answer.status == http.HTTPStatus.INTERNAL_SERVER_ERROR
    assert answer.body == b'{"message":"Internal Server Error"}'

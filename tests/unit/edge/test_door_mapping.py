"""Events in, responses out: one mapping of outcomes."""

import base64
import io
import json
from typing import Any

import pytest

from shared.edge.door import Door
from shared.edge.problem import TITLES, Refused, invalid_token, step_up_needed
from shared.edge.provenance import context_of
from shared.edge.reply import Reply, json_reply, no_content, redirect, text_reply
from shared.edge.request import Request
from shared.runtime.log import Log
from shared.store.audit_logs import BrokenLaneError
from shared.store.transaction import Contended
from shared.store.wire import ServiceError, Unavailable
from tests.unit.edge.requests import request


class NoSecrets:
    def values(self) -> tuple[str, ...]:
        return ()


def event(**changes: Any) -> dict[str, Any]:
    http = {"method": "POST", "path": "/api/auth/login", "sourceIp": "192.0.2.9"}
    return {
        "routeKey": "POST /api/auth/login",
        "rawPath": "/api/auth/login",
        "rawQueryString": "",
        "headers": {"Content-Type": "application/json"},
        "requestContext": {"requestId": "req-1", "http": http},
        "isBase64Encoded": False,
        **changes,
    }


def answer(flow: Any, document: dict[str, Any] | None = None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    stream = io.StringIO()
    door = Door(NoSecrets(), Log(lambda: 1_800_000_000.25, stream), lambda: 1_800_000_000.25, edge_required=False)
    response = door.answer(document or event(), flow)
    return response, [json.loads(line) for line in stream.getvalue().splitlines()]


def raising(fault: Exception) -> Any:
    def flow(_: Request) -> Reply:
        raise fault

    return flow


def seen_by(document: dict[str, Any]) -> Request:
    seen: list[Request] = []

    def flow(request: Request) -> Reply:
        seen.append(request)
        return no_content()

    answer(flow, document)
    return seen[0]


def test_event_becomes_a_request_with_one_clock_reading() -> None:
    seen = seen_by(event(body="{}", pathParameters={"id": "7"}, rawQueryString="a=1&b=%C3%A9&c="))
    assert (seen.method, seen.path, seen.route) == ("POST", "/api/auth/login", "POST /api/auth/login")
    assert seen.headers == {"content-type": "application/json"}
    assert seen.query == {"a": "1", "b": "\u00e9", "c": ""}
    assert seen.path_parameters == {"id": "7"}
    assert (seen.body, seen.request_id, seen.now) == (b"{}", "req-1", 1_800_000_000.25)


def test_base64_body_is_decoded() -> None:
    assert seen_by(event(body=base64.b64encode(b"\x00{}").decode(), isBase64Encoded=True)).body == b"\x00{}"


def test_default_route_is_named_by_method_and_path() -> None:
    assert seen_by(event(routeKey="$default")).route == "POST /api/auth/login"


@pytest.mark.parametrize("raw", ["a=1&a=2", "a=%FF", "&".join(f"p{number}=1" for number in range(65))])
def test_query_that_can_be_read_two_ways_is_400(raw: str) -> None:
    response, _ = answer(lambda _: no_content(), event(rawQueryString=raw))
    assert response["statusCode"] == 400


def test_body_over_64_kib_is_413_however_it_is_encoded() -> None:
    big = b"x" * 65_537
    for document in (event(body=big.decode()), event(body=base64.b64encode(big).decode(), isBase64Encoded=True)):
        assert answer(lambda _: no_content(), document)[0]["statusCode"] == 413
    assert answer(lambda _: no_content(), event(body="x" * 65_536))[0]["statusCode"] == 204


def test_every_reply_carries_the_headers_of_the_contract() -> None:
    for flow in (lambda _: no_content(), raising(invalid_token()), raising(ValueError())):
        headers = answer(flow)[0]["headers"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Request-Id"] == "req-1"


def test_replies_have_the_form_of_payload_2() -> None:
    assert answer(lambda _: json_reply(200, {"a": "\u00e9"}))[0]["body"] == '{"a":"\u00e9"}'
    assert answer(lambda _: text_reply(200, "a\r\n", "text/csv"))[0]["headers"]["Content-Type"] == "text/csv"
    empty = answer(lambda _: no_content())[0]
    assert (empty["statusCode"], empty["body"]) == (204, "")
    assert "Content-Type" not in empty["headers"]
    assert "cookies" not in empty
    assert answer(lambda _: redirect("https://x.example/"))[0]["headers"]["Location"] == "https://x.example/"
    assert answer(lambda _: Reply(204, cookies=("a=b",)))[0]["cookies"] == ["a=b"]


def test_refusal_is_a_problem_document_of_its_own_status() -> None:
    response, lines = answer(raising(step_up_needed("data_export", ("totp",), "urn:muniment:aal2", 300)))
    assert response["statusCode"] == 401
    assert response["headers"]["Content-Type"] == "application/problem+json"
    assert response["headers"]["WWW-Authenticate"] == (
        'Bearer error="insufficient_user_authentication", acr_values="urn:muniment:aal2", max_age="300"'
    )
    document = json.loads(response["body"])
    assert document["type"] == "urn:muniment:problem:insufficient_user_authentication"
    assert (document["status"], document["request_id"]) == (401, "req-1")
    assert (document["purpose"], document["methods"], document["max_age"]) == ("data_export", ["totp"], 300)
    assert lines[-1]["outcome"] == "insufficient_user_authentication"


def counted_in(line: dict[str, Any]) -> dict[str, Any]:
    """Read the metrics of a line as CloudWatch would; asserts where they go, and that they are of now."""
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Muniment", [[]])
    assert {metric["Unit"] for metric in directive["Metrics"]} == {"Count"}
    assert line["_aws"]["Timestamp"] == 1_800_000_000_250
    return {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}


@pytest.mark.parametrize(
    "fault", [Unavailable("no answer"), ServiceError("AccessDeniedException", "no", {}), Contended("12 attempts")]
)
def test_service_that_cannot_decide_is_503_and_names_nothing(fault: Exception) -> None:
    response, lines = answer(raising(fault))
    assert response["statusCode"] == 503
    assert json.loads(response["body"])["code"] == "auth_unavailable"
    assert response["headers"]["Retry-After"] == "1"
    assert str(fault) not in response["body"]
    assert lines[0]["fault"] == type(fault).__name__
    assert counted_in(lines[0]) == {"ControlFailure": 1}


def test_unexpected_fault_is_500_and_stays_inside() -> None:
    response, lines = answer(raising(ZeroDivisionError("rt1.acme.u.s.1.1.secret")))
    assert response["statusCode"] == 500
    assert "ZeroDivision" not in response["body"]
    assert lines[0]["fault"] == "ZeroDivisionError"
    assert counted_in(lines[0]) == {"UnexpectedFault": 1}
    assert "secret" not in json.dumps(lines)


def test_a_log_that_was_tampered_with_is_500_of_its_own_code_and_counted() -> None:
    response, lines = answer(raising(BrokenLaneError("lane acme#1#0: 7 does not follow 5")))
    assert (response["statusCode"], json.loads(response["body"])["code"]) == (500, "log_broken")
    assert "acme" not in response["body"]
    assert "Retry-After" not in response["headers"]
    assert (lines[0]["fault"], lines[0]["level"]) == ("BrokenLaneError", "ERROR")
    assert counted_in(lines[0]) == {"LogBroken": 1}


def test_request_is_one_line_without_body_headers_or_address() -> None:
    document = event(body='{"password": "hunter2"}', headers={"authorization": "Bearer eyJx.y.z"})
    _, lines = answer(lambda _: no_content(), document)
    (line,) = lines
    assert set(line) == {
        "time",
        "level",
        "message",
        "request_id",
        "route",
        "status",
        "outcome",
        "milliseconds",
    }
    assert "hunter2" not in json.dumps(line)
    assert "192.0.2.9" not in json.dumps(line)


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 65, "a\nb", 7])
def test_request_id_that_is_none_is_not_echoed(request_id: object) -> None:
    document = event()
    document["requestContext"]["requestId"] = request_id
    headers = answer(lambda _: no_content(), document)[0]["headers"]
    assert headers["X-Request-Id"] in {"unknown", "7"}


def test_every_title_belongs_to_a_code_and_unknown_codes_need_their_own() -> None:
    assert Refused(422, "range_too_long", "Ask for less.", title="The range is too long").document("r")["title"]
    with pytest.raises(KeyError):
        Refused(400, "no_such_code", "").document("r")
    assert all(title and not title.endswith(".") for title in TITLES.values())


def test_context_holds_networks_and_never_addresses() -> None:
    context = context_of(request(), "ab" * 32)
    assert context == {
        "request_id": "r1",
        "correlation_id": "r1",
        "route": "POST /api/auth/login",
        "ip_net": "198.51.100.0/24",
        "country": "DE",
        "device": "abababababababab",
    }
    assert context_of(request(), "none")["device"] is None
    assert context_of(request(), None, "incident")["correlation_id"] == "incident"

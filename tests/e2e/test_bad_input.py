"""What clients get wrong, over HTTP: one clear problem document each, and nothing changes."""

import json
from typing import Any

import pytest

from infra.local.demo_client import Answer, fetch
from tests.running_stage import Stage

LOGIN = "/api/auth/login"
REPORT = "/api/compliance/cc6/access-logs"


def raw(stage: Stage, method: str, path: str, body: bytes | None, content_type: str = "application/json") -> Answer:
    headers = {"Content-Type": content_type} if body is not None else {}
    return fetch(stage.demo["base_url"] + path, method, headers, body)


def problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    document = answer.json()
    assert (answer.status, document["status"], document["code"]) == (status, status, code), document
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert {"type", "title", "detail", "request_id"} <= set(document)
    return document


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"tenant": 1}', b'{"a": 1, "a": 2}', b"\xff\xfe", b'{"n": NaN}', b"[" * 20_000],
    ids=["empty", "cut", "list", "null", "types", "twice", "no utf-8", "nan", "deep"],
)
def test_a_body_that_is_not_what_the_route_takes_is_a_400(stage: Stage, body: bytes) -> None:
    problem(raw(stage, "POST", LOGIN, body), 400, "invalid_request")


def test_every_fault_of_a_body_is_named_with_its_pointer(stage: Stage) -> None:
    body = json.dumps({"tenant": 7, "email": "a@b", "surprise": True}).encode()
    document = problem(raw(stage, "POST", LOGIN, body), 400, "invalid_request")
    assert {error["pointer"] for error in document["errors"]} == {"/tenant", "/surprise", "/password"}


def test_media_type_and_size_are_checked(stage: Stage) -> None:
    problem(raw(stage, "POST", LOGIN, b"a=b", "application/x-www-form-urlencoded"), 415, "unsupported_media_type")
    problem(raw(stage, "POST", LOGIN, b'{"a":"' + b"x" * 70_000 + b'"}'), 413, "payload_too_large")


def test_unknown_addresses_and_methods_are_told_apart(stage: Stage) -> None:
    problem(raw(stage, "GET", "/api/nothing", None), 404, "not_found")
    answer = raw(stage, "DELETE", LOGIN, None)
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"


def test_every_answer_carries_the_security_headers(stage: Stage) -> None:
    for path in ("/api/health", "/api/nothing", REPORT):
        headers = raw(stage, "GET", path, None).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "max-age=" in headers["Strict-Transport-Security"]
        assert headers["X-Request-Id"]


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_a_missing_or_made_up_token_is_a_401(stage: Stage, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    problem(fetch(stage.demo["base_url"] + "/api/auth/me", "GET", headers), 401, "invalid_token")


def test_evidence_without_a_fresh_proof_says_what_is_needed(stage: Stage) -> None:
    owner = stage.signed_in("owner", "e2e-proof")
    answer = owner.send("GET", f"{REPORT}?from=2026-01-01&to=2026-01-02")
    document = problem(answer, 401, "insufficient_user_authentication")
    assert document["purpose"] == "data_export"
    assert document["methods"]
    problem(
        owner.send(
            "POST", "/api/compliance/export/bundle", {"from": "2026-01-01", "to": "2026-01-02", "format": "csv"}
        ),
        401,
        "insufficient_user_authentication",
    )


def test_a_member_sees_no_evidence_and_the_refusal_is_in_the_log(stage: Stage) -> None:
    member = stage.signed_in("member", "e2e-curious")
    problem(member.send("GET", "/api/compliance/exports"), 403, "permission_denied")
    denied = [event for event in stage.events() if event["action"] == "ACCESS_DENIED"][-1]
    assert denied["actor"]["id"] == stage.demo["users"]["member"]["staff_id"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("from=2026-02-01&to=2026-01-01", "/from"),
        ("from=2999-01-01&to=2999-01-02", "/from"),
        ("from=2026-01-01&to=2026-01-02&format=xlsx", "/format"),
        ("from=01.01.2026&to=2026-01-02", "/from"),
        ("to=2026-01-02", "/from"),
        ("from=2026-01-01&to=2026-01-02&limit=1001", "/limit"),
        ("from=2026-01-01&to=2026-01-02&cursor=x", "/cursor"),
        ("from=2026-01-01&to=2026-01-02&order=asc", "/order"),
    ],
)
def test_a_report_query_that_makes_no_sense_is_a_400(proven_auditor: Any, query: str, pointer: str) -> None:
    document = problem(proven_auditor.send("GET", f"{REPORT}?{query}"), 400, "invalid_request")
    assert pointer in {error["pointer"] for error in document["errors"]}


@pytest.mark.parametrize(
    "body",
    [
        {"from": "2026-02-01", "to": "2026-01-01", "format": "csv"},
        {"from": "2999-01-01", "to": "2999-03-31", "format": "csv"},
        {"from": "2026-01-01", "to": "2026-03-31", "format": "pdf"},
        {"from": "2026-01-01", "to": "2026-03-31"},
    ],
)
def test_a_bundle_request_that_makes_no_sense_spends_no_proof(proven_auditor: Any, body: dict[str, str]) -> None:
    problem(proven_auditor.send("POST", "/api/compliance/export/bundle", body), 400, "invalid_request")
    assert proven_auditor.send("GET", f"{REPORT}?from=2026-01-01&to=2026-01-02").status == 200


@pytest.fixture(scope="module")
def proven_auditor(stage: Stage) -> Any:
    auditor = stage.signed_in("auditor", "e2e-auditor")
    auditor.step_up(stage.demo["users"]["auditor"]["totp_secret"])
    return auditor
